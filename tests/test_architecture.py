"""The tree is the architecture: every import in src/pliant, held to one table.

A check takes sources (module name -> text) and returns its findings as text, so that the second half of
this file can show each check failing on a small bad source.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "pliant"
EVERYWHERE = ("*",)


@dataclass(frozen=True)
class Row:
    """A folder's floor, what of ours it imports, and which third parties in which of its files."""

    floor: int
    may: frozenset[str]
    lazily: frozenset[str]  # inside functions only
    third: Mapping[str, tuple[str, ...]]  # package -> patterns of file names, from the folder


def row(floor: int, may: str = "", *, lazily: str = "", **third: tuple[str, ...]) -> Row:
    return Row(floor, frozenset(may.split()), frozenset(lazily.split()), third)


LEARNED = ("policy.py", "policy/*", "predictor.py", "predictor/*")

# The root's __init__.py offers names from all folders and so has no row; test_import_weight.py keeps it light.
FLOORS: dict[str, Row] = {
    "values": row(0),
    "schema": row(1, "values"),
    "space": row(1, "values"),
    "launch": row(1, "values", ray=("ray.py", "ray_*.py")),
    "symbolic": row(2, "values schema"),
    "algorithms": row(
        2,
        "values space",
        numpy=EVERYWHERE,
        scipy=EVERYWHERE,
        torch=LEARNED,
        optuna=("optuna.py",),
        cmaes=("cmaes.py",),
    ),
    "hyper": row(3, "values schema symbolic space"),
    "cost": row(3, "values symbolic", torch=EVERYWHERE),
    "study": row(
        3,
        "values space algorithms launch",
        sqlalchemy=EVERYWHERE,
        pandas=("export/formats.py",),
        pyarrow=("export/formats.py",),
        fsspec=("artifacts/remote.py",),
        matplotlib=("plot/axes.py", "plot/plots.py"),
        optuna=("export/optuna.py",),
        tensorboard=("callbacks/tensorboard.py",),
        mlflow=("callbacks/mlflow.py",),
        wandb=("callbacks/wandb.py",),
    ),
    "tune": row(
        4,
        "values schema space launch symbolic algorithms hyper study",
        rich=("progress.py",),
        torch=("ranks.py", "weights.py"),
        safetensors=("weights.py",),
    ),
    "parallel": row(5, "tune"),  # deprecated name of tune
    "nas": row(5, "values space launch symbolic hyper study tune", lazily="algorithms"),
    "oneshot": row(
        4,
        "values space symbolic hyper algorithms cost study",
        torch=EVERYWHERE,
        matplotlib=("training/plots.py",),
        safetensors=("pruning/files.py",),
    ),
    "zoo": row(4, "values symbolic hyper", torch=EVERYWHERE),
    "drawing": row(4, "values symbolic space hyper study"),
    "open_ended": row(5, "values space symbolic algorithms tune"),
    "bench": row(5, "values space algorithms hyper zoo", numpy=EVERYWHERE, matplotlib=("plot.py",)),
    "tabular": row(
        5,
        "values symbolic space hyper algorithms study tune oneshot zoo launch",
        numpy=EVERYWHERE,
        torch=EVERYWHERE,
        scipy=EVERYWHERE,
        pyarrow=("reading/parquet.py",),
        sklearn=("estimators.py",),
    ),
    "pyglove": row(5, "values schema space symbolic algorithms hyper tune study"),
    "cli": row(
        6,
        "values space study launch tune nas",
        lazily="oneshot open_ended zoo bench algorithms symbolic hyper cost tabular drawing dashboard",
        click=EVERYWHERE,
        rich=EVERYWHERE,
        submitit=("slurm.py",),
    ),
    "dashboard": row(
        5,
        "values space study",
        starlette=("app.py", "responses.py", "live.py", "run_routes.py"),
        uvicorn=("server.py",),
    ),
    "trial": row(6, "nas"),  # deprecated names of modules
    "evolve": row(6, "open_ended"),
    "testing": row(
        5,  # conformance suites: they use all floors up to 4, and nothing uses them
        "values schema space launch symbolic algorithms hyper study tune oneshot zoo",
        pytest=EVERYWHERE,
        hypothesis=EVERYWHERE,
        torch=("samplers.py",),
    ),
}


