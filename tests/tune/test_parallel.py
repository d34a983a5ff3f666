"""``pg.search``: results of functions, reports, spaces that are sent or rebuilt, and workers that die."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import pliant as pg
from pliant.algorithms import Random, RegularizedEvolution
from pliant.algorithms.fidelity import MedianStopping
from pliant.launch import Commands, InPlace, Limits, Processes
from pliant.study import Study
from pliant.values.errors import EvaluationError, FieldTypeError, LaunchError, SpaceError

HERE = Path(__file__).parent
PATHS = os.pathsep.join([str(Path(pg.__file__).parents[1]), str(HERE), os.environ.get("PYTHONPATH", "")])


@pytest.fixture(scope="module")
def tasks():
    """The module that workers import by name, as they have our path."""
    sys.path.insert(0, str(HERE))
    try:
        import parallel_tasks

        yield parallel_tasks
    finally:
        sys.path.remove(str(HERE))


@pytest.fixture(scope="module")
def workers(tasks):
    with Processes(2, grace_seconds=0.5) as launcher:
        yield launcher


@pytest.fixture
def space(tasks):
    return tasks.make_space()


def test_each_worker_has_a_gpu_of_its_own(tasks, space, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    result = pg.search(space, tasks.give_gpu, Random(seed=1), 12, gpus_per_trial=1, progress=False)
    assert {trial.reward for trial in result.trials} <= {5.0, 7.0}
    with pytest.raises(LaunchError, match="3 workers with 1 GPUs each need more than the 2 GPUs"):
        pg.search(space, tasks.give_gpu, Random(seed=1), 12, workers=3, gpus_per_trial=1)
    with pytest.raises(FieldTypeError, match="leave out `workers` and `gpus_per_trial`"):
        pg.search(space, tasks.give_gpu, Random(seed=1), 12, launcher=InPlace(), gpus_per_trial=1)


# --- what a function returns -------------------------------------------------------------------------------


def test_the_best_is_found_and_made_anew(tasks, space, workers):
    result = pg.search(space, tasks.give_number, Random(seed=1), 8, launcher=workers)
    assert (result.ended, [trial.id for trial in result.trials]) == ("complete", list(range(1, 9)))
    best = max(result.trials, key=lambda trial: trial.reward)
    assert result.best_reward == best.reward == tasks.score(result.best_program)
    assert repr(result).startswith(f"<search of 8 trials, complete, best reward {best.reward}: x=")
    assert result.front == [(result.best_program, best.reward)]


def test_metrics_are_kept(tasks, space):
    result = pg.search(space, tasks.give_metrics, Random(), 4, launcher=InPlace())
    assert all(trial.metrics == {"size": float(trial.decisions["x"])} for trial in result.trials)


def test_several_rewards_have_a_front(tasks, space):
    result = pg.search(space, tasks.give_several, Random(), 12, launcher=InPlace())
    rewards = [trial.rewards for trial in result.trials]
    found = [reward for _, reward in result.front]
    assert set(found) <= set(rewards)
    assert all(not any(a[0] > b[0] and a[1] > b[1] for a in rewards) for b in found)
    assert result.best_reward == found[0]
    assert [(program.x, -program.z) for program, _ in result.front] == found


def test_smaller_is_better(tasks, space):
    result = pg.search(space, tasks.give_number, Random(), 8, maximize=False, launcher=InPlace())
    assert result.best_reward == min(trial.reward for trial in result.trials)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("give_nothing", r"^evaluate returned None instead of a reward: return the number$"),
        ("give_text", r"^evaluate returned 'good': "),
        ("give_bad_metrics", r"^evaluate returned \(1\.0, \{'size': 'large'\}\): could not convert"),
        ("fail", r"^ValueError: no such layer: [abc]$"),
        ("skip", r"^too large$"),
        ("report_nonsense", r"RewardError: a reward is a finite number; got nan"),
    ],
)
def test_there_is_no_reward(tasks, space, name, reason):
    result = pg.search(space, getattr(tasks, name), Random(), 2, launcher=InPlace(), max_failures=9)
    assert (result.best_program, result.best_reward, result.front) == (None, None, [])
    for trial in result.trials:
        assert trial.status == "failed"
        assert re.search(reason, trial.reason)


def test_reports_stop_trials(tasks, space, workers):
    algorithm = MedianStopping(Random(seed=3), min_trials=2)
    result = pg.search(space, tasks.report, algorithm, 12, launcher=workers)
    stopped = [trial for trial in result.trials if trial.should_stop]
    assert stopped
    for trial in result.trials:
        assert trial.reward == trial.decisions["x"]
        steps = [report.step for report in trial.reports]
        assert steps == ([1, 2, 3] if not trial.should_stop else list(range(1, len(steps) + 1)))
        assert [report.reward for report in trial.reports] == [trial.reward * step for step in steps]


# --- who evaluates -----------------------------------------------------------------------------------------


def test_one_worker_finds_what_a_loop_finds(tasks, space, workers):
    alone = []
    for program, feedback in pg.sample(space, RegularizedEvolution(5, 2, seed=4), 20):
        feedback(tasks.score(program))
        alone.append(feedback.decisions)
    for launcher in (InPlace(), None):
        options = {"workers": 1} if launcher is None else {"launcher": launcher}
        result = pg.search(space, tasks.give_number, RegularizedEvolution(5, 2, seed=4), 20, **options)
        assert [trial.decisions for trial in result.trials] == alone


def test_random_search_where_no_algorithm_is_given(tasks, space):
    same = [
        [
            trial.decisions
            for trial in pg.search(space, tasks.give_number, trials=5, seed=7, launcher=InPlace()).trials
        ]
        for _ in range(2)
    ]
    assert same[0] == same[1]


def test_an_open_study_and_a_file(tasks, space, tmp_path):
    ended = []
    path = tmp_path / "a.db"
    first = pg.search(
        space, tasks.give_number, Random(), 4, study=path, launcher=InPlace(), on_end=ended.append
    )
    assert [trial.id for trial in ended] == [1, 2, 3, 4]
    again = pg.search(space, tasks.give_number, Random(), 6, study=path, launcher=InPlace())
    assert [trial.decisions for trial in again.trials[:4]] == [trial.decisions for trial in first.trials]
    assert len(again.trials) == 6
    with Study.open(path) as study:
        assert study.counts()["completed"] == 6


def test_limits_and_failures(tasks, space):
    result = pg.search(space, tasks.fail, Random(), 50, max_failures=3, launcher=InPlace())
    assert (result.ended, len(result.trials)) == ("failures", 3)


def test_over_its_time(tasks, space, workers):
    result = pg.search(
        space, tasks.oversleep, Random(), 1, limits=Limits(seconds=0.05), max_failures=9, launcher=workers
    )
    assert result.trials[0].cause == "timeout"


def test_a_fault_of_the_set_up_ends_the_search(tasks, space, tmp_path):
    """The first five fail, and nothing has a reward: it is not the programs. What follows goes on from there."""
    path, ended = tmp_path / "a.db", []
    for count in (5, 10):
        with pytest.raises(EvaluationError, match=r"the first 5 trials all failed") as caught:
            pg.search(space, tasks.fail, Random(), 50, study=path, launcher=InPlace(), on_end=ended.append)
        assert re.search(
            r"(?s)The last one: ValueError: no such layer: [abc]\nTraceback .*raise ValueError.*Fix this and run again",
            str(caught.value),
        )
        assert len(ended) == count
        with Study.open(path) as study:
            assert study.counts() == {"running": 0, "completed": 0, "stopped": 0, "failed": count}
    result = pg.search(space, tasks.give_number, Random(), 12, study=path, launcher=InPlace())
    assert repr(result).startswith("<search of 12 trials, 10 of them failed, complete, best reward 0.")
    result = pg.search(space, tasks.fail, Random(), 20, study=path, launcher=InPlace())  # it has a reward
    assert (result.ended, len(result.trials)) == ("complete", 20)


def test_failures_that_are_meant_do_not_end_the_search(tasks, space, tmp_path):
    result = pg.search(space, tasks.skip, Random(), 8, launcher=InPlace())
    assert (result.ended, len(result.trials)) == ("complete", 8)
    result = pg.search(space, tasks.fail, Random(), 8, launcher=InPlace(), max_failures=8)
    assert (result.ended, len(result.trials)) == ("complete", 8)
    abstract = pg.abstract_search_space(space)
    options = {"trials": 8, "constraints": ["latency <= -1"]}
    with Study.create(tmp_path / "a.db", abstract, Random(), **options) as study:
        result = pg.search(space, tasks.give_small, study=study, launcher=InPlace())
    assert (result.ended, len(result.trials), result.best_reward) == ("complete", 8, None)


def test_rewards_that_do_not_count_are_kept(tasks, space, tmp_path):
    path = tmp_path / "a.db"
    with pytest.raises(EvaluationError, match=r"the first 5 trials all failed.* objective"):
        pg.search(space, tasks.give_several, RegularizedEvolution(5, 2), 50, study=path, launcher=InPlace())
    with Study.open(path) as study:
        for trial in study.trials():
            assert trial.metrics == {"reward 1": trial.decisions["x"], "reward 2": -trial.decisions["z"]}
    result = pg.search(space, tasks.give_nan_metric, Random(), 1, launcher=InPlace(), max_failures=9)
    assert result.trials[0].metrics == {"reward": 2.0, "depth": 3.0}
    assert "the metric 'size' is nan, which is not finite" in result.trials[0].reason


def test_what_a_failure_printed_is_in_the_journal(tasks, space, tmp_path, workers):
    for number, launcher in enumerate([InPlace(), workers]):
        path = tmp_path / f"{number}.db"
        pg.search(space, tasks.fail, Random(), 2, study=path, launcher=launcher, max_failures=9)
        with Study.open(path) as study:
            told = {trial_id: text for _, trial_id, text in study.journal()}
        assert sorted(told) == [1, 2]
        assert re.search(
            r"^its last output:\n(?s:.*)in fail\n(?s:.*)ValueError: no such layer: [abc]$", told[1]
        )


def test_the_direction_of_an_open_study(tasks, space, tmp_path):
    abstract = pg.abstract_search_space(space)
    with Study.create(tmp_path / "a.db", abstract, Random(), trials=2, maximize=False) as study:
        for call in (
            lambda: pg.search(space, tasks.give_number, study=study, maximize=True, launcher=InPlace()),
            lambda: pg.sample(space, study=study, maximize=True),
        ):
            with pytest.raises(
                FieldTypeError, match=r"an open study has its own maximize; leave out maximize=True"
            ):
                call()
        result = pg.search(space, tasks.give_number, study=study, maximize=False, launcher=InPlace())
        assert result.best_reward == min(trial.reward for trial in result.trials)


def test_copies_of_trials_are_told_of(tasks, tmp_path):
    ended, space = [], pg.Dict(x=pg.intv(0, 3))
    abstract = pg.abstract_search_space(space)
    with Study.create(tmp_path / "a.db", abstract, Random(seed=0), trials=20, reuse=True) as study:
        pg.search(space, tasks.give_small, study=study, launcher=InPlace(), on_end=ended.append)
        copies = [trial for trial in study.trials() if trial.copied_from is not None]
    assert len(copies) >= 16
    assert sorted(trial.id for trial in ended) == list(range(1, 21))


# --- spaces ------------------------------------------------------------------------------------------------


def test_a_space_by_function(tasks, workers):
    result = pg.search(tasks.make_space, tasks.give_number, Random(seed=1), 4, launcher=workers)
    sent = pg.search(tasks.make_space(), tasks.give_number, Random(seed=1), 4, workers=1)
    assert sorted(trial.reward for trial in result.trials) == sorted(trial.reward for trial in sent.trials)


def test_a_space_that_cannot_be_json(tasks):
    space = pg.Dict(x=pg.oneof([object(), object()]))
    with pytest.raises(
        LaunchError,
        match=r"this Dict cannot be sent to another process as JSON: .* Give the space as a function",
    ):
        pg.search(space, tasks.give_number, Random(), 2, workers=2)


def test_a_space_without_holes(tasks):
    with pytest.raises(
        SpaceError, match=r"there is nothing to search: this Dict has no hole\. Put one in, such as"
    ):
        pg.search(pg.Dict(x=1), tasks.give_number, Random(), 2)


# --- wrong arguments ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: lambda program: 1.0, lambda: tuple])
def test_a_function_that_no_worker_can_find(space, make):
    function = make()
    if function is tuple:

        def function(program):
            return 1.0

    with pytest.raises(
        LaunchError, match=r"cannot import evaluate, <function .*Define it with `def` at the top level"
    ):
        pg.search(space, function, Random(), 2, workers=2)


def test_a_launcher_that_is_none(tasks, space):
    with pytest.raises(FieldTypeError, match=r"launcher takes a launcher, such as .*; got 4 of type int"):
        pg.search(space, tasks.give_number, Random(), 2, launcher=4)
    with pytest.raises(
        FieldTypeError, match=r"a launcher has its own number of workers; leave out `workers`"
    ):
        pg.search(space, tasks.give_number, Random(), 2, launcher=InPlace(), workers=2)


def test_an_algorithm_that_is_none(tasks, space):
    with pytest.raises(FieldTypeError, match=r"an algorithm is given as an object, .*Call it: Random\(\)"):
        pg.search(space, tasks.give_number, Random, 2)


def test_a_launcher_of_commands(tasks, space):
    with (
        Commands(1) as launcher,
        pytest.raises(LaunchError, match=r"Commands runs command lines; got a Call. Use Processes"),
    ):
        pg.search(space, tasks.give_number, Random(), 2, launcher=launcher)


BROKEN = """
import sys
import pliant as pg

