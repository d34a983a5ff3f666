"""Jobs as tasks of a cluster: the contract of launchers, and what is Ray's own.

One cluster of one node for the whole file; what dies in clusters of several nodes is in test_ray_faults.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time

import pytest
import ray

from pliant.launch import Call, Job, Message, RayTasks, Started, ray_work, tree
from pliant.testing.commands import CommandSuite
from pliant.testing.launchers import LauncherSuite, call, wait_until
from pliant.values.errors import LaunchError


@pytest.fixture(scope="module", autouse=True)
def cluster():
    ray.init(
        address="local",
        num_cpus=4,
        resources={"oven": 2},
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=100 << 20,
    )
    yield
    ray.shutdown()


class TestRayCalls(LauncherSuite):
    def make(self, slots):
        return RayTasks(slots, grace_seconds=0.5)

    def test_slots_are_what_the_cluster_has_room_for(self):
        for options, slots in (
            ({}, 4),
            ({"cpus": 1.5}, 2),
            ({"cpus": 0.1}, 40),
            ({"cpus": 0, "resources": {"oven": 0.5}}, 4),
            ({"cpus": 1, "resources": {"oven": 1}}, 2),
        ):
            with RayTasks(**options) as launcher:
                assert launcher.slots == slots, options

    def test_what_no_node_has_is_refused(self):
        with pytest.raises(
            LaunchError, match=r"no node .* needs {'CPU': 1.0, 'GPU': 1}; the nodes have .*'GPU': 0.0"
        ):
            RayTasks(gpus=1)
        with pytest.raises(LaunchError, match=r"numbers from 0; .*RayTasks\(cpus=2"):
            RayTasks(cpus=-1)
        with pytest.raises(LaunchError, match="numbers from 0"):
            RayTasks(cpus="two")
        with pytest.raises(LaunchError, match="slots must be an integer from 1; got 0"):
            RayTasks(0)

    def test_a_connection_is_shared_or_refused(self):
        with RayTasks(1, address="auto") as first, RayTasks(1) as second:
            for launcher in (first, second):
                launcher.start(Job("a", call("echo", 1)))
                assert self.finish(launcher, ["a"])["a"].value == 1
        assert ray.is_initialized()
        with pytest.raises(LaunchError, match=r"connected to the cluster at .*, not to '10\.0\.0\.1:6379'"):
            RayTasks(address="10.0.0.1:6379")
        with pytest.raises(LaunchError, match="so runtime_env cannot be set"):
            RayTasks(runtime_env={"pip": ["nothing"]})

    def test_jobs_that_wait_for_room_are_cancelled_at_once(self):
        with RayTasks(3, cpus=0, resources={"oven": 2}) as launcher:
            for name in "abc":
                launcher.start(Job(name, call("sleep", 600)))
            self.wait_for(launcher, Started, 3)  # with Ray, which has room for one
            for name in "abc":
                launcher.cancel(name, "enough")
            ended = self.finish(launcher, "abc")
        assert {(outcome.how, outcome.reason) for outcome in ended.values()} == {("cancelled", "enough")}

    def test_a_task_that_was_never_begun_leaves_nothing_when_all_is_closed(self):
        with RayTasks(3, cpus=0, resources={"oven": 2}) as launcher:
            for name in "abc":
                launcher.start(Job(name, call("sleep", 600)))
        with RayTasks(1, cpus=0, resources={"oven": 2}) as launcher:
            launcher.start(Job("a", call("echo", 1)))
            assert self.finish(launcher, ["a"])["a"].value == 1

    def test_workers_stay_warm(self):
        with RayTasks(1) as launcher:
            pids = []
            for name in "abcdefgh":
                launcher.start(Job(name, call("pid")))
                pids.append(self.finish(launcher, [name])[name].value)
        assert len(set(pids)) < 5, "Ray chooses among its workers, and each keeps a process"

    def test_a_preload_that_fails_is_the_outcome(self):
        with RayTasks(1, preload="no_such_module") as launcher:
            launcher.start(Job("a", call("echo", 1)))
            outcome = self.finish(launcher, ["a"])["a"]
        assert outcome.how == "raised"
        assert "preload='no_such_module': the module" in outcome.reason

    @pytest.mark.parametrize("cpus", [1, 2])
    def test_a_job_computes_with_as_many_threads_as_it_takes_processors(self, cpus):
        with RayTasks(1, cpus=cpus) as launcher:
            launcher.start(Job("a", call("threads")))
            assert self.finish(launcher, ["a"])["a"].value[0] == str(cpus)

    def test_a_call_has_a_log(self, tmp_path):
        log = tmp_path / "logs" / "a.log"
        assert self.run(Call("pliant.testing.jobs:print_text", "hello", log))[0].ok
        assert log.read_text("utf-8") == "hello\n"

    def test_a_reply_to_a_job_that_ended_is_not_for_its_successor(self):
        with RayTasks(1, grace_seconds=0.5) as launcher:
            launcher.start(Job("a", call("report", [1])))
            self.wait_for(launcher, Message)
            launcher.cancel("a", "enough")
            assert self.finish(launcher, ["a"])["a"].how == "cancelled"
            launcher.reply("a", "late")
            launcher.start(Job("a", call("report", [2])))
            (message,) = [e for e in self.wait_for(launcher, Message) if isinstance(e, Message)]
            assert message.payload == 2
            launcher.reply("a", "in time")
            assert self.finish(launcher, ["a"])["a"].value == ["in time"]


class TestRayCommands(CommandSuite):
    def make(self, slots):
        return RayTasks(slots, grace_seconds=2)

    def test_other_work_is_refused(self):
        with RayTasks(1) as launcher, pytest.raises(LaunchError, match="runs calls and commands; got a str"):
            launcher.start(Job("a", "echo"))


def run_program(text, tmp_path, **env):
    """Runs Python that is not connected to this cluster."""
    file = tmp_path / "program.py"
    file.write_text(textwrap.dedent(text), "utf-8")
    run = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:pliant", str(file)],
        capture_output=True,
        text=True,
        env={**os.environ, "RAY_ADDRESS": "", **env},
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_ray_is_only_imported_when_it_is_used(tmp_path):
    program = """
        import sys, pliant.launch
        assert "pliant.launch.ray_tasks" not in sys.modules and "RayTasks" in pliant.launch.__all__
        from pliant.launch import RayTasks
        print(sorted(name for name in sys.modules if name.split(".")[0] == "ray"))
        sys.modules["ray"] = None
        try:
            RayTasks()
        except Exception as error:
            print(type(error).__name__, error)
        """
    found, lesson = run_program(program, tmp_path).splitlines()
    assert found == "[]"
    assert (
        lesson == 'LaunchError RayTasks needs ray, which is not installed. Run `pip install "pliant[ray]"`.'
    )


def test_a_cluster_that_is_not_there(tmp_path):
    program = """
        import ray
        from pliant.launch import RayTasks

        def init(**options):  # with a cluster on this machine, as in this test, `auto` finds it
            assert options["address"] == "auto" and "include_dashboard" not in options
            raise ConnectionError("Could not find any\\nrunning Ray instance.")

        ray.init = init
        try:
            RayTasks(address="auto")
        except Exception as error:
            print(type(error).__name__, error)
        """
    said = run_program(program, tmp_path)
    assert said.startswith(
        "LaunchError no cluster was found at 'auto': Could not find any running Ray instance"
    )
    assert "`ray start --head`" in said


def test_a_cluster_of_its_own_ends_with_the_launcher(tmp_path):
    program = """
        import ray
        from pliant.launch import Ended, Job, RayTasks, Call

        def double(payload, channel):
            return 2 * payload

        if __name__ == "__main__":
            with RayTasks(2) as launcher:
                launcher.start(Job("a", Call(double, 4)))
                events = []
                while not (events and isinstance(events[-1], Ended)):
                    events += launcher.poll(None)
                print(events[-1].outcome.value)
            print(ray.is_initialized())
        """
    assert run_program(program, tmp_path).split() == ["8", "False"]


def test_a_worker_of_ray_keeps_no_process_for_long(monkeypatch):
    monkeypatch.setattr(ray_work, "IDLE_SECONDS", 0.2)
    task = {"kind": "call", "node": {"preload": [], "threads": 1, "grace": 1.0}}
    kept = ray_work._borrow(("a",), task)
    ray_work._give_back(("a",))
    again = ray_work._borrow(("a",), task)
    assert again is kept
    time.sleep(0.5)
    again.start(Job("a", call("echo", 1)))  # in use, however long
    ray_work._give_back(("a",))
    assert wait_until(lambda: kept.keeper_pid not in tree.table())
    assert not ray_work._launchers
    assert not ray_work._idle_since


def test_names():
    import pliant.launch

    assert pliant.launch.RayTasks is RayTasks
    with pytest.raises(AttributeError, match="has no attribute 'Kubernetes'"):
        pliant.launch.Kubernetes  # noqa: B018
