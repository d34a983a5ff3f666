"""Conformance suite of ``Algorithm``: subclass ``AlgorithmSuite``, and write ``make``.

::

    class TestMine(AlgorithmSuite):
        def make(self, seed: int) -> Algorithm:
            return Mine(seed=seed)

It runs under pytest without setup; put ``pytest.register_assert_rewrite("pliant.testing.algorithms")`` into ``conftest.py``
for messages that show values.  Class attributes describe your algorithm.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from pliant.algorithms import Algorithm, Exhausted, Reward, SetupError
from pliant.space import Decisions, Space
from pliant.space.build import choice, flatten, floating, integer
from pliant.values.errors import (
    DecisionError,
    FieldTypeError,
    LoadError,
    RewardError,
    SpaceChangedError,
    SpaceError,
)

Values = tuple[int | float, ...]


def _conditional() -> Space:
    layer = [integer("units", 8, 128, scale="log"), choice("act", 3)]
    return flatten([choice("op", [None, layer, layer]), choice("edges", 5, picks=3, sorted=True)])


SPACES: dict[str, Callable[[], Space]] = {
    "one": lambda: flatten([choice("x", 1)]),
    "empty": lambda: flatten([]),
    "two": lambda: flatten([choice("x", 2)]),
    "small": lambda: flatten([choice("x", [None, choice("y", 3)]), choice("z", 2)]),
    "flat": lambda: flatten([choice(f"x{i}", 3) for i in range(26)]),
    "conditional": _conditional,
    "permutation": lambda: flatten([choice("p", 5, picks=5)]),
    "repeated": lambda: flatten(
        [choice("p", [None, choice("q", 2), None], picks=3, distinct=False, sorted=True)]
    ),
    "continuous": lambda: flatten(
        [floating("lr", 1e-5, 1, scale="log"), floating("m", 0, 1), choice("x", 2)]
    ),
    "mixed": lambda: flatten([choice("x", [None, floating("y", -1, 1)])]),
    "huge": lambda: flatten([choice(f"x{i}", 100) for i in range(20)] + [integer("n", 1, 10**6)]),
}
"""Spaces of every kind, of sizes from 1 to 10 ** 46 and infinity."""

FINITE = [name for name in SPACES if name not in ("continuous", "mixed")]


def score(decisions: Decisions) -> float:
    """Returns a pseudo-random reward in [0, 1) that depends on the decisions only."""
    seen = hashlib.sha256(repr(decisions.values).encode()).digest()
    return int.from_bytes(seen[:6], "big") / 2**48


class AlgorithmSuite:
    """Conformance tests for algorithms."""

    trials = 130
    """Length of searches; must exceed the first phase of the algorithm."""
    continuous = True
    """Whether it searches spaces with floats; if not, ``setup`` must raise a SpaceError for them."""
    seeded = True
    """Whether its proposals depend on the seed."""
    exhausts = False
    """Whether it proposes each point of a finite space once, and then raises Exhausted."""
    objectives = 1
    """Number of objectives; rewards are tuples if there are several."""
    state_bytes_per_trial = 1024
    """Limit of the growth of its state."""

    def make(self, seed: int) -> Algorithm:
        """Returns a new algorithm; the only method to write."""
        raise NotImplementedError(
            "the suite has no algorithm. Write `make(self, seed)`, which returns a new one."
        )

    # ------------------------------------------------------------------ tools

    def ready(self, space: Space, seed: int = 0) -> Algorithm:
        """Returns a new algorithm after ``setup``."""
        algorithm = self.make(seed)
        algorithm.setup(space)
        return algorithm

    def reward(self, decisions: Decisions) -> Reward:
        """Returns the reward of decisions; None for a few that are infeasible."""
        value = score(decisions)
        if value < 0.05:
            return None
        return value if self.objectives == 1 else tuple((value * 7**i) % 1.0 for i in range(self.objectives))

    def search(
        self, algorithm: Algorithm, trials: int, lag: int = 0, waiting: list[Decisions] | None = None
    ) -> list[Values]:
        """Runs a search with feedback ``lag`` proposals late; returns the proposals."""
        waiting = [] if waiting is None else waiting
        found = []
        for _ in range(trials):
            try:
                proposal = algorithm.propose()
            except Exhausted:
                break
            found.append(proposal.values)
            waiting.append(proposal)
            if len(waiting) > lag:
                first = waiting.pop(0)
                algorithm.feedback(first, self.reward(first))
        return found

    def space(self, name: str) -> Space:
        """Returns a new space by name, or ``flat`` if this algorithm cannot search that space."""
        return self.adapt(SPACES[name if self.continuous or name in FINITE else "flat"]())

    def adapt(self, space: Space) -> Space:
        """Returns a space with additional holes that the algorithm needs, such as a budget; override if it needs any."""
        return space

    # ------------------------------------------------------------------ proposals

    @pytest.mark.parametrize("name", SPACES)
    def test_every_proposal_is_valid(self, name: str) -> None:
        space = self.adapt(SPACES[name]())
        if not self.continuous and name not in FINITE:
            with pytest.raises(SpaceError, match=r".+"):
                self.ready(space)
            return
        algorithm = self.ready(space)
        for values in self.search(algorithm, self.trials, lag=2):
            assert space.validate(values).values == values

    @pytest.mark.parametrize("name", ["small", "flat", "conditional", "continuous"])
    def test_same_seed_same_proposals(self, name: str) -> None:
        first, second = (self.ready(self.space(name), seed=3) for _ in range(2))
        assert self.search(first, self.trials) == self.search(second, self.trials)

    def test_another_seed_gives_other_proposals(self) -> None:
        found = [self.search(self.ready(self.space("flat"), seed=seed), 20) for seed in (0, 1, 2, -1)]
        distinct = {tuple(one) for one in found}
        assert len(distinct) == (len(found) if self.seeded else 1)

    def test_a_seed_in_setup_replaces_the_constructors(self) -> None:
        first, second = self.make(0), self.make(5)
        first.setup(self.space("flat"), seed=5)
        second.setup(self.space("flat"))
        assert self.search(first, 30) == self.search(second, 30)

    def test_no_global_generator_is_used(self) -> None:
        random.seed(1)
        before = random.getstate()
        first = self.search(self.ready(self.space("flat")), 30)
        assert random.getstate() == before
        random.seed(2)
        assert self.search(self.ready(self.space("flat")), 30) == first

    @pytest.mark.parametrize("name", ["one", "empty", "two", "small", "repeated"])
    def test_a_small_space_ends_cleanly_or_goes_on(self, name: str) -> None:
        space = self.adapt(SPACES[name]())
        algorithm = self.ready(space)
        found = self.search(algorithm, 100)
        assert found
        if self.exhausts:
            assert len(found) == len(set(found)) == space.size
        if len(found) < 100:
            for _ in range(3):
                with pytest.raises(Exhausted, match=r".+"):
                    algorithm.propose()

    # ------------------------------------------------------------------ feedback

    def test_many_proposals_before_any_feedback(self) -> None:
        algorithm = self.ready(self.space("huge"))
        batch = [algorithm.propose() for _ in range(self.trials)]
        for proposal in batch:
            algorithm.feedback(proposal, self.reward(proposal))
        assert len(self.search(algorithm, 5)) == 5

    @pytest.mark.parametrize("name", ["flat", "conditional", "continuous"])
    def test_feedback_out_of_order_late_missing_or_none(self, name: str) -> None:
        space = self.space(name)
        algorithm, luck = self.ready(space), random.Random(7)
        waiting: list[Decisions] = []
        for step in range(self.trials):
            waiting.append(algorithm.propose())
            if luck.random() < 0.2:
                waiting.pop(int(luck.random() * len(waiting)))  # never told
            while len(waiting) > 5 or (waiting and luck.random() < 0.4):
                one = waiting.pop(int(luck.random() * len(waiting)))
                algorithm.feedback(one, None if step % 5 == 0 else self.reward(one))
        assert len(self.search(algorithm, 10)) == 10

    def test_a_search_in_which_everything_fails_goes_on(self) -> None:
        algorithm = self.ready(self.space("flat"))
        for _ in range(self.trials):
            algorithm.feedback(algorithm.propose(), None)

    def test_feedback_for_decisions_that_were_not_proposed(self) -> None:
        space = self.space("flat")
        algorithm = self.ready(space)
        for seed in range(10):
            stranger = space.sample(seed)
            algorithm.feedback(stranger, self.reward(stranger))
        assert len(self.search(algorithm, 20)) == 20

    def test_feedback_for_decisions_of_an_equal_space(self) -> None:
        first, second = (self.ready(self.space("conditional")) for _ in range(2))
        for _ in range(20):
            ours, theirs = first.propose(), second.propose()
            first.feedback(ours, self.reward(ours))
            copy = self.space("conditional").validate(theirs.values)
            second.feedback(copy, self.reward(copy))
        assert self.search(first, 20) == self.search(second, 20)

    @pytest.mark.parametrize(
        "bad", [float("nan"), float("inf"), -float("inf"), "0.5", object(), (), (0.5, float("nan"))]
    )
    def test_a_bad_reward_is_refused(self, bad: Any) -> None:
        algorithm = self.ready(self.space("flat"))
        with pytest.raises(RewardError, match=r"number|one reward"):
            algorithm.feedback(algorithm.propose(), bad)

    def test_several_rewards_where_one_is_expected(self) -> None:
        algorithm = self.ready(self.space("flat"))
        proposal = algorithm.propose()
        if algorithm.several_rewards:
            algorithm.feedback(proposal, (0.5, 0.25))
        else:
            with pytest.raises(RewardError, match=r"takes one reward, got 2.*several objectives"):
                algorithm.feedback(proposal, (0.5, 0.25))

    def test_decisions_of_another_space_are_refused(self) -> None:
        algorithm = self.ready(self.space("flat"))
        with pytest.raises(DecisionError, match=r"another space(.|\n)*differ"):
            algorithm.feedback(self.space("small").sample(0), 0.5)
        with pytest.raises(
            DecisionError, match=r"takes the Decisions that were proposed; got \(0,\) of type tuple"
        ):
            algorithm.feedback((0,), 0.5)  # type: ignore[arg-type]  # the fault that is tested

    def test_reports_are_answered(self) -> None:
        algorithm = self.ready(self.space("flat"))
        proposal = algorithm.propose()
        assert {algorithm.report(proposal, 0.5, step=step) for step in (1, 2.5)} <= {True, False}
        algorithm.feedback(proposal, self.reward(proposal))
        assert len(self.search(algorithm, 20)) == 20

    def test_a_bad_report_is_refused(self) -> None:
        algorithm = self.ready(self.space("flat"))
        proposal = algorithm.propose()
        with pytest.raises(RewardError, match=r"a reward is (a|one) finite number"):
            algorithm.report(proposal, float("nan"), step=1)
        with pytest.raises(RewardError, match=r"a step is a finite number.*got 'x' of type str"):
            algorithm.report(proposal, 0.5, step="x")  # type: ignore[arg-type]  # the fault that is tested
        with pytest.raises(DecisionError, match=r"another space(.|\n)*differ"):
            algorithm.report(SPACES["small"]().sample(0), 0.5, step=1)

    def test_a_parent_is_decisions_of_the_space_or_none(self) -> None:
        algorithm = self.ready(self.space("flat"))
        for _ in range(20):
            proposal = algorithm.propose()
            parent = algorithm.parent(proposal)
            assert parent is None or parent.space == algorithm.space
            algorithm.feedback(proposal, self.reward(proposal))

    # ------------------------------------------------------------------ set-up

    def test_setup_on_an_equal_space_goes_on(self) -> None:
        whole = self.search(self.ready(self.space("flat")), 40)
        algorithm = self.ready(self.space("flat"))
        begun = self.search(algorithm, 20)
        algorithm.setup(self.space("flat"))
        assert begun + self.search(algorithm, 20) == whole

    def test_setup_on_another_space_is_refused(self) -> None:
        algorithm = self.ready(self.space("flat"))
        with pytest.raises(SpaceError, match=r"already searches another space; make a new one(.|\n)*differ"):
            algorithm.setup(self.space("small"))
        assert algorithm.space == self.space("flat")

    def test_use_before_setup_is_refused(self) -> None:
        with pytest.raises(SetupError, match=r"has no space yet.*`setup\(space\)`"):
            self.make(0).propose()
        algorithm, decisions = self.make(0), self.space("flat").sample(0)
        for use in (
            lambda: algorithm.feedback(decisions, 1.0),
            lambda: algorithm.report(decisions, 1.0, step=1),
            lambda: algorithm.parent(decisions),
            algorithm.state,
            lambda: algorithm.restore({}),
        ):
            with pytest.raises(SetupError, match="has no space yet"):
                use()

    def test_setup_with_no_space_is_refused(self) -> None:
        with pytest.raises(FieldTypeError, match=r"setup takes a Space; got .*abstract_search_space"):
            self.make(0).setup({"x": [1, 2]})  # type: ignore[arg-type]  # the fault that is tested

    # ------------------------------------------------------------------ state

    @pytest.mark.parametrize("lag", [0, 3])
    @pytest.mark.parametrize("name", ["small", "flat", "conditional", "continuous"])
    def test_restores_after_every_prefix(self, name: str, lag: int) -> None:
        whole = self.search(self.ready(self.space(name)), self.trials, lag)
        algorithm, waiting = self.ready(self.space(name)), list[Decisions]()
        for done in range(len(whole)):
            text = json.dumps(algorithm.state())
            twin = self.ready(self.space(name), seed=99)  # the state holds the seed
            twin.restore(json.loads(text))
            assert json.dumps(twin.state()) == text
            steps = len(whole) - done if done == len(whole) // 2 else min(2, len(whole) - done)
            assert self.search(twin, steps, lag, list(waiting)) == whole[done : done + steps]
            assert self.search(algorithm, 1, lag, waiting) == whole[done : done + 1]

    def test_restore_goes_back(self) -> None:
        algorithm = self.ready(self.space("flat"))
        self.search(algorithm, 10)
        state = json.loads(json.dumps(algorithm.state()))
        first = self.search(algorithm, 30)
        algorithm.restore(state)
        assert self.search(algorithm, 30) == first

    def test_a_damaged_state_is_refused_and_changes_nothing(self) -> None:
        algorithm, twin = (self.ready(self.space("flat")) for _ in range(2))
        assert self.search(algorithm, 30) == self.search(twin, 30)
        good = algorithm.state()
        damages: list[dict[str, Any]] = [{"own": None}, {"own": 7}, {"random": "x"}, {"seed": "x"}]
        for damage in (*damages, {"random": [3, "AAAA", None]}):
            with pytest.raises(LoadError, match=r"cannot be restored: .+ Pass what `state\(\)` returned"):
                algorithm.restore({**good, **damage})
        for key in (key for key in good if key != "trials"):  # only there if their number was given
            with pytest.raises(LoadError, match=rf"not the state of an algorithm: .* lacks {key}"):
                algorithm.restore({k: v for k, v in good.items() if k != key})
        with pytest.raises(LoadError, match="not the state of an algorithm"):
            algorithm.restore([])  # type: ignore[arg-type]  # the fault that is tested
        assert self.search(algorithm, 30) == self.search(twin, 30)

    def test_the_state_of_another_search_is_refused(self) -> None:
        algorithm = self.ready(self.space("flat"))
        with pytest.raises(LoadError, match=r"the state is that of a Stranger, this algorithm is a \w+"):
            algorithm.restore({**algorithm.state(), "algorithm": "Stranger"})
        with pytest.raises(SpaceChangedError, match=r"another space \(fingerprint"):
            algorithm.restore(self.ready(self.space("small")).state())

    def test_the_state_grows_slowly(self) -> None:
        algorithm = self.ready(self.space("flat"))
        self.search(algorithm, self.trials)
        before = len(json.dumps(algorithm.state()))
        self.search(algorithm, self.trials)
        after = len(json.dumps(algorithm.state()))
        assert after - before <= self.state_bytes_per_trial * self.trials
