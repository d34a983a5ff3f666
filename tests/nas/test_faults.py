"""What goes wrong: trainers that fail in every way, what is typed wrong, folders and studies that are not right."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sqlite3

import pytest

from pliant.study import Study

GOOD = 'report(decided("x"))\n'


@pytest.fixture
def failed():
    """Returns the reasons why trials failed, by number."""

    def read(stage="search"):
        with Study.open(f"out/{stage}.study.db") as study:
            return {trial.id: trial.reason for trial in study.trials("failed")}

    return read


FAULTS = {
    "NaN": ("report(float('nan'), step=3)", "top_1_accuracy is nan at step 3: training diverged"),
    "infinite at last": ("report(0.5); report(float('inf'), step=2)", "top_1_accuracy is inf at step 2"),
    "nothing": (
        "pass",
        "no reward: the trainer did not report 'top_1_accuracy': it wrote no report into the file named by CLOUD_ML_HP_METRIC_FILE; it printed nothing",
    ),
    "another name": (
        "tag = 'top_1_acuracy'; report(0.5)",
        r"did not report 'top_1_accuracy': it reported 'top_1_acuracy'; did you mean 'top_1_acuracy'\?",
    ),
    "half a line": (
        "open(path, 'w').write('{\"top_1_accur')",
        "the metrics file has 1 line cut off",
    ),
    "no JSON": (
        "open(path, 'w').write('accuracy 0.9\\n[1]\\n')",
        "the metrics file has 2 lines without a JSON object",
    ),
    "deep": ("open(path, 'w').write('[' * 60000 + '\\n')", "1 line without a JSON object"),
    "long": (
        "open(path, 'wb').truncate(100_000_000)",
        "longer than 65536 bytes, the limit for a report; more than 1048576 bytes, of which only the last were read",
    ),
    "long and short": (
        "open(path, 'w').write(json.dumps({tag: 1, 'x': 'y' * 70000}) + '\\n{\"loss\": 1}\\n')",
        "it reported 'loss'.*the metrics file has 1 line longer than 65536 bytes",
    ),
    "exit 1": ("sys.exit(1)", "the trainer ended with exited: exit code 1; it printed nothing"),
    "exit 3": ("print('CUDA out of memory'); sys.exit(3)", "exit code 3; its last line: CUDA out of memory"),
    "exit 137": ("report(0.9); sys.exit(137)", r"exit code 137: killed \(SIGKILL\), probably out of memory"),
    "raises": ("raise ValueError('no such layer')", "exit code 1; its last line: ValueError: no such layer"),
    "control characters": (
        r"print('\x1b[2J\x1b]0;title\x07'); sys.exit(1)",
        r"its last line: \\x1b\[2J\\x1b\]0;title\\x07",
    ),
    "status": (
        "json.dump({'job_status': 'failed_with_nan_error'}, open(job_dir + '/job_status.json', 'w')); report(0.9)",
        "the trainer wrote job_status 'failed_with_nan_error'",
    ),
    "a pipe": ("os.mkfifo(path)", "it wrote no report"),
    "a device": ("os.symlink('/dev/zero', path)", "it wrote no report"),
    "a folder": ("os.mkdir(path)", "it wrote no report"),
    "a crash": ("os.kill(os.getpid(), 11)", "SIGSEGV"),
    "too slow": ("time.sleep(60)", "timeout: it took longer than its limit of 8 s"),
}


def test_trainers_fail_and_the_search_goes_on(local, trainer, failed):
    """One search in which every other trial goes wrong in a way of its own."""
    body = "decision = decided('x')\n"
    for number, (code, _) in enumerate(FAULTS.values()):
        body += f"if decision == {2 * number}:\n    {code}\n"
    trainer(body + "if decision % 2: report(decision)\n")
    count = 2 * len(FAULTS)
    flags = [f"--max_nas_trial={count}", "--max_parallel_nas_trial=2", "--trial_timeout=8"]
    out = local(*flags, "--algorithm=sweep", space="many")
    found = failed()
    assert list(found) == [2 * number + 1 for number in range(len(FAULTS))]
    wrong = {
        name: reason
        for (name, (_, expected)), reason in zip(FAULTS.items(), found.values())
        if not re.search(expected, reason)
    }
    assert not wrong
    assert f"{len(FAULTS)} trials failed; the last, trial {count - 1}: " in out
    with Study.open("out/search.study.db") as study:
        assert study.counts()["completed"] == len(FAULTS)


def test_a_good_line_after_a_huge_one_counts(local, trainer):
    trainer("open(path, 'wb').truncate(100_000_000)\nopen(path, 'a').write('\\n')\nreport(0.5)\n")
    assert "0.5000" in local()


def test_a_good_last_line_without_an_end_counts(local, trainer):
    trainer("open(path, 'w').write('{\"top_1_accuracy\": 0.25}')\n")
    assert "0.2500" in local()


def test_output_is_bounded(local, trainer, folder):
    trainer("print('x' * 1000 + '\\n', end='')\nfor _ in range(300): print('y' * 100_000)\nreport(0.5)\n")
    out = local()
    (log,) = (folder / "out" / "logs" / "search").iterdir()
    assert log.stat().st_size < 1_100_000
    assert len(out) < 1_000_000
    assert "[more output is in " in out


def test_names_that_a_trainer_reports_are_only_names(local, trainer, listed, folder):
    names = ["../../../evil", "x'; DROP TABLE trials; --", "__class__", "[bold]", "\x1b[31m"]
    trainer(f"report(0.5, **dict.fromkeys({names!r}, 7))\n")
    local()
    metrics = {m["metricId"]: m["value"] for m in listed()[0]["searchTrial"]["finalMeasurement"]["metrics"]}
    assert metrics == {"top_1_accuracy": 0.5, **dict.fromkeys(names[:-1], 7.0)}
    assert "[bold]" in local("--max_nas_trial=2")
    assert not list(folder.parent.rglob("evil*"))


def test_too_many_failures_end_the_job(local, trainer, failed):
    trainer("sys.exit(1)")
    out = local("--max_nas_trial=50", "--max_failed_nas_trial=3", status=1)
    assert "3 trials failed, and max_failures is 3." in out
    assert "To continue: `pliant nas resume --job_id=" in out
    assert "--max_failed_nas_trial=N`." in out
    assert len(failed()) == 3


def test_one_trial_that_fails_fails_the_command(local, trainer):
    trainer("print('no data'); sys.exit(7)")
    out = local(status=1)
    assert re.search("trial 1: the trainer ended with exited: exit code 7; its last line: no data", out)


def test_failed_trials_are_tried_again(local, trainer, folder):
    trainer('if os.environ["PLIANT_ATTEMPT"] != "3": sys.exit(1)\nreport(0.5)\n')
    local("--max_retries=2")
    assert sorted(path.name for path in (folder / "out/logs/search").iterdir()) == [
        "1.1.log",
        "1.2.log",
        "1.3.log",
    ]
    local("--local_output_dir=again", "--max_retries=1", status=1)


AGAIN = """
first = os.environ["PLIANT_ATTEMPT"] == "1"
if first:
    json.dump({"job_status": "failed"}, open(job_dir + "/job_status.json", "w"))
    os.mkdir(job_dir + "/saved_model")
    json.dump({"latency_in_milliseconds": 7}, open(job_dir + "/saved_model/model_latency.json", "w"))
    open(job_dir + "/checkpoint", "w").write("half")
    report(0.9, size=3)
    sys.exit(1)
