"""Statistics while a network is judged: right ones, and afterwards the super-network is exactly as it was."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from torch import nn

import pliant as pg
from pliant import oneshot
from pliant.oneshot import BatchStatistics, LayerChoice, Recalibrated, RunningStatistics, supernet
from pliant.oneshot.normalization import count_examples, find_norm_layers
from pliant.values.errors import FieldTypeError, FieldValueError

Linear, Sequential, BatchNorm, LazyBatchNorm, LazyLinear, Tanh, Identity = map(
    pg.symbolize,
    (nn.Linear, nn.Sequential, nn.BatchNorm1d, nn.LazyBatchNorm1d, nn.LazyLinear, nn.Tanh, nn.Identity),
)


def fixed():
    return Sequential(Linear(3, 4), BatchNorm(4), pg.oneof([Tanh(), Sequential(Linear(4, 4), BatchNorm(4))]))


def elastic():
    width = pg.oneof([4, 6], name="width")
    return Sequential(Linear(3, width), BatchNorm(width), Tanh(), Linear(width, 2), BatchNorm(2))


def inside():
    """Elastic as a whole, with normalization layers in it."""
    width = pg.oneof([4, 6], name="width")
    inner = Sequential(BatchNorm(width, momentum=pg.oneof([0.1, 0.3])), Tanh())
    return Sequential(Linear(3, width), inner, Linear(width, 2))


def lazy():
    return Sequential(Linear(3, pg.oneof([4, 6])), LazyBatchNorm(), Tanh(), LazyLinear(2), LazyBatchNorm())


def instance():
    norm = pg.symbolize(nn.InstanceNorm1d)
    unflatten = pg.symbolize(nn.Unflatten)
    return Sequential(
        Linear(3, 8), unflatten(1, (2, 4)), norm(2, track_running_stats=True), pg.oneof([Tanh(), Identity()])
    )


SPACES = {"fixed": fixed, "elastic": elastic, "inside": inside, "lazy": lazy, "instance": instance}
every_space = pytest.mark.parametrize("make", SPACES.values(), ids=SPACES)


def make_batches(count, seed=0, size=8):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(size, 3, generator=generator, dtype=torch.float64) * (i + 1) + i for i in range(count)
    ]


def trained(make):
    """A super-network whose statistics are those of a few steps in random networks."""
    torch.manual_seed(0)
    net = supernet(make(), example=torch.randn(4, 3)).double()
    for seed, batch in enumerate(make_batches(4, seed=5)):
        net.activate(net.space.sample(seed))
        net(batch)
    return net.eval()


def snapshot(net):
    modes = [module.training for module in net.modules()]
    options = [(norm.layer.momentum, norm.layer.track_running_stats) for norm in find_norm_layers(net)]
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}, modes, options


def assert_same(before, after):
    assert before[1:] == after[1:]
    assert before[0].keys() == after[0].keys()
    for name, tensor in before[0].items():
        assert torch.equal(tensor, after[0][name]), name


def recalibrate_by_hand(child, batches):
    """Sets the statistics of a concrete network to plain averages, by the definition of what a batch's are."""
    child.eval()(batches[0])  # lazy layers become ordinary ones
    norms = [m for m in child.modules() if isinstance(m, (nn.BatchNorm1d, nn.InstanceNorm1d))]
    seen = {norm: [] for norm in norms}

    def note(norm, inputs):
        x = inputs[0].detach()
        if isinstance(norm, nn.InstanceNorm1d):
            seen[norm].append((x.mean((0, 2)), x.var(2, unbiased=True).mean(0)))
        else:
            seen[norm].append((x.mean(0), x.var(0, unbiased=True)))

    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    for norm in norms:
        norm.train()
    with torch.no_grad():
        for batch in batches:
            child(batch)
    for hook in hooks:
        hook.remove()
    for norm, found in seen.items():
        norm.eval()
        norm.running_mean.copy_(torch.stack([mean for mean, _ in found]).mean(0))
        norm.running_var.copy_(torch.stack([var for _, var in found]).mean(0))
    return child


@every_space
def test_recalibrated_is_the_plain_average_over_batches(make):
    net, batches, x = trained(make), make_batches(5), make_batches(1, seed=9)[0]
    for decisions in net.space.iterate():
        net.activate(decisions)
        expected = recalibrate_by_hand(net.materialize(decisions), batches)(x)
        net.activate(net.space.sample(1))
        net(x)  # another width was seen last
        net.activate(decisions)
        stale = net(x)
        net.activate(net.space.sample(2))
        net(x)
        net.activate(decisions)
        with Recalibrated(1000).applied(net, lambda: batches, net):
            torch.testing.assert_close(net(x), expected, rtol=1e-10, atol=1e-10)
        assert not torch.allclose(stale, expected, atol=1e-3)


@every_space
@pytest.mark.parametrize("policy", [Recalibrated(9), BatchStatistics(), RunningStatistics()])
def test_all_is_as_it_was_bit_by_bit(make, policy):
    net, batches = trained(make), make_batches(3)
    for decisions in net.space.iterate():
        net.activate(decisions)
        outputs = net(batches[0])
        before = snapshot(net)
        with policy.applied(net, lambda: batches, net), torch.no_grad():
            net(batches[1])
        assert_same(before, snapshot(net))
        assert torch.equal(net(batches[0]), outputs)


