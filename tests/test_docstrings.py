"""Every public class, function and method has a contract: its own docstring, or that of what it overrides."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import inspect
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
DEPRECATED = {"pliant.evolve", "pliant.trial"}  # importing them warns; test_deprecated.py does
MODULES = sorted(
    {
        ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        for file in SOURCE.rglob("*.py")
        if file.name != "__main__.py"
    }
    - DEPRECATED
)


def undocumented(module) -> list[str]:
    """The public definitions of a module without a contract."""
    found = []
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(value):
            found += [f"{name}.{member}" for member in undocumented_members(value)]
        if (inspect.isclass(value) or inspect.isfunction(value)) and not value.__doc__:
            found.append(name)
    return found


def undocumented_members(cls: type) -> list[str]:
    return [
        name
        for name, member in vars(cls).items()
        if not name.startswith(("_", "test_"))  # the name of a test in a conformance suite is its contract
        and isinstance(member, property | classmethod | staticmethod | type(undocumented))
        and not any(vars(base)[name].__doc__ for base in cls.__mro__ if name in vars(base))
    ]


@pytest.mark.parametrize("name", MODULES)
def test_public_definitions_have_a_contract(name):
    found = undocumented(importlib.import_module(name))
    assert not found, f"{name}: no docstring: {', '.join(found)}"


class Base:
    """A base."""

    def kept(self):
        """A contract."""

    def lost(self): ...


class Leaf(Base):
    def kept(self): ...

    def lost(self): ...

    @property
    def own(self): ...

    def _private(self): ...


def test_overrides_inherit_their_contract():
    assert undocumented_members(Leaf) == ["lost", "own"]


def test_undocumented_class_is_found():
    module = importlib.util.module_from_spec(importlib.machinery.ModuleSpec("bare", None))
    exec("class A: pass\ndef f(): pass\ndef _g(): pass", vars(module))
    assert undocumented(module) == ["A", "f"]
