"""Zero-cost scores: formulas against values computed by hand, laws, and what they refuse."""

import copy
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import pliant as pg
from pliant.oneshot import zero_cost
from pliant.values.errors import FieldTypeError, FieldValueError, RewardError


def make_images(count=8, seed=0):
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def make_network(width=6, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, 4),
        )


X, Y = make_images(), torch.arange(8) % 4
HALVES = [(X[:4], Y[:4]), (X[4:], Y[4:])]
SCORES = {
    "grad_norm": lambda network: zero_cost.grad_norm(network, (X, Y)),
    "snip": lambda network: zero_cost.snip(network, (X, Y)),
    "zico": lambda network: zero_cost.zico(network, HALVES),
    "synflow": lambda network: zero_cost.synflow(network, X),
    "naswot": lambda network: zero_cost.naswot(network, X),
    "jacobian_covariance": lambda network: zero_cost.jacobian_covariance(network, X),
}


def test_every_public_score_is_tested():
    assert set(SCORES) == set(zero_cost.__all__)


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("training", [True, False])
def test_network_and_random_numbers_stay_as_they_were(name, training):
    network = make_network().train(training)
    network[0].weight.grad = torch.ones_like(network[0].weight)
    network[6].weight.requires_grad_(False)  # frozen weights count as well
    before, luck = copy.deepcopy(network.state_dict()), torch.get_rng_state()
    first = SCORES[name](network)
    torch.randn(3)
    assert SCORES[name](network) == first
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert network.training is training
    assert network[0].weight.grad.sum() == 6 * 27
    assert not network[6].weight.requires_grad
    torch.set_rng_state(luck)


@pytest.mark.parametrize("name", SCORES)
def test_lazy_layers_get_their_sizes_in_the_copy(name):
    lazy = nn.Sequential(
        nn.LazyConv2d(6, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.LazyLinear(4),
    )
    first = SCORES[name](lazy)
    assert first == SCORES[name](lazy)
    assert math.isfinite(first)
    assert nn.parameter.is_lazy(lazy[0].weight)


def test_lazy_buffers_need_a_run_first():
    network = nn.Sequential(nn.LazyConv2d(6, 3), nn.LazyBatchNorm2d(), nn.ReLU())
    with pytest.raises(
        FieldValueError, match=r"LazyBatchNorm2d, .* Run the network once on a batch: `network\(images\)`"
    ):
        zero_cost.naswot(network, X)
    network(X)
    assert math.isfinite(zero_cost.naswot(network, X))


def test_random_state_is_not_moved():
    luck = torch.get_rng_state()
    for score in SCORES.values():
        score(make_network())
    assert torch.equal(torch.get_rng_state(), luck)


@pytest.mark.parametrize("name", SCORES)
def test_scores_work_without_gradients_around_them(name):
    for context in (torch.no_grad(), torch.inference_mode()):
        with context:
            inside = SCORES[name](make_network())
        assert inside == SCORES[name](make_network())


@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    seed=st.integers(0, 2**20),
)
@settings(max_examples=25, deadline=None)
def test_synflow_of_a_chain_is_a_product_of_matrices(sizes, seed):
    luck = torch.Generator().manual_seed(seed)
    layers = [nn.Linear(a, b, bias=False) for a, b in pairwise(sizes)]
    for layer in layers:
        layer.weight.data = torch.randn(layer.weight.shape, generator=luck)
    flow = torch.ones(sizes[0], dtype=torch.float64)
    for layer in layers:
        flow = layer.weight.detach().double().abs() @ flow
    expected = math.log1p(float(flow.sum()) * len(layers))  # each layer conserves the flow
    assert zero_cost.synflow(nn.Sequential(*layers), torch.zeros(1, sizes[0])) == pytest.approx(expected)


def test_synflow_needs_no_data_and_no_normalization():
    assert SCORES["synflow"](make_network()) == zero_cost.synflow(make_network(), 5 + 100 * make_images(3))
    bare = make_network()
    bare[1] = nn.Identity()
    assert SCORES["synflow"](bare) == SCORES["synflow"](make_network())


