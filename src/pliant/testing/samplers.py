"""Conformance suite of ``oneshot.Sampler``: subclass ``SamplerSuite``, and write ``make``.

::

    class TestMine(SamplerSuite):
        def make(self) -> Sampler:
            return Mine(warmup=0.0)

It runs under pytest without setup; put ``pytest.register_assert_rewrite("pliant.testing.samplers")`` into ``conftest.py`` for
messages that show values.  Networks are small and use float64.
"""

from __future__ import annotations

import copy
import io
import math
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pliant.hyper import intv, oneof
from pliant.oneshot import InputChoice, LayerChoice, Sampler, Session, Supernet, ValueChoice, supernet
from pliant.oneshot.capability import DECISION_KINDS
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldTypeError, LoadError, PliantError, SpaceChangedError, SpaceError

_LINEAR, _SEQUENTIAL, _TANH, _IDENTITY, _NORM = map(
    symbolize, (nn.Linear, nn.Sequential, nn.Tanh, nn.Identity, nn.BatchNorm1d)
)


class _Joined(nn.Module):
    """Layers; an InputChoice joins some of their outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(3, 3) for _ in range(4))
        self.pick, self.act = InputChoice(4, 2, key="in"), LayerChoice([nn.Tanh(), nn.Identity()], key="act")
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.act(self.pick([layer(x) for layer in self.layers])))


class _Scaled(nn.Module):
    """A layer that is scaled by a value."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.scale = nn.Linear(3, 2), ValueChoice([0.5, 1.0, 2.0], key="scale")

    def forward(self, x: Tensor) -> Any:
        return self.layer(x) * self.scale()


def _choices() -> Any:
    return _SEQUENTIAL(
        _LINEAR(3, 3),
        oneof([_TANH(), _IDENTITY(), _LINEAR(3, 3)]),
        _NORM(3),
        oneof([_IDENTITY(), _SEQUENTIAL(_LINEAR(3, 3), _NORM(3))]),
        _LINEAR(3, 2),
    )


def _shared() -> Any:
    first, second = (oneof([_LINEAR(3, 3), _IDENTITY()], name="op") for _ in range(2))
    return _SEQUENTIAL(first, _TANH(), second, _LINEAR(3, 2))


def _conditional() -> Any:
    inner = oneof([_TANH(), _LINEAR(3, 3), _IDENTITY()])
    return _SEQUENTIAL(oneof([_SEQUENTIAL(_LINEAR(3, 3), inner), _IDENTITY()]), _LINEAR(3, 2))


def _sizes() -> Any:
    width = oneof([2, 6, 4], name="width")
    block = _SEQUENTIAL(_LINEAR(width, oneof([3, 5])), _TANH())
    return _SEQUENTIAL(_LINEAR(3, width), _NORM(width), oneof([_TANH(), _IDENTITY()]), block, _Last())


def _numbers() -> Any:
    width = intv(2, 6, name="width")
    return _SEQUENTIAL(_LINEAR(3, width), _TANH(), _LINEAR(width, 2))


@symbolize
class _Last(nn.Module):
    """Two sums, of any number of features."""

    def forward(self, x: Tensor) -> Any:
        return torch.stack([x[:, :2].sum(1), x[:, 1:].sum(1)], dim=1)


NETWORKS: dict[str, tuple[Callable[[], Any], frozenset[str]]] = {
    "choices": (_choices, frozenset({"choice"})),
    "shared": (_shared, frozenset({"choice"})),
    "conditional": (_conditional, frozenset({"choice"})),
    "inputs": (_Joined, frozenset({"choice", "input"})),
    "sizes": (_sizes, frozenset({"choice", "elastic"})),
    "numbers": (_numbers, frozenset({"number"})),
    "values": (_Scaled, frozenset({"value"})),
}
"""Networks with every kind of decision, and the kinds that each needs."""

Trace = list[tuple[dict[str, Any], dict[str, list[float]]]]
"""Selections of each step: values, and weights of candidates, by key."""


