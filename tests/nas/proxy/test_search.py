"""A proxy task is searched: each trains the reference models until it is clear, and the quickest that is good is the best."""

from __future__ import annotations

import json
import re

import pytest

from pliant.nas.stage import Stage

from .conftest import CLOUD

CANDIDATES = """
import os

def candidates(flags):
    assert flags == {"data": "all", "cost": "7200"}, flags
    for name, changes in {
        "tardy": {"late": 18, "cost": 720},
        "backwards": {"sign": -1, "cost": 72},
        "good": {"cost": 720},
        "better": {"cost": 360},
        "slower": {"late": 15, "cost": 360},
        "later": {"late": 2, "cost": 180},
        "odd": {"odd": 1, "cost": 36},
    }.items():
        yield {"name": name, "docker_args_map": {**flags, **changes}}

def two(flags):
    return [{"name": "backwards", "docker_args_map": {"sign": -1, "cost": 160, "pace": 0.02}},
            {"name": "good", "docker_args_map": {"late": 7, "pace": 0.02}}]

def one(flags):
    return [{"name": "good", "docker_args_map": {"late": os.environ.get("LATE", 1)}}]

def slow(flags):
    return [{"name": "slow", "docker_args_map": {"late": 1, "pace": 0.3}}]

class Config:
    name, docker_args_map = "good", {}

def objects(flags):
    return [Config()]

def nothing(flags): return []
def number(flags): return 3
def words(flags): return ["good"]
def path(flags): return [{"name": "../good", "docker_args_map": {}}]
def flagless(flags): return [{"name": "good"}]
def fails(flags): raise KeyError("data")
def fails_later(flags):
    raise KeyError("data")
    yield
"""


@pytest.fixture
def references(select, learner, folder):
    """Five models that were trained in full, and functions that propose proxy tasks."""
    learner(CLOUD)
    (folder / "proxies.py").write_text(CANDIDATES)
    return lambda *more: select("--latency_metric_id=latency", *more, start=5, final=5)


@pytest.fixture
def hunt(nas):
    """Searches a proxy task."""

    def run(function: str, *arguments: object, status: int = 0) -> str:
        return nas(*command(function), *arguments, status=status)

    return run


def command(function):
    return [
        "search-proxy-task",
        "--job_name=proxies",
        "--root_output_dir=jobs",
        "--proxy_task_model_selection_job_id=models",
        f"--proxy_task_config_generator_module=proxies.{function}",
        "--training_time_hrs_limit=1",
    ]


def ends(state):
    return {
        one["name"]: one["end"] and [one["end"][0], one["end"][1], one["end"][2] and round(one["end"][2], 6)]
        for one in state["proxies"]
    }


def test_the_best_is_good_and_quick(references, hunt, state, place):
    references("--search_docker_flags", "data=all", "cost=7200")
    out = hunt("candidates")
    assert ends(state("proxies")) == {
        "tardy": ["time limit", None, None],  # at step 5
        "backwards": ["completed", None, None],
        "good": ["correlation", 1, 0.2],
        "better": ["correlation", 1, 0.1],
        "slower": ["slower than the best", None, None],
        # From -1 at step 2 to 1 at step 3: 0.65 is at 2.825; a step has 180 s.
        "later": ["slower than the best", None, None],  # 0.1 hours are over at step 2
        "odd": ["latency correlation", None, None],
    }
    assert "The best is better: train to step 1 with --search_docker_flags cost=360 data=all" in out
    by_name = {one["name"]: one for one in state("proxies")["proxies"]}
    assert len(by_name["backwards"]["moments"]) == 20
    assert {moment[1] for moment in by_name["backwards"]["moments"]} == {-1.0}
    assert len(by_name["tardy"]["moments"]) == 5
    assert by_name["good"]["latency_correlation"] == 1.0
    assert by_name["odd"]["latency_correlation"] == -1.0
    home = place("proxies") / "proxy_1" / "nas" / "search" / "1"
    assert json.loads((home / "MAX_TRAINING_TIME.json").read_text()) == {"max_training_time_in_hrs": 1.0}


def test_all_end_when_it_is_clear(references, hunt, state, place):
    references()
    hunt("slow", "--max_parallel_nas_trial=5")
    files = place("proxies").glob("proxy_1/nas/search/*/checkpoint.json")
    steps = [json.loads(file.read_text()) for file in files]
    assert len(steps) == 5
    assert max(steps) < 20
    # From -1 at step 1 to 1 at step 2: 0.65 is at 1.825; a step has 360 s.
    assert ends(state("proxies")) == {"slow": ["correlation", 2, 0.1825]}