@every_space
def test_all_is_as_it_was_after_an_error(make):
    net, batches = trained(make), make_batches(3)
    before = snapshot(net)

    def fail(batch):
        net(batch)
        raise KeyError("a fault")

    for policy in (Recalibrated(9), BatchStatistics()):
        with pytest.raises(KeyError, match="a fault"), policy.applied(net, lambda: batches, fail):
            fail(batches[0])
        assert_same(before, snapshot(net))


@every_space
def test_after_copies_too(make):
    """A copy has yet to make its elastic layers again."""
    net, batches, x = trained(make), make_batches(3), make_batches(1, seed=9)[0]
    decisions = net.space.sample(3)
    net.activate(decisions)
    with Recalibrated().applied(net, lambda: batches, net):
        expected = net(x)
    net = copy.deepcopy(net)
    net.activate(decisions)
    with Recalibrated().applied(net, lambda: batches, net):
        assert torch.equal(net(x), expected)


@every_space
def test_batch_statistics_are_those_of_the_batch(make):
    net, x = trained(make), make_batches(1, seed=9)[0]
    for decisions in net.space.iterate():
        net.activate(net.space.sample(4))
        net(x)
        net.activate(decisions)
        expected = net.materialize(decisions).train()(x)  # nothing else in there has a mode
        with BatchStatistics().applied(net, lambda: iter(()), net):
            torch.testing.assert_close(net(x), expected, rtol=1e-10, atol=1e-10)


def test_running_statistics_are_those_of_training():
    net, x = trained(fixed), make_batches(1)[0]
    expected = net(x)
    with RunningStatistics().applied(net, lambda: iter(()), net):
        assert torch.equal(net(x), expected)


def test_a_layer_that_was_frozen_stays_so():
    net = trained(fixed)
    net.train()
    norm = find_norm_layers(net)[0].layer
    norm.eval()
    for policy in (BatchStatistics(), Recalibrated()):
        with policy.applied(net, lambda: make_batches(2), net):
            pass
        assert not norm.training


def test_only_what_is_selected_is_measured():
    net = trained(fixed)
    net.activate([0])
    assert len(find_norm_layers(net)) == 1
    net.activate([1])
    assert len(find_norm_layers(net)) == 2
    net.selection.weights["2"] = torch.full((2,), 0.5)  # a mixture runs both
    assert len(find_norm_layers(net)) == 2


def test_a_layer_in_two_places_is_one():
    norm = nn.BatchNorm1d(3)
    net = supernet(nn.Sequential(norm, norm, LayerChoice([nn.Tanh(), nn.Identity()], key="a")))
    assert len(find_norm_layers(net)) == 1


def test_as_many_images_as_asked_for():
    net, read = trained(fixed), []

    def endless():
        for i in itertools.count():
            read.append(i)
            yield make_batches(1, seed=i)[0]

    with Recalibrated(17).applied(net, endless, net):
        pass
    assert len(read) == 3  # of 8 images each


def test_no_training_batches_are_a_lesson():
    net = trained(fixed)
    before = snapshot(net)
    with (
        pytest.raises(
            ValueError, match=r"needs training batches, and got none.*train_batches.*BatchStatistics"
        ),
        Recalibrated().applied(net, lambda: iter(()), net),
    ):
        pass
    assert_same(before, snapshot(net))
    x = make_batches(1)[0]
    with BatchStatistics().applied(net, lambda: iter(()), net):
        assert net(x).shape[0] == len(x)
    given = {"valid": lambda: x, "loss": lambda net, x: net(x).mean(), "steps": 1}
    session = oneshot.Session(net, oneshot.SPOS(), train_batches=lambda: iter(make_batches(2)), **given)
    with Recalibrated().applied(net, session.begin(x).train_batches, net):
        assert net(x).shape[0] == len(x)


def test_networks_without_normalization_need_no_batches():
    net = supernet(Sequential(Linear(3, 3), pg.oneof([Tanh(), Identity()])))
    with Recalibrated().applied(net, lambda: iter(()), net):
        pass


@pytest.mark.parametrize("images", [0, -1, 2.5, True, None])
def test_a_number_of_images_that_is_none(images):
    with pytest.raises(
        (FieldTypeError, FieldValueError),
        match=r"Recalibrated\(images=...\) takes an integer of at least 1; got",
    ):
        Recalibrated(images)


@pytest.mark.parametrize(
    ("batch", "count"),
    [
        (torch.zeros(5, 2), 5),
        ((torch.zeros(4, 2), torch.zeros(4)), 4),
        ({"x": torch.zeros(3, 1)}, 3),
        (["name", [torch.zeros(7)]], 7),
        (torch.zeros(()), 1),
        ("text", 1),
    ],
)
def test_the_images_of_a_batch(batch, count):
    assert count_examples(batch) == count
