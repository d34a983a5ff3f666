"""What Python 3.14 evaluates late: annotations without quotes may name what is defined below, or nowhere."""

import importlib.util
import sys

import pytest

import pliant as pg
from pliant.values.signature import read_annotations, read_signature

lazy = pytest.mark.skipif(
    sys.version_info < (3, 14), reason="Python 3.14 is the first that evaluates annotations late"
)


@pytest.fixture
def load(tmp_path):
    """Returns a function that imports program text as a module of its own."""

    def import_text(text):
        path = tmp_path / "late.py"
        path.write_text("import typing as t\nimport pliant as pg\n" + text)
        spec = importlib.util.spec_from_file_location("late", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return import_text


def test_annotations_of_a_class_are_its_own():
    class Base:
        size: int

    class Derived(Base):
        kind: str = ""

    class Bare(Base):
        pass

    assert read_annotations(Derived) == {"kind": str}
    assert read_annotations(Bare) == {}


@pytest.mark.parametrize(("annotation", "wrong", "where"), [
    ("Later", "3", "field"),
    ("Later | None", "3", "field"),
    ("int | Later", "'x'", "field"),
    ("list[Later]", "[3]", r"field\[0\]"),
    ("dict[str, Later | int]", "{'a': 'x'}", r"field\.a"),
    ("tuple[int, Later]", "(1, 2)", r"field\[1\]"),
    ("t.Annotated[Later, 'about it']", "3", "field"),
    ("t.Optional[Later]", "3", "field"),
])  # fmt: skip
@lazy
def test_field_of_a_class_that_is_defined_below(load, annotation, wrong, where):
    module = load(f"class Node(pg.Object):\n  field: {annotation}\nclass Later(pg.Object):\n  x: int = 1\n")
    assert list(read_annotations(module.Node)) == ["field"]
    with pytest.raises(pg.PliantError, match=f"path '{where}'.*Later"):
        module.Node(field=eval(wrong))
    later = module.Later(2)
    right = {"[": [later], "{": {"a": later}, "(": (1, later)}.get(wrong[0], later)
    assert later in pg.query(module.Node(field=right), where=lambda v: isinstance(v, module.Later)).values()


@lazy
def test_field_of_the_class_itself_in_a_function(load):
    module = load(
        "def make():\n  class Node(pg.Object):\n    next: Node | None = None\n    other: Local | None = None\n"
        "  class Local(pg.Object):\n    x: int = 1\n  return Node, Local\n"
    )
    node, local = module.make()
    assert node(node(), local()).next == node()
    with pytest.raises(
        pg.PliantError, match="path 'next' is 3 of type int; allowed: an instance of Node or None"
    ):
        node(next=3)


@lazy
def test_function_with_annotations_that_exist_for_type_checkers_only(load):
    module = load(
        "@pg.functor\ndef add(x: Model, y: int = 2) -> Result:\n  return y\n"
        "@pg.symbolize\nclass Layer:\n  def __init__(self, inner: Layer | None = None, size: Size = 1): pass\n"
        "@pg.symbolize\ndef train(*, rate: Rate = 0.1) -> Result: return rate\n"
        "def change(k: Path, v: Value, p: Parent) -> Value: return v\n"
    )
    assert list(read_signature(module.add).parameters) == ["x", "y"]
    assert module.Layer(module.Layer()).inner == module.Layer()
    assert module.train()() == 0.1
    assert module.add.__schema__["y"].value_spec == pg.typing.Int(default=2)
    tree = pg.Dict(a=1)
    assert tree.rebind(module.change, raise_on_no_change=False) == {"a": 1}


@lazy
def test_search_evaluates_a_function_with_such_annotations(load):
    module = load("def evaluate(program: Model) -> Result:\n  return program.x\n")
    search = pg.search(pg.Dict(x=pg.oneof([1, 2, 3])), module.evaluate, trials=3, seed=0, progress=False)
    assert search.best_reward in (2, 3)
