"""Exactness, layer by layer: each rule of the table, over all sizes, in float64 and both modes."""

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import supernet
from pliant.oneshot.exactness import measure_differences

one = pg.oneof


class Gated(nn.Module):
    """An attention or recurrent layer as a layer of one input and one output."""

    def __init__(self, layer, attends=False):
        super().__init__()
        self.layer, self.attends = layer, attends

    def forward(self, x):
        if self.attends:
            return self.layer(x, x, x, need_weights=False)[0]
        return self.layer(x)


GatedS = pg.symbolize(Gated)
S = pg.symbolize


def image(channels):
    return torch.randn(2, channels, 9, 9)


def sequence(width):
    return torch.randn(2, 5, width)


def ids():
    return torch.randint(0, 7, (3, 4))


# By name: a function that makes the space, and one that makes its input.
CASES = {
    "Conv1d": (lambda: S(nn.Conv1d)(3, one([4, 6]), one([1, 3, 5]), padding="same"), lambda: torch.randn(2, 3, 9)),
    "Conv2d": (lambda: S(nn.Conv2d)(3, one([4, 6]), one([1, 3]), padding=1, dilation=one([1, 2])), lambda: image(3)),
    "Conv2d with strides": (lambda: S(nn.Conv2d)(3, 4, one([3, 5]), stride=one([1, 2]), bias=one([True, False])), lambda: image(3)),
    "Conv2d with uneven kernels": (lambda: S(nn.Conv2d)(3, 4, one([(1, 3), (5, 1), (3, 3)])), lambda: image(3)),
    "Conv2d with even kernels": (lambda: S(nn.Conv2d)(3, 4, one([2, 3, 4])), lambda: image(3)),
    "Conv2d in groups": (lambda: S(nn.Conv2d)(4, one([4, 8]), 3, groups=one([1, 2, 4])), lambda: image(4)),
    "Conv3d": (lambda: S(nn.Conv3d)(2, one([2, 3]), one([1, 3])), lambda: torch.randn(1, 2, 4, 4, 4)),
    "ConvTranspose2d": (lambda: S(nn.ConvTranspose2d)(3, one([2, 4]), one([2, 3]), stride=2), lambda: image(3)),
    "Linear": (lambda: S(nn.Linear)(5, one([2, 3]), bias=one([True, False])), lambda: torch.randn(4, 5)),
    "Bilinear": (lambda: S(GatedTwo)(S(nn.Bilinear)(5, 5, one([2, 3]))), lambda: torch.randn(4, 5)),
    "Embedding": (lambda: S(nn.Embedding)(one([7, 9]), one([2, 4]), padding_idx=0), ids),
    "EmbeddingBag": (lambda: S(nn.EmbeddingBag)(one([7, 9]), one([2, 4])), ids),
    "PReLU": (lambda: S(nn.PReLU)(one([1, 6])), lambda: image(6)),
    "MultiheadAttention": (
        lambda: GatedS(S(nn.MultiheadAttention)(8, one([1, 2, 4]), bias=one([True, False]), batch_first=True), True),
        lambda: sequence(8),
    ),
    "RNN": (lambda: GatedS(S(nn.RNN)(4, one([3, 5]), one([1, 2]), batch_first=True)), lambda: sequence(4)),
    "LSTM": (
        lambda: GatedS(S(nn.LSTM)(4, one([3, 5]), one([1, 2]), bidirectional=one([True, False]), proj_size=one([0, 2]))),
        lambda: sequence(4),
    ),
    "GRU": (lambda: GatedS(S(nn.GRU)(4, one([3, 5]), one([1, 2]))), lambda: sequence(4)),
    "Dropout": (lambda: S(nn.Sequential)(S(nn.Linear)(5, 4), S(nn.Dropout)(one([0.1, 0.5]))), lambda: torch.randn(4, 5)),
    "LeakyReLU": (lambda: S(nn.LeakyReLU)(one([0.1, 0.5])), lambda: torch.randn(4, 5)),
    "pooling": (lambda: S(nn.AvgPool2d)(one([2, 3]), stride=one([1, 2])), lambda: image(3)),
}  # fmt: skip


