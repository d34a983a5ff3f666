"""``rebind``: by path, keyword and function; insertion and deletion; and what it refuses."""

from __future__ import annotations

import pytest

import pliant as pg
from pliant.values.errors import FieldTypeError, FieldValueError, PathError, SealedError, UnknownFieldError


class Conv(pg.Object):
    filters: int = 1
    kernel: tuple[int, int] = (3, 3)


class Dense(pg.Object):
    units: int = 1


class Net(pg.Object):
    layers: list[Conv | Dense] = []
    extra: dict[str, int] = {}


def net() -> Net:
    return Net([Conv(1), Conv(2), Dense(3)], {"a": 1})


class TestByPath:
    def test_paths_keywords_and_both(self):
        assert net().rebind({"layers[0].filters": 5}).layers[0] == Conv(5)
        assert net().rebind(extra={"b": 2}).extra == {"b": 2}
        assert net().rebind({"layers[1].kernel[0]": 7}, extra={}) == Net([Conv(1), Conv(2, (7, 3)), Dense(3)])
        assert net().rebind({pg.Path(("layers", 0, "filters")): 5}).layers[0].filters == 5

    def test_it_returns_the_object_and_keeps_the_other_nodes(self):
        x = net()
        layer = x.layers[1]
        assert x.rebind({"layers[0].filters": 9, "extra.a": 3}) is x
        assert x.layers[1] is layer
        assert pg.rebind(x, {}) is x

    def test_one_index_twice_is_what_the_list_was_before(self):
        x = net().rebind({"layers[0]": pg.insert(Dense(7)), "layers[2]": pg.MISSING_VALUE})
        assert x.layers == [Dense(7), Conv(1), Conv(2)]
        x.rebind({"layers[3]": Dense(8), "layers[4]": Dense(9)})
        assert x.layers[3:] == [Dense(8), Dense(9)]
        x.rebind({"layers[-1]": Dense(0)})
        assert x.layers[-1] == Dense(0)

    def test_two_items_change_places(self):
        x = net()
        a, b = x.layers[:2]
        x.rebind({"layers[0]": b, "layers[1]": a})
        assert x.layers[0] is b
        assert x.layers[1] is a
        assert [str(pg.path(v)) for v in x.layers] == ["layers[0]", "layers[1]", "layers[2]"]

    def test_deleting_gives_a_field_its_default_and_takes_a_key_away(self):
        x = net().rebind({"layers[0].filters": pg.MISSING_VALUE, "extra.a": pg.MISSING_VALUE})
        assert x.layers[0].filters == 1
        assert x.extra == {}


class TestByFunction:
    def test_values_by_last_key_or_whole_path(self):
        assert [c.filters for c in net().rebind(lambda k, v: v * 2 if k == "filters" else v).layers[:2]] == [
            2,
            4,
        ]
        x = net().rebind(lambda k, v: 9 if k == "layers[1].filters" else v)
        assert [c.filters for c in x.layers[:2]] == [1, 9]

    def test_with_the_parent(self):
        x = net().rebind(lambda k, v, p: v + 1 if isinstance(p, Dense) else v)
        assert x == Net([Conv(1), Conv(2), Dense(4)], {"a": 1})

    def test_by_path_alone(self):
        assert net().rebind(lambda k: 5 if k == "units" else pg.KEEP).layers[2] == Dense(5)

    def test_what_is_replaced_is_not_entered(self):
        x = net().rebind(lambda k, v: Dense(v.filters) if isinstance(v, Conv) else v)
        assert x.layers == [Dense(1), Dense(2), Dense(3)]

    def test_a_list_of_functions_is_a_chain(self):
        x = net().rebind(
            [
                lambda k, v: v + 1 if k == "filters" else v,
                lambda k, v: v * 10 if k == "filters" else v,
            ]
        )
        assert [c.filters for c in x.layers[:2]] == [20, 30]

    def test_inside_tuples(self):
        assert net().rebind(lambda k, v: 5 if v == 3 and k == "layers[0].kernel[1]" else v).layers[
            0
        ].kernel == (3, 5)

    def test_nothing_changed(self):
        with pytest.raises(
            FieldValueError, match=r"changed nothing: it returned every value unchanged.*raise_on_no"
        ):
            net().rebind(lambda k, v: v)
        assert net().rebind(lambda k, v: v, raise_on_no_change=False) == net()


