"""``pg.draw``: what is read from programs and spaces, what decisions light, what differs, and that nothing is taken for a mark."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pliant as pg
from pliant.drawing import walk
from pliant.testing.programs import programs
from pliant.testing.spaces import spaces_and_decisions
from pliant.values.errors import DecisionError, FieldTypeError, FieldValueError

EVIL = "<script>alert('1')</script>&\"\x1b[31m\u202e]]>"
SEEDS = st.integers(0, 2**32)


class Net(pg.Object):
    width: int = 8
    layers: list = []


class Layer(pg.Object):
    units: int
    name: str = ""


def find(drawing, role):
    """The texts of the chips in a role."""
    return [
        chip.text
        for block in walk(drawing.block)
        for row in block.rows
        for chip in row.chips
        if chip.role == role
    ]


def check_svg(drawing):
    root = ET.fromstring(drawing.svg)
    assert {one.tag.rpartition("}")[2] for one in root.iter()} <= {
        "svg",
        "title",
        "style",
        "rect",
        "path",
        "text",
    }
    assert not any(name.startswith("on") or "href" in name for one in root.iter() for name in one.attrib)
    assert "\x1b" not in drawing.svg
    assert "\u202e" not in drawing.svg


def test_nothing_of_a_program_is_a_mark():
    program = Net(layers=[Layer(1, name=EVIL), pg.oneof([Layer(2, EVIL), Layer(3)], name=EVIL)])
    for drawing in (
        pg.draw(program, title=EVIL),
        pg.draw(program, [1]),
        pg.draw(pg.Dict({EVIL: pg.oneof([EVIL, "b"])}), [0]),
    ):
        check_svg(drawing)
        assert "\x1b" not in str(drawing)
    assert pg.draw(program)._repr_svg_() in pg.draw(program)._repr_html_()


@given(programs(), SEEDS)
@settings(max_examples=40)
def test_any_space_and_its_programs(program, seed):
    """Every hole that is decided is lit, as encoding the chosen program says again."""
    decisions = pg.abstract_search_space(program).sample(seed)
    child = pg.materialize(program, decisions)
    drawn = pg.draw(program, decisions)
    check_svg(drawn)
    assert drawn == pg.draw(program, chosen=child)
    check_svg(pg.draw(child))
    assert find(pg.draw(program), "lit") == []


@given(spaces_and_decisions())
@settings(max_examples=30)
def test_an_abstract_space(pair):
    space, decisions = pair
    drawing = pg.draw(space, decisions)
    check_svg(drawing)
    assert len(find(drawing, "lit")) == len(decisions.values)


def test_chosen_candidates():
    width = pg.oneof([8, 16], name="width")
    space = Net(
        width=width,
        layers=[
            Layer(2 * width),
            pg.oneof([Layer(pg.intv(1, 9)), Layer(7, "b")]),
            pg.manyof(2, [Layer(1), Layer(2), Layer(3)]),
        ],
    )
    drawing = pg.draw(space, [1, 0, 5, 2, 0])
    assert find(drawing, "lit") == ["16", "32", "5", "Layer(1)", "Layer(3)"]
    assert [(one.title, one.role) for one in walk(drawing.block) if one.role != "plain"] == [
        ("Layer", "lit"),
        ("Layer", "dim"),
    ]
    assert "[16]" in str(drawing)
    several = pg.Dict(layers=pg.manyof(3, [Layer(pg.intv(1, 9)), Layer(7, "b")], distinct=False))
    picks = pg.draw(several, [0, 3, 1, 0, 4]).block.parts[0].parts
    assert [(one.label, one.role, [chip.text for row in one.rows for chip in row.chips]) for one in picks] == [
        ("1", "lit", ["1 … 9", "3"]), ("2", "lit", []), ("3", "lit", ["1 … 9", "4"])
    ]  # fmt: skip
    trial = pg.sample(space, trials=1, seed=0)
    for _, feedback in trial:
        feedback(1.0)
    assert pg.draw(space, trial.best) == pg.draw(space, chosen=trial.best_program)


def test_folded_holes_are_separate_decisions_or_one():
    """A block that is repeated says whether each is decided by itself; a hole with a name is one decision."""
    hole, named = pg.oneof([8, 16]), pg.oneof([8, 16], name="width")
    for layers, each in (([Layer(hole) for _ in range(3)], True), ([Layer(named) for _ in range(3)], False), ([Layer(hole), Layer(named)] * 2, True)):  # fmt: skip
        drawing = pg.draw(Net(layers=layers))
        assert ("each decided by itself" in str(drawing), "each decided by itself" in drawing.svg) == (
            each,
            each,
        )
    assert "each decided" not in pg.draw(Net(layers=[Layer(hole) for _ in range(3)]), [1, 1, 1]).svg


def test_a_difference_names_changed_arguments_only():
    (row,) = pg.draw(Layer(8, name="a"), Layer(16, name="a")).block.rows
    assert (row.name, [chip.text for chip in row.chips]) == ("units", ["8", "16"])
    block = pg.draw(Layer(8, name="a"), Layer(8)).block
    assert (block.texts, [one.name for one in block.rows]) == (("8",), ["name"])


def test_scheme():
    light, dark, both = (pg.draw(Net(), scheme=scheme).svg for scheme in ("light", "dark", None))
    assert ["prefers-color-scheme" in one for one in (light, dark, both)] == [False, False, True]
    assert light != dark
    with pytest.raises(
        FieldValueError, match=r"draw\(scheme=\.\.\.\) is 'light', 'dark', or None .*; got 'night'"
    ):
        pg.draw(Net(), scheme="night")


def test_arrangement():
    drawing = pg.draw(Net(layers=[Layer(i) for i in (1, 2, 2, 2)]))
    assert [(one.texts, one.times) for one in drawing.block.parts] == [(("1",), 1), (("2",), 3)]
    assert len(pg.draw(Net(layers=[Layer(2)] * 3), folded=False).block.parts) == 3


def test_torch_modules():
    nn = pytest.importorskip("torch.nn")

    class ResidualBlock(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)

    plain = nn.Sequential(*[ResidualBlock() for _ in range(4)], nn.Flatten(), nn.Linear(8, 2))
    block = pg.draw(plain).block
    assert [(one.title, one.form, one.times) for one in block.parts] == [
        ("ResidualBlock", "bypass", 4), ("Flatten", "box", 1), ("Linear", "box", 1)
    ]  # fmt: skip
    assert block.parts[0].parts[0].texts == ("8", "8", "kernel_size=3", "padding=1", "bias=False")
    assert block.parts[0].parts[1].texts == ("8",)
    Linear, Sequential = pg.symbolize(nn.Linear), pg.symbolize(nn.Sequential)
    space = Sequential(
        Linear(2, pg.oneof([4, 8], name="w")), nn.ReLU(), Linear(pg.oneof([4, 8], name="w"), 2)
    )
    drawn = pg.draw(space, [1])
    assert find(drawn, "lit") == ["8", "8"]
    assert not pg.is_realized(space)
    assert [one.title for one in drawn.block.parts] == ["Linear", "ReLU", "Linear"]


def test_scikit_learn():
    pytest.importorskip("sklearn")
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import Binarizer, StandardScaler

    pipeline, columns, scaler, binary = map(
        pg.symbolize, (Pipeline, ColumnTransformer, StandardScaler, Binarizer)
    )
    steps = [
        ("both", columns([("a", scaler(), [0]), ("b", binary(), [1])])),
        ("last", pg.oneof([binary(), "passthrough"])),
    ]
    block = pg.draw(pipeline(steps)).block
    assert (block.form, block.parts[0].form) == ("chain", "side")
    assert [(one.label, one.title, one.texts) for one in block.parts[0].parts] == [
        ("a", "StandardScaler", ("columns=[0]",)), ("b", "Binarizer", ("columns=[1]",))
    ]  # fmt: skip
    assert [chip.text for chip in block.parts[1].rows[0].chips] == ["Binarizer", "passthrough"]


def test_cells_of_the_zoo():
    pytest.importorskip("torch")
    from pliant import zoo
    from pliant.zoo import darts, nasbench101, nasbench201_network

    for name in (
        "darts",
        "nasnet",
        "enas/macro",
        "nasbench201",
        "nasbench101",
        "nas_fpn",
        "spinenet",
        "auto_deeplab",
    ):
        entry = zoo.get(name)
        space = entry.make_space()
        program = pg.random_sample(space, seed=1)
        graphs = [one for one in walk(pg.draw(program).block) if one.form == "graph"]
        assert len(graphs) == len(entry.read_graphs(program)), name
        check_svg(pg.draw(space, chosen=program))
    cell = nasbench201_network.make_space()
    drawn = pg.draw(cell, [3, 1, 0, 2, 4, 3])
    assert find(drawn, "lit") == [
        "nor_conv_3x3",
        "skip_connect",
        "none",
        "nor_conv_1x1",
        "avg_pool_3x3",
        "nor_conv_3x3",
    ]
    concrete = pg.draw(pg.materialize(cell, [3, 1, 0, 2, 4, 3])).block
    assert "none" not in [one.title for one in walk(concrete)]
    edges = pg.draw(nasbench101.make_space(3)).block
    assert [link.is_open for link in edges.links] == [True, True, True]
    assert (
        pg.draw(darts.make_space(inputs=2, cells=3)).block.form == "chain"
    )  # which inputs is open: no graph


def test_difference():
    before = Net(width=8, layers=[Layer(1), Layer(2), Layer(3, "a")])
    after = Net(width=9, layers=[Layer(1), Layer(2), Layer(3, "b"), pg.Dict(extra=Layer(4))])
    drawn = pg.draw(before, after)
    assert {(one.title, one.role) for one in walk(drawn.block)} >= {
        ("Net", "changed"),
        ("Layer", "plain"),
        ("Layer", "changed"),
    }
    assert (find(drawn, "removed"), find(drawn, "added")) == (["8", "'a'"], ["9", "'b'"])
    assert str(drawn).splitlines()[0] == "~ Net"
    check_svg(drawn)
    first, second = (pg.draw(one).block for one in (before, after))
    assert pg.draw(before, before).block == first
    back = pg.draw(after, before)
    assert sorted(find(back, "added")) == sorted(find(drawn, "removed"))
    assert sum(one.role == "added" for one in walk(back.block)) == sum(
        one.role == "removed" for one in walk(drawn.block)
    )
    assert second != first


@given(programs(), SEEDS, SEEDS)
@settings(max_examples=30)
def test_difference_of_two_programs_of_a_space(program, seed, other):
    one, two = (pg.random_sample(program, seed=number) for number in (seed, other))
    drawn = pg.draw(one, two) if isinstance(one, (dict, list, pg.Object)) else pg.draw(one)
    check_svg(drawn)
    roles = {block.role for block in walk(drawn.block)}
    assert pg.eq(one, two) <= (roles == {"plain"})


def test_save(tmp_path):
    drawing = pg.draw(pg.Dict(a=pg.oneof([1, 2])), title="A space")
    drawing.save(tmp_path / "space.svg")
    assert (tmp_path / "space.svg").read_text("utf-8") == drawing.svg
    with pytest.raises(
        FieldValueError, match=r"a drawing is saved as SVG; got '.*space.png'. Let the name end in .svg"
    ):
        drawing.save(tmp_path / "space.png")
    with pytest.raises(
        FieldTypeError, match=r"save\(path\) takes the path of a file or folder; got 3 of type"
    ):
        drawing.save(3)
    assert [file.name for file in tmp_path.iterdir()] == ["space.svg"]
    with pytest.raises(AttributeError, match="cannot assign to field 'title'"):
        drawing.title = "b"
    assert repr(drawing).startswith("<drawing of A space, ")


def test_wrong_arguments():
    space = pg.Dict(a=pg.oneof([1, 2]))
    part = deep = {"a": pg.Dict(b=1)}
    for _ in range(5000):
        deep = {"x": deep}
    with pytest.raises(FieldValueError, match=r"dict cannot be drawn: it is nested too deeply. Draw a part"):
        pg.draw(deep)
    assert pg.draw(part)
    with pytest.raises(
        FieldTypeError, match=r"draw\(\.\.\.\) takes decisions or `chosen`, not both. Leave one"
    ):
        pg.draw(space, [0], chosen=pg.Dict(a=1))
    with pytest.raises(
        FieldTypeError, match=r"draw\(program, other\) compares two programs, or lights decisions .*; got 3"
    ):
        pg.draw(pg.Dict(a=1), 3)
    with pytest.raises(DecisionError, match="at path 'a' must be a candidate index"):
        pg.draw(space, [7])
    with pytest.raises(DecisionError, match="this program is not in the space"):
        pg.draw(space, chosen=pg.Dict(a=3))