class GatedTwo(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x, x)


# Layers whose width is that of what comes before them: between a Linear or Conv2d of that width.
NORMS = {
    "LayerNorm": (lambda w: S(nn.LayerNorm)(w, elementwise_affine=one([True, False])), 1),
    "RMSNorm": (lambda w: S(nn.RMSNorm)(w), 1),
    "BatchNorm1d": (lambda w: S(nn.BatchNorm1d)(w, momentum=one([0.1, None])), 1),
    "BatchNorm2d": (lambda w: S(nn.BatchNorm2d)(w), 2),
    "GroupNorm": (lambda w: S(nn.GroupNorm)(one([1, 2]), w), 2),
    "InstanceNorm2d": (lambda w: S(nn.InstanceNorm2d)(w, affine=True, track_running_stats=True), 2),
    "MultiheadAttention in width": (
        lambda w: GatedS(S(nn.MultiheadAttention)(w, one([1, 2]), add_bias_kv=True), True), 1),
    "LSTM in width": (lambda w: GatedS(S(nn.LSTM)(w, one([2, 3]))), 1),
    "Linear in width": (lambda w: S(nn.Linear)(w, w), 1),
    "depthwise": (lambda w: S(nn.Conv2d)(w, w, one([3, 5]), groups=w, padding="same"), 2),
}  # fmt: skip


def check(space, *inputs, share=True, **options):
    """All networks of a space (at most 24), in both modes."""
    net = supernet(space, share=share, **options).double()
    inputs = [x.double() if x.is_floating_point() else x for x in inputs]
    with torch.no_grad():  # so that no two parts of a tensor are alike
        for tensor in [*net.parameters(), *net.buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.1)
    for i, decisions in enumerate(
        net.space.iterate() if net.space.size <= 24 else map(net.space.sample, range(24))
    ):
        for training in (True, False):
            found = measure_differences(net, *inputs, decisions=decisions, training=training, seed=i)
            assert found.largest < 1e-10, (decisions, training, found)
    return net


@pytest.mark.parametrize("name", CASES)
def test_a_layer_in_all_its_sizes(name):
    torch.manual_seed(0)
    make, source = CASES[name]
    check(make(), source())


@pytest.mark.parametrize("own_statistics", [False, True])
@pytest.mark.parametrize("name", NORMS)
def test_a_layer_that_takes_the_width_before_it(name, own_statistics):
    torch.manual_seed(0)
    make, dims = NORMS[name]
    width = one([4, 8], name="w")
    if dims == 1:
        space = S(nn.Sequential)(S(nn.Linear)(5, width), make(width), S(nn.Linear)(width, 3))
        source = torch.randn(6, 5) if "BatchNorm" in name else sequence(5)
        if "LSTM" in name or "Attention" in name:
            space = S(nn.Sequential)(S(nn.Linear)(5, width), make(width))
            if "LSTM" in name:
                space = S(First)(space)
    else:
        space = S(nn.Sequential)(S(nn.Conv2d)(3, width, 1), make(width), S(nn.Conv2d)(width, 2, 1))
        source = image(3)
    check(space, source, own_statistics=own_statistics)


class First(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)[0]


def test_float32_agrees_to_1e_5():
    torch.manual_seed(0)
    width = one([4, 8], name="w")
    space = S(nn.Sequential)(S(nn.Conv2d)(3, width, one([3, 5])), S(nn.BatchNorm2d)(width), S(nn.ReLU)())
    net = supernet(space)
    for decisions in net.space.iterate():
        assert measure_differences(net, image(3), decisions=decisions).largest < 1e-5