def test_grad_norm_and_snip_of_least_squares():
    layer, x, y = (
        nn.Linear(2, 1, bias=False),
        torch.tensor([[1.0, 2.0], [3.0, -1.0]]),
        torch.tensor([1.0, 0.0]),
    )
    layer.weight.data = torch.tensor([[0.5, -1.0]])
    residual = x @ layer.weight.detach()[0] - y
    slope = 2 * (residual[:, None] * x).mean(0)
    assert zero_cost.grad_norm(layer, (x, y)) == pytest.approx(float(slope.norm()))
    assert zero_cost.snip(layer, (x, y)) == pytest.approx(
        float((slope * layer.weight.detach()[0]).abs().sum())
    )
    doubled = zero_cost.grad_norm(
        layer, (x, y), loss=lambda net, batch: 2 * (net(batch[0])[:, 0] - batch[1]).pow(2).mean()
    )
    assert doubled == pytest.approx(2 * float(slope.norm()))


def test_zico_is_the_inverse_of_the_coefficient_of_variation():
    layer = nn.Linear(2, 1, bias=False)
    inputs = [torch.tensor([[1.0, 3.0]]), torch.tensor([[3.0, 3.0]]), torch.tensor([[2.0, 3.0]])]
    loss = lambda net, x: net(x).sum()  # noqa: E731 - its gradient is x
    deviation = math.sqrt(2 / 3)  # of 1, 3, 2; the second weight always has 3 and is left out
    assert zero_cost.zico(layer, inputs, loss=loss) == pytest.approx(math.log(2 / deviation))


def test_naswot_counts_units_on_which_two_examples_agree():
    layer = nn.Linear(2, 3, bias=False)
    layer.weight.data = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    x = torch.tensor([[1.0, 1.0], [-1.0, 1.0]])  # codes 111 and 01(0 > 0: off)
    kernel = torch.tensor([[3.0, 1.0], [1.0, 3.0]], dtype=torch.float64)
    expected = float(torch.linalg.det(kernel).log())
    assert zero_cost.naswot(nn.Sequential(layer, nn.ReLU()), x) == pytest.approx(expected)


@pytest.mark.parametrize(
    "run",
    [
        torch.relu,
        nn.functional.relu,
        nn.functional.gelu,
        nn.functional.silu,
        nn.functional.relu6,
        lambda x: x.relu_(),
        lambda x: nn.functional.leaky_relu(x, inplace=True),
    ],
)
def test_naswot_sees_activations_that_are_functions(run):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = make_network()[0]

        def forward(self, x):
            return run(self.layer(x))

    assert zero_cost.naswot(Net(), X) == zero_cost.naswot(nn.Sequential(make_network()[0], nn.ReLU()), X)


def test_equal_examples_give_a_low_finite_score():
    same = X[:1].repeat(8, 1, 1, 1)
    for score in (zero_cost.naswot, zero_cost.jacobian_covariance):
        network = nn.Sequential(*(m for m in make_network() if not isinstance(m, nn.BatchNorm2d)))
        assert math.isfinite(score(network, same))
        assert score(network, same) < score(network, X)


def test_jacobian_covariance_of_two_examples():
    class Square(nn.Module):
        def forward(self, x):
            return (x**2 / 2).sum(1, keepdim=True)  # its derivative is x

    x = torch.tensor([[1.0, 2.0, 3.0], [1.0, -1.0, 0.0]])
    r = float(torch.corrcoef(x)[0, 1])
    expected = -sum(math.log(v + 1e-5) + 1 / (v + 1e-5) for v in (1 + r, 1 - r))
    assert zero_cost.jacobian_covariance(Square(), x) == pytest.approx(expected, rel=1e-4)


def test_network_that_ignores_its_input_has_a_score():
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x):
            return self.layer(torch.ones(len(x), 3)).relu()

    x = torch.randn(4, 3)
    assert math.isfinite(zero_cost.jacobian_covariance(Constant(), x))
    assert math.isfinite(zero_cost.naswot(Constant(), x))

    class Cut(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x):
            return torch.zeros(len(x), 2) + 0 * self.layer(x)

    assert zero_cost.synflow(Cut(), x) == 0.0
    assert zero_cost.grad_norm(Cut(), (x, torch.zeros(4, dtype=torch.long))) == 0.0


