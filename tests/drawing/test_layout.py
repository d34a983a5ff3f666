"""The layout of a drawing as numbers: nothing overlaps, all is inside of its frame, every block is there once."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pliant.drawing.blocks import Block, Chip, Link, Row, walk
from pliant.drawing.folding import fold
from pliant.drawing.layering import find_layers, place_graph
from pliant.drawing.layout import lay_out

TEXTS = st.text(st.sampled_from("aWi.(é漢 "), max_size=8)
ROWS = st.lists(st.builds(Row, TEXTS, st.lists(st.builds(Chip, TEXTS), max_size=3).map(tuple)), max_size=2)
LEAVES = st.builds(
    Block,
    TEXTS.map(lambda text: f"B{text}"),
    label=TEXTS,
    texts=st.lists(TEXTS, max_size=2).map(tuple),
    rows=ROWS.map(tuple),
)


@st.composite
def blocks(draw, depth=3):
    """Blocks of all forms; graphs have arrows from earlier to later parts."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(LEAVES)
    parts = tuple(draw(st.lists(blocks(depth=depth - 1), min_size=1, max_size=4)))
    form = draw(st.sampled_from(["chain", "stack", "side", "choice", "bypass", "graph"]))
    links = ()
    if form == "graph" and len(parts) > 1:
        pairs = st.tuples(st.integers(0, len(parts) - 1), st.integers(0, len(parts) - 1)).filter(
            lambda p: p[0] < p[1]
        )
        links = tuple(Link(*pair) for pair in sorted(draw(st.sets(pairs, max_size=6))))
    more = form == "bypass" and len(parts) > 1 and draw(st.booleans())
    return Block(draw(TEXTS), form, parts=parts, links=links, has_bypass_part=more)


def overlap(one, other):
    (ax, ay), (aw, ah), (bx, by), (bw, bh) = one.corner, one.size, other.corner, other.size
    return ax < bx + bw - 1e-6 and bx < ax + aw - 1e-6 and ay < by + bh - 1e-6 and by < ay + ah - 1e-6


def contains(outer, inner):
    return (
        outer.corner[0] <= inner.corner[0] + 1e-6
        and outer.corner[1] <= inner.corner[1] + 1e-6
        and inner.corner[0] + inner.size[0] <= outer.corner[0] + outer.size[0] + 1e-6
        and inner.corner[1] + inner.size[1] <= outer.corner[1] + outer.size[1] + 1e-6
    )


@given(blocks())
@settings(max_examples=60)
def test_blocks_have_room(block):
    scene = lay_out(block, "a title")
    leaves = [shape for shape in scene.shapes if shape.kind in ("box", "node")]
    assert [id(shape.block) for shape in leaves] == [id(one) for one in walk(block) if not one.parts]
    frames = [shape for shape in scene.shapes if shape.kind == "frame"]
    for place, leaf in enumerate(leaves):
        assert not any(overlap(leaf, other) for other in leaves[:place])
        for frame in frames:
            inside = any(one is leaf.block for one in walk(frame.block))
            assert contains(frame, leaf) if inside else not overlap(frame, leaf)
    for chip in (shape for shape in scene.shapes if shape.kind == "chip"):
        assert sum(contains(leaf, chip) for leaf in leaves) == 1
    points = [point for wire in scene.wires for point in wire.points] + [words.at for words in scene.words]
    points += [(s.corner[0] + s.size[0], s.corner[1] + s.size[1]) for s in scene.shapes]
    assert all(0 <= x <= scene.size[0] and 0 <= y <= scene.size[1] for x, y in points)


def test_a_bypass_that_is_taller_than_its_chain():
    tall = Block("", "chain", parts=tuple(Block(f"B{i}") for i in range(4)))
    block = Block("", "chain", parts=(Block("W", "bypass", parts=(Block("A"), tall), has_bypass_part=True),))
    test_blocks_have_room.hypothesis.inner_test(block)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=16).map(
        lambda p: sorted({(a, b) for a, b in p if a < b})
    )
)
def test_graph_goes_down(links):
    layers = find_layers(10, links)
    assert all(layers[start] < layers[end] for start, end in links)
    placed = place_graph([(30.0 + i, 20.0) for i in range(10)], links)
    assert all(0 <= x <= placed.size[0] and 0 <= y <= placed.size[1] for x, y in placed.corners)
    for route in placed.routes:
        assert all(one[1] <= other[1] for one, other in pairwise(route))


def unfold(block):
    parts = []
    for part in block.parts:
        one = unfold(part)
        if not part.title and part.times > 1:
            parts += list(one.parts) * part.times
        else:
            parts += [Block(one.title, one.form, parts=one.parts)] * part.times
    return Block(block.title, block.form, parts=tuple(parts))


@given(st.lists(st.sampled_from("abc"), max_size=24))
def test_folding_keeps_every_block(titles):
    chain = Block("Net", "chain", parts=tuple(map(Block, titles)))
    assert unfold(fold(chain)) == chain


def test_long_network_fits_a_page():
    same = [Block("Conv"), Block("Norm"), Block("ReLU")] * 70
    width, height = lay_out(fold(Block("Sequential", "chain", parts=tuple(same)))).size
    assert (width < 300, height < 400) == (True, True)
    different = [Block("Conv", texts=(str(i),)) for i in range(200)]
    width, height = lay_out(fold(Block("Sequential", "chain", parts=tuple(different)))).size
    assert max(width, height) < 2000
