"""Makes the drawings of the families of spaces: `python docs/use/families/drawings.py` writes the SVG files beside it.

Cells and paths are read from `pliant.zoo`.  Colors follow the scheme of the reader, light or dark.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from pliant.zoo import darts
from pliant.zoo.dense import auto_deeplab, nas_fpn

HERE = Path(__file__).parent

STYLE = """<style>
text{font:13px sans-serif;fill:#222;text-anchor:middle}.small{font-size:11px}.label{font-size:11px;paint-order:stroke;stroke:#fff;stroke-width:4px}.left{text-anchor:start}
.box{fill:#eef3f6;stroke:#5b7083}.open{fill:#d8f0ea;stroke:#00796b;stroke-width:2;stroke-dasharray:5 3}
.line{fill:none;stroke:#5b7083;stroke-width:1.5}.choice{fill:none;stroke:#00796b;stroke-width:2;stroke-dasharray:5 3}
.bold{fill:none;stroke:#00796b;stroke-width:3}.head{fill:#5b7083}
@media (prefers-color-scheme:dark){text{fill:#e4e7eb}.label{stroke:#1e2129}.box{fill:#2b3440;stroke:#9fb3c8}
.open{fill:#12423b;stroke:#4db6ac}.line{stroke:#9fb3c8}.choice,.bold{stroke:#4db6ac}.head{fill:#9fb3c8}}
</style>"""

MARKER = (
    '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="9" markerHeight="9" orient="auto">'
    '<path class="head" d="M0 0L8 4L0 8z"/></marker></defs>'
)

Point = tuple[float, float]


def draw(title: str, width: int, height: int, parts: list[str]) -> str:
    """Returns a file; the title is read aloud to those who cannot see it."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title>", STYLE, MARKER, *parts, "</svg>", ""])


def text(at: Point, words: str, kind: str = "") -> str:
    """Returns words whose middle, or start with the kind ``left``, is at a point."""
    return f'<text x="{at[0]:g}" y="{at[1]:g}" class="{kind}">{escape(words)}</text>'


def box(at: Point, words: str, *, width: float = 96, height: float = 30, kind: str = "box") -> str:
    """Returns a box around its middle; its kind is ``open`` where something is decided."""
    x, y = at
    lines = words.split("\n")
    shape = f'<rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width:g}" height="{height:g}" rx="5" class="{kind}"/>'
    first = y + 4.5 - 7.5 * (len(lines) - 1)
    return "\n".join([shape, *(text((x, first + 15 * i), line) for i, line in enumerate(lines))])


def line(*points: Point, kind: str = "line", arrow: bool = True) -> str:
    """Returns a line through points."""
    path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
    return f'<path d="{path}" class="{kind}"{_end(arrow)}/>'


def arc(start: Point, end: Point, height: float, *, kind: str = "line", arrow: bool = True) -> str:
    """Returns an arc above two points of one row."""
    middle = (start[0] + end[0]) / 2
    path = f"M{start[0]:g} {start[1]:g}Q{middle:g} {start[1] - 2 * height:g} {end[0]:g} {end[1]:g}"
    return f'<path d="{path}" class="{kind}"{_end(arrow)}/>'


def row(
    start: float, y: float, words: list[str], *, gap: float = 22, kinds: str = "", arrows: bool = True
) -> list[str]:
    """Returns boxes from left to right with arrows between them; a kind of "?" is a box in which something is decided."""
    parts, x = [], start
    for place, word in enumerate(words):
        width = 18 + 7.2 * max(len(part) for part in word.split("\n"))
        kind = "open" if kinds[place : place + 1] == "?" else "box"
        if place and arrows:
            parts.append(line((x - gap, y), (x, y)))
        parts.append(
            box((x + width / 2, y), word, width=width, height=32 if "\n" not in word else 46, kind=kind)
        )
        x += width + gap
    return parts


def _end(arrow: bool) -> str:
    return ' marker-end="url(#a)"' if arrow else ""


def draw_mobile() -> str:
    chain = row(10, 34, ["image", "stem", "2 layers", "3 layers", "4 layers", "...", "head"], kinds="..???.")
    layer = row(
        10,
        130,
        ["1 x 1\nexpand 3 or 6", "depthwise\nkernel 3, 5, 7", "1 x 1\nto the filters", "+"],
        kinds="???.",
    )
    parts = [*chain, *layer, line((155, 51), (10, 106), kind="choice", arrow=False)]
    parts += [line((231, 51), (450, 112), kind="choice", arrow=False)]
    parts += [
        arc((5, 152), (442, 152), -22),
        text((225, 196), "residual connection; a removed layer is this line alone", "small"),
    ]
    return draw(
        "A chain of stages of layers; each layer decides its expansion, kernel, filters, or is removed",
        600,
        210,
        parts,
    )


def draw_cells() -> str:
    names = ["k-2", "k-1", "2", "3", "4", "5"]
    places = [(60 + 100 * i, 230.0) for i in range(6)]
    parts, labels = [], []
    for target, start in enumerate(range(0, 8, 2), start=2):
        for name, source in darts.DARTS_V2.normal[start : start + 2]:
            height, short = 40 * (target - source) - 8, name.replace("_conv_", " ").replace("_connect", "")
            first, second = places[source], places[target]
            parts.append(arc((first[0] + 6, 214), (second[0] - 6, 214), height, kind="choice"))
            labels.append(text(((first[0] + second[0]) / 2, 210 - height), short, "label"))
    parts += labels + [box(at, name, width=44) for at, name in zip(places, names)]
    parts += [line((at[0], 246), (at[0], 268), (410, 284), arrow=False) for at in places[2:]]
    parts += [box((410, 298), "concatenation", width=120)]
    parts += row(
        8,
        362,
        ["image", "stem", "N normal", "reduction", "N normal", "reduction", "N normal"],
        gap=15,
        kinds="..?????",
    )
    return draw(
        "The normal cell that DARTS found, and the network in which cells are stacked", 660, 390, parts
    )


def draw_networks() -> str:
    parts = []
    for y, name, reach, kind in (
        (40, "chain", 1, "line"),
        (150, "multi-branch", 3, "choice"),
        (330, "graph", 5, "choice"),
    ):
        places = [(150 + 90 * i, float(y)) for i in range(6)]
        parts.append(text((10, y + 5), name, "left"))
        for j in range(6):
            for i in range(max(0, j - reach), j):
                if j - i == 1:
                    parts.append(line((places[i][0] + 20, y), (places[j][0] - 20, y), kind=kind))
                else:
                    parts.append(
                        arc((places[i][0] + 4, y - 16), (places[j][0] - 4, y - 16), 17 * (j - i), kind=kind)
                    )
        parts += [box(at, "op", width=40, kind="open") for at in places]
    parts.append(text((10, 372), "dashed: decided", "small left"))
    return draw(
        "A chain, a network with branches that reach three layers back, and a graph with all edges",
        640,
        385,
        parts,
    )


def draw_backbones() -> str:
    columns = (
        ("ResNet", ["1 x 1\nto the inner width", "3 x 3", "1 x 1"], "?.."),
        ("EfficientNet", ["1 x 1\nexpansion", "depthwise\nkernel", "squeeze\nand excite", "1 x 1"], "??.."),
        ("ConvNeXt", ["depthwise\nkernel", "norm", "1 x 1\nto the inner width", "1 x 1"], "?.?."),
        ("AutoFormer", ["norm, attention\nheads", "+", "norm, MLP\nits ratio", "+"], "?.?."),
    )  # fmt: skip
    parts = []
    for place, (name, steps, kinds) in enumerate(columns):
        x = 85 + 160 * place
        parts += [text((x, 20), name), line((x, 28), (x, 44))]
        for step, (words, kind) in enumerate(zip(steps, kinds)):
            y = 68 + 66 * step
            parts.append(box((x, y), words, width=128, height=44, kind="open" if kind == "?" else "box"))
            parts.append(line((x, y + 22), (x, y + 44)))
        for start, end, side in (
            [(34, 134, 64), (162, 266, 64)] if name == "AutoFormer" else [(34, 44 + 66 * len(steps), 2)]
        ):
            parts.append(line((x, start), (x + 72, start), (x + 72, end), (x + side, end)))
    return draw("The blocks of four backbones; dashed boxes have a decision", 660, 340, parts)


def draw_dense() -> str:
    parts = [
        text((10, 18), "NAS-FPN: nodes in order; each combines two earlier features at its level", "left")
    ]
    level_y = {level: 50 + 34 * (7 - level) for level in range(3, 8)}
    places: list[Point] = []
    for level in range(3, 8):
        places.append((70, level_y[level]))
        parts.append(text((28, level_y[level] + 5), f"level {level}", "small"))
    for place, (combine, inputs, level) in enumerate(nas_fpn.FOUND):
        x = 150 + 66 * place
        parts += [
            line((places[i][0] + 14, places[i][1]), (x - 15, level_y[level]), kind="choice") for i in inputs
        ]
        places.append((x, level_y[level]))
        parts.append(box(places[-1], "+" if combine == "sum" else "a", width=28, height=24, kind="open"))
    parts += [box(at, "", width=28, height=24) for at in places[:5]]
    parts.append(
        text(
            (10, 222),
            "the pyramid that was found; + sum, a attention; boxes on the left: the backbone's features",
            "small left",
        )
    )
    parts.append(text((10, 262), "Auto-DeepLab: a path through resolutions; each layer is a cell", "left"))
    steps = [1, 0, 1, 0, -1, 0, 1, 0, 1, 0, -1]
    path = auto_deeplab.follow_path(steps)
    at = [[(80.0 + 48 * layer, 290.0 + 34 * level) for level in range(4)] for layer in range(12)]
    for layer in range(11):
        for level in range(min(layer + 1, 4)):
            for other in range(max(0, level - 1), min(level + 2, 4)):
                first, second = at[layer][level], at[layer + 1][other]
                bold = path[layer] == level and path[layer + 1] == other
                parts.append(
                    line(
                        (first[0] + 8, first[1]),
                        (second[0] - 8, second[1]),
                        kind="bold" if bold else "choice",
                        arrow=False,
                    )
                )
    for layer in range(12):
        for level in range(min(layer + 1, 4)):
            parts.append(
                box(at[layer][level], "", width=16, height=16, kind="open" if path[layer] == level else "box")
            )
    parts += [text((32, 295 + 34 * level), f"1/{4 * 2**level}", "small") for level in range(4)]
    return draw("NAS-FPN's merging nodes, and Auto-DeepLab's paths through resolutions", 660, 412, parts)


def draw_transformers() -> str:
    parts = row(
        8,
        40,
        ["tokens\nwidth", "block 1", "block 2", "...", "block d", "norm", "logits"],
        gap=18,
        kinds="?????..",
    )
    parts += [
        line((89, 57), (8, 112), kind="choice", arrow=False),
        line((156, 57), (518, 112), kind="choice", arrow=False),
    ]
    block = ["norm", "attention (heads)\nor an MLP over tokens", "+", "norm", "MLP: ratio,\ngate or not", "+"]
    parts += row(8, 132, block, gap=18, kinds=".?..?.")
    parts += [arc((4, 158), (276, 158), -18), arc((290, 158), (516, 158), -18)]
    parts.append(
        text(
            (260, 212),
            "the width is one decision for all blocks, because residual connections tie them",
            "small",
        )
    )
    return draw(
        "Tokens, blocks and logits; the width, the depth, and in each block heads, ratio and gate are decided",
        660,
        226,
        parts,
    )


def draw_perceptrons() -> str:
    parts = [text((10, 18), "a vocabulary: each layer is one of 29 words", "left")]
    parts += row(10, 48, ["784 numbers", "word", "word", "word", "10 logits"], kinds=".???.")
    parts += [text((10, 106), "decoupled: the same layers as three smaller decisions each", "left")]
    parts += row(
        10,
        142,
        ["784 numbers", "units\nactivation", "dropout", "units\nactivation", "dropout", "10 logits"],
        kinds=".????.",
    )
    parts += [
        text(
            (10, 190),
            "the second and the third layer are decisions of the deeper networks only",
            "small left",
        )
    ]
    return draw(
        "A perceptron whose layers are words, and one whose layers are decided about in parts",
        640,
        204,
        parts,
    )


def draw_training() -> str:
    parts = row(10, 34, ["images", "augmentation", "network", "loss", "optimizer"], kinds=".?..?")
    parts += [arc((430, 52), (250, 52), -22), text((340, 96), "new weights", "small")]
    steps = ["operation\n1 of 16", "probability\n1 of 11", "magnitude\n1 of 10"]
    parts += row(10, 134, steps, gap=8, kinds="???", arrows=False)
    parts += [text((150, 176), "AutoAugment: ten such steps", "small")]
    parts += row(340, 134, ["kind\nand its rate", "decay", "schedule"], gap=8, kinds="???", arrows=False)
    parts += [text((470, 176), "the rates belong to the kind", "small")]
    parts += [
        line((130, 52), (130, 108), kind="choice", arrow=False),
        line((440, 52), (440, 108), kind="choice", arrow=False),
    ]
    return draw("The steps of a training; augmentation and optimizer are decided", 640, 190, parts)


def draw_relaxation() -> str:
    parts = []
    for left, title, weights in (
        (0, "searched: a mixture", (0.5, 0.3, 0.2)),
        (350, "returned: one operation", (1, 0, 0)),
    ):
        parts.append(text((left + 150, 18), title))
        parts.append(box((left + 36, 100), "x", width=36))
        for place, (name, weight) in enumerate(zip(("conv 3 x 3", "sep conv 5 x 5", "skip"), weights)):
            y = 50 + 50 * place
            kind = "choice" if left == 0 else "bold"
            if weight:
                parts += [line((left + 54, 100), (left + 92, y), kind=kind, arrow=False)]
                parts += [line((left + 202, y), (left + 250, 100), kind=kind, arrow=False)]
            if weight or left == 0:
                parts.append(box((left + 147, y), name, width=110, kind="open"))
            if left == 0:
                parts.append(text((left + 222, y + (-6, -6, 14)[place]), f"{weight:g}", "small"))
        parts.append(box((left + 266, 100), "+" if left == 0 else "y", width=30))
    parts.append(line((292, 100), (358, 100)))
    parts.append(text((325, 90), "argmax", "small"))
    return draw(
        "A mixture of three operations by weights, and the one operation that is kept", 660, 180, parts
    )


DRAWINGS = {
    "mobile": draw_mobile,
    "cells": draw_cells,
    "networks": draw_networks,
    "backbones": draw_backbones,
    "dense": draw_dense,
    "transformers": draw_transformers,
    "perceptrons": draw_perceptrons,
    "training": draw_training,
    "relaxation": draw_relaxation,
}

if __name__ == "__main__":
    for name, make in DRAWINGS.items():
        (HERE / f"{name}.svg").write_text(make(), "utf-8")
