"""Each wrong call gets a lesson, and leaves things as they were; for files that are no study see test_files."""

from __future__ import annotations

import random
import shutil

import pytest

from pliant.algorithms import Algorithm, Deduplicate, LocalSearch, Random, RegularizedEvolution, Sweep
from pliant.space import choice, flatten, floating, integer
from pliant.study import Study
from pliant.values.errors import (
    FeedbackError,
    FieldTypeError,
    FieldValueError,
    PliantError,
    RewardError,
    SpaceChangedError,
    SpaceError,
    StudyChangedError,
    StudyError,
)


def make(path, space, count=3):
    with Study.create(path, space, Random()) as study:
        for _ in range(count):
            study.tell(study.ask().id, 0.5)


# --- texts and paths ---------------------------------------------------------------------------------------

STRANGE = {"surrogate": "a\ud800b", "null": "a\0b", "byte": "a\udcff"}
NO_TEXT = {"bytes": b"a", "int": 3, "list": ["a"]}


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_any_text_can_be_stored(path, space, text):
    with Study.create(path, space, Random(), name=text) as study:
        trial = study.ask(worker=text)
        study.note(trial.id, text)
        study.tell(trial.id, 1.0, metrics={text: 1.0})
        study.fail(study.ask().id, text)
        study.enqueue(trial.decisions, note=text)
        plain = text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
        assert (study.name, study.trial(1).worker, study.trial(2).reason) == (plain, plain, plain)
        assert study.trial(1).metrics == {plain: 1.0}


@pytest.mark.parametrize("text", NO_TEXT.values(), ids=NO_TEXT)
def test_what_is_not_a_text(study, path, space, text):
    trial = study.ask()
    with pytest.raises(FieldTypeError, match=r"the name of a worker is text; got .* of type"):
        study.ask(worker=text)
    with pytest.raises(FieldTypeError, match=r"a line of the journal is text; got .* of type"):
        study.note(trial.id, text)
    with pytest.raises(FieldTypeError, match=r"the note about enqueued decisions is text; got .* of type"):
        study.enqueue(trial.decisions, note=text)
    with pytest.raises(FieldTypeError, match=r"the name of a study is text; got .* of type"):
        Study.create(path.with_name("other.db"), space, Random(), name=text)
    assert study.info().proposed == 1
    assert not path.with_name("other.db").exists()


def test_a_name_longer_than_a_file_can_have(path, space):
    with pytest.raises(FieldValueError, match=r"at most 255 characters; got .* of 256\. Shorten it"):
        Study.create(path, space, Random(), name="x" * 256)
    Study.create(path, space, Random(), name="x" * 255).close()


@pytest.mark.parametrize("name", ["x" * 300, "x" * 9000, "é" * 200, "a\0b", "a\ud800b", "loop"])
def test_paths_that_no_file_can_have(tmp_path, space, name):
    (tmp_path / "loop").symlink_to("loop")
    place = f"{tmp_path}/{name}"
    for use in (
        lambda: Study.open(place),
        lambda: Study.create(place, space, Random()),
        lambda: Study.open_or_create(place, space, Random()),
    ):
        with pytest.raises(
            StudyError, match=r"cannot be the file of a study: .* Give a shorter or simpler path"
        ):
            use()
    assert [file.name for file in tmp_path.iterdir()] == ["loop"]


def test_a_file_whose_name_is_not_utf8(tmp_path, space):
    place = f"{tmp_path}/a\udcff.db"
    with Study.create(place, space, Random()) as study:
        assert study.name == "a?"
    assert Study.open(place).name == "a?"


# --- telling -----------------------------------------------------------------------------------------------

BAD_REWARDS = {
    "nan": (
        float("nan"),
        r"the reward of trial 1 is a finite number; got nan.*study\.fail\(1, 'why'\)",
    ),
    "infinity": (float("-inf"), r"is a finite number; got -inf"),
    "text": ("0.5", r"a finite number; got '0\.5' of type str"),
    "none": (None, r"got None of type NoneType\. For a trial that failed .*study\.fail"),
    "one of several": ((0.1, float("nan")), r"the reward of trial 1 is a finite number; got nan"),
    "none of several": ((), r"a finite number; got \(\) of type tuple"),
    "too large": (10**400, r"a finite number; got an int of 401 digits"),
}


@pytest.mark.parametrize(("reward", "message"), BAD_REWARDS.values(), ids=BAD_REWARDS)
def test_bad_reward(study, reward, message):
    trial = study.ask()
    with pytest.raises(RewardError, match=message) as caught:
        study.tell(trial.id, reward)
    assert isinstance(caught.value, ValueError)
    assert study.trial(1).status == "running"
    assert study.tell(trial.id, 1.0).reward == 1.0


