"""Every public factory of the zoo refuses sizes that make no network, called by itself and not by ``zoo.get``."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Sequence

import numpy as np
import pytest

import pliant as pg
import pliant.zoo
from pliant import zoo
from pliant.values.errors import FieldTypeError, FieldValueError
from pliant.values.signature import read_signature
from pliant.zoo import language, mobilenet_v2, nasbench201_network, transformer
from pliant.zoo.backbones import convnext
from pliant.zoo.mobile import once_for_all, proxylessnas
from pliant.zoo.sizes import checked


def find_factories():
    """Yields ``module.function`` and the function, for all public factories."""
    for found in pkgutil.walk_packages(pliant.zoo.__path__, "pliant.zoo."):
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            if name.startswith("make_") and getattr(value, "__module__", "") == module.__name__:
                yield f"{found.name.removeprefix('pliant.zoo.')}.{name}", value


FACTORIES = dict(find_factories())
CASES = [
    (name, parameter.name, str(parameter.annotation))
    for name, factory in FACTORIES.items()
    for parameter in read_signature(factory).parameters.values()
]
ONE = [case for case in CASES if case[2].removesuffix(" | None") in ("int", "float")]
LISTS = [case for case in CASES if case[2] in ("Sequence[int]", "Sequence[float]", "Sequence[int] | None")]
FROM_ZERO = ("dropout", "numbers", "intermediate")


def name_case(case):
    return f"{case[0]}-{case[1]}"


def test_factories_are_found():
    assert len(FACTORIES) > 50
    assert len(ONE) > 90
    assert len(LISTS) > 20
    for entry in map(zoo.get, zoo.list()):
        for name in filter(None, (entry.space_name, entry.network_name)):
            assert getattr(importlib.import_module(f"pliant.zoo.{entry.module}"), name) in FACTORIES.values()


@pytest.mark.parametrize("case", ONE, ids=name_case)
def test_numbers_are_refused(case):
    name, argument, kind = case
    make = FACTORIES[name]
    bad = [True, "8", [8], math.nan, math.inf, -1]
    bad += [] if argument in FROM_ZERO else [0]
    bad += [2.5] if kind.startswith("int") else []
    for value in bad:
        with pytest.raises((FieldTypeError, FieldValueError), match=rf"{argument}=\.\.\.\) takes a.*; got "):
            make(**{argument: value})


@pytest.mark.parametrize("case", LISTS, ids=name_case)
def test_lists_are_refused(case):
    name, argument, kind = case
    make = FACTORIES[name]
    bad = [8, "8", [True], ["8"], [math.nan]]
    bad += [] if argument in ("offsets", "edges", "dropouts") else [[0]]
    bad += [] if argument == "offsets" else [[-1]]
    bad += [] if argument == "cardinalities" else [[]]
    bad += [[2.5]] if kind.startswith("Sequence[int]") else []
    for value in bad:
        with pytest.raises((FieldTypeError, FieldValueError), match=rf"{argument}=\.\.\.\) takes .*; got "):
            make(**{argument: value})


@pytest.mark.parametrize("name", FACTORIES)
def test_numbers_of_numpy_are_those_of_python(name):
    make, options = FACTORIES[name], {}
    for parameter in read_signature(make).parameters.values():
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD:
            return  # it needs more than sizes
        if type(parameter.default) is int:
            options[parameter.name] = np.int64(parameter.default)
        elif isinstance(parameter.default, tuple) and set(map(type, parameter.default)) == {int}:
            options[parameter.name] = np.array(parameter.default)
    assert pg.eq(make(**options), make())


@pytest.mark.parametrize(
    ("make", "options", "wanted"),
    [
        (once_for_all.make_network, {"depths": (4, 4)}, r"takes 5 numbers, such as depths=\(4, 4, .*got 2"),
        (proxylessnas.make_space, {"filters": (8, 8)}, r"takes 9 numbers, such as filters=\(32, 16, .*; got 2"),
        (nasbench201_network.make_size_network, {"widths": [8] * 6}, "has five widths; got 6"),
        (mobilenet_v2.make_network, {"filters": (32,)}, r"takes 2 numbers, such as filters=\(32, 1280\); got 1"),
        (mobilenet_v2.make_network, {"blocks": [(1, 16, 1)]}, "takes 4 numbers.*got 3"),
        (mobilenet_v2.make_network, {"blocks": [8]}, "takes 4 numbers.*got 8 of type int"),
        (mobilenet_v2.make_network, {"blocks": ()}, "takes one row or more.*got none"),
        (convnext.make_network, {"depths": (1, 1)}, "takes as many widths as depths; got 2 depths and 4 widths"),
        (transformer.make_network, {"patch": 0}, r"patch=\.\.\.\) takes a whole number from 1"),
        (language.make_network, {"vocabulary": True}, r"vocabulary=\.\.\.\) takes a whole"),
    ],
    ids=range(10),
)  # fmt: skip
def test_lengths_and_options(make, options, wanted):
    with pytest.raises((FieldTypeError, FieldValueError), match=wanted):
        make(**options)


def test_the_example_of_a_message_is_allowed():
    with pytest.raises(FieldValueError, match=r"such as filters=\(32, 1280\); got 3"):
        mobilenet_v2.make_network(filters=(1, 2, 3))
    assert pg.eq(mobilenet_v2.make_network(filters=(32, 1280)), mobilenet_v2.make_network())
    assert len(convnext.make_network((1, 1), (8, 16), classes=2).stages) == 4


def test_holes_are_sizes():
    space = mobilenet_v2.make_network(pg.oneof([10, 100]))
    assert pg.abstract_search_space(space).size == 2


def test_an_undecorated_default_is_not_checked():
    @checked()
    def make(widths: Sequence[int] = (), *, other: str = "", count: int | None = None) -> tuple:
        return widths, other, count

    assert make() == ((), "", None)
    assert make(count=None, other=3) == ((), 3, None)
    assert make(range(1, 3)) == ((1, 2), "", None)
