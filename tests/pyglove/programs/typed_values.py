"""What value specs accept, hold and show, one line per case: run under PyGlove and under ``pliant.pyglove``."""

import functools
import typing

import pyglove as pg

pt = pg.typing
MISSING = pg.MISSING_VALUE


def half(x: int) -> float:
    return x / 2


class Node:
    pass


class Leaf(Node):
    pass


def error_kind(error):
    return next(c.__name__ for c in type(error).__mro__ if c in (KeyError, TypeError, ValueError))


def show(value):
    text = f"{value!r} {type(value).__name__}"
    return text.split(" at 0x", maxsplit=1)[0].replace("pliant.pyglove.", "").replace("pyglove.core.", "")


def run(*cases):
    for number, case in enumerate(cases):
        try:
            print(number, show(case()))
        except (KeyError, TypeError, ValueError) as error:
            print(number, error_kind(error))


VALUES = (
    0,
    1,
    -3,
    2.5,
    True,
    None,
    "",
    "abc",
    [],
    [1],
    ["a"],
    (),
    (1,),
    (1, "a"),
    {},
    {"a": 1},
    {"a": "x"},
    {"b": 2},
    Node,
    Leaf(),
    half,
    MISSING,
)


def specs():
    return [
        pt.Bool(), pt.Bool().noneable(), pt.Int(), pt.Int(min_value=0), pt.Int(max_value=0), pt.Int(3).freeze(),
        pt.Float(), pt.Float(min_value=0.0), pt.Str(), pt.Str(regex="a.*"), pt.Enum("abc", ["abc", 1, None]),
        pt.List(pt.Int()), pt.List(pt.Str(), min_size=1), pt.Tuple(pt.Int()), pt.Tuple([pt.Int(), pt.Str()]),
        pt.Dict(), pt.Dict([("a", pt.Int())]), pt.Dict([("a", 1), ("b", pt.Int(2))]), pt.Dict([(pt.StrKey("a.*"), pt.Int())]),
        pt.Object(Node), pt.Object(Node).noneable(), pt.Type(Node), pt.Callable(), pt.Callable([pt.Any()]), pt.Functor(),
        pt.Union([pt.Int(), pt.Str()]), pt.Union([pt.Float(), pt.List(pt.Int())]).noneable(), pt.Any(), pt.Any(1).noneable(),
    ]  # fmt: skip


def apply_all(spec, partial):
    """A list or dict is copied, since a spec changes it in place."""
    values = [type(v)(v) if isinstance(v, (list, dict)) else v for v in VALUES]
    run(*(functools.partial(spec.apply, value, allow_partial=partial) for value in values))


for index, spec in enumerate(specs()):
    print(spec.default, spec.is_noneable, spec.frozen, spec)
    print([spec.is_compatible(other) for other in specs()])
    apply_all(specs()[index], partial=False)
    apply_all(specs()[index], partial=True)
    for base in specs():
        run(functools.partial(specs()[index].extend, base))

ANNOTATIONS = [
    int, float, str, bool, None, type(None), list, dict, tuple, list[int], dict[str, int], tuple[int, ...], tuple[int, str],
    typing.Any, list[int], dict[str, typing.Any], int | None, int | str | None, typing.Optional[int], typing.Union[int, str],  # noqa: UP007, UP045
    typing.Literal["a", 1], typing.Sequence[int], typing.Callable[[int], str], typing.Callable[..., typing.Any],
    type[Node], Node, typing.Mapping[str, int], type,
]  # fmt: skip
for annotation in ANNOTATIONS:
    run(
        *(
            functools.partial(pt.ValueSpec.from_annotation, annotation, auto_typing=auto)
            for auto in (True, False)
        )
    )
for value in (1, 1.5, True, "x", None, [1], [], {"a": 1}, {}, (1, "a"), half, Leaf()):
    spec = pt.ValueSpec.from_annotation(value, accept_value_as_annotation=True)
    print(show(spec), show(spec.default))

for values in (["a", "b"], [1, 2], [1, "a"], [1, None]):
    for base in specs():
        run(functools.partial(pt.Enum(MISSING, values).extend, base))

schema = pt.create_schema(
    [("a", 1), ("b", str, "The b."), (pt.StrKey("x.*"), float)], allow_nonconst_keys=True
)
run(
    lambda: schema.apply({"b": "y", "x1": 1}),
    lambda: schema.apply({}),
    lambda: schema.apply({}, allow_partial=True),
    lambda: schema.apply({"b": "y", "z": 1}),
    lambda: schema,
    lambda: schema.get_field("x1"),
    lambda: schema.resolve(["a", "x2", "q"]),
    lambda: pt.create_schema(
        [("a", pt.Int(min_value=0))],
        base_schema_list=[pt.create_schema([("a", pt.Int(max_value=9)), ("c", 1)])],
    ),
    lambda: pt.create_schema([("a", "x")], base_schema_list=[pt.create_schema([("a", 1)])]),
    lambda: pt.schema(half),
    lambda: pt.signature(half).args,
    lambda: str(pt.Dict([("a", pt.List(pt.Int()), "An a.")])),
)

path = pg.KeyPath.parse
run(
    lambda: path("a[0].b").keys,
    lambda: path("a[0]") + "x.y",
    lambda: path("a.b.c") - "a.b",
    lambda: path("a.b") - "c",
    lambda: path("a[1]").query({"a": [1, 2]}),
    lambda: path("a[2]").query({"a": [1, 2]}),
    lambda: path("b").get({"a": 1}, 5),
    lambda: sorted([path("a[10]"), path("a[2]"), path("a"), path("b.c")]),
    lambda: [*(pg.KeyPathSet(["a.b", "c"]) + pg.KeyPathSet(["a.c"]))],
    lambda: pg.utils.flatten({"a": [1, {"b": 2}], "c": {}}),
    lambda: pg.utils.canonicalize({"a.b": 1, "c[0]": 2, "c[1]": 3}),
    lambda: pg.utils.merge([{"a": {"b": 1}}, {"a.c": 2, "a.b": 3}]),
    lambda: pg.format({"a": [1, "x", (2.5, None)], "b": {}}),
    lambda: pg.format([1] * 40),
    lambda: pg.utils.to_json({"a": (1, int), "b": [None, "x"]}),
    lambda: pg.utils.from_json(pt.Dict([("a", pt.Int(1, max_value=3), "An a.")]).to_json()),
)