def test_told_twice(study):
    study.ask(), study.ask(), study.ask()
    study.tell(1, 0.5)
    with pytest.raises(
        FeedbackError, match=r"trial 1 was told twice: reward 0\.5 at .*, and now reward 0\.7\. The first"
    ):
        study.tell(1, 0.7)
    with pytest.raises(
        FeedbackError, match=r"trial 1 was told twice: reward 0\.5 at .*, and now failed \(late\)"
    ):
        study.fail(1, "late")
    study.fail(2, "no memory")
    with pytest.raises(FeedbackError, match=r"trial 2 was told twice: failed \(no memory\) at"):
        study.tell(2, 0.7)
    assert [trial.reward for trial in study.trials()] == [0.5, None, None]
    assert study.ask().id == 4  # trial 3 is out, not lost


@pytest.mark.parametrize("trial_id", [0, 2, -1, "1", 1.0, True, None, 2**70])
def test_unknown_trial(study, trial_id):
    with pytest.raises(FeedbackError, match=r"has no trial .*; it has no trials yet\. Pass the `id`"):
        study.tell(trial_id, 0.5)
    study.ask()
    with pytest.raises(
        FeedbackError, match=r"the study 'study\w*' has no trial .*; its trials are 1 to 1\. Pass the `id`"
    ):
        study.tell(trial_id, 0.5)
    with pytest.raises(FeedbackError, match="has no trial"):
        study.fail(trial_id, "why")
    with pytest.raises(FeedbackError, match="has no trial"):
        study.trial(trial_id)


def test_trial_in_place_of_its_number(study):
    with pytest.raises(FeedbackError, match=r"has no trial Trial\(id=1"):
        study.tell(study.ask(), 0.5)


def test_reason_that_is_no_text(study):
    with pytest.raises(
        FieldTypeError,
        match=r"the reason why trial 1 failed is text; got ValueError\('x'\) of type ValueError",
    ):
        study.fail(study.ask().id, ValueError("x"))


# --- arguments ---------------------------------------------------------------------------------------------


def test_algorithm_that_is_none(path, space):
    with pytest.raises(
        FieldTypeError, match=r"a study takes an algorithm, such as `Random\(\)`; got 'random' of type str"
    ):
        Study.create(path, space, "random")
    with pytest.raises(
        FieldTypeError, match=r"got <class .*Sweep'> of type ABCMeta\. Write `Sweep\(\.\.\.\)`"
    ):
        Study.create(path, space, Sweep)
    assert not path.exists()


def test_space_that_is_none(place):
    with pytest.raises(
        FieldTypeError, match=r"takes a Space; got \{'a': 1\} of type dict.*pg\.abstract_search_space"
    ):
        Study.create(place, {"a": 1}, Random())


@pytest.mark.parametrize("trials", [0, -1, 1.0, True, "9"])
def test_number_of_trials_that_is_none(place, space, trials):
    with pytest.raises(FieldValueError, match=r"an integer from 1 to 2147483647, or None for no limit; got"):
        Study.create(place, space, Random(), trials=trials)


def test_space_that_the_algorithm_cannot_search(path, space):
    with pytest.raises(SpaceError, match="Sweep needs a finite space"):
        Study.create(path, space, Sweep())
    assert not path.exists()


def test_status_and_count(study):
    with pytest.raises(
        FieldValueError,
        match=r"is one of 'running', 'completed', 'stopped', 'failed'; got 'complete'; did you mean 'completed'\?",
    ):
        study.trials("complete")
    for count in (0, 1.0, True):
        with pytest.raises(
            (FieldTypeError, FieldValueError), match=r"best\(count=...\) takes an integer of at least 1; got"
        ):
            study.best(count)


# --- another space, another algorithm ----------------------------------------------------------------------


def test_changed_space_is_shown_as_a_difference(path):
    make(path, flatten([choice("op", 2, literals=["conv", "pool"]), integer("k", 1, 5), choice("act", 2)]))
    before = path.read_bytes()
    changed = flatten(
        [choice("op", 3, literals=["conv", "pool", "id"]), choice("act", 2), floating("lr", 0, 1)]
    )
    with pytest.raises(SpaceChangedError, match="searches another space than the one given") as caught:
        Study.open(path, changed, Random())
    text = str(caught.value)
    for line in (
        "~ op: 2 candidates -> 3: + 'id'",
        "- k: integer from 1 to 5",
        "+ lr: ",
    ):
        assert f"\n  {line}" in text
    assert "undo the change, or make another study at another path" in text
    assert isinstance(caught.value, ValueError)
    with pytest.raises(SpaceChangedError, match="- k: integer"):
        Study.open(path, changed)
    with pytest.raises(SpaceChangedError, match="- k: integer"):
        Study.open_or_create(path, changed, Random())
    assert path.read_bytes() == before


OTHERS = {
    "another class": (
        LocalSearch(),
        r"Random against LocalSearch\.\n  in the study: Random\(seed=0, .*\n  given: +LocalSearch",
    ),
    "another option": (
        Random(replace=False),
        r"replace=True against replace=False|replace=True against False",
    ),
    "another seed": (Random(seed=1), r"seed=0 against 1\."),
    "a wrapper": (
        Deduplicate(Random()),
        r"Random against Deduplicate.*\n.*\n  given: +Deduplicate\(algorithm=Random\(seed=0",
    ),
}