LINE


def evaluate(program):
    return program.x


GUARD
    pg.search(pg.Dict(x=pg.intv(0, 9)), evaluate, pg.generators.Random(seed=1), 9, workers=2, study=__file__ + ".db")
"""


@pytest.mark.parametrize(
    ("line", "guard", "lesson"),
    [
        (
            "",
            "if True:",
            r"starts a search while a worker imports it .* Move that code under `if __",
        ),
        ("if __name__ != '__main__': import no_such_module", None, "ModuleNotFoundError: No module named"),
        ("if __name__ != '__main__': 1 / 0", None, r"ZeroDivisionError(?s:.*)Traceback(?s:.*)Fix this"),
        ("if __name__ != '__main__': sys.exit(3)", None, "SystemExit: 3"),
    ],
)
def test_a_file_that_workers_cannot_load(tmp_path, line, guard, lesson):
    """It is said at once, and costs no trial."""
    script, path = tmp_path / "search.py", tmp_path / "search.py.db"
    text = BROKEN.replace("GUARD", guard or "if __name__ == '__main__':")
    script.write_text(text.replace("LINE", line))
    command = [sys.executable, str(script)]
    options = {
        "env": {**os.environ, "PYTHONPATH": PATHS},
        "capture_output": True,
        "text": True,
        "timeout": 60,
    }
    done = subprocess.run(command, **options)
    assert done.returncode == 1
    assert re.search(rf"LaunchError: a worker cannot load '.*search.py:evaluate'.*: .*{lesson}", done.stderr)
    with Study.open(path) as study:
        assert study.counts()["failed"] == study.counts()["completed"] == 0
    script.write_text(BROKEN.replace("GUARD", "if __name__ == '__main__':").replace("LINE", ""))
    done = subprocess.run(command, **options)
    assert done.returncode == 0
    assert re.match(
        r"search: 9 trials in [\d.]+ s; best 9.0000 \(trial \d\)\n  x = 9\n  read it with", done.stderr
    )
    with Study.open(path) as study:
        assert study.counts() == {"running": 0, "completed": 9, "stopped": 0, "failed": 0}


ELSEWHERE = {
    "models": "import pliant as pg\n\nclass Net(pg.Object):\n    width: int\n\ndef make_space():\n    return Net(pg.intv(1, 9))\n",
    "score": "def evaluate(program):\n    return program.width\n",
    "go": """