# Floors inside a folder that is divided: its folders, lowest first ("." is its root files); one line, one floor.
INNER: dict[str, list[str]] = {
    "oneshot": [
        "bank choices", "elastic", "channels", "rewrite", ".", "mutators cost", "gradient sampling nni", "training",
        "zero_cost", "pruning",
    ],
    "symbolic": ["tree", "read", "edit", "json", "objects"],
    "study": ["trials", "store plot", "artifacts", ".", "export", "team callbacks"],
    "launch": [".", "containers"],
    "pyglove": [
        "values", "typing", "views detouring", "symbolic", "geno patching", "hyper", "tuning", "scalars early_stopping mutfun", "evolution",
        ".",
    ],
}  # fmt: skip


Sources = Mapping[str, str]


def read_sources(folder: Path) -> dict[str, str]:
    """Module name -> text; a package is named with its `__init__`, so that names are as unique as files."""
    return {
        ".".join(["pliant", *file.relative_to(folder).with_suffix("").parts]): file.read_text("utf-8")
        for file in sorted(folder.rglob("*.py"))
    }


def file_of(module: str) -> str:
    return "src/" + module.replace(".", "/") + ".py"


def folder_of(module: str) -> str:
    """The row that a module belongs to; '' for the root's own __init__."""
    top = module.split(".")[1]
    return {"__init__": "", "__main__": "cli"}.get(top, top)


# --- reading imports -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Import:
    """One import: of which module or name, where it stands, and whether it runs when the module is loaded."""

    module: str
    target: str
    line: int
    lazy: bool  # inside a function
    typing: bool  # under `if TYPE_CHECKING:`

    def __str__(self) -> str:
        return f"{file_of(self.module)}:{self.line} imports {self.target}"


@cache  # three checks read all modules
def read_imports(module: str, text: str) -> tuple[Import, ...]:
    """Every import of a module: at its top, in functions, for type checkers, and by importlib with a plain name."""
    package = module.rpartition(".")[0]

    def visit(node: ast.AST, *, lazy: bool, typing: bool) -> Iterator[Import]:
        for target in targets(node, package):
            yield Import(module, target, node.lineno, lazy, typing)  # type: ignore[attr-defined]  # has targets
        for name, value in ast.iter_fields(node):
            body_only = isinstance(node, ast.If) and is_type_checking(node.test) and name == "body"
            in_function = (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and name == "body"
            )
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from visit(child, lazy=lazy or in_function, typing=typing or body_only)

    return tuple(visit(ast.parse(text), lazy=False, typing=False))