def test_scores_are_rewards_of_any_search():
    space = pg.symbolize(nn.Sequential)(
        pg.symbolize(nn.Linear)(4, pg.oneof([2, 64], name="width")),
        nn.ReLU(),
    )
    x = torch.randn(16, 4, generator=torch.Generator().manual_seed(1))
    found = pg.search(space, lambda network: zero_cost.naswot(network, x), trials=6, progress=False)
    assert found.best_decisions.params["width"] == 64


REFUSED = [
    (
        lambda: zero_cost.synflow(3, X),
        FieldTypeError,
        "synflow takes a network, a torch.nn.Module; got 3 of type int",
    ),
    (
        lambda: zero_cost.grad_norm(nn.ReLU(), (X, Y)),
        FieldValueError,
        "this ReLU has none. Use naswot or jacobian_covariance",
    ),
    (
        lambda: zero_cost.zico(make_network(), HALVES[:1]),
        FieldValueError,
        "zico compares the gradients of at least two batches; got 1",
    ),
    (lambda: zero_cost.zico(make_network(), 5), FieldTypeError, r"zico\(batches=\.\.\.\)"),
    (
        lambda: zero_cost.naswot(nn.Linear(8, 2), X),
        FieldValueError,
        "no ReLU, GELU, SiLU or the like ran in this Linear",
    ),
    (
        lambda: zero_cost.naswot(make_network(), X[:1]),
        FieldValueError,
        "compares examples: it takes inputs with at least two",
    ),
    (lambda: zero_cost.naswot(make_network(), 5), FieldValueError, "compares examples"),
    (
        lambda: zero_cost.jacobian_covariance(nn.Embedding(9, 2), Y),
        FieldValueError,
        "For token ids, use naswot or grad_norm",
    ),
    (lambda: zero_cost.jacobian_covariance(make_network(), X[:1]), FieldValueError, "at least two examples"),
    (
        lambda: zero_cost.snip(make_network(), (X, Y.float()[:, None, None])),
        FieldValueError,
        "the default loss cannot be chosen",
    ),
    (
        lambda: zero_cost.naswot(make_network(), X * math.nan),
        RewardError,
        "naswot of this network is nan: an output or a gradient is not finite",
    ),
    (
        lambda: zero_cost.grad_norm(make_network(), (X * math.inf, Y)),
        RewardError,
        "Check the inputs for NaN and infinities",
    ),
    (
        lambda: zero_cost.jacobian_covariance(nn.LSTM(8, 2), X[:, 0]),
        FieldTypeError,
        "a network that returns one tensor; got .* Wrap it in a module",
    ),
]


@pytest.mark.parametrize(("call", "error", "match"), REFUSED, ids=range(len(REFUSED)))
def test_bad_input_is_refused(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_advice_of_refusals_works():
    assert math.isfinite(zero_cost.jacobian_covariance(nn.ReLU(), X))  # "Use naswot or jacobian_covariance"
    assert math.isfinite(zero_cost.naswot(nn.ReLU(), X))
    ids = torch.randint(9, (8, 5), generator=torch.Generator().manual_seed(0))
    words = nn.Sequential(nn.Embedding(9, 6), nn.ReLU(), nn.Flatten(), nn.Linear(30, 4))
    assert math.isfinite(zero_cost.naswot(words, ids))  # "For token ids, use naswot or grad_norm"
    assert zero_cost.grad_norm(words, (ids, Y)) > 0


def test_network_with_nan_can_be_skipped_in_a_loop():
    seen = []
    for scale, feedback in pg.sample(pg.oneof([math.nan, 1.0]), "sweep", trials=2, progress=False):
        try:
            feedback(zero_cost.naswot(make_network(), X * scale))
            seen.append(scale)
        except RewardError:
            feedback.skip()
    assert seen == [1.0]
