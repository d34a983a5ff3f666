"""Custom training loops with a session: requirements, restarts and errors."""

from __future__ import annotations

import io

import pytest
import torch
from torch import nn

from pliant.oneshot import (
    DARTS,
    GAEA,
    GDAS,
    SNAS,
    BindError,
    FairNAS,
    FBNet,
    Phase,
    ProgressiveShrinking,
    Sampler,
    Sandwich,
    Session,
    TuNAS,
    supernet,
)
from pliant.oneshot.training import Feed
from pliant.values.errors import FeedbackError, FieldTypeError, FieldValueError, LoadError, RewardError

from .conftest import loader, make_space

PHASES = [Phase(1, {}), Phase(1, {"*": None}, networks=3)]
SAMPLERS = {
    "TuNAS": lambda: TuNAS(learning_rate=0.1),
    "SNAS": lambda: SNAS(learning_rate=0.1),
    "ProgressiveShrinking": lambda: ProgressiveShrinking(PHASES, evaluations=3, batches=1),
    "FairNAS": lambda: FairNAS(evaluations=3, batches=1),
    "Sandwich": lambda: Sandwich(evaluations=3, batches=1),
    "GAEA": lambda: GAEA(),
    "GDAS": lambda: GDAS(learning_rate=0.1),
    "FBNet": lambda: FBNet(learning_rate=0.1),
}
EPOCHS = 4


def loss_of(network, batch):
    return nn.functional.cross_entropy(network(batch[0]), batch[1])


class Loop:
    """A custom training loop."""

    def __init__(self, sampler, *, loss=loss_of, net=None):
        torch.manual_seed(0)
        self.net = supernet(make_space()) if net is None else net
        self.optimizer = torch.optim.Adam(self.net.parameters(), 0.01)
        self.train = loader()
        self.valid = Feed(loader(seed=1), "valid")
        self.session = Session(
            self.net,
            sampler,
            valid=self.valid.next,
            loss=loss,
            steps=EPOCHS * len(self.train),
            optimizer=self.optimizer,
            train_batches=lambda: iter(loader(shuffle=False)),
        )

    def step(self, batch):
        self.session.begin(batch)
        self.optimizer.zero_grad()
        self.session.backward()
        self.optimizer.step()
        self.session.end()

    def run(self, epochs):
        for _ in range(epochs):
            for batch in self.train:
                self.step(batch)
            self.session.end_epoch()

    def state(self):
        """What the documentation of ``Session`` says is to be saved, as it comes back from a file."""
        file = io.BytesIO()
        torch.save(
            {
                "net": self.net.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "session": self.session.state_dict(),
                "random": torch.get_rng_state(),
                "valid": self.valid.state(),
            },
            file,
        )
        file.seek(0)
        return torch.load(file, weights_only=True)

    def restore(self, state):
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.session.load_state_dict(state["session"])
        self.valid.restore(state["valid"])
        torch.set_rng_state(state["random"])


@pytest.mark.parametrize("done", [1, 3])
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_loop_goes_on_as_though_it_had_never_stopped(name, done):
    whole = Loop(SAMPLERS[name]())
    whole.run(EPOCHS)
    best = whole.session.finish()
    first = Loop(SAMPLERS[name]())
    first.run(done)
    state = first.state()
    again = Loop(SAMPLERS[name]())
    torch.manual_seed(99)
    again.restore(state)
    assert (again.session.epoch, again.session.progress) == (done, done / EPOCHS)
    again.run(EPOCHS - done)
    for key, value in whole.net.state_dict().items():
        assert torch.equal(value, again.net.state_dict()[key]), key
    assert again.session.finish() == best
    assert str(whole.session.state_dict()) == str(again.session.state_dict())


def test_what_is_no_state_of_a_session():
    with pytest.raises(LoadError, match=r"not a state of a session. Pass what `state_dict\(\)` returned"):
        Loop(TuNAS()).session.load_state_dict({"done": 3})


# ---------------------------------------------------------------------- all that a step trains


class Recording(Sampler):
    """Trains several networks, and adds the mean of the outputs to their losses."""

    capabilities = frozenset({"choice"})
    networks_per_step = 3

    def _bind(self):
        self.drawn, self.outputs = [], []

    def before_weights(self, step):
        self.drawn.append(self.supernet.activate(self.supernet.space.sample(self.random)))

    def auxiliary_loss(self, step, outputs):
        self.outputs.append(outputs.detach().clone())
        return 2 * outputs.mean()

    def decisions(self):
        return self.drawn[-1]


def test_backward_adds_up_all_networks_and_what_the_sampler_adds():
    loop = Loop(Recording(), net=supernet(make_space()).eval())  # no dropout
    batch = next(iter(loop.train))
    loop.session.begin(batch)
    loop.optimizer.zero_grad()
    mean = loop.session.backward(share=0.5)
    sampler = loop.session.sampler
    loop.session.end()
    found = {name: p.grad.clone() for name, p in loop.net.named_parameters() if p.grad is not None}
    assert len(sampler.drawn) == len(sampler.outputs) == 3
    loop.optimizer.zero_grad()
    losses = []
    for decisions in sampler.drawn:
        loop.net.activate(decisions)
        loss = loss_of(loop.net, batch)
        losses.append(loss.item())
        (0.5 / 3 * (loss + 2 * loop.net(batch[0]).mean())).backward()
    assert mean == pytest.approx(sum(losses) / 3)
    for name, p in loop.net.named_parameters():
        if p.grad is not None:
            torch.testing.assert_close(found[name], p.grad)