import models, score
import pliant as pg
from pliant.values.errors import LaunchError
if __name__ == "__main__":
    for space in (models.make_space(), models.make_space):
        try:
            print(len(pg.search(space, score.evaluate, "random", 2, workers=1, progress=False).trials))
        except LaunchError as error:
            print(error)
""",
}


@pytest.mark.parametrize("is_imported", [False, True])
def test_the_space_has_classes_that_evaluate_does_not_import(tmp_path, is_imported):
    """The error says what to do; both remedies work."""
    for name, text in ELSEWHERE.items():
        (tmp_path / f"{name}.py").write_text(text)
    if is_imported:
        (tmp_path / "score.py").write_text("import models\n" + ELSEWHERE["score"])
    env = {**os.environ, "PYTHONPATH": PATHS}
    command = [sys.executable, str(tmp_path / "go.py")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True)
    lesson = r"the type 'models.Net', and 'score:evaluate' does not import the module .* `pg.search\(make_space, evaluate"
    assert re.search(r"^2\n2\n$" if is_imported else rf"{lesson}.*\n.*\n2\n$", done.stdout)


# --- deaths ------------------------------------------------------------------------------------------------


def test_workers_that_are_killed_at_random(tasks, space, tmp_path, monkeypatch):
    """F4: each such trial comes again with the same decisions, until it has had its attempts."""
    monkeypatch.setenv("PLIANT_TEST_FOLDER", str(tmp_path))
    path, count = tmp_path / "a.db", 40
    result = pg.search(space, tasks.die_at_random, Random(seed=5), count, workers=2, study=path, attempts=3)
    alone = Random(seed=5)
    alone.setup(result.trials[0].decisions.space)
    lost = 0
    for number, trial in enumerate(result.trials, 1):
        program = pg.Dict(x=trial.decisions["x"], y="abc"[trial.decisions["y"]], z=trial.decisions["z"])
        deaths = tasks.deaths_of(program)
        assert (trial.id, trial.decisions) == (number, alone.propose())
        assert trial.attempts == min(deaths + 1, 3)
        if deaths < 3:
            assert (trial.status, trial.reward) == ("completed", tasks.score(program))
        else:
            assert trial.status == "failed"
            assert re.search(r"SIGKILL.*\(attempt 3 of 3\)", trial.reason)
        lost += min(deaths, 3)
    assert len(result.trials) == count
    assert lost > count // 5
    with Study.open(path) as study:
        assert len(study.journal()) == lost


SCRIPT = """
import sys
import pliant as pg
import parallel_tasks as tasks