def test_too_many_models_fail(references, hunt, learner, state):
    references()
    learner("if 'late' in flags and trial == '2': sys.exit(3)\n" + CLOUD)
    assert "No proxy task reaches a goal" in hunt("one", status=1)
    assert ends(state("proxies")) == {"good": ["too few models", None, None]}


def test_stopped_between_launch_and_watching(references, hunt, nas, state, monkeypatch, place):
    """A proxy task that was recorded but did not run yet is run when the search is resumed."""
    references()
    with monkeypatch.context() as patched:
        patched.setattr(Stage, "run", lambda *_: 1 / 0)
        with pytest.raises(AssertionError, match="division by zero"):  # the exit code
            hunt("one")
    assert ends(state("proxies")) == {"good": None}
    again = ["search-proxy-task", f"--previous_proxy_task_search_dir={place('proxies')}"]
    assert "The best is good" in nas(*again)
    found = state("proxies")
    assert ends(found) == {"good": ["correlation", 2, 0.1825]}
    nas(*again)
    assert state("proxies") == found
    monkeypatch.setenv("LATE", "3")
    out = nas(*again, status=1)
    assert re.search(r"gives the proxy task 'good' other flags than .*'late': '3'.*'late': '1'", out)


def test_killed_and_resumed_is_as_never_killed(killed, references, hunt, nas, state, place, folder):
    references()

    def is_in_second():
        return len(list((folder / "jobs").glob("proxies_*/proxy_2/nas/search/3/checkpoint.json"))) == 1

    killed(command("two"), is_in_second)
    assert ends(state("proxies")) == {"backwards": ["completed", None, None], "good": None}
    nas("search-proxy-task", f"--previous_proxy_task_search_dir={place('proxies')}")
    found = state("proxies")
    nas("search-proxy-task", f"--previous_proxy_task_search_dir={place('proxies')}")
    assert state("proxies") == found  # the first is not judged again, now by the time of the second
    place("proxies").rename(folder / "first")
    hunt("two")
    assert state("proxies") == found
    assert ends(found)["good"] == ["correlation", 8, 0.7825]


TYPED = {
    "no module": ("gone", "defines no function 'gone'"),
    "nothing": ("nothing", "proxies.nothing returns no proxy tasks"),
    "no list": ("number", "It failed: TypeError: 'int' object is not iterable"),
    "words": ("words", "a proxy task has a name and a docker_args_map, .* gave 'good' of type str"),
    "no flags": ("flagless", "a proxy task has a name and a docker_args_map"),
    "a path": ("path", r"name is letters, digits, .* gave '../good'"),
    "fails": ("fails", "proxies.fails is called with the flags .* It failed: KeyError: 'data'"),
    "fails later": ("fails_later", "proxies.fails_later is called .* It failed: KeyError: 'data'"),
}


def test_what_is_typed_wrong(references, hunt, folder, place):
    references()
    for function, message in TYPED.values():
        assert re.search(message, " ".join(hunt(function, status=1).split())), function
    for arguments, message in (
        (
            ["--proxy_task_model_selection_job_id=gone"],
            "cannot find a selection of models 'gone' in .* It has: 'models_",
        ),
        (["--proxy_task_config_generator_module=proxies"], "names a module and a function in it"),
        (["--job_name="], "search-proxy-task needs --job_name"),
    ):
        assert re.search(message, " ".join(hunt("one", *arguments, status=1).split())), arguments
    assert not list((folder / "jobs").glob("proxies*"))
    # A selection that is not complete, or has too few models.
    path = place("models") / "MODEL_SELECTION_STATE.json"
    data = json.loads(path.read_text())
    full = data["rounds"][0]["models"]
    data["rounds"][0]["models"] = []
    path.write_text(json.dumps(data))
    assert "is not complete. To continue it: `pliant nas select-proxy-models --previous" in hunt(
        "one", status=1
    )
    data["rounds"][0]["models"] = [{**model, "accuracy": None} for model in full]
    path.write_text(json.dumps(data))
    assert "0 of 5 reference models" in hunt("one", status=1)


def test_objects_with_the_attributes_of_the_service(references, hunt, state):
    references()
    hunt("objects")
    assert ends(state("proxies")) == {"good": ["correlation", 1, 0.1]}