class SamplerSuite:
    """Conformance tests for samplers."""

    epochs = 2
    """Number of epochs of a training."""
    steps = 3
    """Number of steps of an epoch."""
    seeded = True
    """Whether its selections or results depend on the seed."""
    settled = True
    """Whether ``decisions`` returns the same until the next step."""

    def make(self) -> Sampler:
        """Returns a new sampler with options for a training of few steps; the only method to write."""
        raise NotImplementedError("the suite has no sampler. Write `make(self)`, which returns a new one.")

    # ------------------------------------------------------------------ tools

    def decides(self, name: str) -> bool:
        """Returns whether the sampler supports all decisions of a network."""
        return NETWORKS[name][1] <= self.make().capabilities

    def network(self, name: str | None = None) -> Supernet:
        """Returns a new super-network with fixed weights; None for the first that the sampler supports."""
        return _build(NETWORKS[name or next(filter(self.decides, NETWORKS))][0])

    def begin(self, net: Supernet, sampler: Sampler, seed: int = 0, *, broken: bool = False) -> Session:
        """Returns a session on a network; losses are NaN if ``broken``."""
        valid, factor = iter(range(10**6)), math.nan if broken else 1.0

        def loss(network: nn.Module, batch: Any) -> Tensor:
            return nn.functional.cross_entropy(network(batch[0]), batch[1]) * factor

        return Session(
            net,
            sampler,
            valid=lambda: _make_batch(1000 + next(valid) % 5),
            loss=loss,
            steps=self.epochs * self.steps,
            optimizer=torch.optim.SGD(net.parameters(), lr=0.1),
            train_batches=lambda: map(_make_batch, range(3)),
            seed=seed,
        )

    def train(self, session: Session, count: int) -> Trace:
        """Trains for some steps as a trainer does; returns the selections."""
        found: Trace = []
        for _ in range(count):
            batch = _make_batch(session.done)
            optimizer: Any = session.step.weight_optimizer
            optimizer.zero_grad(set_to_none=True)
            drawn, wanted = 0, 1
            while drawn < wanted:
                session.begin(batch)
                drawn, wanted = drawn + 1, session.sampler.networks_per_step  # known once the step has begun
                found.append(_read(session.supernet))
                loss, outputs = session.loss(batch), session.supernet(batch[0])
                extra = session.auxiliary_loss(outputs)
                torch.autograd.backward(loss if extra is None else loss + extra)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            session.end()
            if session.done % self.steps == 0:
                session.end_epoch()
        return found

    # ------------------------------------------------------------------ what is selected and found

    @pytest.mark.parametrize("name", NETWORKS)
    def test_all_that_is_selected_runs_and_all_that_is_found_is_valid(self, name: str) -> None:
        if not self.decides(name):
            return  # refused; tested below
        net = self.network(name)
        sampler = self.make()
        session = self.begin(net, sampler)
        for _ in range(self.epochs * self.steps):
            self.train(session, 1)
            found = sampler.decisions()
            assert net.space.validate(found.values).values == found.values
            assert all(type(v) is float and not math.isinf(v) for v in sampler.metrics().values())
        best = session.finish()
        assert best == sampler.decisions() or not self.settled
        assert net.space.validate(best.values).values == best.values
        net.activate(best)
        assert net(_make_batch(0)[0]).shape == (8, 2)

    @pytest.mark.parametrize("name", NETWORKS)
    def test_what_it_cannot_decide_is_refused(self, name: str) -> None:
        make, needs = NETWORKS[name]
        sampler = self.make()
        refused = needs - sampler.capabilities
        if not refused:
            sampler.bind(_build(make))
            return
        with pytest.raises(SpaceError, match=rf"{type(sampler).__name__} cannot decide .* at '.+'"):
            sampler.bind(_build(make))
        assert not sampler.is_bound

    def test_capabilities_are_known_kinds(self) -> None:
        assert self.make().capabilities
        assert self.make().capabilities <= set(DECISION_KINDS)

    # ------------------------------------------------------------------ random numbers

    def _outcome(self, seed: int) -> Any:
        session = self.begin(self.network(), self.make(), seed)
        trace = self.train(session, self.epochs * self.steps)
        return trace, session.finish().values, _flatten(session.sampler.state()["own"])

    def test_same_seed_same_search(self) -> None:
        assert self._outcome(3) == self._outcome(3)

    def test_another_seed_another_search(self) -> None:
        assert (self._outcome(3) != self._outcome(4)) is self.seeded

    def test_no_global_generator_is_used(self) -> None:
        random.seed(1)
        before = random.getstate(), torch.get_rng_state()
        self._outcome(0)
        assert random.getstate() == before[0]
        assert torch.equal(torch.get_rng_state(), before[1])

    # ------------------------------------------------------------------ what is left alone

    def test_weights_statistics_and_modes_are_the_loops_own(self) -> None:
        net = self.network()
        names = list(net.state_dict())
        session = self.begin(net, self.make())
        assert list(net.state_dict()) == names  # without architecture parameters
        before = _snapshot(net)
        for _ in range(self.epochs):
            for _ in range(self.steps):
                _begin_all(session, _make_batch(session.done))
                assert _same(_snapshot(net), before)
                session.end()
                assert _same(_snapshot(net), before)
            session.end_epoch()
            assert _same(_snapshot(net), before)
        session.finish()
        assert _same(_snapshot(net), before)

    def test_no_gradients_are_left_in_the_weights(self) -> None:
        net = self.network()
        session = self.begin(net, self.make())
        begin = lambda: _begin_all(session, _make_batch(0))  # noqa: E731  # one hook of four
        for hook in (begin, session.end, session.end_epoch, session.finish):
            hook()
            assert all(p.grad is None for p in net.parameters())
            assert all(p.requires_grad for p in net.parameters())

    # ------------------------------------------------------------------ failures

    def test_losses_that_are_no_numbers_are_refused_or_passed_over(self) -> None:
        net = self.network()
        sampler = self.make()
        self.train(self.begin(net, sampler), 1)
        weights = copy.deepcopy(net.state_dict())
        broken = self.begin(net, sampler, broken=True)
        for hook in (lambda: _begin_all(broken, _make_batch(0)), broken.end, broken.end_epoch, broken.finish):
            with suppress(PliantError):
                hook()
        net.load_state_dict(weights)
        healthy = self.begin(net, sampler)
        self.train(healthy, self.steps)
        found = healthy.finish()
        assert net.space.validate(found.values).values == found.values
        assert all(math.isfinite(number) for number in _flatten(sampler.state()["own"], only=Tensor))

    # ------------------------------------------------------------------ state

    def _restored(self, session: Session, name: str | None = None) -> Session:
        """Returns a session on another network, restored from the state of ``session``."""
        state = _store({"own": session.state_dict(), "net": session.supernet.state_dict()})
        twin = self.begin(self.network(name), self.make(), seed=99)  # the state holds the random numbers
        twin.supernet.load_state_dict(state["net"])
        twin.load_state_dict(state["own"])
        assert _flatten(twin.sampler.state()) == _flatten(session.sampler.state())
        return twin

    def _again(self, session: Session) -> Session:
        """Returns a session that continues, with validation batches from the first."""
        again = self.begin(session.supernet, session.sampler)
        again.done, again.epoch = session.done, session.epoch
        return again

    @pytest.mark.parametrize("name", NETWORKS)
    def test_restores_in_the_middle(self, name: str) -> None:
        if not self.decides(name):
            return
        session = self.begin(self.network(name), self.make())
        self.train(session, self.steps + 1)
        twin, session = self._restored(session, name), self._again(session)
        left = (self.epochs - 1) * self.steps - 1
        assert self.train(twin, left) == self.train(session, left)
        assert twin.finish().values == session.finish().values
        assert _flatten(twin.sampler.state()) == _flatten(session.sampler.state())

    def test_restores_after_every_prefix(self) -> None:
        session = self.begin(self.network(), self.make())
        for done in range(self.epochs * self.steps):
            twin, session = self._restored(session), self._again(session)
            assert self.train(twin, 1) == self.train(session, 1), done
            assert _flatten(twin.sampler.state()) == _flatten(session.sampler.state())
        session.finish()
        assert self._restored(session).sampler.decisions().values == session.sampler.decisions().values

    def test_a_state_is_a_copy(self) -> None:
        session = self.begin(self.network(), self.make())
        self.train(session, 1)
        state = session.sampler.state()
        before = _flatten(state)
        self.train(session, self.epochs * self.steps - 1)
        session.finish()
        assert _flatten(state) == before

    def test_the_state_of_something_else_is_refused(self) -> None:
        session = self.begin(self.network(), self.make())
        state = session.sampler.state()
        with pytest.raises(LoadError, match=r"the state is of a Stranger, and this is a \w+"):
            session.sampler.restore({**state, "sampler": "Stranger"})
        with pytest.raises(
            LoadError, match=r"restore takes the state of a sampler; got .* Pass what `state\(\)` returned"
        ):
            session.sampler.restore({})
        other = self.begin(self.network(list(filter(self.decides, NETWORKS))[-1]), self.make())
        with pytest.raises(SpaceChangedError, match=r"a search in another space \(fingerprint"):
            other.sampler.restore(state)

    # ------------------------------------------------------------------ binding

    def test_it_is_bound_once_and_before_use(self) -> None:
        sampler = self.make()
        for use in (sampler.decisions, sampler.state, lambda: sampler.restore({})):
            with pytest.raises(
                PliantError, match=r"is not bound to a super-network. Call `bind\(supernet\)` first"
            ):
                use()
        with pytest.raises(FieldTypeError, match="bind takes a super-network; got"):
            sampler.bind(nn.Linear(2, 2))  # type: ignore[arg-type]  # the fault that is tested
        sampler.bind(self.network())
        with pytest.raises(PliantError, match="is bound to another super-network"):
            sampler.bind(self.network())


