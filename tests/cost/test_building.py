"""What makes counting fast: copied layers, operations by shape alone, known parts.  None of it changes a count."""

import itertools
import random
import threading

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

import pliant as pg
from pliant import zoo
from pliant.cost import building, count
from pliant.cost.building import layer_templates
from pliant.cost.memo import MEMO
from pliant.cost.shapes import _OPERATIONS, find_result
from pliant.zoo import mobilenet_v2

X = torch.zeros(2, 3, 16, 16)


@pg.symbolize
class Net(nn.Module):
    """Makes its layers itself; several have the same arguments."""

    def __init__(self, width, tied=False, depth=3):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU6())
        self.body = nn.Sequential(*(nn.Conv2d(width, width, 1, bias=True) for _ in range(depth)))
        self.head = nn.Linear(width, 2)
        if tied:
            for layer in self.body:
                layer.weight = self.body[0].weight

    def forward(self, x):
        return self.head(self.body(self.stem(x)).mean((2, 3)))


def count_anew(program, *inputs):
    MEMO.clear()
    return count(program, *inputs)


@pytest.mark.parametrize("tied", [False, True])
def test_copied_layers_have_weights_of_their_own(tied):
    for _ in range(2):  # with and without a template
        found = count_anew(Net(4, tied), X)
        assert found == count(pg.realize(Net(4, tied)), X)
        assert found.parameters == sum(p.numel() for p in pg.realize(Net(4, tied)).parameters())


def test_arguments_that_are_equal_are_not_the_same():
    @pg.symbolize
    class Biased(nn.Module):
        def __init__(self, bias):
            super().__init__()
            self.part = nn.Linear(16, 4, bias)

        def forward(self, x):
            return self.part(x)

    assert [count(Biased(bias), X).parameters for bias in (True, 1, 0, False)] == [68, 68, 64, 64]
    default = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        double = count_anew(Net(4), X.double())
    finally:
        torch.set_default_dtype(default)
    assert double.peak_bytes == 2 * count_anew(Net(4), X).peak_bytes


def test_constructors_are_ordinary_outside_of_a_count():
    constructors = [cls.__init__ for cls in building._CONSTRUCTORS]
    seen = []

    @pg.symbolize
    class Observing(nn.Module):
        def __init__(self):
            super().__init__()
            seen.append(nn.Linear.__init__ is building._CONSTRUCTORS[nn.Linear])
            thread = threading.Thread(target=lambda: seen.append(nn.Linear(3, 2).weight.device.type))
            thread.start()
            thread.join()
            self.part = nn.Linear(16, 2)

        def forward(self, x):
            return self.part(x)

    count(Observing(), X)
    assert seen[:2] == [False, "cpu"]
    assert [cls.__init__ for cls in building._CONSTRUCTORS] == constructors
    with pytest.raises(RuntimeError, match="negative dimension"):
        count(Net(-4), X)
    assert [cls.__init__ for cls in building._CONSTRUCTORS] == constructors


def test_a_constructor_of_the_user_stays(monkeypatch):
    made = []
    original = nn.Conv2d.__init__

    def own(layer, *args, **fields):
        made.append(args)
        original(layer, *args, **fields)

    monkeypatch.setattr(nn.Conv2d, "__init__", own)
    count_anew(Net(4, depth=3), X)
    assert len(made) == 4
    assert nn.Conv2d.__init__ is own


def test_hooks_on_registration_are_called():
    seen = []
    with register_module_parameter_registration_hook(lambda module, name, value: seen.append(name)):
        count_anew(Net(4, depth=3), X)
    assert seen.count("weight") == 6


def test_templates_are_bounded(monkeypatch):
    monkeypatch.setattr(building, "MAX_TEMPLATES", 5)
    for width in range(1, 9):
        count_anew(Net(width), X)
    assert 0 < len(layer_templates._known) <= 5


# ------------------------------------------------------------------ operations