class Layer(pg.Object):
    x: int
    y: str
    z: float


def evaluate(program):
    return tasks.note_process(program)


if __name__ == "__main__":
    space = Layer(x=pg.intv(0, 99), y=pg.oneof(["a", "b"]), z=pg.floatv(0.0, 1.0))
    algorithm = pg.generators.RegularizedEvolution(6, 3, seed=2)
    result = pg.search(space, evaluate, algorithm, int(sys.argv[2]), workers=2, study=sys.argv[1], progress=False)
    assert type(result.best_program) is Layer, type(result.best_program)
    print(result)
"""


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def count_completed(path):
    if not path.exists() or path.stat().st_size <= 4096:
        return 0
    with Study.open(path) as study:
        return study.counts()["completed"]


def test_a_script_that_is_killed_and_goes_on(tasks, tmp_path, until):
    """The class and the function are of the script itself; no worker outlives it, and no trial is lost or told twice."""
    script, path, kills = tmp_path / "search.py", tmp_path / "a.db", 3
    script.write_text(SCRIPT)
    env = {**os.environ, "PYTHONPATH": PATHS, "PLIANT_TEST_FOLDER": str(tmp_path)}
    command = [sys.executable, str(script), str(path)]
    draw, told = random.Random(0), set()
    for _ in range(kills):
        process = subprocess.Popen([*command, "100000"], env=env, stderr=subprocess.PIPE, text=True)
        count = len(told) + draw.randrange(3, 12)
        until(lambda: count_completed(path) >= count, f"{count} trials", process=process)  # noqa: B023  # called at once
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        with Study.open(path) as study:
            before, told = told, {trial.id for trial in study.trials("completed")}
            count = study.info().proposed + 5
        assert before < told
    done = subprocess.run([*command, str(count)], env=env, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"<search of {count} trials, complete, best reward 0.")
    pids = [int(file.stem) for file in tmp_path.glob("*.pid")]
    until(lambda: not any(is_alive(pid) for pid in pids), "the end of all workers")
    with Study.open(path) as study:
        trials = list(study.trials())
        with study._store.transaction() as record:
            events = list(record.events_after(0))
    assert [trial.id for trial in trials] == list(range(1, count + 1))
    assert all(trial.status == "completed" for trial in trials)
    assert sum(trial.attempts - 1 for trial in trials) <= 2 * kills
    alone = RegularizedEvolution(6, 3, seed=2)
    alone.setup(trials[0].decisions.space)
    for event in events:
        if event.kind == "ask":
            assert event.decisions == alone.propose()
        else:
            alone.feedback(event.decisions, event.reward)


def test_the_old_module_name_still_works():
    with pytest.warns(DeprecationWarning, match=r"pliant\.parallel\.search is now pliant\.tune\.search"):
        from pliant.parallel import search
    assert search is pg.search


# --- without names -----------------------------------------------------------------------------------------


def test_functions_without_a_name_run_in_this_process(space, capsys):
    found = []

    def evaluate(program):
        found.append(os.getpid())
        return program.x

    for function in (evaluate, lambda program: evaluate(program)):
        result = pg.search(space, function, "random", 4)
        assert len(result.trials) == 4
        said = capsys.readouterr().err
        assert re.match(
            r"search: evaluations run in this process, one at a time: .* is (a lambda|defined inside another function)",
            said,
        )
        assert "search: 4 trials in" in said
    assert found == [os.getpid()] * 8
    with pytest.raises(LaunchError, match="or leave out workers, limits and launcher"):
        pg.search(space, evaluate, trials=2, limits=Limits(seconds=1))


def test_a_space_that_cannot_be_sent_runs_in_this_process():
    space = pg.Dict(x=pg.oneof([len, lambda: 3]))
    assert pg.search(space, lambda program: float(program.x is len), trials=8).best_program == {"x": len}


SIMPLE = """
import os
import pliant as pg