class TestRefusals:
    @pytest.mark.parametrize(
        ("updates", "error", "message"),
        [
            ({"layrs": 1}, UnknownFieldError, "Net has no field 'layrs'; did you mean 'layers'"),
            (
                {"layers[0].filtres": 1},
                UnknownFieldError,
                "Conv has no field 'filtres'; did you mean 'filters'",
            ),
            (
                {"layrs[0].x": 1},
                PathError,
                r"a Net at the root has nothing at 'layrs' \(in 'layrs\[0\].x'\); did you",
            ),
            ({"layers[7].x": 1}, PathError, r"a List at path 'layers' has nothing at 7"),
            ({"layers[-7]": 1}, PathError, "a List at path 'layers' has 3 items; item -7 does not exist"),
            ({"layers.x": 1}, PathError, "needs whole numbers as indices; got 'x'. It has 3 items"),
            ({"layers[0].filters.x": 1}, PathError, "1 of type int has no children"),
            (
                {"layers[0].kernel[5]": 1},
                PathError,
                r"path 'layers\[0\].kernel\[5\]' does not exist: 5 is not among '0', '1'",
            ),
            (
                {"layers[0].kernel[0]": pg.insert(1)},
                FieldValueError,
                "inserted and deleted in lists and dicts only",
            ),
            (
                {"layers[0].kernel[0]": pg.MISSING_VALUE},
                FieldValueError,
                r"'layers\[0\].kernel\[0\]' is in a tuple",
            ),
            (
                {"layers[0].filters": pg.insert(1)},
                UnknownFieldError,
                "is a field of Conv; only list items can be",
            ),
            ({"": 1}, PathError, "rebind cannot replace the root; assign the new value"),
            (
                {"layers[0]": Conv(), "layers[0].filters": 1},
                FieldValueError,
                r"both 'layers\[0\]' and 'layers\[0\].fil",
            ),
            ({"layers[0].filters": "a"}, FieldTypeError, r"at path 'layers\[0\].filters' is 'a' of type str"),
            ({"extra.b": "a"}, FieldTypeError, "at path 'extra.b' is 'a' of type str; allowed: an int"),
            ({"extra.zz": pg.MISSING_VALUE}, PathError, "Dict at path 'extra' has no 'zz' to delete"),
            ({"layers[0]": 3}, FieldTypeError, r"at path 'layers\[0\]' is 3 of type int"),
            (
                3,
                FieldTypeError,
                "rebind needs a dict of paths, a function, a list of functions, or keywords; got 3",
            ),
            (lambda: 1, FieldTypeError, r"must take \(k\), \(k, v\) or \(k, v, parent\); '<lambda>' takes 0"),
            (lambda k, v: 3, FieldValueError, "replaced the root, which rebind cannot replace"),
        ],
    )
    def test_refused_and_unchanged(self, updates, error, message):
        x = net()
        with pytest.raises(error, match=message):
            x.rebind(updates)
        assert x == net()
        with pytest.raises(error, match=message):
            pg.Dict(x=x).x.rebind(updates) if callable(updates) or not isinstance(
                updates, dict
            ) else x.rebind({**updates, "extra.a": 5})
        assert x == net()

    def test_what_is_no_node(self):
        with pytest.raises(
            FieldTypeError, match=r"rebind changes symbolic objects.*got \[1\] of type list. Wrap plain"
        ):
            pg.rebind([1], {"[0]": 2})

    def test_sealed(self):
        x = net().seal()
        with pytest.raises(
            SealedError, match=r"the Net at the root is sealed.*at path 'layers\[0\]' nothing changes"
        ):
            x.rebind({"layers[0].filters": 1})
        assert x.clone().rebind({"layers[0].filters": 5}).layers[0].filters == 5

    def test_a_function_that_fails_changes_nothing(self):
        def fn(k, v):
            if k == "units":
                raise KeyError("mine")
            return v + 1 if k == "filters" else v

        x = net()
        with pytest.raises(KeyError, match="mine"):
            x.rebind(fn)
        assert x == net()


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("skip_notificaton", "'skip_notification'"),
        ("raise_on_nochange", "'raise_on_no_change'"),
        ("raise_on_no_changes", "'raise_on_no_change'"),
        ("notify_parents", "nothing instead"),
    ],
)
def test_a_misspelled_option_is_not_an_entry(name, right):
    program = pg.Dict(x=1)
    for change in (lambda **more: program.rebind(x=2, **more), lambda **more: pg.rebind(program, **more)):
        with pytest.raises(FieldTypeError, match=rf"rebind has no argument '{name}'. Write {right}; for an"):
            change(**{name: True})
    assert program == {"x": 1}
    assert program.rebind({name: True}) == {"x": 1, name: True}
    assert program.rebind(**{name: False})[name] is False  # an entry that is there
    assert program.rebind(notification=3).notification == 3


def test_a_rebind_function_that_changes_the_tree_in_place():
    tree = pg.Dict(a=pg.Dict(b=1), c=pg.List([1]))
    for change in (
        lambda k, v: v.rebind(b=2) if k == "a" else v,
        lambda k, v: (v.update(b=2), v)[1] if k == "a" else v,
        lambda k, v: (v.append(2), v)[1] if k == "c" else v,
        lambda k, v, p: (p.__setitem__("c", 3), v)[1] if k == "a" else v,
    ):
        with pytest.raises(
            SealedError, match=r"changed the (Dict|List) at .* in place.*`return v.clone\(\).rebind\(...\)`"
        ):
            tree.rebind(change)
        assert tree == pg.Dict(a=pg.Dict(b=1), c=pg.List([1]))
        assert not tree.is_sealed
    tree.rebind(lambda k, v: v.clone().rebind(b=2) if k == "a" else v)  # as the message advises
    assert tree == pg.Dict(a=pg.Dict(b=2), c=pg.List([1]))
    tree.c.append(2)
    sealed = pg.Dict(a=1).seal()
    with pytest.raises(SealedError, match=r"is sealed \(read-only\)"):
        sealed.rebind(lambda k, v: 2 if k == "a" else v)
    assert sealed.is_sealed


def test_the_root_has_no_key():
    seen = []
    pg.Dict(a=1).rebind(lambda k, v: (seen.append(k.key), 2 if k.key == "a" else v)[1])
    assert seen == [None, "a"]
