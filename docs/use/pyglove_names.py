"""Writes pyglove_names.md: PyGlove's public names, and what each of them is in `pliant.pyglove`.

Run with PyGlove installed: `python docs/use/pyglove_names.py`.  A name that is neither there nor explained is an error.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import ModuleType

VERSION = "0.4.5"
PAGE = Path(__file__).with_suffix(".md")

MODULES = {
    "": "core",
    "symbolic": "core.symbolic",
    "typing": "core.typing",
    "geno": "core.geno",
    "hyper": "core.hyper",
    "tuning": "core.tuning",
    "evolution": "ext.evolution",
    "evolution.selectors": "ext.evolution.selectors",
    "evolution.mutators": "ext.evolution.mutators",
    "evolution.recombinators": "ext.evolution.recombinators",
    "evolution.where": "ext.evolution.where",
    "scalars": "ext.scalars",
    "early_stopping": "ext.early_stopping",
    "mutfun": "ext.mutfun",
    "patching": "core.patching",
    "detouring": "core.detouring",
    "values": "core.utils",
}
"""Our modules, and PyGlove's."""

OUTSIDE = {
    "coding": "running code from text is not part of Pliant",
    "controls": "part of the HTML views",
    "io": "files are opened by Python itself",
    "logging": "use Python's `logging`",
    "monitoring": "use the tools of your choice",
    "views": "HTML views are not part of Pliant",
}
"""Modules that are left out, with the reason."""

SEEDED = "without `mutator=`, the default mutator has the seed of the algorithm, so that a seed decides the whole search"
ORDER = "equal children are returned once, in the order of their parents; PyGlove's order is that of a set"

ADAPTED = {
    "evolution.hill_climb": SEEDED,
    "evolution.neat": SEEDED,
    "evolution.nsga2": SEEDED,
    "evolution.regularized_evolution": SEEDED,
    "evolution.RegularizedEvolution": SEEDED,
    "evolution.recombinators.Permutation": ORDER,
    "evolution.recombinators.PointWise": ORDER,
    "evolution.mutators.Swap": "the children know their new places: `spec` of a swapped choice is that of its place",
    "evolution.Choice": "`limit` may be a scalar",
    "evolution.Repeat": "functions of one argument may be repeated",
    "mutfun.Function": "lines of nested functions and control flow are indented; an argument hides a name around the call",
    "mutfun.python_repr": "text constants are written in quotes",
}
"""What has the same meaning, and a detail that programs rarely see."""

LOADING = "reads registered classes only; code of functions and pickled objects are refused"
JSONL = "is refused: files with a sequence of values belong to `io`"
DIFFERENT = {
    "from_json": LOADING,
    "from_json_str": LOADING,
    "load": LOADING,
    "open_jsonl": JSONL,
    "symbolic.from_json": LOADING,
    "symbolic.from_json_str": LOADING,
    "symbolic.load": LOADING,
    "symbolic.open_jsonl": JSONL,
    "values.from_json": LOADING,
    "scalars.StepWise": "its value depends on the step alone; PyGlove's needs each step once and in order",
    "mutfun.FunctionCall": "passes its arguments one by one; PyGlove's passes their list as one argument",
    "evolution.Intersection": "an element that another output has twice counts as common",
}
"""What gives other results, and how."""

ABSENT = {
    "geno.float_scale_spec": "the type of an internal field",
    "typing.Decorator": "only for a type checker of PyGlove's authors",
    "values.ErrorInfo": "it is `pg.ErrorInfo`",
}
"""What is not there, and why."""


def list_names(module: ModuleType) -> list[str]:
    """The public names of a module of PyGlove that it means to offer: no modules, and nothing that it imports from Python."""
    names = []
    for name, value in sorted(vars(module).items(), key=lambda one: (one[0].lower(), one[0])):
        home = getattr(value, "__module__", None) or ""
        foreign = (inspect.isclass(value) or inspect.isfunction(value)) and not home.startswith("pyglove")
        if (
            not name.startswith("_")
            and not isinstance(value, ModuleType)
            and not foreign
            and home != "typing"
        ):
            names.append(name)
    return names


def explain_absent(key: str, value: object) -> str:
    """Why a name of PyGlove is not there."""
    for part in ("views", "io", "coding", "logging", "monitoring"):
        if f".{part}" in (getattr(value, "__module__", None) or ""):
            return OUTSIDE[part]
    if key not in ABSENT:
        raise SystemExit(f"{key} is neither in pliant.pyglove nor explained; add it to ABSENT in {__file__}")
    return ABSENT[key]


def sort_names(ours: str, theirs: str) -> dict[str, list[tuple[str, str]]]:
    """The names of a module by what they are here, each with its note."""
    home = importlib.import_module(f"pliant.pyglove.{ours}".rstrip("."))
    source = importlib.import_module(f"pyglove.{theirs}")
    found: dict[str, list[tuple[str, str]]] = {"same": [], "adapted": [], "different": [], "absent": []}
    for name in (
        list_names(source)
        if ours
        else sorted({*list_names(source), *list_root()}, key=lambda name: (name.lower(), name))
    ):
        key = f"{ours}.{name}".lstrip(".")
        if not hasattr(home, name):
            found["absent"].append((name, explain_absent(key, getattr(source, name))))
        elif key in DIFFERENT:
            found["different"].append((name, DIFFERENT[key]))
        elif key in ADAPTED:
            found["adapted"].append((name, ADAPTED[key]))
        else:
            found["same"].append((name, ""))
    return found


def list_root() -> list[str]:
    """The names at PyGlove's root."""
    return list_names(importlib.import_module("pyglove"))


def make() -> str:
    """The page."""
    sections = {ours: sort_names(ours, theirs) for ours, theirs in MODULES.items()}
    counts = {
        kind: sum(len(one[kind]) for one in sections.values())
        for kind in ("same", "adapted", "different", "absent")
    }
    lines = [
        "---",
        "search:",
        "  boost: 0.5",
        "---",
        "",
        "# PyGlove's names",
        "",
        f"The public names of PyGlove {VERSION}, and what they are in `pliant.pyglove`: "
        + ", ".join(f"{count} {kind}" for kind, count in counts.items())
        + ". The page is written by",
        "`docs/use/pyglove_names.py` from both packages, and a test compares it with them. [From PyGlove](pyglove.md) tells what runs.",
        "",
        "*Same* means that the name is there with PyGlove's meaning. *Adapted* names have it too; a detail differs. *Different* names give other results.",
        "",
        "Modules that are left out:",
        "",
        *(f"- `{name}`: {reason}." for name, reason in OUTSIDE.items()),
    ]
    for ours, found in sections.items():
        lines += ["", f"## pg.{ours}" if ours else "## pg"]
        if found["same"]:
            lines += ["", "Same: " + ", ".join(f"`{name}`" for name, _ in found["same"]) + "."]
        rows = [
            (name, kind, note) for kind in ("adapted", "different", "absent") for name, note in found[kind]
        ]
        if rows:
            lines += ["", "| name | here | how, or why |", "| --- | --- | --- |"]
            lines += [f"| `{name}` | {kind} | {note} |" for name, kind, note in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(make(), "utf-8")