assert open(job_dir + "/checkpoint").read() == "half"
report(0.5)
"""


def test_what_an_attempt_left_does_not_speak_for_the_next(local, trainer, listed):
    trainer(AGAIN)
    local("--max_retries=1")
    (trial,) = listed()
    assert trial["searchTrial"]["state"] == "SUCCEEDED"
    measured = trial["searchTrial"]["finalMeasurement"]["metrics"]
    assert measured == [{"metricId": "top_1_accuracy", "value": 0.5}]


def test_links_that_an_attempt_left_are_removed_and_not_followed(local, trainer, folder):
    (folder / "mine").mkdir()
    (folder / "mine" / "model_latency.json").write_text("{}")
    trainer(
        f'if os.environ["PLIANT_ATTEMPT"] == "1":\n    os.symlink({str(folder / "mine")!r}, job_dir + "/saved_model")\n'
        '    os.mkdir(job_dir + "/job_status.json")\n    sys.exit(1)\nreport(0.5)\n'
    )
    local("--max_retries=1")
    assert (folder / "mine" / "model_latency.json").exists()


@pytest.mark.parametrize("target", ["mine", "missing"])
def test_a_link_in_place_of_the_metrics_folder_is_removed(local, trainer, folder, listed, target):
    (folder / "mine").mkdir()
    (folder / "mine" / "attempt_2.metrics").write_text("precious")
    trainer(
        'if os.environ["PLIANT_ATTEMPT"] == "1":\n    os.rename(job_dir + "/hypertune", job_dir + "/old")\n'
        f'    os.symlink({str(folder / target)!r}, job_dir + "/hypertune")\n    sys.exit(1)\nreport(0.5)\n'
    )
    local("--max_retries=1")
    assert (folder / "mine" / "attempt_2.metrics").read_text() == "precious"
    assert listed()[0]["searchTrial"]["state"] == "SUCCEEDED"


def test_a_missing_metric_of_a_constraint(local, trainer, failed):
    trainer("report(0.5, latncy=3)\n")
    local("--constraint=latency <= 5", status=1)
    assert failed()[1] == (
        "the constraint 'latency <= 5' needs the metric 'latency'; the trainer reported 'global_step', 'latncy', "
        "'top_1_accuracy'; did you mean 'latncy'?"
    )


def test_a_missing_latency(local, trainer, failed):
    trainer("report(0.5)\n")
    local("--target_latency=5", status=1)
    assert "the reward for --target_latency needs the metric 'latency_in_milliseconds'" in failed()[1]


# ---------------------------------------------------------------- what is typed

TYPED = {
    "no space": (["--search_space_module="], "give one search space, .* got neither"),
    "two spaces": (["--prebuilt_search_space=darts"], "give one search space, .* got both"),
    "unknown published space": (
        ["--search_space_module=", "--prebuilt_search_space=nasbench20"],
        "unknown published space 'nasbench20'; did you mean 'nasbench20?1?",
    ),
    "no module": (["--search_space_module=spases.board"], "the module 'spases' does not exist"),
    "no dot": (["--search_space_module=board"], "names a module and a function in it, .* got 'board'"),
    "no function": (
        ["--search_space_module=spaces.bord"],
        r"spaces defines no function 'bord'; did you mean 'board'\? It has: 'board', ",
    ),
    "needs arguments": (
        ["--search_space_module=spaces.needs"],
        r"spaces.needs is called without arguments, but its signature is needs\(size\)",
    ),
    "returns nothing": (["--search_space_module=spaces.nothing"], r"nothing\(\) of spaces returned None"),
    "returns no space": (
        ["--search_space_module=spaces.plain"],
        "spaces.plain returned a dict that cannot be searched: there is nothing to search",
    ),
    "raises": (
        ["--search_space_module=spaces.broken"],
        r"broken\(\) of spaces failed: KeyError: 'no data' \(spaces.py:\d+\)",
    ),
    "exits": (["--search_space_module=spaces.leaves"], r"leaves\(\) of spaces failed: SystemExit: 3"),
    "a flag of the search's own": (
        ["--search_docker_flags", "job-dir=/data"],
        "--search_docker_flags: the search sets --job-dir for each trial; got 'job-dir=/data'",
    ),
    "the decisions": (
        ["--local_binary_flags", "nas_params_str={}"],
        "the search sets --nas_params_str for each trial",
    ),
    "no callable": (["--search_space_module=spaces.NUMBER"], "NUMBER in spaces is a int, not a function"),
    "no flag=value": (
        ["--search_docker_flags", "epochs=3", "fast"],
        "--search_docker_flags takes flags of the form 'flag=value', .* got 'fast'",
    ),
    "a flag twice": (["--search_docker_flags", "a=1", "a=2"], "has 'a' twice: '1' and '2'"),
    "no name": (["--search_docker_flags", "=1"], "of the form 'flag=value', .* got '=1'"),
    "unknown flag": (["--max_nas_trials=3"], "No such option:? .?--max_nas_trials"),
    "no trainer": (["--local_binary="], "a trial needs a trainer: give --local_binary=FILE"),
    "a trainer that is not there": (["--local_binary=gone.py"], "file 'gone.py' does not exist"),
    "not executable": (["--local_binary=notes.txt"], "notes.txt is not executable: chmod"),
    "no truth": (["--run_local_binary=maybe"], "'maybe' is not a valid boolean"),
    "no limit": (["--latency_limit=sof"], "'sof' is not one of 'soft', 'hard'"),
    "no constraint": (["--constraint=latency < 3"], "a constraint is a metric, '<=' or '>=', and a number"),
    "no algorithm": (["--algorithm=randm"], "unknown algorithm 'randm'; did you mean 'random'"),
    "no trials": (["--max_nas_trial=0"], "0 is not in the range x>=1"),
    "a bad metric": (["--nas_target_reward_metric=a\nb"], "is the name of a metric that the trainer reports"),
    "no data": (
        ["--run_local_binary=false", "--trainer_docker_id=mnist", "--local_data_dir=gone"],
        "folder 'gone' does not exist",
    ),
    "a bucket": (
        ["--local_output_dir=gs://bucket/jobs"],
        "the output folder must be local; got 'gs:/bucket/jobs'",
    ),
    "a calculator": (["--latency_calculator_docker_id=x"], "separate latency calculators are not supported"),
}


@pytest.mark.parametrize(("flags", "message"), TYPED.values(), ids=TYPED)
def test_what_is_typed_wrong(local, trainer, folder, flags, message):
    trainer(GOOD)
    (folder / "notes.txt").write_text("")
    out = local(
        *flags,
        status=2 if re.search("such option|in the range|a valid boolean|is not one of", message) else 1,
    )
    assert re.search(message, " ".join(out.split())), out
    assert "Traceback" not in out
    assert not (folder / "out").exists()  # nothing was begun


def test_search_needs_a_metric_and_a_name(nas, trainer):
    trainer(GOOD)
    flags = ["--search_space_module=spaces.board", "--local_binary=trainer.py", "--root_output_dir=jobs"]
    out = nas("search", *flags, "--job_name=a", status=1)
    assert "--nas_target_reward_metric is the name of a metric that the trainer reports" in out
    out = nas("search", *flags, "--job_name=../a", "--nas_target_reward_metric=m", status=1)
    assert "--job_name starts the name of a folder" in out


# ---------------------------------------------------------------- folders and studies


def test_an_output_folder_that_cannot_be_made(local, trainer, folder):
    trainer(GOOD)
    (folder / "out").write_text("a file")
    assert re.search(
        r"the output folder '.*out' cannot be written: (File exists|Not a directory)", local(status=1)
    )


def test_a_disk_that_is_full(local, trainer, folder, monkeypatch):
    trainer(GOOD)
    local("--max_nas_trial=2", "--algorithm=sweep", space="small")
    real = os.replace

    def replace(source, target):
        if "nas_params_str" in str(target):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        real(source, target)

    more = ["--max_nas_trial=4", "--algorithm=sweep"]
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", replace)
        out = local(*more, space="small", status=1)
    assert re.search("cannot be written: No space left on device .* Make room", out)
    out = local(*more, space="small")  # the trial that could not begin comes first
    with Study.open("out/search.study.db") as study:
        assert study.counts() == {"running": 0, "completed": 4, "stopped": 0, "failed": 0}


def test_a_study_that_is_gone(local, trainer, nas, folder):
    trainer(GOOD)
    local(space="small")
    (folder / "out" / "search.study.db").unlink()
    for command in ("list-trials", "resume"):
        assert "has folders of trials, but their study" in nas(command, "--job_id=out", status=1)
    assert "has folders of trials, but their study" in nas("train", "--search_job_id=out", status=1)
    nas("resume", "--job_id=out", "--force_new_space")
    assert len(list((folder / "out").glob("before_*/nas/search/1"))) == 1


def test_a_study_that_was_never_made(local, trainer, nas, listed, folder):
    trainer(GOOD)
    local(space="small")
    (folder / "out" / "search.study.db").unlink()
    shutil.rmtree(folder / "out" / "nas")
    output = nas("list-trials", "--job_id=out", status=1)
    found = re.search(r"has no trials yet: .*Start it: `pliant (nas resume --job_id=\S+)`", output)
    assert "Study.create" not in output
    nas(*found[1].split()[1:])
    assert listed()


def test_a_study_that_is_none(local, trainer, folder):
    trainer(GOOD)
    (folder / "out").mkdir()
    (folder / "out" / "search.study.db").write_text("no database" * 100)
    assert "so it is not a study" in local(status=1)
    (folder / "out" / "search.study.db").unlink()
    with sqlite3.connect(folder / "out" / "search.study.db") as other:
        other.execute("create table mine (x)")
    other.close()
    assert "is not a study, but a database with the tables ['mine']" in local(status=1)


def test_a_study_that_another_process_writes(local, trainer, folder):
    trainer(GOOD)
    local(space="small")
    from pliant.algorithms import to_algorithm
    from pliant.nas.settings import ALGORITHM

    with Study.open("out/search.study.db") as study:
        space = study.space
    with Study.open("out/search.study.db", space, to_algorithm(ALGORITHM)):
        out = local("--max_nas_trial=2", space="small", status=1)
    assert f"pid {os.getpid()}" in out or str(os.getpid()) in out


def test_a_study_of_a_newer_version(local, trainer, folder, nas):
    trainer(GOOD)
    local(space="small")
    with sqlite3.connect("out/search.study.db") as database:
        database.execute("UPDATE pliant_schema SET version = 99")
    database.close()
    assert re.search(
        "version 99 of the format, by a newer Pliant", local("--max_nas_trial=2", space="small", status=1)
    )


def test_stage_2_that_has_not_begun(local, trainer, nas):
    trainer(GOOD)
    local(space="small")
    out = nas("list-trials", "--job_id=out", "--stage=train", status=1)
    assert re.search(
        r"stage 2 of 'out' has not started. To train its best trials in full: `pliant nas train --search_job_id=\S+out`",
        out,
    )
    assert "Study.open" not in out


def test_a_job_that_is_not_there(nas, folder):
    for command in (
        ["list-trials", "--job_id=gone"],
        ["resume", "--job_id=gone"],
        ["train", "--search_job_id=gone"],
    ):
        assert "cannot find a NAS job 'gone'" in nas(*command, status=1)
    assert "resume needs a job" in nas("resume", status=1)


def test_a_space_that_is_not_published_is_named_by_its_function(local, trainer, listed):
    trainer(GOOD)
    output = local("--search_space_module=", "--prebuilt_search_space=small", status=1)
    assert "For another space, give --search_space_module=package.module.function." in " ".join(
        output.split()
    )
    local("--search_space_module=spaces.small")
    assert listed()


def test_settings_that_are_damaged(local, trainer, nas, folder):
    trainer(GOOD)
    local(space="small")
    for text, message in (
        ("{", "does not hold the settings of a NAS job"),
        ('{"version": 9}', "has version 9; this Pliant reads version 1"),
        ('{"version": 1, "trainer": 3}', "does not hold the settings"),
    ):
        (folder / "out" / "nas_job.json").write_text(text)
        output = nas("resume", "--job_id=out", status=1)
        assert message in output
    assert "Start again in another folder." in " ".join(output.split())
    local("--local_output_dir=again", space="small")
    assert json.loads(nas("list-trials", "--job_id=again"))


def test_a_space_that_changed(local, trainer, nas, folder):
    trainer(GOOD)
    local("--max_nas_trial=2", space="small")
    out = local("--max_nas_trial=4", space="other", status=1)
    assert "spaces.other is not the space that this job was started with" in out
    assert re.search(r"4 candidates|0\.\.3|x", out)
    out = local("--max_nas_trial=4", "--force-new-space", space="other")
    assert re.search("The earlier files are in .*before_", out)
    with Study.open("out/search.study.db") as study:
        assert study.counts()["completed"] == 4
    (aside,) = (folder / "out").glob("before_*")
    assert sorted(p.name for p in (aside / "nas" / "search").iterdir()) == ["1", "2"]


@pytest.mark.parametrize(
    ("flag", "value"),
    [("seed", 2), ("algorithm", "random"), ("nas_target_reward_metric", "AP"), ("constraint", "x <= 1")],
)
def test_another_search_in_the_same_folder(local, trainer, flag, value):
    trainer(GOOD)
    local(space="small")
    out = local(f"--{flag}={value}", "--max_nas_trial=2", space="small", status=1)
    assert re.search(f"was started with(out)? --{flag}", out)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--search_docker_flags", "epochs=9", "lr=1"],
            "with --search_docker_flags epochs=1; now it is epochs=9 lr=1",
        ),
        (
            ["--local_binary=other.py", "--search_docker_flags", "epochs=1"],
            r"with --local_binary=\S+trainer.py; now it is \S+other.py",
        ),
        (["--search_docker_flags"], "with --search_docker_flags epochs=1; now it is nothing"),
    ],
)
def test_another_trainer_in_the_same_folder(local, trainer, flags, message):
    trainer(GOOD)
    trainer(GOOD, "other.py")
    local("--search_docker_flags", "epochs=1", space="small")
    out = local("--max_nas_trial=2", *flags, space="small", status=1)
    assert re.search(message, out), out
    assert "another --local_output_dir; or start over with --force_new_space" in out
    local("--max_nas_trial=2", "--force_new_space", *flags, space="small")
