"""Annotations to specs and back."""

# The old spellings are among what is tested, and so is a name that nothing has.
# ruff: noqa: UP006, UP007, UP045, F821

from __future__ import annotations

import collections.abc
import re
import typing as t
from typing import Any

import pytest

import pliant.schema as pt
from pliant.values.errors import SchemaError

T = t.TypeVar("T")
Bound = t.TypeVar("Bound", bound=int)
Either = t.TypeVar("Either", int, str)
UserId = t.NewType("UserId", int)
P = t.ParamSpec("P")


class Layer:
    pass


class Silent(t.Protocol):
    def run(self) -> None: ...


class Options(t.TypedDict):
    lr: float


class Shaped:
    """A class that says what it means as an annotation."""

    @classmethod
    def __value_spec__(cls, *args: pt.ValueSpec) -> pt.ValueSpec:
        return pt.List(args[0] if args else None, size=2)

    def __class_getitem__(cls, item: Any) -> Any:
        return t.cast(Any, __import__("types").GenericAlias)(cls, item)


class SubShaped(Shaped):
    pass


CASES: list[tuple[Any, pt.ValueSpec]] = [
    (bool, pt.Bool()),
    (int, pt.Int()),
    (float, pt.Float()),
    (str, pt.Str()),
    (t.Any, pt.Any()),
    (object, pt.Any()),
    (None, pt.Enum(values=[None])),
    (list, pt.List()),
    (t.List, pt.List()),
    (list[int], pt.List(int)),
    (t.List[int], pt.List(int)),
    (list["Layer"], pt.List(pt.Object("Layer"))),
    (t.List["Layer"], pt.List(pt.Object("Layer"))),
    (tuple, pt.Tuple()),
    (t.Tuple, pt.Tuple()),
    (tuple[()], pt.Tuple([])),
    (tuple[int, str], pt.Tuple([int, str])),
    (tuple[int, ...], pt.Tuple(int)),
    (dict, pt.Dict()),
    (dict[str, int], pt.Dict(int)),
    (dict[str, t.Any], pt.Dict()),
    (dict[int, str], pt.Dict()),
    (Options, pt.Dict()),
    (int | None, pt.Int().noneable()),
    (t.Optional[int], pt.Int().noneable()),
    (int | str, pt.Union([int, str])),
    (t.Union[int, str, None], pt.Union([int, str]).noneable()),
    (int | t.Any, pt.Any()),
    (t.Literal["a", 1], pt.Enum(values=["a", 1])),
    (t.Annotated[int, "metres"], pt.Int()),
    (t.Annotated[int, "metres", pt.Int(min_value=1)], pt.Int(min_value=1)),
    (t.Final[int], pt.Int()),
    (t.Callable, pt.Callable()),
    (collections.abc.Callable, pt.Callable()),
    (t.Callable[..., int], pt.Callable(returns=int)),
    (t.Callable[[int, str], t.Any], pt.Callable([int, str])),
    (collections.abc.Callable[P, int], pt.Callable(returns=int)),
    (type, pt.Type()),
    (t.Type, pt.Type()),
    (type[Layer], pt.Type(Layer)),
    (type[t.Any], pt.Type()),
    (t.Sequence[int], pt.Object(collections.abc.Sequence)),
    (set[int], pt.Object(set)),
    (Layer, pt.Object(Layer)),
    (complex, pt.Object(complex)),
    (Silent, pt.Any()),
    (T, pt.Any()),
    (Bound, pt.Int()),
    (Either, pt.Union([int, str])),
    (UserId, pt.Int()),
    (t.LiteralString, pt.Any()),
    (Shaped, pt.List(size=2)),
    (Shaped[int], pt.List(int, size=2)),
    (SubShaped, pt.Object(SubShaped)),
    (pt.Int(min_value=2), pt.Int(min_value=2)),
]


@pytest.mark.parametrize(("annotation", "spec"), CASES)
def test_from_annotation(annotation: Any, spec: pt.ValueSpec) -> None:
    assert pt.from_annotation(annotation) == spec


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("int", pt.Int()),
        ("'int'", pt.Int()),
        ("list[int] | None", pt.List(int).noneable()),
        ("Layer", pt.Object(Layer)),
        ("t.Literal['a']", pt.Enum(values=["a"])),
        ("pt.Int(min_value=1)", pt.Int(min_value=1)),
        ("Later | None", pt.Object("Later").noneable()),
        ("dict[str, Later]", pt.Dict(pt.Object("Later"))),
        ("torch.Tensor", pt.Object("torch.Tensor")),
        ("Box[int]", pt.Object("Box")),
        ("type[Later]", pt.Type("Later")),
        ("Optional[Sequence[int]]", pt.Object(collections.abc.Sequence).noneable()),
        ("Owner", pt.Object("Owner")),
    ],
)
def test_text_is_read_in_the_module_where_it_stands(text: str, spec: pt.ValueSpec) -> None:
    assert pt.from_annotation(text, globals={**globals(), "Owner": int}, owner_name="Owner") == spec


def test_self_is_the_owner() -> None:
    assert pt.from_annotation(t.Self, owner_name="Node") == pt.Object("Node")
    assert (
        pt.from_annotation("t.Self | None", globals=globals(), owner_name="Node")
        == pt.Object("Node").noneable()
    )


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (3, "3 of type int is neither a spec nor an annotation."),
        (0.5, "For a default, write Float(0.5)."),
        ([int], "[<class 'int'>] of type list is neither a spec nor an annotation."),
        ("an image", "the annotation 'an image' cannot be read: SyntaxError: invalid syntax"),
        ("int[3]", "the annotation 'int[3]' cannot be read: TypeError"),
        ("int + __x__", "the annotation 'int + __x__' cannot be read"),
    ],
)
def test_what_is_no_annotation_is_refused(annotation: Any, text: str) -> None:
    with pytest.raises(SchemaError, match=re.escape(text)):
        pt.from_annotation(annotation)


@pytest.mark.parametrize(
    ("spec", "annotation"),
    [
        (pt.Int(min_value=1), int),
        (pt.Any(), t.Any),
        (pt.Str().noneable(), str | None),
        (pt.Enum(values=["a", None]), t.Literal["a", None]),
        (pt.Enum(values=[0.5]), t.Any),
        (pt.List(pt.List(int)), list[list[int]]),
        (pt.Tuple([int, str]), tuple[int, str]),
        (pt.Tuple(int), tuple[int, ...]),
        (pt.Dict(), dict),
        (pt.Dict(int), dict[str, int]),
        (pt.Dict([("a", int)]), dict[str, t.Any]),
        (pt.Object(Layer), Layer),
        (pt.Object("Later"), "Later"),
        (pt.Type(Layer), type[Layer]),
        (pt.Callable([int], returns=str), t.Callable[[int], str]),
        (pt.Callable(), t.Callable[..., t.Any]),
        (pt.Union([int, str]).noneable(), t.Union[int, str, None]),
        (pt.Object("Later").noneable(), t.Optional["Later"]),
    ],
)
def test_to_annotation(spec: pt.ValueSpec, annotation: Any) -> None:
    assert pt.to_annotation(spec) == annotation
