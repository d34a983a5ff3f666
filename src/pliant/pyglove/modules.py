"""``install``: lets ``import pyglove`` and ``import pyglove.core.*`` find the modules of this package."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Final, final

from pliant.values.errors import PliantError

_OURS: Final = __name__.rpartition(".")[0]
_FOLDERS: Final = {"core": "", "ext": "", "utils": "values", "object_utils": "values"}
"""What the parts of PyGlove's paths are called here; the others keep their names."""


def find_ours(name: str) -> str:
    """Returns the path of the module that stands for one of PyGlove's.

    >>> find_ours("pyglove"), find_ours("pyglove.core.symbolic.object"), find_ours("pyglove.ext.evolution")
    ('pliant.pyglove', 'pliant.pyglove.symbolic.object', 'pliant.pyglove.evolution')
    """
    parts = [_FOLDERS.get(part, part) for part in name.split(".")[1:]]
    return ".".join([_OURS, *filter(None, parts)])


@final
class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``pyglove`` and the modules in it here."""

    def __init__(self) -> None:
        self._specs: dict[str, Any] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Returns how a module of PyGlove is loaded; None for other modules, and for those that are not here."""
        if fullname.partition(".")[0] != "pyglove" or importlib.util.find_spec(find_ours(fullname)) is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Returns our module itself, so that there is one of each class."""
        module = importlib.import_module(find_ours(spec.name))
        self._specs.setdefault(module.__name__, module.__spec__)
        loaded = {
            name: sys.modules[name] for name in list(sys.modules) if name.startswith(f"{module.__name__}.")
        }
        for (
            name,
            below,
        ) in loaded.items():  # importing them would set them as attributes, over functions of the same name
            sys.modules.setdefault(spec.name + name[len(module.__name__) :], below)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Gives the module its own spec back; it ran when it was imported by its own name."""
        module.__spec__ = self._specs[module.__name__]


_finder: Final = _Finder()


def install() -> None:
    """Lets ``import pyglove as pg`` import this package, and its submodules by PyGlove's paths, in this process.

    Before any ``import pyglove``::

        pliant.pyglove.install()
        import pyglove as pg

    Raises:
      PliantError: the real PyGlove has been imported before.
    """
    found = sys.modules.get("pyglove")
    if found is not None and found.__name__ != _OURS:
        raise PliantError(
            "PyGlove itself was imported before pliant.pyglove.install(); call install() before the first `import pyglove`."
        )
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    """Undoes ``install``: the next ``import pyglove`` finds the real package."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
        for name in [n for n in sys.modules if n.partition(".")[0] == "pyglove"]:
            del sys.modules[name]