def test_a_loop_that_trains_one_network_of_several_is_told():
    loop = Loop(ProgressiveShrinking(PHASES, distillation=0.0))
    loop.session.done = 8
    batch = next(iter(loop.train))
    loop.session.begin(batch)
    loss_of(loop.net, batch).backward()
    lesson = (
        r"trains 3 networks in this step, and 1 began; it has an auxiliary loss.*Write `session.backward\(\)`"
    )
    with pytest.raises(FeedbackError, match=lesson):
        loop.session.end()


def test_a_loop_that_does_not_ask_for_what_is_added_is_told_in_its_first_step():
    loop = Loop(SAMPLERS["ProgressiveShrinking"]())
    batch = next(iter(loop.train))
    loop.session.begin(batch)
    loss_of(loop.net, batch).backward()
    lesson = r"ProgressiveShrinking has an auxiliary loss, which was not added. Write `session.backward\(\)`"
    with pytest.raises(FeedbackError, match=lesson):
        loop.session.end()


def test_a_loop_may_do_it_by_hand():
    loop = Loop(Recording())
    batch = next(iter(loop.train))
    for _ in range(3):
        loop.session.begin(batch)
        outputs = loop.net(batch[0])
        (nn.functional.cross_entropy(outputs, batch[1]) + loop.session.auxiliary_loss(outputs)).backward()
    loop.session.end()
    assert loop.session.done == 1


def test_a_backward_pass_of_ones_own_does_for_single_networks():
    loop = Loop(TuNAS())
    batch = next(iter(loop.train))
    loop.session.begin(batch)
    loss_of(loop.net, batch).backward()
    loop.session.end()
    assert loop.session.done == 1


# ---------------------------------------------------------------------- lessons


def test_a_step_that_has_not_begun():
    session = Loop(TuNAS()).session
    for hook in (session.end, session.backward):
        with pytest.raises(
            FeedbackError, match=r"needs a step that has begun. Call session.begin\(batch\) first"
        ):
            hook()
    loop = Loop(TuNAS())
    loop.run(1)
    with pytest.raises(FeedbackError, match=r"session.end\(\) needs a step"):
        loop.session.end()


def test_a_sampler_of_another_search_is_refused():
    sampler = TuNAS()
    first = Loop(sampler)
    first.run(1)
    before = {key: value.clone() for key, value in first.net.state_dict().items()}
    with pytest.raises(
        BindError,
        match=r"this TuNAS is bound to the super-network of an earlier.*Make a new sampler for each.*TuNAS\(...\)",
    ):
        Loop(sampler)
    assert all(torch.equal(value, before[key]) for key, value in first.net.state_dict().items())
    assert Loop(sampler, net=first.net).session.sampler is sampler  # the same search goes on


def each(network, batch):
    return nn.functional.cross_entropy(network(batch[0]), batch[1], reduction="none")


@pytest.mark.parametrize(
    ("loss", "error", "lesson"),
    [
        (each, FieldValueError, r"one number; got one of shape \(16,\). Take the mean.*reduction='mean'"),
        (
            lambda n, b: loss_of(n, b).item(),
            FieldTypeError,
            r"a loss is a tensor.*of type float.*without item",
        ),
        (lambda n, b: loss_of(n, b).detach(), FieldValueError, "the loss has no gradients"),
        (
            lambda n, b: loss_of(n, b) * float("nan"),
            RewardError,
            "the loss in epoch 1 is nan, from the network",
        ),
        (lambda n, b: loss_of(n, (b[0].double(), b[1])), RuntimeError, "dtype"),  # the loss's own doing
    ],
)
def test_losses_that_nothing_can_be_trained_by(loss, error, lesson):
    loop = Loop(TuNAS(), loss=loss)
    with pytest.raises(error, match=lesson):
        loop.step(next(iter(loop.train)))


def test_a_loss_that_never_runs_the_network_it_is_given():
    loop = Loop(SAMPLERS["ProgressiveShrinking"](), loss=lambda n, b: loss_of(n.network, b))
    with pytest.raises(
        FieldTypeError, match=r"ProgressiveShrinking needs .* the loss never called the network"
    ):
        loop.step(next(iter(loop.train)))


@pytest.mark.parametrize("make", [TuNAS, DARTS])
def test_batches_of_another_precision(make):
    loop = Loop(make())
    x, y = next(iter(loop.train))
    lesson = r"the batches hold torch.float64, the weights are torch.float32.*x.to\(torch.float32\).*supernet\(space\)"
    loop.session._valid = lambda: [x.double(), y]
    loop.session.step = loop.session._make_step(None)
    with pytest.raises(FieldTypeError, match=lesson):
        loop.step([x.double(), y])
    assert torch.is_tensor(Loop(make(), net=supernet(make_space()).double()).session.loss([x.double(), y]))
