"""``find_script``: how a file of the user's is loaded as a module, always from its present text."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType


class _FreshLoader(SourceFileLoader):
    """Compiles the file, as Python does with a script that it runs.

    Python's compiled copies are known by the size of the file and the second of its last change, so that after two
    changes within a second one of them can be of an older text.
    """

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def find_script(name: str, path: Path | str) -> ModuleSpec:
    """Returns the spec of a module that runs a file.

    Args:
      name: of the module.
      path: of the file, which need not be there yet.
    """
    spec = importlib.util.spec_from_file_location(name, path, loader=_FreshLoader(name, str(path)))
    assert spec is not None  # with a loader of its own
    return spec
