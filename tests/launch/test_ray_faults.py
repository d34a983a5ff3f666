"""What dies in a cluster costs the jobs that ran there an attempt, and a search nothing.

A cluster of a head, where the launcher is, and nodes with processors, all on this machine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from pliant.algorithms import Random
from pliant.launch import Ended, Job, Message, RayTasks, Started, tree
from pliant.space import flatten, integer
from pliant.study import Study
from pliant.study.run import run
from pliant.testing.launchers import call, living, wait_until

DRIVER = Path(__file__).with_name("ray_driver.py")
TRIALS = 16
ALL = list(range(1, TRIALS + 1))
CONFIG = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 10,
}


@pytest.fixture(scope="module")
def cluster():
    head = {
        "num_cpus": 0,
        "include_dashboard": False,
        "_system_config": CONFIG,
        "object_store_memory": 80 << 20,
    }
    cluster = Cluster(initialize_head=True, head_node_args=head, shutdown_at_exit=False)
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def nodes(cluster):
    """Two nodes with two processors each; what a test has killed is made up for."""
    while len(cluster.worker_nodes) < 2:
        cluster.add_node(num_cpus=2, object_store_memory=80 << 20)
    return list(cluster.worker_nodes)


def raylet(node):
    (started,) = node.all_processes["raylet"]
    return started.process.pid


def workers(node, text):
    """The worker processes of a node that have a text in their title."""
    found = tree.table()
    titles = {pid: read_title(pid) for pid, entry in found.items() if entry.parent == raylet(node)}
    return [pid for pid, title in titles.items() if text in title]


def read_title(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace")
    except OSError:
        return ""


def kill_workers(cluster):
    pids = [pid for node in cluster.worker_nodes for pid in workers(node, "ray::work")][:2]
    below = tree.descendants(pids, tree.table())
    assert below
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not below & set(tree.table())), "a worker's jobs end with it"


def kill_mailbox(cluster):
    found = []
    assert wait_until(lambda: found.extend(workers(cluster.head_node, "ray::Mailbox")) or found), (
        "it is with us"
    )
    (pid,) = found
    os.kill(pid, signal.SIGKILL)


def kill_node(cluster):
    node = next(node for node in cluster.worker_nodes if workers(node, "ray::work"))
    below = tree.descendants([raylet(node)], tree.table())
    cluster.remove_node(node, allow_graceful=False)
    assert wait_until(lambda: not below & set(tree.table())), "a node's jobs end with it"


@pytest.mark.parametrize("kill", [kill_workers, kill_mailbox, kill_node])
def test_a_search_loses_nothing(cluster, nodes, tmp_path, kill):
    def make_job(trial):
        reports = [{"reward": trial.decisions["x"], "step": step} for step in range(3)]
        payload = {"reports": reports, "seconds": 0.3, "value": trial.decisions["x"]}
        return Job(f"{trial.id}.{trial.token}", call("train", payload), attempt=trial.attempts)

    ended = []

    def on_end(trial):
        ended.append(trial.id)
        if len(ended) == 4:
            kill(cluster)

    space = flatten([integer("x", 0, 99)])
    with Study.create(tmp_path / "a.db", space, Random(), trials=TRIALS, seed=5) as study:
        with RayTasks(4, grace_seconds=0.5) as launcher:
            ending = run(study, launcher, make_job, on_end=on_end)
        trials = list(study.trials())
    assert ending.how == "complete"
    assert sorted(ended) == ALL == [trial.id for trial in trials]
    assert all(trial.reward == trial.decisions["x"] for trial in trials)
    assert max(trial.attempts for trial in trials) == 2, "the fault hit something"


def test_jobs_that_wait_for_a_reply_when_the_mailbox_dies_are_lost(cluster, nodes):
    with RayTasks(2, grace_seconds=0.5) as launcher:
        launcher.start(Job("a", call("report", [1, 2])))
        launcher.start(Job("b", call("sleep", 600)))
        gather(launcher, Message, 1)
        kill_mailbox(cluster)
        ends = [event for event in gather(launcher, Ended, 2) if isinstance(event, Ended)]
        assert {end.job: end.outcome.how for end in ends} == {"a": "lost", "b": "lost"}
        assert "Mailbox" in ends[0].outcome.reason
        launcher.reply("a", "too late")
        launcher.start(Job("a", call("report", [3])))  # by another mailbox
        gather(launcher, Message, 1)
        launcher.reply("a", 4)
        (end,) = [event for event in gather(launcher, Ended, 1) if isinstance(event, Ended)]
        assert end.outcome.value == [4]


def test_a_cancelled_job_whose_mailbox_dies_is_cancelled(cluster, nodes):
    with RayTasks(1, grace_seconds=0.5) as launcher:
        launcher.start(Job("a", call("sleep", 600)))
        gather(launcher, Started, 1)
        kill_mailbox(cluster)
        launcher.cancel("a", "enough")
        (end,) = [event for event in gather(launcher, Ended, 1) if isinstance(event, Ended)]
        assert (end.outcome.how, end.outcome.reason) == ("cancelled", "enough")


def gather(launcher, kind, count):
    events = []
    assert wait_until(
        lambda: events.extend(launcher.poll(0.5)) or sum(isinstance(e, kind) for e in events) >= count
    ), events
    return events


def start_driver(cluster, *arguments):
    command = [sys.executable, str(DRIVER), cluster.address, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("kind", ["function", "json"])
def test_search_runs_on_a_cluster(cluster, nodes, tmp_path, kind):
    driver = start_driver(cluster, str(tmp_path / "a.db"), "", kind)
    output, errors = driver.communicate(timeout=300)
    assert driver.returncode == 0, errors
    assert sorted(map(int, output.split())) == ALL
    with Study.open(tmp_path / "a.db") as study:
        assert all(trial.metrics == {"twice": 2 * trial.reward} for trial in study.trials())


def test_a_driver_that_is_killed_leaves_nothing_and_its_study_goes_on(cluster, nodes, tmp_path):
    token = uuid.uuid4().hex
    raylets = {raylet(node) for node in nodes}
    before = tree.descendants(raylets, tree.table())  # of other drivers, warm
    arguments = str(tmp_path / "a.db"), token, "json"
    driver = start_driver(cluster, *arguments)
    with driver:
        first = [int(driver.stdout.readline()) for _ in range(4)]
        assert wait_until(lambda: len(living(token) - {driver.pid}) > 0)
        ours = tree.table()
        below = {pid for pid in tree.descendants(raylets, ours) - before if ours[pid].parent not in raylets}
        assert below, "keepers and workers, below those of Ray"
        driver.kill()
        driver.communicate(timeout=300)
    assert wait_until(lambda: not living(token))
    assert wait_until(lambda: not below & set(tree.table()))
    again = start_driver(cluster, *arguments)
    output, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    rest = list(map(int, output.split()))
    with Study.open(tmp_path / "a.db") as study:
        trials = list(study.trials())
    assert [trial.id for trial in trials] == ALL
    assert all(trial.reward == trial.decisions.values[0] for trial in trials)
    assert not set(first) & set(rest), "none is evaluated again that was told"
    assert not living(token)