def targets(node: ast.AST, package: str) -> list[str]:
    """The absolute names that a node imports, as far down as it names them (`from a import b` gives `a.b`)."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, base] if base else above)
        return [f"{base}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        name = node.args[0].value
        if function in ("import_module", "__import__") and isinstance(name, str):
            dots = len(name) - len(name.lstrip("."))
            above = package.split(".")[: len(package.split(".")) - dots + 1] if dots else []
            return [".".join([*above, name.lstrip(".")])]
    return []


def is_type_checking(test: ast.expr) -> bool:
    return getattr(test, "id", getattr(test, "attr", "")) == "TYPE_CHECKING"


# --- the checks ------------------------------------------------------------------------------------------


def check_floors(sources: Sources) -> list[str]:
    """Imports that the table does not allow, and folders that it does not know."""
    found = []
    for module, text in sources.items():
        folder = folder_of(module)
        if folder == "":
            continue
        if folder not in FLOORS:
            found.append(f"{file_of(module)}: no row for {folder!r} in FLOORS; give it one, or move the file")
            continue
        for imported in read_imports(module, text):
            found += judge_import(imported, folder, FLOORS[folder])
    return found


def judge_import(imported: Import, folder: str, allowed: Row) -> list[str]:
    top, *rest = imported.target.split(".")
    if top == "pliant":
        other = rest[0] if rest else ""
        if other == folder or other in allowed.may:
            return []
        if other not in FLOORS:
            return [
                f"{imported}: inside the package, import from the folder that defines it, not from the root"
            ]
        if other in allowed.lazily:
            return [] if imported.lazy else [f"{imported}: {folder} may import {other} inside functions only"]
        mine = ", ".join(sorted(allowed.may | allowed.lazily)) or "nothing of ours"
        return [f"{imported}: {folder} (floor {allowed.floor}) may import {mine}"]
    if top in sys.stdlib_module_names or top == "annotationlib":  # new in Python 3.14
        return []
    if top not in allowed.third:
        return [f"{imported}: {folder} may import {', '.join(allowed.third) or 'no third party'}"]
    patterns = allowed.third[top]
    name = (
        imported.module.split(".", 2)[2].replace(".", "/") + ".py" if imported.module.count(".") > 1 else ""
    )
    if not any(fnmatch(name, pattern) for pattern in patterns):
        return [f"{imported}: in {folder}, {top} belongs in {' or '.join(patterns)} only"]
    return []


def check_inner_floors(sources: Sources) -> list[str]:
    """Imports inside a divided folder (in functions and for type checkers as well) that do not go downwards."""
    found = []
    for module, text in sources.items():
        outer = folder_of(module)
        floors = {name: floor for floor, row_ in enumerate(INNER.get(outer, [])) for name in row_.split()}
        if not floors or module == f"pliant.{outer}.__init__":
            continue
        mine = inner_folder(module, floors)
        for imported in read_imports(module, text):
            if not imported.target.startswith(f"pliant.{outer}."):
                continue
            other = inner_folder(imported.target, floors)
            if other == mine:
                continue
            if mine not in floors or other not in floors:
                found.append(f"{imported}: INNER gives the files of {outer} itself no floor; add '.' there")
            elif floors[other] >= floors[mine]:
                found.append(f"{imported}: {outer}/{mine} is not above {outer}/{other}")
    return found


def inner_folder(name: str, floors: Mapping[str, int]) -> str:
    part = name.split(".")[2]
    return part if part in floors else "."


# PyGlove has a function and a module with each of these names; imports find the module by its path.
FIXED_OUTSIDE = {
    "pliant.pyglove.geno.custom",
    "pliant.pyglove.geno.dna_generator",
    "pliant.pyglove.geno.space",
    "pliant.pyglove.symbolic.diff",
    "pliant.pyglove.symbolic.functor",
    "pliant.pyglove.symbolic.symbolize",
    "pliant.pyglove.tuning.sample",
}


def check_names(sources: Sources) -> list[str]:
    """Names of a package that hide a module or folder beside it, so that importing the module gives something else."""
    found = []
    for module, text in sources.items():
        package = module.removesuffix(".__init__")
        if package == module:
            continue
        beside = {
            name[len(package) + 1 :].split(".")[0] for name in sources if name.startswith(package + ".")
        }
        for node in ast.parse(text).body:
            names: list[str] = []
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names = [node.name]
            elif isinstance(node, ast.ImportFrom):
                own = package if node.level == 1 and node.module is None else node.module
                names = [a.asname or a.name for a in node.names if own != package]
            found += [
                f"{file_of(module)}:{node.lineno} offers {name!r}, which hides the module {package}.{name}"
                for name in names
                if name in beside and f"{package}.{name}" not in FIXED_OUTSIDE
            ]
    return found


def check_cycles(sources: Sources) -> list[str]:
    """Modules that need each other while they load (imports in functions and for type checkers do not count)."""
    edges = {module: load_edges(module, sources) for module in sources}
    found, done = [], set()

    def walk(module: str, trail: list[str]) -> None:
        if module in trail:
            found.append("import cycle: " + " -> ".join([*trail[trail.index(module) :], module]))
        elif module not in done:
            for target in sorted(edges[module]):
                walk(target, [*trail, module])
            done.add(module)

    for module in sources:
        walk(module, [])
    return found


def load_edges(module: str, sources: Sources) -> set[str]:
    """The modules of ours that are named by a module's load-time imports."""
    edges = set()
    for imported in read_imports(module, sources[module]):
        parts = imported.target.split(".")
        if imported.lazy or imported.typing or parts[0] != "pliant":
            continue
        for end in (len(parts), len(parts) - 1):  # the name itself may be a module, or be in one
            name = ".".join(parts[:end])
            found = next((m for m in (name, f"{name}.__init__") if m in sources), None)
            if found:
                edges.add(found)
                break
    return edges - {module}