def evaluate(program):
    return program.x, {"pid": os.getpid()}


BEFORE
    result = pg.search(pg.Dict(x=pg.intv(0, 9)), evaluate, trials=6)
    pids = {trial.metrics["pid"] for trial in result.trials}
    print(len(result.trials), pids == {os.getpid()})


AFTER
"""


@pytest.mark.parametrize(
    ("before", "after", "is_here"),
    [
        ("if True:", "", True),
        ("def main():", "main()", True),
        ("if __name__ == '__main__':", "", False),
        ("def main():", "if __name__ == '__main__':\n    main()", False),
    ],
    ids=["no guard", "in a function, no guard", "guard", "in a function, guard"],
)
def test_a_script_works_with_and_without_a_guard(tmp_path, before, after, is_here):
    script = tmp_path / "search.py"
    script.write_text(SIMPLE.replace("BEFORE", before).replace("AFTER", after))
    env = {**os.environ, "PYTHONPATH": PATHS}
    done = subprocess.run([sys.executable, str(script)], env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"6 {is_here}\n"), done.stderr
    assert ("call pg.search under `if __name__ == '__main__':`" in done.stderr) == is_here


def test_an_interactive_session(tmp_path):
    """Neither a file nor a module: functions run in this process."""
    code = SIMPLE.replace("BEFORE", "if True:").replace("AFTER", "")
    env = {**os.environ, "PYTHONPATH": PATHS}
    done = subprocess.run(
        [sys.executable, "-"], input=code, env=env, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "6 True\n"), done.stderr
    assert "interactive session" in done.stderr


def test_the_space_is_not_sent_with_every_trial(tasks, space, monkeypatch):
    sent = []
    start = InPlace.start
    monkeypatch.setattr(InPlace, "start", lambda self, job: (sent.append(job.work.payload), start(self, job)))
    pg.search(space, tasks.give_number, "random", 3, launcher=InPlace())
    assert [sorted(payload["space"]) for payload in sent] == [["after", "file"]] * 3


# --- faults of the caller ----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3, 4])
def test_fewer_trials_than_five_that_all_fail(tasks, space, count):
    which = "the only trial" if count == 1 else f"all {count} trials"
    with pytest.raises(
        EvaluationError, match=rf"^{which} failed. The last one: ValueError: no such layer"
    ) as caught:
        pg.search(space, tasks.fail, Random(), count, launcher=InPlace())
    assert "same `study`" not in str(caught.value)
    result = pg.search(space, tasks.fail, Random(), count, launcher=InPlace(), max_failures=9)  # the remedy
    assert (result.ended, len(result.trials), result.best_reward) == ("complete", count, None)


def test_the_summary_has_the_last_failure(capsys):
    for _, feedback in pg.sample(pg.intv(1, 9), "sweep", trials=3):
        feedback.skip("too large")
    assert "3 failed; no reward yet\n  the last that failed, trial 3: too large" in capsys.readouterr().err


@pytest.mark.parametrize(
    "make", [lambda: lambda program: 1.0, lambda: partial(pow, 2)], ids=["lambda", "partial"]
)
def test_workers_cannot_import_a_function_without_a_name(space, tasks, make):
    with pytest.raises(
        LaunchError, match=r"cannot import evaluate.*`def` at the top level.*or leave out workers"
    ):
        pg.search(space, make(), Random(), 2, workers=2)
    assert pg.search(space, lambda program: 1.0, Random(), 2).best_reward == 1.0
    assert pg.search(space, tasks.give_number, Random(), 1, workers=1).ended == "complete"


def test_the_space_comes_first(space, tasks):
    with pytest.raises(
        FieldTypeError, match=r"got .* of type Dict. The space comes first: pg\.search\(space, evaluate\)"
    ):
        pg.search(tasks.give_number, space)
    with pytest.raises(
        FieldTypeError, match=r"evaluate is a function that returns the reward of a program, or"
    ):
        pg.search(space, 5)


def test_ctrl_c_while_a_function_runs_in_this_process(capsys):
    def evaluate(program):
        signal.raise_signal(signal.SIGINT)
        assert "finishing 1 evaluation, then stopping" in capsys.readouterr().err
        return 1.0

    result = pg.search(pg.intv(1, 9), evaluate, trials=5)
    assert (result.ended, len(result.trials)) == ("interrupted", 1)
    assert "1 of 5 trials" in (text := capsys.readouterr().err)
    assert "stopped by Ctrl-C" in text
    assert "continued" not in text
