"""The laws of mixtures of sizes: the sum, by weight, of what the sizes return, filled up with zeros."""

import copy
import itertools
import math

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn

import pliant as pg
from pliant.oneshot import DARTS, BatchStatistics, Recalibrated, supernet
from pliant.oneshot.choices.nested import find_leaves
from pliant.oneshot.elastic.mixture import find_input_channels
from pliant.oneshot.elastic.module import Elastic, UndecidedAttributeError
from pliant.values.errors import FieldValueError

torch.set_num_threads(1)
one = pg.oneof
Sequential, Conv1d, Conv2d, Conv3d, Linear, Embedding, BatchNorm1d, BatchNorm2d, LayerNorm, GroupNorm, PReLU = map(
    pg.symbolize,
    (
        nn.Sequential, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, nn.Embedding, nn.BatchNorm1d, nn.BatchNorm2d,
        nn.LayerNorm, nn.GroupNorm, nn.PReLU,
    ),
)  # fmt: skip
ReLU, Sigmoid, LeakyReLU, ConvTranspose2d, AvgPool2d, LazyLinear = map(
    pg.symbolize, (nn.ReLU, nn.Sigmoid, nn.LeakyReLU, nn.ConvTranspose2d, nn.AvgPool2d, nn.LazyLinear)
)
double = {"dtype": torch.float64}


@pg.symbolize
class Bottleneck(nn.Module):
    """Takes and gives searched widths, and has one inside."""

    def __init__(self, width, kernel, expansion):
        super().__init__()
        hidden = width * expansion
        self.layers = nn.Sequential(
            nn.Conv2d(width, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, kernel, 1, kernel // 2, groups=hidden),
            nn.Conv2d(hidden, width, 1),
        )

    def forward(self, x):
        return x + self.layers(x)


def build(program, seed=0, **options):
    """Returns a super-network in float64 in which no tensor is as it was initialized."""
    net = supernet(program, **options).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in [*net.parameters(), *net.buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator, **double) + 0.2)
    return net


def rows_of(net, seed=1, *, learned=False):
    """Returns weights for all decisions, which do not add up to one."""
    generator = torch.Generator().manual_seed(seed)
    return {
        point.path: (torch.rand(point.count, generator=generator, **double) + 0.1).requires_grad_(learned)
        for point in net.space.points
    }


def mix(net, rows):
    net.selection.weights.clear()
    net.selection.weights.update(rows)
    return net


def pad(tensor, shape):
    more = [n for a, b in zip(reversed(shape), reversed(tensor.shape)) for n in (0, a - b)]
    return nn.functional.pad(tensor, more)


def sum_one_by_one(net, rows, x, dim):
    """Returns the sum, by weight, of what each size alone makes of the channels that it takes."""
    parts = []
    for decisions in net.space.iterate():
        net.activate(decisions)
        weight = math.prod(
            rows[net.space.points[i].path][v] for i, v in zip(decisions.active, decisions.values)
        )
        _, take = find_input_channels(net.network.skeleton(net.network.values()).module)
        cut = x if take is None or x.shape[dim] <= take else x.narrow(dim, 0, take)
        parts.append((weight, net(cut)))
    shape = tuple(map(max, zip(*(out.shape for _, out in parts))))
    return sum(weight * pad(out, shape) for weight, out in parts)


