"""One model is trained five times, and it is said how much that varies and how smoothly it rises."""

from __future__ import annotations

import json
import math
import re
import statistics

import pytest

from .conftest import CLOUD, PLAIN


@pytest.fixture
def measure(nas, flags):
    """Measures a training."""

    def run(*arguments: object, status: int = 0) -> str:
        return nas(*command(flags), *arguments, status=status)

    return run


def command(flags):
    return [
        "measure-proxy-variance",
        "--job_name=variance",
        *flags,
        "--nas_target_reward_metric=top_1_accuracy",
    ]


@pytest.mark.parametrize("body", [PLAIN, CLOUD], ids=["metrics file", "details"])
def test_variance_and_smoothness(measure, learner, state, place, body):
    learner(body)
    out = measure("--search_docker_flags", "wobble=0.1")
    found = state("variance")
    assert found["attempts"] == [""]
    least = min(found["accuracies"])
    assert found["accuracies"] == pytest.approx([least + 0.1 * n for n in range(5)])
    assert found["variance"] == pytest.approx(0.1 * math.sqrt(2) / statistics.fmean(found["accuracies"]))
    assert found["smoothness"] == 0.0
    assert "smoothness 0 is good (good: at most 10)." in out
    result = json.loads((place("variance") / "variance_and_smoothness.json").read_text())
    assert result["variance_value"] == found["variance"]
    homes = [place("variance") / f"training/nas/search/{n}/nas_params_str.json" for n in range(1, 6)]
    homes.append(place("variance") / "attempt_1/nas/search/1/nas_params_str.json")
    assert len({home.read_text() for home in homes}) == 1
    begun = place("variance") / "attempt_1/nas/search/1/checkpoint.json"
    assert json.loads(begun.read_text()) == 1  # a little is enough to see whether it works


def test_what_is_not_good(measure, learner):
    # 1, 2, 1, 2, ...: of 19 pieces each second one falls by the whole height.
    learner("def accuracy(step): return (1 if step % 2 else 2) * float(10 ** int(trial))\n" + PLAIN)
    out = measure()
    assert re.search(r"variance 1\.\d+ is not good \(good: at most 0.4\)", out)
    assert re.search(r"smoothness \d+ is not good \(good: at most 10\)", out)


def test_models_that_do_not_work(measure, learner, state):
    learner("if 'attempt_1/' in home or 'attempt_2/' in home: sys.exit(3)\n" + PLAIN)
    measure()
    first, second, third = state("variance")["attempts"]
    assert re.search("exit code 3", first)
    assert re.search("exit code 3", second)
    assert third == ""


def test_no_model_works(measure, learner, state, place):
    learner("sys.exit(3)")
    out = measure(status=1)
    assert re.search(
        "none of 10 random models works; the last: .*exit code 3.* Fix the trainer", " ".join(out.split())
    )
    assert len(state("variance")["attempts"]) == 10


def test_trainings_that_fail(measure, learner):
    learner("if 'training/' in home and trial in '12': sys.exit(3)\n" + PLAIN)
    out = measure(status=1)
    assert re.search(
        "3 of 5 trainings of one model succeeded; 70% are needed. .*exit code 3", " ".join(out.split())
    )


def test_an_accuracy_that_is_reported_once(measure, learner):
    learner("report(0.5)")
    assert "the trainer reported it once" in measure(status=1)


def test_killed_and_resumed_is_as_never_killed(killed, measure, nas, learner, flags, place, folder, state):
    learner(CLOUD)
    more = ["--search_docker_flags", "wobble=0.1", "pace=0.02"]

    def is_training():
        return len(list((folder / "jobs").glob("variance_*/training/nas/search/3/checkpoint.json"))) == 1

    killed([*command(flags), *more], is_training)
    assert state("variance")["variance"] is None
    nas("measure-proxy-task-variance", f"--previous_variance_measurement_dir={place('variance')}")
    found = state("variance")
    (folder / "jobs").rename(folder / "first")
    measure(*more)
    assert state("variance") == found