class Scale(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.factors = nn.Parameter(torch.rand(width))

    def forward(self, x):
        return x * self.factors


ScaleS = pg.symbolize(Scale)


def test_a_layer_without_a_rule_names_itself_and_what_to_write():
    width = one([4, 8], name="w")
    space = S(nn.Sequential)(S(nn.Linear)(3, width), ScaleS(width))
    with pytest.raises(
        ValueError,
        match=r"(?s)Scale at 'args\[1\]'.*\(4,\), \(8,\).*add_rule\(Scale\).*pg\.oneof.*BatchNorm1d",
    ):
        supernet(space)


def test_a_rule_of_a_users_own_in_a_few_lines():
    class Mine(Scale):
        pass

    @pg.oneshot.add_rule(Mine)
    def rule(layer, name, full):
        return full[-layer.factors.shape[0] :]

    width = one([4, 8], name="w")
    net = check(S(nn.Sequential)(S(nn.Linear)(3, width), S(Mine)(width)), torch.randn(2, 3))
    full = net.get_parameter("network.1.shared.factors")
    net.activate([0])
    assert torch.equal(net.inherited()["1.factors"], full[-4:])


def test_a_rule_is_for_a_class_and_a_function():
    with pytest.raises(TypeError, match="a class of modules"):
        pg.oneshot.add_rule(3)
    with pytest.raises(TypeError, match="a function"):
        pg.oneshot.add_rule(nn.Linear, 3)


def test_a_wrong_rule_is_seen():
    class Odd(Scale):
        pass

    pg.oneshot.add_rule(Odd, lambda layer, name, full: full[: layer.factors.shape[0]].clone().detach())
    width = one([4, 8], name="w")
    net = supernet(S(nn.Sequential)(S(nn.Linear)(3, width), S(Odd)(width))).double()
    found = measure_differences(net, torch.randn(2, 3).double(), decisions=[0])
    assert found.output < 1e-10
    assert found.gradients > 1e-3
    assert found.where == "gradient of 1.factors"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            lambda layer, name, full: full,
            r"returns \(8,\) of the maximal tensor of shape \(8,\); expected \(4,\)",
        ),
        (
            lambda layer, name, full: full[:4, 0],
            r"fails on the maximal tensor of shape \(8,\) for a part of shape \(4,\): too many",
        ),
        (lambda layer, name, full: 3, r"returns a int of the maximal tensor"),
    ],
)
def test_a_rule_whose_part_does_not_fit_is_named_at_once(rule, message):
    class Misfit(Scale):
        pass

    pg.oneshot.add_rule(Misfit, rule)
    where = r"the rule of Misfit for factors of the layer at 'args\[0\]' "
    with pytest.raises(ValueError, match=where + message + r".*`layer.factors.shape`"):
        supernet(pg.symbolize(nn.Sequential)(pg.symbolize(Misfit)(one([4, 8]))))


def test_sizes_of_several_dimensions_are_no_parts_of_one_weight():
    shape = one([(4,), (3, 4)])
    with pytest.raises(
        ValueError,
        match=r"LayerNorm at 'args\[0\]' has weight with different numbers of dimensions, \(3, 4\) and \(4,\).*"
        r"put pg\.oneof at the place of the layer, not into its arguments",
    ):
        supernet(pg.symbolize(nn.Sequential)(pg.symbolize(nn.LayerNorm)(shape)))
    layers = one([pg.symbolize(nn.LayerNorm)(size) for size in [(4,), (3, 4)]])
    net = supernet(pg.symbolize(nn.Sequential)(layers))
    for index, sizes in enumerate([(4,), (3, 4)]):
        net.activate([index])
        assert net(torch.ones(2, 3, 4)).shape == (2, 3, 4)
        assert net.inherited([index])["0.weight"].shape == sizes


def test_which_part_a_smaller_layer_uses():
    net = supernet(S(nn.Conv2d)(3, one([2, 4]), one([3, 7])))
    full = net.get_parameter("network.shared.weight")
    assert torch.equal(net.inherited([0, 0])["weight"], full[:2, :, 2:5, 2:5])
    width = one([4, 8], name="w")
    net = supernet(S(nn.Sequential)(S(nn.Linear)(5, width), GatedS(S(nn.MultiheadAttention)(width, 2), True)))
    (full,) = (p for name, p in net.named_parameters() if "in_proj_weight" in name)
    part = net.inherited([0])["1.layer.in_proj_weight"]
    assert torch.equal(part, torch.cat([full[:4, :4], full[8:12, :4], full[16:20, :4]]))