IMAGES = torch.randn(3, 4, 6, 6, generator=torch.Generator().manual_seed(5), **double)
LINES = IMAGES[:, :, 0]
ROWS = IMAGES[:, :, 0, 0]
LAYERS = {  # program, input, dimension of channels, whether all sizes run as one
    "outputs": (Linear(4, one([2, 5, 3])), ROWS, -1, True),
    "inputs": (Linear(one([2, 4]), 3), ROWS, -1, True),
    "both": (Linear(one([2, 4]), one([3, 1])), ROWS, -1, True),
    "tied": (Linear(one([2, 4, 3], name="w"), one([2, 4, 3], name="w")), ROWS, -1, True),
    "bias": (Linear(4, one([2, 3]), bias=one([True, False])), ROWS, -1, True),
    "kernel": (Conv2d(4, 3, one([1, 5, 3]), padding="same"), IMAGES, -3, True),
    "all": (Conv2d(one([2, 4]), one([2, 3]), one([3, 1]), padding="same"), IMAGES, -3, True),
    "dilated": (Conv1d(4, one([2, 3]), one([3, 5]), dilation=2, padding="same"), LINES, -2, True),
    "dilation": (Conv1d(4, 2, 3, dilation=one([1, 2]), padding="same"), LINES, -2, False),
    "stride": (Conv2d(one([3, 4]), one([2, 4]), 3, stride=2, padding=1), IMAGES, -3, True),
    "volume": (Conv3d(one([1, 3]), 2, one([1, 3]), padding="same"), IMAGES[None], -4, True),
    "circular": (Conv2d(4, one([1, 2]), 3, padding=1, padding_mode="circular"), IMAGES, -3, True),
    "circular kernel": (Conv2d(4, 2, one([1, 3]), padding="same", padding_mode="circular"), IMAGES, -3, False),
    "depthwise": (Conv2d(*[one([2, 4], name="w")] * 2, 3, groups=one([2, 4], name="w")), IMAGES, -3, True),
    "groups": (Conv2d(one([2, 4], name="w"), one([2, 4], name="w"), 3, groups=2), IMAGES, -3, False),
    "groups alike": (Conv2d(4, 4, one([1, 3]), groups=2, padding="same"), IMAGES, -3, True),
    "group count": (Conv2d(4, 4, 3, groups=one([1, 2, 4])), IMAGES, -3, False),
    "transposed": (ConvTranspose2d(4, one([2, 3]), 3), IMAGES, -3, False),
    "embedding": (Embedding(7, one([2, 5])), torch.tensor([[0, 6, 1], [1, 2, 3]]), -1, True),
    "padded": (Embedding(7, one([2, 5]), padding_idx=1), torch.tensor([[0, 6, 1], [1, 2, 3]]), -1, False),
    "norm": (BatchNorm2d(one([2, 4, 3])), IMAGES, -3, True),
    "norm of rows": (BatchNorm1d(one([2, 4])), ROWS, 1, True),
    "norm of lines": (BatchNorm1d(one([2, 4])), LINES, 1, True),
    "norm, two": (BatchNorm2d(one([2, 4]), eps=one([1e-5, 1e-2])), IMAGES, -3, False),
    "layer norm": (LayerNorm(one([2, 4])), ROWS, -1, False),
    "group norm": (GroupNorm(one([1, 2]), one([2, 4])), IMAGES, 1, False),
    "slopes": (PReLU(one([2, 4])), IMAGES, 1, False),
    "slope": (LeakyReLU(one([0.1, 0.3])), IMAGES, -3, False),
    "pool": (AvgPool2d(3, 1, 1, count_include_pad=one([True, False])), IMAGES, -3, False),
    "block": (Bottleneck(one([2, 4]), one([3, 5]), one([1, 2])), IMAGES, -3, False),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_mixture_is_the_weighted_sum_of_what_its_sizes_return(name):
    program, x, dim, folds = LAYERS[name]
    net = build(program, own_statistics=False).eval()
    assert (net.network.mixture.plan().superkernel is not None) is folds
    rows = rows_of(net, learned=True)
    x = x.clone().requires_grad_(x.is_floating_point())
    sources = [*rows.values(), *net.parameters(), *([x] if x.requires_grad else [])]

    def differentiate(out):
        slopes = torch.arange(out.numel(), **double).cos().view(out.shape)
        return torch.autograd.grad((out * slopes).sum(), sources, allow_unused=True, materialize_grads=True)

    wanted = sum_one_by_one(net, rows, x, dim)
    given = mix(net, rows)(x)
    torch.testing.assert_close(given, wanted, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(differentiate(given), differentiate(wanted), rtol=1e-10, atol=1e-10)


def test_sizes_with_values_of_their_own():
    """A value that is decided only under another."""

    @pg.symbolize
    class Scaled(nn.Module):
        def __init__(self, width, how):
            super().__init__()
            self.inner, self.how = nn.Linear(4, width), how

        def forward(self, x):
            return self.inner(x) * (self.how if isinstance(self.how, float) else self.how["by"])

    how = one([2.0, pg.Dict(by=one([3.0, 5.0, 7.0]))])
    net = build(Scaled(one([2, 3]), how))
    rows = rows_of(net)
    assert len(rows) == 3
    wanted = sum_one_by_one(net, rows, ROWS, -1)
    torch.testing.assert_close(mix(net, rows)(ROWS), wanted)


@pytest.mark.parametrize("name", ["all", "tied", "norm", "block", "layer norm"])
def test_gradients_of_weights_by_finite_differences(name):
    program, x, _, _ = LAYERS[name]
    net = build(program).eval()
    rows = rows_of(net)

    def run(*weights):
        return mix(net, dict(zip(rows, weights)))(x)

    assert torch.autograd.gradcheck(run, [row.requires_grad_() for row in rows.values()])


# ------------------------------------------------------------------ whole networks


def network(widths, kernels, norm, act):
    first, second = one(widths, name="first"), one([3, 5], name="second")
    parts = [Conv2d(4, first, one(kernels), padding="same"), *([BatchNorm2d(first)] if norm else []), act()]
    parts += [Conv2d(first, first, 3, padding=1, groups=first), act()] if norm else []
    parts += [Conv2d(first, second, 1), act(), Conv2d(second, 2, 1)]
    return Sequential(*parts)


networks = st.builds(
    network,
    st.lists(st.integers(1, 5), min_size=1, max_size=3, unique=True),
    st.lists(st.sampled_from([1, 3, 5]), min_size=1, max_size=3, unique=True),
    st.booleans(),
    st.sampled_from([ReLU, Sigmoid]),
)


def run_and_differentiate(net, x):
    out = net(x)
    slopes = torch.arange(out.numel(), **double).cos().view(out.shape)
    weights = list(net.parameters())
    found = torch.autograd.grad((out * slopes).sum(), weights, allow_unused=True, materialize_grads=True)
    return out.detach(), found, [buffer.clone() for buffer in net.buffers()]


@settings(deadline=None, max_examples=25, phases=[p for p in Phase if p is not Phase.explain])
@given(networks, st.booleans(), st.integers(0, 1000))
def test_all_weight_on_one_size_is_that_size(program, training, seed):
    net = build(program, seed).train(training)
    decisions = net.activate(net.space.sample(seed))
    state = copy.deepcopy(net.state_dict())
    wanted = run_and_differentiate(net, IMAGES)
    rows = {
        point.path: torch.eye(point.count, **double)[value].requires_grad_()
        for point, value in zip(net.space.points, decisions.values)
    }
    for little, learned in itertools.product((0.0, 1e-13), (False, True)):  # the latter runs all sizes
        net.load_state_dict(state)
        mix(net, {key: (row.detach() + little).requires_grad_(learned) for key, row in rows.items()})
        given = run_and_differentiate(net, IMAGES)
        torch.testing.assert_close(given[:2], wanted[:2], rtol=1e-10, atol=1e-10)
        if not little:
            torch.testing.assert_close(given[2], wanted[2], rtol=1e-10, atol=1e-10)
            assert learned or torch.equal(given[0], wanted[0])  # the very same code runs


def test_tied_widths_are_one_row_of_weights():
    width = one([2, 4], name="width")
    net = build(Sequential(Linear(4, width), Linear(width, width), Linear(width, 1)))
    assert [m.keys for m in net.network] == [["args[0].out_features"]] * 3
    row = torch.tensor([0.25, 0.75], **double)
    a, b, c = (m.shared for m in net.network)
    mask, both = torch.tensor([1.0, 1.0, 0.75, 0.75], **double), torch.full((4, 4), 0.75, **double)
    both[:2, :2] = 1.0
    hidden = ROWS @ (a.full("weight").T * mask) + a.full("bias") * mask
    hidden = hidden @ (b.full("weight") * both).T + b.full("bias") * mask
    wanted = hidden @ (c.full("weight") * mask).T + c.full("bias")
    torch.testing.assert_close(mix(net, {"args[0].out_features": row})(ROWS), wanted)


def test_some_decisions_are_mixed_and_others_made():
    net = build(Sequential(Linear(4, one([2, 3])), ReLU()))
    both = build(Linear(4, one([2, 3]), bias=one([True, False])))
    both.activate([0, 1])
    both.selection.weights["out_features"] = torch.tensor([0.0, 0.5], **double)
    torch.testing.assert_close(both(ROWS), ROWS @ both.network.shared.full("weight").T * 0.5)
    net.selection.weights["another"] = torch.ones(2)  # of no size: what is selected runs
    assert net(ROWS).shape == (3, 2)


# ------------------------------------------------------------------ the module that mixes


def test_masked_channels_are_zero_and_keep_their_statistics():
    net = build(BatchNorm2d(one([2, 4]))).train()
    before = net.network.shared.full("running_mean").clone()
    out = mix(net, {"num_features": torch.tensor([1.0, 0.0], **double)})(IMAGES[:, :2])
    after = net.network.shared.full("running_mean")
    assert out.shape[1] == 2
    assert torch.equal(after[2:], before[2:])
    assert not torch.equal(after[:2], before[:2])
    out = mix(net, {"num_features": torch.tensor([1.0, 1e-300], **double)})(IMAGES)
    assert out[:, :2].all()
    assert out[:, 2:].abs().max() < 1e-290


@pytest.mark.parametrize("policy", [BatchStatistics(), Recalibrated(images=3)])
@pytest.mark.parametrize("own", [False, True])
def test_policies_of_statistics_reach_all_sizes(policy, own):
    net = build(BatchNorm2d(one([2, 4])), own_statistics=own).eval()
    mix(net, {"num_features": torch.tensor([0.5, 0.5], **double)})
    kept = copy.deepcopy(net.state_dict())
    with policy.applied(net, lambda: [IMAGES], net), torch.no_grad():
        given = net(IMAGES)
    assert all(torch.equal(kept[name], tensor) for name, tensor in net.state_dict().items())
    train = build(BatchNorm2d(one([2, 4])), own_statistics=own).train()
    wanted = mix(train, dict(net.selection.weights))(IMAGES)
    close = (
        {"rtol": 0.02, "atol": 0.02} if isinstance(policy, Recalibrated) else {}
    )  # of all and of all but one
    torch.testing.assert_close(given, wanted, **close)


def test_what_has_no_one_value_is_not_read_from_a_mixture():
    net = build(Conv2d(4, one([2, 4]), 3, stride=2))
    mix(net, {"out_channels": torch.tensor([0.5, 0.5], **double)})
    assert net.network.stride == (2, 2)
    for name in ("out_channels", "weight"):
        with pytest.raises(
            UndecidedAttributeError,
            match=f"'{name}' of the module at '' is read while a mixture .* have different values",
        ):
            getattr(net.network, name)


def test_copies_and_moves():
    net = build(Sequential(Linear(4, one([2, 4], name="w")), Bottleneck1(one([2, 4], name="w")))).eval()
    row = {"args[0].out_features": torch.tensor([0.5, 0.5], **double)}
    out = mix(net, row)(ROWS)
    twin = copy.deepcopy(net)
    torch.testing.assert_close(mix(twin, row)(ROWS), out)
    assert mix(net.float(), {k: r.float() for k, r in row.items()})(ROWS.float()).dtype == torch.float32


@pg.symbolize
class Bottleneck1(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(width, width), nn.Dropout(0.5))

    def forward(self, x):
        return x + self.inner(x)


def test_a_mode_reaches_all_sizes():
    net = build(Bottleneck1(one([2, 4])))
    mix(net, {"width": torch.tensor([0.5, 0.5], **double)})
    net.eval()
    assert torch.equal(net(ROWS), net(ROWS))
    net.train()
    assert not torch.equal(net(ROWS), net(ROWS))


def test_statistics_by_width_are_those_of_each_size():
    net = build(BatchNorm2d(one([2, 4])), own_statistics=True).eval()
    rows = rows_of(net)
    torch.testing.assert_close(mix(net, rows)(IMAGES), sum_one_by_one(net, rows, IMAGES, -3))


def test_autocast_does_not_round_the_weights():
    net = build(Linear(4, one([2, 4]))).float()
    row = torch.tensor([0.3, 0.7]) + 1e-4
    mix(net, {"out_features": row})
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert net(ROWS.float()).dtype == torch.bfloat16
    lent = net.network.mixture.running()[0].module.weight
    assert torch.equal(
        lent, net.network.shared.full("weight") * torch.stack([row.sum(), row.sum(), row[1], row[1]])[:, None]
    )


def test_what_a_choice_computes_again_in_the_backward_pass_is_the_same():
    def differentiate(*, checkpoint):
        net = build(
            Sequential(
                one(
                    [
                        Sequential(Conv2d(4, 3, one([1, 3]), padding="same"), BatchNorm2d(3)),
                        ConvTranspose2d(4, 3, 1),
                    ]
                )
            )
        )
        darts = DARTS(checkpoint=checkpoint)
        darts.bind(net)
        out = net(IMAGES)
        slopes = torch.arange(out.numel(), **double).cos().view(out.shape)
        return [*torch.autograd.grad((out * slopes).sum(), list(net.parameters())), *net.buffers()]

    torch.testing.assert_close(differentiate(checkpoint=True), differentiate(checkpoint=False))


def test_layers_with_a_way_of_their_own_run_one_by_one():
    """Nothing is taken for granted of a subclass that computes, or shares its weight, in another way."""

    class Last(nn.Linear):
        pass

    @pg.oneshot.add_rule(Last)
    def last(layer, name, full):
        return full[-layer.out_features :]

    class Doubled(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    for kind in (Last, Doubled):
        net = build(pg.symbolize(kind)(4, one([2, 4])))
        assert net.network.mixture.plan().superkernel is None
        rows = rows_of(net)
        torch.testing.assert_close(mix(net, rows)(ROWS), sum_one_by_one(net, rows, ROWS, -1))


def test_layers_that_learn_their_width_run_one_by_one():
    width = one([2, 4], name="width")
    net = build(Sequential(Linear(4, width), LazyLinear(one([1, 3], name="out"))), example=torch.zeros(1, 4))
    rows = rows_of(net)
    hidden = sum_one_by_one_of(net.network[0], rows, ROWS)
    out = mix(net, rows)(ROWS)
    weight, bias = (net.network[1].lazy["self"].full(name) for name in ("weight", "bias"))
    mask = torch.tensor([1, 1, 1], **double) * rows[net.space.points[1].path][1]
    mask[:1] += rows[net.space.points[1].path][0]
    torch.testing.assert_close(out, (hidden @ weight.T + bias) * mask)


def sum_one_by_one_of(elastic, rows, x):
    row, weight, bias = rows[elastic.keys[0]], elastic.shared.full("weight"), elastic.shared.full("bias")
    return row[0] * pad(x @ weight[:2].T + bias[:2], (len(x), 4)) + row[1] * (x @ weight.T + bias)


def test_only_widths_differ():
    net = build(Conv2d(4, 3, one([3, 5])))
    assert isinstance(net.network, Elastic)
    with pytest.raises(
        FieldValueError,
        match=r"sizes of the module at '' return the shapes \(3, 3, 2, 2\) and \(3, 3, 4, 4\). In a mixture only",
    ):
        mix(net, rows_of(net))(IMAGES)
    net = build(Conv2d(4, 3, one([2, 3]), padding=1))  # an even kernel has no middle
    with pytest.raises(FieldValueError, match=r"return the shapes \(3, 3, 6, 6\) and \(3, 3, 7, 7\)"):
        mix(net, rows_of(net))(IMAGES)


def test_tuples_are_mixed_tensor_by_tensor():
    net = build(pg.symbolize(nn.LSTM)(4, one([2, 3])))
    rows = rows_of(net)
    found = mix(net, rows)(ROWS)
    net.selection.weights.clear()
    small, wide = (net.materialize([i])(ROWS) for i in range(2))
    row = rows[net.space.points[0].path]
    for got, one_, other in zip(find_leaves(found), find_leaves(small), find_leaves(wide)):
        torch.testing.assert_close(got, row[0] * pad(one_, other.shape) + row[1] * other)
    assert [type(part) for part in found] == [torch.Tensor, tuple]


@pytest.mark.parametrize("module, take", [(nn.Conv1d(3, 2, 1), (-2, 3)), (nn.ReLU(), (None, None))])
def test_how_many_channels_a_module_takes(module, take):
    assert find_input_channels(module) == take