CHECKS = [check_floors, check_inner_floors, check_names, check_cycles]


# --- the package -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_package(check):
    sources = read_sources(SOURCE)
    assert len(sources) > 5, f"hardly any module under {SOURCE}"
    found = check(sources)
    assert not found, "\n" + "\n".join(found)


def test_table_goes_downwards():
    for name, mine in FLOORS.items():
        for other in mine.may | mine.lazily:
            assert FLOORS[other].floor < mine.floor, f"{name} may import {other}, which is no lower"


def test_documented_table_is_this_one():
    page = SOURCE.parents[1] / "docs" / "how" / "architecture.md"
    documented = {}
    for line in page.read_text("utf-8").splitlines():
        if line.startswith("| ") and line[2].isdigit():
            floor, folder, _, may, third = (cell.strip() for cell in line.strip("|").split("|"))
            words = [set() if cell == "-" else set(cell.split(", ")) for cell in (may, third)]
            documented[folder.strip("`")] = (int(floor), *words)
    table = {name: (mine.floor, mine.may | mine.lazily, set(mine.third)) for name, mine in FLOORS.items()}
    assert documented == table


# --- the checks themselves -------------------------------------------------------------------------------

BAD_IMPORTS = {
    "upwards": ("pliant.space.walk", "from pliant.hyper import oneof", "space (floor 1) may import values"),
    "sideways": ("pliant.zoo.mobile", "import pliant.oneshot.rules", "zoo (floor 4) may import"),
    "in a function": (
        "pliant.space.walk",
        "def f():\n    from ..symbolic import Object",
        "walk.py:2 imports",
    ),
    "for type checkers": (
        "pliant.algorithms.random",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pliant.study import Study",
        "random.py:3 imports pliant.study.Study",
    ),
    "relative, two up": ("pliant.algorithms.evolution.mutators", "from ...hyper.holes import OneOf", "hyper"),
    "from the root": ("pliant.hyper.holes", "import pliant as pg", "not from the root"),
    "a name of the root": ("pliant.hyper.holes", "from pliant import Object", "not from the root"),
    "a folder of the root": ("pliant.values.path", "from pliant import schema", "may import nothing of ours"),
    "by importlib": ("pliant.space.walk", "import importlib\nm = importlib.import_module('numpy')", "numpy"),
    "by importlib, relative": (
        "pliant.space.walk",
        "from importlib import import_module\nimport_module('..hyper', __package__)",
        "pliant.hyper",
    ),
    "third party": ("pliant.symbolic.object", "import torch", "no third party"),
    "third party, lazily": ("pliant.hyper.holes", "def f():\n    import numpy.random", "no third party"),
    "third party, wrong file": ("pliant.algorithms.random", "import torch", "policy.py or policy/*"),
    "ray, wrong file": ("pliant.launch.processes", "import ray", "ray.py or ray_*.py only"),
    "lazily only": ("pliant.cli.search", "from pliant.zoo import darts", "inside functions only"),
    "an unknown folder": ("pliant.magic.wand", "", "no row for 'magic'"),
}
GOOD_IMPORTS = {
    "own folder": ("pliant.space.walk", "from . import count\nfrom .points import Choice"),
    "downwards": ("pliant.algorithms.evolution.mutators", "from ...space import Space\nimport pliant.values"),
    "from the root, a folder": ("pliant.hyper.holes", "from pliant import schema, values"),
    "standard library": ("pliant.values.path", "import ast, collections.abc\nfrom os import path"),
    "torch where it belongs": ("pliant.algorithms.policy.ppo", "import torch.nn"),
    "ray where it belongs": ("pliant.launch.ray", "def f():\n    import ray"),
    "lazily": ("pliant.cli.search", "def f():\n    from pliant.zoo import darts"),
    "the root": ("pliant.__init__", "from pliant.zoo import mobile\nimport torch"),
    "not an import": ("pliant.values.path", "load('numpy')\nimport_module(name)"),
}


