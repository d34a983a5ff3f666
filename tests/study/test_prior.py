"""What an algorithm learns from another study: told once, replayed exactly, and no trial of this one."""

from __future__ import annotations

import pytest

import pliant as pg
from pliant.algorithms import HillClimb, Random, RegularizedEvolution, Sweep
from pliant.space import choice, flatten
from pliant.study import Study
from pliant.values.errors import FieldTypeError, SpaceChangedError, StudyError


def value(decisions):
    return float(sum(decisions.values))


def fill(place, space, algorithm, count, **options):
    with Study.create(place, space, algorithm, **options) as study:
        for i in range(count):
            trial = study.ask()
            study.fail(trial.id, "no") if i == 2 else study.tell(trial.id, value(trial.decisions))
        study.ask()  # running: nothing to learn
    return Study.open(place)


def test_it_is_as_if_the_algorithm_had_been_told(make_place, space, monkeypatch):
    monkeypatch.setattr("pliant.study.trials.learner.MIN_EVENTS", 10**6)  # no snapshot but the first
    make = lambda: RegularizedEvolution(4, 2, seed=3)  # noqa: E731
    alone = make()
    alone.setup(space)
    target = make_place("target")
    with (
        fill(make_place("source"), space, Random(seed=9), 7) as source,
        Study.create(target, space, make(), trials=10) as study,
    ):
        first = study.ask()
        assert first.decisions == alone.propose()
        assert study.learn_from(source) == 7
        for trial in source.trials():
            if trial.ended:
                alone.feedback(trial.decisions, trial.reward)
        study.tell(1, 0.5)
        alone.feedback(first.decisions, 0.5)
        assert study.ask().decisions == alone.propose()
        study._loop._learner._events = 0  # so that closing saves no snapshot
    with Study.open(target, space, make()) as study:  # all of it is replayed
        study.tell(2, 1.0)
        alone.feedback(study.trial(2).decisions, 1.0)
        for _ in range(8):
            trial = study.ask()
            assert trial.decisions == alone.propose()
            study.tell(trial.id, 0.25)
            alone.feedback(trial.decisions, 0.25)
        assert study.ask() is None  # what was learned is no trial of the budget
        assert study.counts() == {"running": 0, "completed": 10, "stopped": 0, "failed": 0}


def test_where_it_came_from_is_kept(make_place, space, execute):
    target = make_place("target")
    with (
        fill(make_place("source"), space, Random(), 3, name="last year's") as source,
        Study.create(target, space, HillClimb()) as study,
    ):
        study.learn_from(source)
    assert execute(target, "SELECT source FROM priors ORDER BY seq") == [
        (f"trial {i} of last year's",) for i in (1, 2, 3)
    ]
    assert execute(target, "SELECT count(*) FROM events") == [(0,)]


def test_several_rewards(make_place, space):
    heard = []

    class Listener(Random):
        def _feedback(self, decisions, reward):
            heard.append(reward)

    with Study.create(make_place("source"), space, Random(), maximize=False) as source:
        source.tell(source.ask().id, (1, -2))
        with Study.create(make_place("target"), space, Listener(), maximize=False) as study:
            study.learn_from(source)
    assert heard == [(-1.0, 2.0)]


def test_it_learns_once(make_place, space, execute):
    """A script that is run again makes the same study: what is known is not told again."""
    target = make_place("target")

    def run(place):
        algorithm = RegularizedEvolution(4, 2, seed=3)
        with Study.open_or_create(target, space, algorithm, trials=20) as study:
            count = study.learn_from(place)
            trial = study.ask()
            study.tell(trial.id, value(trial.decisions))
            return count

    source = make_place("source")
    fill(source, space, Random(seed=9), 7, name="last year's").close()
    assert [run(source), run(source), run(source)] == [7, 0, 0]
    assert execute(target, "SELECT count(*) FROM priors") == [(7,)]
    with Study.open(source, space, Random(seed=9)) as study:  # it has gone on
        for _ in range(2):
            trial = study.ask()
            study.tell(trial.id, value(trial.decisions))
    assert [run(source), run(source)] == [2, 0]
    other = make_place("other")
    fill(other, space, Random(seed=10), 3, name="last year's").close()  # of the same name
    assert [run(other), run(other), run(source)] == [3, 0, 0]


def test_a_study_by_its_place(make_place, space, tmp_path):
    source = make_place("source")
    fill(source, space, Random(), 3).close()
    with Study.create(make_place("target"), space, Random()) as study:
        with pytest.raises(StudyError, match=r"no study found at '.*none\.db'"):
            study.learn_from(tmp_path / "none.db")
        with pytest.raises(
            FieldTypeError,
            match=r"learn_from takes a study, or the path of one, such as 'studies/digits\.db'; got 5 of type int",
        ):
            study.learn_from(5)
        assert study.learn_from(str(source)) == 3
    Study.open(source, space, Random()).close()  # it was closed


def test_several_rewards_are_learned_once(make_place, space):
    with Study.create(make_place("source"), space, Random()) as source:
        source.tell(source.ask().id, (1, 0.1))
        with Study.create(make_place("target"), space, Random()) as study:
            assert [study.learn_from(source), study.learn_from(source)] == [1, 0]


def test_an_open_study_may_learn_from_itself(study):
    """Nonsense, but told once all the same."""
    study.tell(study.ask().id, 0.5)
    assert study.learn_from(study) == 1


def test_a_study_of_another_space(make_place, space, flat):
    with (
        fill(make_place("source"), space, Random(), 3) as source,
        Study.create(make_place("target"), flat, Random()) as study,
    ):
        with pytest.raises(SpaceChangedError, match=r"searches another space than the one given.*\n.*- op"):
            study.learn_from(source)
        assert study.ask().id == 1


def test_a_study_of_the_other_direction(make_place, space):
    with (
        fill(make_place("source"), space, Random(), 3, maximize=False) as source,
        Study.create(make_place("target"), space, Random()) as study,
        pytest.raises(
            StudyError,
            match=r"has maximize=False, and this study maximize=True: the studies optimize in opposite",
        ),
    ):
        study.learn_from(source)


def test_a_study_that_is_open_for_reading(make_place, space):
    with (
        fill(make_place("source"), space, Random(), 3) as source,
        pytest.raises(StudyError, match="is open for reading"),
    ):
        source.learn_from(source)


def test_all_or_nothing(make_place):
    """The algorithm refuses one of them: it is told none."""
    space = flatten([choice("a", 9)])

    class Picky(Random):
        def _feedback(self, decisions, reward):
            if reward == 2.0:
                raise OSError("not this one")

    with Study.create(make_place("source"), space, Random()) as source:
        for reward in (1.0, 2.0, 3.0):
            source.tell(source.ask().id, reward)
        target = make_place("target")
        with Study.create(target, space, Picky()) as study:
            with pytest.raises(OSError, match="not this one"):
                study.learn_from(source)
            assert study.ask().id == 1
    with Study.open(target, space, Picky()) as study:
        assert study.ask().attempts == 2


def test_a_space_whose_candidates_are_numbers_of_others(tmp_path):
    space = pg.abstract_search_space([pg.oneof([1, 0, 2])])
    with Study.create(tmp_path / "a.db", space, Sweep()) as first:
        while trial := first.ask():
            first.tell(trial.id, 1.0)
    with Study.create(tmp_path / "b.db", space, Sweep()) as second:
        assert second.learn_from(tmp_path / "a.db") == 3
