"""Symbolic objects with PyGlove's meanings: construction, change, notification, comparison, copies, JSON."""

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant import pyglove as pg
from pliant.pyglove.symbolic.parts.traversal import get_rebind_dict

MISSING = pg.MISSING_VALUE


class Block(pg.Object):
    filters: int
    kernel: pg.typing.Int(min_value=1) = 3  # a spec as an annotation
    extra: dict[str, Any] = {}


class Logged(pg.Object):
    x: Any
    y: Any = None

    def _on_init(self):
        self.log = ["init"]
        super()._on_init()

    def _on_bound(self):
        super()._on_bound()
        self.log.append("bound")

    def _on_change(self, field_updates):
        self.log.append({str(k): (u.old_value, u.new_value) for k, u in field_updates.items()})
        super()._on_change(field_updates)

    def _on_path_change(self, old_path, new_path):
        self.log.append(f"path {new_path}")

    def _on_parent_change(self, old_parent, new_parent):
        self.log.append(type(new_parent).__name__)


# --- construction ----------------------------------------------------------------------------------------


def test_construction():
    block = Block(8, extra={"a": [1]})
    assert (block.filters, block.kernel, block.extra.a) == (8, 3, [1])
    assert isinstance(block.extra, pg.Dict)
    assert isinstance(block.extra.a, pg.List)
    assert repr(block) == "Block(filters=8, kernel=3, extra={a=[0: 1]})"
    assert str(Block(8)) == "Block(\n  filters = 8,\n  kernel = 3,\n  extra = {}\n)"


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: Block(), TypeError, r"missing 1 required argument: 'filters'"),
        (lambda: Block(1, 2, {}, 4), TypeError, r"takes 3 positional arguments but 4 were given"),
        (lambda: Block(1, filters=2), TypeError, r"got multiple values for argument 'filters'"),
        (lambda: Block(1, size=2), TypeError, r"got unexpected keyword argument: 'size'"),
        (lambda: Block("a"), TypeError, r"Expect .*int.* but encountered .*str.*path=filters"),
        (lambda: Block(1, 0), ValueError, r"out of range"),
        (lambda: Block(1, allow_partial="no"), TypeError, r"Expect bool type for argument 'allow_partial'"),
        (lambda: Block(1).rebind(), ValueError, r"There are no values to rebind"),
        (lambda: Block(1).rebind({"": 2}), KeyError, r"Root key .* cannot be used"),
        (lambda: Block(1).rebind({"filters.x": 2}), KeyError, r"is not a symbolic type"),
        (lambda: Block(1).rebind(size=2), KeyError, r"Key 'size' is not allowed for"),
        (lambda: Block(1).rebind(3), ValueError, r"should be a dict"),
        (lambda: Block(1).rebind(lambda: 1), TypeError, r"should accept 2 or 3 arguments"),
        (lambda: pg.Dict(x=1).sym_getattr("y"), AttributeError, r"has no symbolic attribute 'y'"),
        (lambda: pg.Dict(x=1).y, AttributeError, r"Attribute 'y' does not exist"),
        (lambda: pg.List([1])[1], IndexError, r"out of range"),
        (lambda: pg.query(Block(1), where=lambda: 1), TypeError, r"should accept 1 or 2 arguments"),
        (lambda: pg.symbolize(3), TypeError, r"cannot be symbolized"),
        (lambda: pg.Dict(x=1).to_html(), NotImplementedError, r"has no HTML views"),
        (lambda: pg.open_jsonl("x"), NotImplementedError, r"Write one `pg.to_json_str\(value\)` per line"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_init_that_does_not_call_super_is_refused():
    class A(pg.Object):
        x: int

        @pg.explicit_method_override
        def __init__(self, x):
            self.x = x

    with pytest.raises(ValueError, match=r"should call `super\(\).__init__`"):
        A(1)


def test_init_without_mark_is_refused():
    with pytest.raises(TypeError, match=r"Compute what depends on the fields in `_on_bound`"):

        class A(pg.Object):
            def __init__(self):
                super().__init__()


def test_partial_objects():
    block = Block.partial()
    assert block.is_partial
    assert block.missing_values() == {"filters": MISSING}
    assert not block.rebind(filters=1).is_partial
    with pg.allow_partial():
        assert Block().is_partial


def test_positional_arguments_of_members_and_use_init_args():
    @pg.use_init_args(["y", "*rest"])
    class A(pg.Object):
        x: int = 0
        y: int
        rest: list[int]

    a = A(1, 2, 3, x=4)
    assert (a.x, a.y, list(a.rest)) == (4, 1, [2, 3])
    with pytest.raises(TypeError, match=r"Argument 'z' from `init_arg_list` is not defined"):
        pg.use_init_args(["z"])(A)


def test_subclasses_change_defaults_and_narrow_types():
    class A(pg.Object):
        x: int

    class B(A):
        x = 5

    assert B().x == 5
    with pytest.raises(TypeError, match="incompatible type"):

        class C(A):
            x: str


# --- change ----------------------------------------------------------------------------------------------


def test_hooks():
    a = Logged(1)
    assert a.log == ["init", "bound"]
    del a.log[:]
    d = pg.Dict(a=a)
    d.rebind({"a.x": 2, "a.y": 3})
    assert a.log == ["path a", "Dict", {"x": (1, 2), "y": (None, 3)}, "bound"]
    del a.log[:]
    with pg.notify_on_change(False):
        a.rebind(x=4)
    a.rebind(x=5, skip_notification=True)
    assert a.log == []
    d.a = 1
    assert a.log == ["NoneType", "path "]


def test_each_node_is_told_once_and_the_innermost_first():
    told: list[str] = []

    class Node(pg.Object):
        __kwargs__: Any

        def _on_change(self, field_updates):
            told.append(str(self.sym_path))

    node = Node(b=Node(z=1), a=Node(x=Node(p=1), z=1), c=Node(z=Node(q=1), y=1))
    node.rebind({"c.y": 2, "a.z": 2, "b.z": 2, "a.x.p": 2, "c.z.q": 2})
    assert told == ["c.z", "c", "b", "a.x", "a", ""]


def test_rebind_by_function():
    d = pg.Dict(a=1, b=[1, "x", pg.Dict(c=2)])
    d.rebind(lambda k, v: v + 1 if isinstance(v, int) else v)
    assert d == {"a": 2, "b": [2, "x", {"c": 3}]}
    assert get_rebind_dict(lambda k, v, p: 0 if k and k.key == "c" else v, d) == {"b[2].c": 0}


def test_list_indices_refer_to_the_list_before():
    items = pg.List([1, 2, 3, 4])
    items.rebind({0: pg.Insertion(9), 1: MISSING, 3: 7})
    assert items == [9, 1, 3, 7]
    nested = pg.List([pg.Dict(x=1), pg.Dict(x=2)])
    nested.rebind({0: MISSING, "[1].x": 3})
    assert nested == [{"x": 3}]
    assert nested[0].sym_path == "[0]"


@given(st.lists(st.integers(0, 9), max_size=6), st.data())
def test_lists_change_as_lists_do(start, data):
    ours, plain = pg.List(start), list(start)
    for _ in range(4):
        kind = data.draw(st.sampled_from(["append", "insert", "slice", "del", "reverse", "extend"]))
        i = data.draw(st.integers(-3, 6))
        new = data.draw(st.lists(st.integers(0, 9), max_size=3))
        for target in (ours, plain):
            if kind == "append":
                target.append(i)
            elif kind == "insert":
                target.insert(i, 5)
            elif kind == "slice":
                target[i : i + 2] = new
            elif kind == "del" and -len(target) <= i < len(target):
                del target[i]
            elif kind == "reverse":
                target.reverse()
            elif kind == "extend":
                target += new
        assert ours == plain
        assert list(ours.sym_items()) == list(enumerate(plain))


def test_a_change_that_fails_changes_nothing():
    """Unlike PyGlove, which keeps what came before the error."""
    inner = pg.Dict(k=1)
    d = pg.Dict(
        {"x": 1, "y": inner, "z": [1, 2, 3], "n": Block(1)},
        value_spec=pg.typing.Dict([("x", pg.typing.Int()), (pg.typing.StrKey(), pg.typing.Any())]),
    )
    before = d.clone(deep=True)
    with pytest.raises(TypeError, match=r"Expect .*int"):
        d.rebind({"new": 5, "y": 2, "z[0]": MISSING, "z[3]": pg.Insertion(4), "n.filters": 9, "x": "text"})
    assert pg.eq(d, before)
    assert d.y is inner
    assert (inner.sym_parent is d, str(inner.sym_path)) == (True, "y")
    with pytest.raises(ValueError, match="min size"):
        pg.List([1, 2], value_spec=pg.typing.List(pg.typing.Int(), min_size=2)).rebind({0: 7, 1: MISSING})


def test_permissions():
    block = Block(1)
    with pytest.raises(pg.WritePermissionError, match=r"Use `rebind\(kernel=\.\.\.\)`"):
        block.kernel = 5
    with pg.allow_writable_accessors():
        block.kernel = 5
    assert block.kernel == 5
    block.seal()
    with pytest.raises(pg.WritePermissionError, match="Cannot rebind a sealed Block"):
        block.rebind(kernel=1)
    with pg.as_sealed(False):
        block.rebind(kernel=1)
    assert block.is_sealed
    with pytest.raises(pg.WritePermissionError, match="Cannot append element on a sealed List"):
        pg.List([1], sealed=True).append(2)


def test_a_value_with_a_place_is_copied_when_it_gets_a_second_one():
    inner = pg.Dict(x=1)
    outer = pg.Dict(a=inner, b=inner)
    assert outer.a is inner
    assert outer.b is not inner
    assert outer.b == inner
    assert (outer.b.sym_path, outer.b.sym_parent is outer) == ("b", True)
    shared = pg.Dict(a=pg.Ref(inner), b=pg.Ref(inner))
    assert shared.a is inner
    assert shared.b is inner


def test_values_from_the_values_around():
    d = pg.Dict(x=1, y=pg.Dict(x=pg.symbolic.ValueFromParentChain()))
    assert d.y.x == 1
    d.x = 2
    assert (d.y.x, list(d.y.values())) == (2, [2])

    class Layer(pg.ContextualObject):
        size: int = pg.contextual_attribute()

    class Net(pg.ContextualObject):
        layer: Layer
        size: int = 4

    net = Net(Layer())
    assert net.layer.size == 4
    with net.layer.override(size=5):
        assert net.layer.size == 5
    with pytest.raises(AttributeError, match="is not found under its context"):
        _ = Layer().size


def test_a_field_that_is_no_definition():
    with pytest.raises(
        TypeError, match=r"Field definition should be tuples with 2 to 4 elements\. Encountered: 3"
    ):
        pg.members([3])(type("Odd", (pg.Object,), {}))


def test_context_is_of_contextual_objects():
    class Part(pg.ContextualObject):
        name: str = pg.contextual_attribute(default="found nowhere")

    class Plain(pg.Object):
        part: Part
        name: str = "not contextual"

    class Whole(pg.ContextualObject):
        plain: Plain
        name: str = "whole"

    assert Plain(Part()).part.name == "found nowhere"
    assert pg.Dict(name="not contextual", part=Part()).part.name == "found nowhere"
    assert Whole(Plain(Part())).plain.part.name == "whole"


# --- facts, comparison, copies, JSON ---------------------------------------------------------------------


def test_comparison():
    assert Block(1) == Block(1)
    assert Block(1) != Block(2)
    assert pg.eq([Block(1), {"a": 1}], [Block(1), pg.Dict(a=1)])
    assert pg.ne(Block(1), 1)
    assert pg.lt(Block(1), Block(2))
    assert pg.gt("a", 1)
    assert pg.lt(None, True)
    assert pg.hash(Block(1)) == pg.hash(Block(1))
    assert pg.hash(pg.Dict(a=1, b=2)) == pg.hash(pg.Dict(b=2, a=1))
    assert len({Block(1), Block(1), Block(2)}) == 2


_trees = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(_trees)
def test_copies_and_json_are_equal(tree):
    value = pg.Dict(v=tree)
    for other in (
        value.clone(),
        value.clone(deep=True),
        copy.deepcopy(value),
        pickle.loads(pickle.dumps(value)),
    ):
        assert other is not value
        assert pg.eq(other, value)
        assert pg.hash(other) == pg.hash(value)
    assert pg.eq(pg.from_json_str(value.to_json_str()), value)
    assert not pg.lt(value, value.clone())


def test_json():
    block = Block(8, extra={"t": (1, 2)})
    data = block.to_json()
    assert data == {
        "_type": Block.__type_name__,
        "filters": 8,
        "kernel": 3,
        "extra": {"t": ["__tuple__", 1, 2]},
    }
    assert pg.from_json(data) == block
    assert pg.from_json(block.to_json(hide_default_values=True)) == block
    assert pg.Dict({1: 2}).to_json_str() == '{"n_:1": 2}'
    assert pg.from_json_str('{"n_:1": 2}') == {1: 2}
    with pytest.raises(TypeError, match="Cannot load class"):
        pg.from_json({"_type": "os.system", "x": 1})
    assert pg.from_json({"_type": "no.Such", "x": 1}, auto_dict=True) == {"type_name": "no.Such", "x": 1}


def test_json_written_by_pyglove_is_read():
    data = {"x": {"_type": "pyglove.core.symbolic.inferred.ValueFromParentChain"}}
    assert pg.Dict(x=1, y=pg.from_json(data)).y.x == 1


def test_files(tmp_path):
    path = str(tmp_path / "new" / "a.json")
    Block(8).save(path)
    with pg.track_origin():
        block = Block.load(path)
    assert block == Block(8)
    assert (block.sym_origin.source, block.sym_origin.tag) == (path, "load")
    with pytest.raises(TypeError, match="Value is not of type"):
        pg.List.load(path)
    with pytest.raises(ValueError, match="Use 'json' or 'txt'"):
        pg.save(1, path, file_format="bin")


def test_facts():
    block = Block(8, extra={"a": 1})
    assert block.non_default_values() == {"filters": 8, "extra.a": 1}
    assert pg.contains(block, 8)
    assert pg.is_deterministic(block)
    assert pg.query(block, r".*\.a") == {"extra.a": 1}
    assert block.sym_has("extra.a")
    assert not block.sym_has("extra.b")
    assert block.extra.sym_field is Block.__schema__.get_field("extra")
    assert block.sym_descendants(lambda v: isinstance(v, int)) == [8, 3, 1]


def test_diff():
    assert repr(pg.diff(Block(1), Block(2))) == "Block(filters=Diff(left=1, right=2))"
    assert pg.diff(pg.Dict(a=1, b=[1]), pg.Dict(a=1, b=[2]), flatten=True) == {"b[0]": pg.Diff(1, 2)}
    assert not pg.diff(Block(1), Block(1))
    with pytest.raises(ValueError, match="Unsupported `collapse` value"):
        pg.diff(1, 2, collapse="none")
    with pytest.raises(ValueError, match="'left' must be a type"):
        pg.Diff(1, int, children={"x": 1})


def test_boilerplate_and_compound():
    base = Block.partial(kernel=5)
    Five = pg.boilerplate_class("Five", base)
    assert (Five(2).kernel, Five.init_arg_list) == (5, ["filters"])
    with pytest.raises(ValueError, match="Frozen field is not assignable"):
        Five(2).rebind(kernel=1)

    @pg.compound
    def double(filters: int) -> Block:
        return Block(filters * 2)

    made = double(4)
    assert isinstance(made, Block)
    assert (made.filters, made.decomposed.filters, made.kernel) == (4, 8, 3)
    assert made.rebind(filters=5).decomposed == Block(10)
    with pytest.raises(ValueError, match="Annotate what f returns"):

        @pg.compound
        def f():
            return 1


def test_error_info():
    try:
        try:
            1 / 0  # noqa: B018  # it fails
        except ZeroDivisionError as cause:
            raise ValueError("no") from cause
    except ValueError as error:
        info = pg.ErrorInfo.from_exception(error)
    assert (info.tag, info.description) == ("ValueError.ZeroDivisionError", "no")
    assert pg.from_json(info.to_json()) == info
