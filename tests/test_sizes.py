"""Small by rule: the sizes, names and signatures in src/pliant.  (Imports: test_architecture.py.)

A check takes sources (module name -> text) and returns its findings as text, so that the second half of
this file can show each check failing on a small bad source.
"""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "pliant"
MAX_FILE, MAX_MEDIAN, MAX_FUNCTION, MAX_METHODS, MAX_POSITIONAL = 500, 180, 60, 15, 4
EMPTY_NAMES = {"util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"}

Sources = Mapping[str, str]
parse = cache(ast.parse)
"""Three checks read the same files."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def read_sources(folder: Path) -> dict[str, str]:
    """Module name -> text; a package is named with its `__init__`, so that names are as unique as files."""
    return {
        ".".join(["pliant", *file.relative_to(folder).with_suffix("").parts]): file.read_text("utf-8")
        for file in sorted(folder.rglob("*.py"))
    }


def file_of(module: str) -> str:
    return "src/" + module.replace(".", "/") + ".py"


# --- the checks ------------------------------------------------------------------------------------------


def check_sizes(sources: Sources) -> list[str]:
    lines = {module: len(text.splitlines()) for module, text in sources.items()}
    found = [
        f"{file_of(module)}: {count} lines, at most {MAX_FILE}; split it by concept"
        for module, count in lines.items()
        if count > MAX_FILE
    ]
    files = [count for module, count in lines.items() if not module.endswith("__init__")]
    if files and statistics.median(files) > MAX_MEDIAN:
        found.append(f"the median file has {statistics.median(files)} lines, at most {MAX_MEDIAN}")
    return found


def check_names(sources: Sources) -> list[str]:
    return [
        f"{file_of(module)}: {name!r} names no concept; name the file after what is in it"
        for module in sources
        for name in module.split(".")
        if name.strip("_") in EMPTY_NAMES
    ]


def check_docstrings(sources: Sources) -> list[str]:
    return [
        f"{file_of(module)}: no module docstring; say what the module is, and what it is not"
        for module, text in sources.items()
        if not ast.get_docstring(parse(text))
    ]


def check_definitions(sources: Sources) -> list[str]:
    """Functions that are too long or take too many positional parameters; classes with too many methods."""
    found = []
    for module, text in sources.items():
        tree = parse(text)
        for node in ast.walk(tree):
            where = f"{file_of(module)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, Function):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MAX_FUNCTION:
                    found.append(f"{where} {node.name}: {length} lines, at most {MAX_FUNCTION}")
            elif isinstance(node, ast.ClassDef):
                names = {
                    n.name
                    for n in node.body
                    if isinstance(n, Function) and n.name[0] != "_" and not n.name.startswith("test_")
                }
                if len(names) > MAX_METHODS:
                    found.append(f"{where} {node.name}: {len(names)} public methods, at most {MAX_METHODS}")
        for name, function, is_method in public_functions(tree):
            count = len(function.args.posonlyargs) + len(function.args.args) - is_method
            if count > MAX_POSITIONAL and not module.startswith(FIXED_MODULES):
                where = f"{file_of(module)}:{function.lineno} {name}"
                found.append(
                    f"{where}: {count} positional parameters, at most {MAX_POSITIONAL}; "
                    "make the rest keyword-only with `*,`"
                )
    return found


def check_booleans(sources: Sources) -> list[str]:
    """Switches of public functions that a caller could pass by place, where `True` says nothing."""
    return [
        f"{file_of(module)}:{function.lineno} {name}: the boolean {parameter.arg!r} is keyword-only; put `*,` before it"
        for module, text in sources.items()
        for name, function, is_method in public_functions(parse(text))
        for parameter, default in positional(function)[is_method:]
        if not module.startswith(FIXED_MODULES)
        and parameter.arg not in SUBJECTS
        and (name.rpartition(".")[2], parameter.arg) not in FIXED_OUTSIDE
        and is_boolean(parameter, default)
    ]


# The paper, the PyGlove package and PyTorch fix these calls, and programs written for them pass the flag by place.
FIXED_OUTSIDE = {
    ("manyof", "distinct"),
    ("manyof", "sorted"),
    ("clone", "deep"),
    ("train", "mode"),
    ("_apply", "recurse"),
}

FIXED_MODULES = "pliant.pyglove."  # all calls of this package are PyGlove's

SUBJECTS = {"default", "value", "sealed"}  # here the boolean is what the call is about, as in `Bool(True)`


def positional(function: Function) -> list[tuple[ast.arg, ast.expr | None]]:
    """The parameters that can be given by place, each with its default."""
    parameters = [*function.args.posonlyargs, *function.args.args]
    defaults = [None] * (len(parameters) - len(function.args.defaults)) + function.args.defaults
    return list(zip(parameters, defaults, strict=True))


def is_boolean(parameter: ast.arg, default: ast.expr | None) -> bool:
    annotated = isinstance(parameter.annotation, ast.Name) and parameter.annotation.id == "bool"
    return annotated or (isinstance(default, ast.Constant) and isinstance(default.value, bool))


def public_functions(tree: ast.Module) -> Iterator[tuple[str, Function, bool]]:
    """The functions that a user may call: (name, definition, whether the first parameter is self or cls)."""

    def members(body: list[ast.stmt], owner: str) -> Iterator[tuple[str, Function, bool]]:
        for node in body:
            if isinstance(node, Function) and (node.name[0] != "_" or node.name in ("__init__", "__call__")):
                static = any(getattr(d, "id", "") == "staticmethod" for d in node.decorator_list)
                yield f"{owner}{node.name}", node, bool(owner) and not static
            elif isinstance(node, ast.ClassDef) and node.name[0] != "_":
                yield from members(node.body, f"{owner}{node.name}.")
            elif isinstance(node, ast.If | ast.Try):
                yield from members([*node.body, *node.orelse], owner)

    return members(tree.body, "")


CHECKS = [check_sizes, check_names, check_docstrings, check_definitions, check_booleans]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_package(check):
    found = check(read_sources(SOURCE))
    assert not found, "\n" + "\n".join(found)


# --- the checks themselves -------------------------------------------------------------------------------


def test_long_file_is_found():
    assert check_sizes({"pliant.space.a": "x = 1\n" * 501, "pliant.space.b": "", "pliant.space.c": ""}) == [
        "src/pliant/space/a.py: 501 lines, at most 500; split it by concept"
    ]


def test_high_median_is_found():
    assert "median" in check_sizes({"pliant.space.a": "x = 1\n" * 181})[0]


@pytest.mark.parametrize("name", ["pliant.space.utils", "pliant.common.path", "pliant.space._helpers"])
def test_empty_name_is_found(name):
    assert "names no concept" in check_names({name: ""})[0]


def test_missing_docstring_is_found():
    assert "no module docstring" in check_docstrings({"pliant.space.a": "x = 1", "pliant.b": '"""B."""'})[0]


BAD_DEFINITIONS = {
    "long function": ("def f():\n" + "    x = 1\n" * 60, "a.py:1 f: 61 lines, at most 60"),
    "long inner function": (
        "def f(): pass\nclass A:\n  def g():\n" + "    x = 1\n" * 60,
        "a.py:3 g: 61 lines",
    ),
    "many methods": (
        "class A:\n" + "".join(f"    def m{i}(self): ...\n" for i in range(16)),
        "A: 16 public methods",
    ),
    "many parameters": ("def f(a, b, /, c, d, e): ...", "f: 5 positional parameters"),
    "many parameters of a method": ("class A:\n  def f(self, a, b, c, d, e): ...", "A.f: 5 positional"),
    "many parameters of __init__": ("class A:\n  def __init__(self, a, b, c, d, e): ...", "A.__init__: 5"),
    "many parameters, static": ("class A:\n  @staticmethod\n  def f(a, b, c, d, e): ...", "A.f: 5"),
}
GOOD_DEFINITIONS = {
    "keyword-only": "def f(a, b, c, d, *, e, f, g): ...",
    "rest": "def f(a, b, c, d, *args, **kwargs): ...",
    "self": "class A:\n  def f(self, a, b, c, d): ...",
    "private": "def _f(a, b, c, d, e): ...\nclass _A:\n  def f(self, a, b, c, d, e): ...",
    "cases of a suite": "class A:\n" + "".join(f"    def test_{i}(self): ...\n" for i in range(20)),
    "overloads count once": "class A:\n" + "    def m(self): ...\n" * 20,
}


@pytest.mark.parametrize(("text", "message"), BAD_DEFINITIONS.values(), ids=BAD_DEFINITIONS)
def test_bad_definition_is_found(text, message):
    (found,) = check_definitions({"pliant.space.a": text})
    assert message in found


@pytest.mark.parametrize("text", GOOD_DEFINITIONS.values(), ids=GOOD_DEFINITIONS)
def test_good_definition_passes(text):
    assert check_definitions({"pliant.space.a": text}) == []


@pytest.mark.parametrize(
    "text",
    ["def f(a, deep: bool): ...", "def f(a, deep=False): ...", "class A:\n  def f(self, deep=True): ..."],
)
def test_positional_boolean_is_found(text):
    (found,) = check_booleans({"pliant.space.a": text})
    assert "'deep' is keyword-only" in found


@pytest.mark.parametrize(
    "text", ["def f(a, *, deep=False): ...", "def _f(deep=False): ...", "def f(default: bool = True): ..."]
)
def test_other_boolean_passes(text):
    assert check_booleans({"pliant.space.a": text}) == []
