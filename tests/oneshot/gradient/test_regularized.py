"""GAEA, DrNAS, beta-DARTS and PC-DARTS: their steps against the equations of the papers."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Dirichlet

from pliant.oneshot import LayerChoice, supernet
from pliant.oneshot.gradient import DARTS, GAEA, PCDARTS, BetaDARTS, DrNAS
from pliant.values.errors import FieldTypeError, FieldValueError, UnknownFieldError

START = {"a": [0.5, -0.3, 0.2, 0.0], "b": [0.0, 0.4, -0.2, 0.1]}


def bind(net, sampler):
    sampler.bind(net, seed=3)
    with torch.no_grad():
        for key, row in START.items():
            sampler.architecture.parameters[key].copy_(torch.tensor(row, dtype=torch.float64))
    sampler.relax()
    return sampler


def slopes_by_weight(tiny, step_for):
    """Returns the gradients of the validation loss by the weights of the mixture, as first-order DARTS has them."""
    net = tiny.net()
    darts = bind(net, DARTS())
    step = step_for(net)
    leaf = darts._select(darts._draw(step), learned=True)
    (found,) = torch.autograd.grad(step.loss(step.next_valid()), leaf)
    return darts._split(found)


def test_gaea_multiplies_probabilities_by_exponentials_of_gradients(tiny):
    net = tiny.net()
    sampler = bind(net, GAEA(learning_rate=0.7))
    before = {key: row.detach() for key, row in sampler.architecture.probabilities().items()}
    sampler._learn(tiny.step(net))
    slopes = slopes_by_weight(tiny, tiny.step)
    for key, row in sampler.architecture.probabilities().items():
        expected = before[key] * torch.exp(-0.7 * slopes[key])
        torch.testing.assert_close(row.detach(), expected / expected.sum())


def test_gaea_goes_on_near_a_corner_where_a_softmax_is_flat(tiny):
    def move(sampler):
        sampler.bind(tiny.net(("a",)), seed=0)
        if isinstance(sampler, DARTS):
            tiny.plain(sampler)
        vector = sampler.architecture.parameters["a"]
        with torch.no_grad():
            vector.copy_(torch.tensor([8.0, 0.0, 0.0, 0.0], dtype=torch.float64))
        before, step = vector.detach().clone(), tiny.step(sampler.supernet)
        rows = {"a": torch.tensor([1.0, -1.0, 0.0, 0.0], dtype=torch.float64)}
        sampler._update(step, sampler._draw(step), rows)
        moved = vector.detach() - before
        return float(moved[1] - moved[0])

    assert move(GAEA(learning_rate=1.0)) == pytest.approx(2.0)
    assert move(DARTS()) < 0.01


def test_drnas_draws_from_the_dirichlet_distribution(tiny):
    sampler = bind(tiny.net(), DrNAS())
    step = tiny.step(sampler.supernet)
    drawn = torch.stack([sampler._draw(step).values["a"] for _ in range(4000)])
    concentration = torch.nn.functional.elu(torch.tensor(START["a"], dtype=torch.float64)) + 1
    expected = Dirichlet(concentration)
    torch.testing.assert_close(drawn.sum(1), torch.ones(4000, dtype=torch.float64))
    torch.testing.assert_close(drawn.mean(0), expected.mean, rtol=0, atol=0.02)
    torch.testing.assert_close(drawn.var(0), expected.variance, rtol=0.15, atol=0.003)
    torch.testing.assert_close(sampler.architecture.probabilities()["a"].detach(), expected.mean)


def test_drnas_draws_depend_on_its_seed_alone(tiny):
    found = []
    for noise in (0, 1):
        sampler = bind(tiny.net(), DrNAS())
        torch.manual_seed(noise)
        before = torch.get_rng_state()
        found.append(sampler._draw(tiny.step(sampler.supernet)).values["a"])
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*found)


def test_drnas_penalty_is_the_divergence_from_the_uniform_distribution(tiny):
    sampler = bind(tiny.net(), DrNAS(regularization=2.0))
    term = sampler._regularize(tiny.step(sampler.supernet))
    total = 0.0
    for row in START.values():
        c = torch.nn.functional.elu(torch.tensor(row, dtype=torch.float64)) + 1
        log_b = (
            torch.lgamma(c.sum())
            - torch.lgamma(c).sum()
            - torch.lgamma(torch.tensor(4.0, dtype=torch.float64))
        )
        total += float(log_b + ((c - 1) * (torch.digamma(c) - torch.digamma(c.sum()))).sum())
    assert float(term.detach()) == pytest.approx(2.0 * total)


def test_drnas_without_a_penalty_and_with_one_candidate(tiny):
    net = tiny.net(("a",), candidates=lambda: [torch.nn.Linear(4, 4)])
    sampler = DrNAS(regularization=0.0)
    sampler.bind(net)
    assert sampler._regularize(tiny.step(net)) is None
    assert sampler._draw(tiny.step(net)).values["a"].tolist() == [1.0]


def test_drnas_survives_parameters_far_below_zero(tiny):
    sampler = DrNAS()
    sampler.bind(tiny.net(("a",)))
    with torch.no_grad():
        sampler.architecture.parameters["a"].fill_(-900.0)
    draw = sampler._draw(tiny.step(sampler.supernet))
    assert torch.isfinite(draw.values["a"]).all()
    assert torch.isfinite(sampler._regularize(tiny.step(sampler.supernet)))


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_beta_decay_adds_the_probability_of_each_candidate(tiny, progress):
    def step_for(net):
        return tiny.step(net, progress=progress)

    def gradient(sampler):
        net = tiny.net()
        read = tiny.plain(bind(net, sampler))
        sampler._learn(step_for(net))
        return read()

    plain, decayed = gradient(DARTS(weight_decay=0.0)), gradient(BetaDARTS(decay=10.0))
    for key, row in START.items():
        probability = torch.tensor(row, dtype=torch.float64).softmax(0)
        torch.testing.assert_close(decayed[key] - plain[key], 10.0 * progress * probability / len(START))


def test_decay_at_zero_is_darts(tiny):
    runs = []
    for sampler in (DARTS(weight_decay=0.0, order=1), BetaDARTS(decay=0.0)):
        net = tiny.net()
        bind(net, sampler)
        steps = torch.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(3):
            sampler._learn(tiny.step(net, optimizer=steps))
        runs.append(sampler.architecture.state())
    for key in START:
        torch.testing.assert_close(runs[0][key], runs[1][key])


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: GAEA(betas=(0.5, 0.9)), UnknownFieldError, "GAEA has no option 'betas'"),
        (lambda: GAEA(weight_decay=0.1), UnknownFieldError, "GAEA has no option 'weight_decay'"),
        (lambda: BetaDARTS(decay=-1), FieldValueError, r"BetaDARTS\(decay=\.\.\.\)"),
        (lambda: BetaDARTS(decay="x"), FieldTypeError, r"BetaDARTS\(decay=\.\.\.\)"),
        (lambda: DrNAS(regularization=float("nan")), FieldValueError, r"DrNAS\(regularization=\.\.\.\)"),
        (lambda: DrNAS(regularisation=1), UnknownFieldError, "did you mean 'regularization'"),
    ],
)
def test_bad_options_are_refused(make, error, match):
    with pytest.raises(error, match=match):
        make()


# ------------------------------------------------------------------ PC-DARTS


def test_partial_channels_run_and_others_pass_by(tiny):
    net = tiny.net(("a",))
    sampler = PCDARTS(divisor=2)
    sampler.bind(net, seed=0)
    step, choice = tiny.step(net), next(m for m in net.modules() if isinstance(m, LayerChoice))
    x = torch.randn(5, 4, dtype=torch.float64)
    seen = set()
    for _ in range(20):
        sampler._select(sampler._draw(step))
        found = choice(x)
        weights = sampler.architecture.probabilities()["a"].detach()
        passed = [i for i in range(4) if torch.equal(found[:, i], x[:, i])]
        assert len(passed) == 2
        mask = torch.tensor([0.0 if i in passed else 1.0 for i in range(4)], dtype=torch.float64)
        with torch.no_grad():
            wanted = sum(w * candidate(x * mask) for w, candidate in zip(weights, choice))
        torch.testing.assert_close(found, mask * wanted + (1 - mask) * x)
        seen.add(tuple(passed))
    assert len(seen) > 2  # drawn for each step


def test_choices_that_change_the_shape_run_on_all_channels():
    choices = [LayerChoice([torch.nn.Linear(4, 2), torch.nn.Linear(4, 2)], key="a")]
    net = supernet(torch.nn.Sequential(torch.nn.Linear(3, 4), *choices))
    PCDARTS(divisor=2).bind(net, seed=0)
    weights, x = net.selection.weights["a"], torch.randn(5, 4)
    torch.testing.assert_close(choices[0](x), sum(w * c(x) for w, c in zip(weights, choices[0])))