SHAPES = [(2, 3, 4, 4), (2, 3, 1, 1), (1, 1, 4, 4), (2, 1, 4, 4), (4,), (2, 3)]
PLAIN = [torch.empty(shape, device="meta") for shape in SHAPES]
OTHERS = [
    torch.empty(2, 3, 4, 4, device="meta", memory_format=torch.channels_last),
    torch.empty(2, 3, 4, 4, device="meta", dtype=torch.float64),
    torch.empty(2, 3, 4, 4, device="meta", dtype=torch.long),
    torch.empty(3, 2, device="meta").t(),
    torch.empty(0, 3, device="meta"),
    torch.empty((), device="meta"),
    torch.zeros(2, 3, 4, 4),
]
TENSORS = PLAIN + OTHERS
BINARY = {
    torch.ops.aten.add.Tensor,
    torch.ops.aten.sub.Tensor,
    torch.ops.aten.mul.Tensor,
    torch.ops.aten.div.Tensor,
}
SPECIAL = {
    torch.ops.aten.mean.dim: [
        (x, axes, keep)
        for x in TENSORS
        for axes in ([0], [-1], [2, 3], [-1, -2], [], None, [1, 1], [7])
        for keep in (False, True)
    ],
    torch.ops.aten.constant_pad_nd.default: [
        (x, pads, 0.0) for x in TENSORS for pads in ([1, 2], [0, 0, 1, 1], [0, 0, 0, 0, 0, 5], [-1, 0], [])
    ],
    torch.ops.aten.cat.default: [
        ([x, y], axis) for x, y in itertools.product(TENSORS, repeat=2) for axis in (0, 1, -1, 5)
    ],
    torch.ops.aten.channel_shuffle.default: [(x, groups) for x in TENSORS for groups in (3, 2, 0)],
    torch.ops.aten.upsample_bilinear2d.default: [(x, size, False) for x in TENSORS for size in ([5, 7], [0, 7], [5])],
    torch.ops.aten.upsample_nearest2d.default: [(x, size) for x in TENSORS for size in ([5, 7], [0, 7], [5])],
}  # fmt: skip


def calls_of(operation):
    if operation in BINARY:
        return list(itertools.product(TENSORS, repeat=2))
    return SPECIAL.get(operation, [(x,) for x in TENSORS])


@pytest.mark.parametrize("operation", _OPERATIONS, ids=str)
def test_operations_by_shape_are_those_of_torch(operation):
    applied = 0
    for args in calls_of(operation):
        shape = find_result(operation, args, {})
        if shape is None:
            continue
        result = operation(*args)
        first = args[0] if isinstance(args[0], torch.Tensor) else args[0][0]
        applied += 1
        assert (tuple(result.shape), result.dtype, result.is_contiguous()) == (shape, first.dtype, True), args
    assert applied
    assert find_result(operation, calls_of(operation)[0], {"out": None}) is None
    assert find_result(torch.ops.aten.bmm.default, (), {}) is None


# ------------------------------------------------------------------ random architectures

SMALL = {
    "s3": lambda: mobilenet_v2.make_space(
        "S3", mobilenet_v2.make_network(5, blocks=((1, 8, 1, 1), (6, 16, 3, 2), (6, 24, 2, 2)), filters=(8, 32))
    ),
    "mnasnet": lambda: zoo.get("mnasnet/mnasnet_a1").make_space(),
    "once_for_all": lambda: zoo.get("once_for_all").make_space(),
}  # fmt: skip


@pytest.mark.parametrize("make", SMALL.values(), ids=SMALL)
def test_known_and_unknown_architectures_agree(make):
    """Parts that an architecture shares with earlier ones count as they do alone."""
    space, seeds, x = make(), random.Random(3), torch.zeros(1, 3, 64, 64)
    points = pg.abstract_search_space(space)
    programs = [pg.materialize(space, points.sample(seeds)) for _ in range(6)]
    MEMO.clear()
    known = [count(program, x) for program in programs]
    assert known == [count_anew(program, x) for program in programs]
    with torch.device("meta"):
        real = pg.realize(pg.clone(programs[0]))
    assert known[0] == count(real, x)
    assert known[0].parameters == sum(p.numel() for p in real.parameters())