@pytest.mark.parametrize(("other", "message"), OTHERS.values(), ids=OTHERS)
def test_another_algorithm(place, flat, other, message):
    make(place, flat)
    for opens in (Study.open, Study.open_or_create):
        with pytest.raises(StudyError, match="is searched by another algorithm") as caught:
            opens(place, flat, other)
        caught.match(message)
        caught.match("Give the one in the study, or make another study at another path")
    with Study.open(place, flat, Random()) as study:
        assert study.ask().id == 4


def test_another_option_deep_inside(place, space):
    with Study.create(place, space, Deduplicate(RegularizedEvolution(10, 5))) as study:
        study.ask()
    with pytest.raises(StudyError, match=r"algorithm=.*Tournament\(size=5.* against .*Tournament\(size=4"):
        Study.open(place, space, Deduplicate(RegularizedEvolution(10, 4)))


class Coin(Algorithm):
    """An algorithm of a user, which keeps no option under its name."""

    def __init__(self, bias=0.5, seed=0):
        super().__init__(seed)
        self.p = bias

    def _propose(self):
        return self.space.sample(self.random)


def test_an_algorithm_of_a_user_is_known_by_all_of_its_options(place, flat):
    with Study.create(place, flat, Coin(0.25)) as study:
        assert study.info().algorithm == "Coin(bias=0.25, seed=0)"
        assert study.info().description["name"] == f"{__name__}:Coin"
        study.tell(study.ask().id, 0.5)
    with pytest.raises(StudyChangedError, match=r"another algorithm: bias=0\.25 against 0\.5\.\n"):
        Study.open(place, flat, Coin())
    with Study.open(place, flat, Coin(0.25)) as study:
        assert study.ask().id == 2


def test_the_cause_of_a_failure_is_one_of_a_few(study):
    trial = study.ask()
    with pytest.raises(
        FieldValueError, match=r"the cause of a failed trial is one of 'error', .*did you mean 'timeout'"
    ):
        study.fail(trial.id, "slow", cause="timeouts")
    with pytest.raises(FieldValueError, match="got 'stopped'"):
        study.fail(trial.id, "slow", cause="stopped")
    assert study.fail(trial.id, "slow", cause="timeout").cause == "timeout"
    assert study.fail(study.ask().id, "broken").cause == "error"
    assert [trial.cause for trial in study.trials("failed")] == ["timeout", "error"]


def test_algorithm_of_another_space(place, space, flat):
    make(place, space)
    used = Random()
    used.setup(flat)
    with pytest.raises(SpaceError, match="already searches another space"):
        Study.open(place, space, used)
    with Study.open(place, space, Random()) as study:
        assert study.ask().id == 4


def test_another_direction_and_another_seed(place, space):
    Study.create(place, space, Random(), seed=3, maximize=False).close()
    with pytest.raises(StudyError, match="was made with maximize=False, and is opened with maximize=True"):
        Study.open_or_create(place, space, Random(), seed=3)
    with pytest.raises(StudyError, match="was made with seed=3, and is opened with seed=4"):
        Study.open_or_create(place, space, Random(), seed=4, maximize=False)
    Study.open_or_create(place, space, Random(), seed=3, maximize=False).close()


# --- algorithms that break their contract ------------------------------------------------------------------


class Forgetful(Algorithm):
    """Draws from generators that are no part of its state."""

    draw = random.Random(0)

    def _propose(self):
        return self.space.sample(self.draw)


def test_algorithm_that_does_not_repeat_itself(path, space, tmp_path):
    with Study.create(path, space, Forgetful()) as study:
        for _ in range(4):
            study.tell(study.ask().id, 0.5)
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", tmp_path / f"copy.db{suffix}")
    with pytest.raises(
        StudyError, match=r"Forgetful did not repeat itself: it proposed trial 1 as .* and from the same"
    ):
        Study.open(tmp_path / "copy.db", space, Forgetful())
    with Study.open(tmp_path / "copy.db") as study:
        assert study.counts()["completed"] == 4
    with Study.open(
        path, space, Forgetful()
    ) as study:  # it was closed in order, and nothing is to be repeated
        assert study.ask().id == 5


@pytest.mark.parametrize("state", [{1, 2}, float("nan"), object()])
def test_state_that_is_not_json(path, space, state):
    class Odd(Algorithm):
        def _propose(self):
            return self.space.sample(self.random)

        def _state(self):
            return {"own": state}

    with pytest.raises(
        StudyError,
        match=r"the state of Odd cannot be stored: .*Make `_state\(\)` return dicts with text keys",
    ):
        Study.create(path, space, Odd())
    assert not path.exists()


def test_all_are_pliant_errors():
    for error in (StudyError, FeedbackError, RewardError, SpaceChangedError):
        assert issubclass(error, PliantError)
