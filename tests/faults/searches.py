"""What the campaign searches, and how: in forks that may be killed at any moment, by hand and by launchers.

The trainers are as quick as can be, and their rewards follow from what was decided, so that nothing but what the campaign
kills makes one run differ from another.  What must hold afterwards is said in conditions.py.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from functools import partial
from pathlib import Path

from pliant.algorithms import RegularizedEvolution
from pliant.algorithms.fidelity import ASHA, MedianStopping
from pliant.launch import Call, Command, Commands, InPlace, Job, Processes, tree
from pliant.space import choice, flatten, floating, integer
from pliant.study import Study, run
from pliant.study.store import failpoint

SPACE = flatten(
    [choice("op", [floating("lr", 1e-4, 1, scale="log"), None]), choice("a", 4), integer("n", 1, 64)]
)
ATTEMPTS = 3
HERE = str(Path(__file__).absolute())


def make_plain():
    return RegularizedEvolution(10, 4, seed=2)


def make_stopping():
    return MedianStopping(ASHA(budget="n", seed=4), min_trials=3)


def reward_of(decisions):
    return random.Random(str(decisions.values)).random()


def report_of(decisions, step):
    return random.Random(f"{decisions.values}/{float(step)}").random()


def deaths_of(decisions):
    """How many attempts of a trial are killed: of a fifth of the trials one, two, or all."""
    return random.Random(f"deaths of {decisions.values}").choice([0] * 12 + [1, 2, 9])


# --- searches ----------------------------------------------------------------------------------------------


def search_by_hand(place, make, trials, parallel, say):
    """Tells the reward of one of the trials that are out, any of them, and asks for the next."""
    pick = random.Random(os.getpid())
    with Study.open_or_create(place, SPACE, make(), trials=trials) as study:
        out = []
        while True:
            while len(out) < parallel and (trial := study.ask(attempts=None)):
                out.append(trial)
            if not out:
                return
            trial = out.pop(pick.randrange(len(out)))
            if make is make_stopping:
                for step in (1, 2, 3):
                    if study.report(trial.id, report_of(trial.decisions, step), step=step):
                        break
            study.tell(trial.id, reward_of(trial.decisions))
            say(trial.id)


def search_by_launcher(place, make, trials, parallel, say, *, kind="in place", deaths=None):
    """The same by a launcher; trainers kill themselves ``deaths(decisions)`` times."""

    def make_job(trial):
        reward, fatal = reward_of(trial.decisions), deaths(trial.decisions) if deaths else 0
        return Job(f"{trial.id}.{trial.token}", work(reward, fatal), attempt=trial.attempts)

    make_launcher, work, read = LAUNCHERS[kind]
    opened = Study.open_or_create(place, SPACE, make(), trials=trials)
    with opened as study, make_launcher(parallel) as launcher:
        run.run(
            study,
            launcher,
            make_job,
            read=read,
            on_end=lambda trial: say(trial.id),
            attempts=ATTEMPTS,
            tick=0.01,
        )


def make_in_place(slots):
    return InPlace()


def make_ray(slots):
    from pliant.launch import RayTasks

    return RayTasks(slots, cpus=0.1, grace_seconds=0.5)


def call(reward, fatal):
    return Call(f"{HERE}:train", [reward, fatal])


def train(payload, channel):
    """Of a worker process: returns a reward, or is killed before."""
    reward, fatal = payload
    if channel.attempt <= fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.005)
    return reward


PROGRAM = 'if [ "$PLIANT_ATTEMPT" -le "$2" ]; then kill -9 $$; fi; echo "$1"'


def command(reward, fatal):
    return Command(("sh", "-c", PROGRAM, "trainer", repr(reward), str(fatal)))


def read_command(trial, outcome):
    return run.Told(float(outcome.tail)) if outcome.ok else run.read_call(trial, outcome)


LAUNCHERS = {
    "in place": (make_in_place, call, None),
    "processes": (Processes, call, None),
    "commands": (Commands, command, read_command),
    "Ray": (make_ray, call, None),
}


def search_by(kind, *, deaths=None):
    """Returns the search by a kind of launcher."""
    return partial(search_by_launcher, kind=kind, deaths=deaths)


# --- killing them ------------------------------------------------------------------------------------------


def run_child(work, *, die="", patience=None, delay=0.0):
    """Does the work in a fork that dies at a failpoint, or is killed after having told ``patience`` trials.

    Returns:
      What it told, and whether it came to its end.

    Raises:
      AssertionError: it failed, or processes that it started were still there long after it was killed.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        try:
            failpoint.arm(die)
            work(lambda trial_id: os.write(writer, f"{trial_id}\n".encode()))
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent is to show it
            os.write(writer, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader) as lines:
        told, below = [], set()
        if patience is not None:
            told += [next(lines, "") for _ in range(patience)]
            time.sleep(delay)
            below = {pid for pid in tree.descendants([child], tree.table()) if not is_agent(pid)}
            os.kill(child, signal.SIGKILL)
        told += lines
        _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9, -signal.SIGKILL), f"a search failed: {told[-1:]}"
    left = wait_for_end(below)
    assert not left, f"processes outlive a search that was killed: {sorted(left.values())}"
    return [int(line) for line in told if line.strip()], code == 0


def is_agent(pid):
    """Whether a process is one that Ray has beside each node, which ends itself a minute after it."""
    return "Agent" in read_title(pid)


def read_title(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").replace("\0", " ").strip()
    except OSError:
        return ""


def wait_for_end(pids, seconds=30.0):
    """Returns which processes are still there after a while, with their command lines, and ends them."""
    limit = time.monotonic() + seconds
    while (left := pids & set(tree.table())) and time.monotonic() < limit:
        time.sleep(0.02)
    found = {pid: read_title(pid)[:120] for pid in left}
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found