def _build(make: Callable[[], Any]) -> Supernet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return supernet(make()).double()


def _begin_all(session: Session, batch: Any) -> None:
    """Begins a step for all of its networks, without training them."""
    session.begin(batch)
    for _ in range(1, session.sampler.networks_per_step):
        session.begin(batch)
    session.auxiliary_loss(torch.zeros(8, 2, dtype=torch.float64))


def _make_batch(seed: int) -> tuple[Tensor, Tensor]:
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x, (x[:, 0] * x[:, 1] > 0).long()


def _read(net: Supernet) -> tuple[dict[str, Any], dict[str, list[float]]]:
    weights = {key: tensor.detach().tolist() for key, tensor in net.selection.weights.items()}
    if weights:  # a mixture: what was selected before does not run
        return {key: value for key, value in net.selection.values.items() if key not in weights}, weights
    return net.to_values(net.decisions), weights


def _snapshot(net: Supernet) -> tuple[dict[str, Tensor], list[bool]]:
    tensors = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    return tensors, [module.training for module in net.modules()]


def _same(first: tuple[dict[str, Tensor], list[bool]], second: tuple[dict[str, Tensor], list[bool]]) -> bool:
    return first[1] == second[1] and all(torch.equal(t, second[0][name]) for name, t in first[0].items())


def _store(state: Any) -> Any:
    """Returns a state after saving and loading it with weights_only."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def _flatten(state: Any, *, only: type | None = None) -> list[Any]:
    """Returns the values in a state as a list, so that equal states have equal lists (NaN equals NaN)."""
    if isinstance(state, dict):
        return [one for key in sorted(state, key=str) for one in _flatten(state[key], only=only)]
    if isinstance(state, (list, tuple)):
        return [one for part in state for one in _flatten(part, only=only)]
    if isinstance(state, Tensor):
        return list(state.detach().double().flatten().tolist())
    if only is not None:
        return []
    return ["NaN" if isinstance(state, float) and math.isnan(state) else state]