@pytest.mark.parametrize(("module", "text", "message"), BAD_IMPORTS.values(), ids=BAD_IMPORTS)
def test_bad_import_is_found(module, text, message):
    found = check_floors({module: text})
    assert len(found) == 1
    assert message in found[0]


@pytest.mark.parametrize(("module", "text"), GOOD_IMPORTS.values(), ids=GOOD_IMPORTS)
def test_good_import_passes(module, text):
    assert check_floors({module: text}) == []


def test_inner_floors():
    upwards = {"pliant.oneshot.cost.model": "def f():\n    from ..training.session import Session"}
    (found,) = check_inner_floors(upwards)
    assert found.endswith("Session: oneshot/cost is not above oneshot/training")
    sideways = {"pliant.oneshot.gradient.darts": "from ..sampling import SPOS"}
    assert len(check_inner_floors(sideways)) == 1
    downwards = {"pliant.oneshot.cost.model": "from ..sampler import Step\nfrom .latency import Latency"}
    assert check_inner_floors(downwards) == []
    (found,) = check_inner_floors({"pliant.symbolic.loose": "from .tree.node import Node"})
    assert found.endswith("INNER gives the files of symbolic itself no floor; add '.' there")


@pytest.mark.parametrize(
    "line", ["from .walk import walk", "def walk(): ...", "from .other import go as walk"]
)
def test_name_that_hides_a_module_is_found(line):
    for module in ("pliant.space.walk", "pliant.space.walk.__init__"):
        (found,) = check_names({"pliant.space.__init__": line, module: ""})
        assert found.endswith("offers 'walk', which hides the module pliant.space.walk")


@pytest.mark.parametrize(
    "line", ["from .walk import go", "from . import walk", "from pliant.space import walk"]
)
def test_name_of_its_own_passes(line):
    assert check_names({"pliant.space.__init__": line, "pliant.space.walk": "def walk(): ..."}) == []


def test_cycle_is_found():
    sources = {
        "pliant.space.__init__": "from .a import x",
        "pliant.space.a": "from .b import x",
        "pliant.space.b": "from . import c",
        "pliant.space.c": "import pliant.space.a",
    }
    (found,) = check_cycles(sources)
    assert found == "import cycle: pliant.space.a -> pliant.space.b -> pliant.space.c -> pliant.space.a"


def test_cycle_through_the_package_itself_is_found():
    sources = {"pliant.space.__init__": "from .a import x", "pliant.space.a": "from . import y"}
    assert check_cycles(sources) != []


def test_cycle_in_functions_or_types_passes():
    sources = {
        "pliant.space.a": "from .b import x",
        "pliant.space.b": "if TYPE_CHECKING:\n    from .a import X\ndef f():\n    from .a import x",
    }
    assert check_cycles(sources) == []
