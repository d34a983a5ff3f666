"""Reference models are chosen in rounds, each from the checkpoints of the one before, whatever happens in between."""

from __future__ import annotations

import itertools
import json
import re

import pytest

from .conftest import CLOUD, PLAIN


def test_models_leave_round_by_round(select, learner, state, place):
    learner()
    out = select("--latency_metric_id=latency")
    rounds = state("models")["rounds"]
    assert [(one["count"], round(one["percent"], 2)) for one in rounds] == [(8, 12.5), (6, 29.17), (5, 100.0)]
    assert [len(one["kept"]) for one in rounds] == [6, 5, 5]
    assert "Reference models" in out
    assert f"They are in {place('models')}/round_3" in out
    steps = [json.loads(p.read_text()) for p in place("models").glob("round_1/nas/search/*/checkpoint.json")]
    assert steps == [3] * 8  # of 20
    # Models keep their identity: the kept trials are passed on in order, and each trial continues its own checkpoint.
    for before, now in itertools.pairwise(rounds):
        assert before["kept"] == sorted(before["kept"])
        origins = [model["origin"] for model in before["models"]]
        assert [m["origin"] for m in now["models"]] == [origins[number - 1] for number in before["kept"]]
    log = (place("models") / "round_3" / "logs" / "search" / "5.1.log").read_text()
    assert f"round_2/nas/search/{rounds[1]['kept'][4]} at 6\n" in log


@pytest.mark.parametrize("body", [PLAIN, CLOUD], ids=["metrics file", "details"])
def test_accuracies_and_latencies(select, learner, state, body, place):
    learner(body)
    select("--latency_metric_id=latency", start=5)
    (only,) = state("models")["rounds"]
    assert only["percent"] == 100.0
    for model in only["models"]:
        params = json.loads(
            (place("models") / f"round_1/nas/search/{model['trial']}/nas_params_str.json").read_text()
        )
        x = float(str(params["x"]).split("/")[0])
        assert model["latency"] == x + 1
        assert model["accuracy"] == pytest.approx((x + 1) / 10, abs=0.011)


def test_details_go_from_round_to_round(select, learner, place):
    learner(CLOUD)
    select(start=6)
    path = place("models") / "round_2/nas/search/5/TRIAL_TRAINING_METRICS.json"
    points = json.loads(path.read_text())["training_accuracy_over_steps"]
    assert [point["training_step"] for point in points] == list(range(20))
    assert "knows 4\n" in (place("models") / "round_2/logs/search/5.1.log").read_text()


@pytest.mark.parametrize("body", [PLAIN, CLOUD], ids=["metrics file", "details"])
def test_one_that_goes_on_regardless_is_ended(select, learner, place, body):
    learner(body.replace("if not goes_on(step):", "time.sleep(0.4)\n    if False:"))
    select("--max_parallel_nas_trial=6", "--search_docker_flags", "steps=4", start=6)
    kept = [json.loads(p.read_text()) for p in place("models").glob("round_1/nas/search/*/checkpoint.json")]
    assert len(kept) == 6
    assert max(kept) < 4  # 16.7 % of 4 steps is 1; it was ended soon after the second


def test_failures_leave_first(select, learner, state):
    learner("if int(trial) == 3 and begin == 0: sys.exit(3)\n" + PLAIN)
    select(each=3)
    first = state("models")["rounds"][0]
    assert [m["accuracy"] is None for m in first["models"]] == [n == 3 for n in range(1, 9)]
    assert len(first["kept"]) == 5
    assert 3 not in first["kept"]


def test_too_many_failures(select, learner, state):
    learner("if int(trial) > 1: sys.exit(3)\n" + PLAIN)
    out = select(status=1)
    assert re.search(
        r"more than 1 of 8 models failed. To see why: `pliant nas list-trials --job_id=\S+round_1 ", out
    )
    assert state("models")["rounds"][0]["models"] == []


def test_models_without_a_latency(select, learner):
    learner()
    out = select("--latency_metric_id=latncy", start=5, status=1)
    assert re.search(
        "0 of 5 models have an accuracy and 'latncy' at 100 % of training; 70% are needed.* reported .*'latency'",
        " ".join(out.split()),
    )


TYPED = {
    "no metric": (["--accuracy_metric_id="], "--accuracy_metric_id is the name of a metric"),
    "too few": (["--start_num_models=4"], "--final_num_models=5 is more than --start_num_models=4"),
    "no name": (["--job_name="], "select-proxy-models needs --job_name and --root_output_dir"),
    "no trainer": (["--local_binary="], "a trial needs a trainer"),
    "no space": (["--search_space_module="], "give one search space, .* got neither"),
    "not there": (
        ["--previous_model_selection_dir=gone"],
        "cannot find a selection of models 'gone' in 'jobs'",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), TYPED.values(), ids=TYPED)
def test_what_is_typed_wrong(select, learner, folder, arguments, message):
    learner()
    assert re.search(message, " ".join(select(*arguments, status=1).split()))
    assert not (folder / "jobs").exists()


@pytest.mark.parametrize(
    "name", ["select_proxy_models", "select_proxy_task_models", "select-proxy-task-models"]
)
def test_other_spellings(nas, name):
    assert "select-proxy-models needs --job_name" in nas(
        name,
        "--accuracy-metric-id=a",
        "--search_space_module=spaces.board",
        f"--local_binary={__file__}",
        status=1,
    )


def test_killed_and_resumed_is_as_never_killed(killed, nas, select, learner, flags, place, folder, state):
    learner(CLOUD)
    sizes = ["--start_num_models=6", "--final_num_models=4", "--num_models_to_remove_per_iter=1"]
    more = ["--accuracy_metric_id=top_1_accuracy", *sizes, "--search_docker_flags", "pace=0.02"]

    def is_in_round_two():
        return len(list((folder / "jobs").glob("models_*/round_2/nas/search/3/checkpoint.json"))) == 1

    killed(["select-proxy-models", "--job_name=models", *flags, *more], is_in_round_two)
    assert len(state("models")["rounds"]) == 2
    assert state("models")["rounds"][1]["models"] == []
    out = nas("select-proxy-models", f"--previous_model_selection_dir={place('models')}")
    assert "Reference models" in out
    found = state("models")
    (folder / "jobs").rename(folder / "first")
    select(*more)
    assert state("models") == found
    assert [one["count"] for one in found["rounds"]] == [6, 5, 4]


def test_a_selection_that_goes_on_is_the_same(select, learner, nas, place, state):
    learner()
    select(start=5)
    again = ["select-proxy-models", "--previous_model_selection_dir=models", "--root_output_dir=jobs"]
    before = state("models")
    assert "Reference models" in nas(*again)
    assert state("models") == before
    assert "was started with --seed=1; now it is 2" in nas(*again, "--seed=2", status=1)
    path = place("models") / "MODEL_SELECTION_STATE.json"
    for text, message in (
        ("{", "does not hold a selection of models"),
        ('{"version": 9}', "has version 9; this Pliant reads version 1"),
        ('{"version": 1, "rounds": 3}', "does not hold a selection of models: TypeError"),
    ):
        path.write_text(text)
        assert message in nas(*again, status=1)
