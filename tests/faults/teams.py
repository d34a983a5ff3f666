"""Teams of processes that share one study are killed, stopped, cut off and restarted; prints a table of what held.

Run by `make faults`, and by itself with more kills: `python tests/faults/teams.py --kills 300`.  The numbers F24, F25, ... are those of
README.md.  A kill has passed when the search that it hit ended with the exact number of trials, each with one result, the right one,
and with the proposals that the algorithm makes alone, told in the recorded order.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

TEAM = Path(__file__).parents[1] / "study" / "team"
sys.path.insert(0, str(TEAM))

from laws import PATHS, PROGRAM, count_ended, find_faults, find_leader  # noqa: E402  # of another folder

from pliant.study.store.failpoint import POINTS  # noqa: E402
from pliant.study.team.database import Database  # noqa: E402

WIDTH = 60
LIMIT = 900.0  # seconds for a search to come to its end
TRIALS = 60


class Team:
    """Processes that search one study; any that ended is started again, until the search is complete."""

    def __init__(self, place, size, prefixes=((),)):
        self.place, self.command = place, [str(place), str(TRIALS), "0.01"]
        self.processes, self.count, self.size = {}, 0, size
        self.prefixes, self.places = prefixes, {}  # the network of each process
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed by `close`

    def start(self, **variables):
        """Starts one more process."""
        name, place = f"p{self.count}", self.count % len(self.prefixes)
        self.count, self.places[name] = self.count + 1, place
        environment = {**os.environ, "PYTHONPATH": PATHS, "PLIANT_SILENCE": "3", **variables}
        target, *rest = self.command
        if prefix := self.prefixes[place]:
            target = target.replace("127.0.0.1", f"10.77.{place}.1")
        command = [*prefix, sys.executable, str(PROGRAM), target, *rest, name]
        self.processes[name] = subprocess.Popen(
            command, env=environment, stdout=self.log, stderr=self.log, start_new_session=True
        )
        return name

    def fill(self):
        """Starts processes until there are as many as wanted."""
        self.reap()
        while len(self.processes) < self.size:
            self.start()

    def reap(self):
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                del self.processes[name]

    def kill(self, name):
        process = self.processes.pop(name, None)
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)

    def finish(self):
        """Lets the search come to its end, and returns what is wrong with it."""
        end = time.monotonic() + LIMIT
        self.fill()
        while self.processes and time.monotonic() < end:
            self.reap()
            time.sleep(0.05)
        if self.processes:
            return [f"{len(self.processes)} processes did not end in {LIMIT:g} s: {self.said()}"]
        faults = find_faults(self.place, TRIALS)
        return [*faults, *([self.said()] if faults else [])]

    def said(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read()[-3000:]

    def close(self):
        for name in list(self.processes):
            self.kill(name)
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def wait_for_ended(team, number):
    """Waits until so many trials have ended."""
    end = time.monotonic() + LIMIT
    while count_ended(team.place) < number and time.monotonic() < end:
        team.fill()
        time.sleep(0.02)


def repeat(new_place, *, hit, kills, size, prefixes=((),)):
    """Repeats searches that are hit until there were so many hits; returns their number, and the faults."""
    done, faults = 0, []
    while done < kills:
        with Team(new_place(), size, prefixes) as team:
            done += hit(team, kills - done)
            faults += team.finish()
    return done, faults


def kill(team, most, *, whom, draw):
    """Kills the leader, a follower or all, a few times in one search; returns how many."""
    count = at = 0
    while count < most and at < TRIALS - 10:
        at = min(max(count_ended(team.place), at) + draw.randint(1, 8), TRIALS - 10)
        wait_for_ended(team, at)
        leader = find_leader(team.place, team.processes)
        others = [name for name in team.processes if name != leader] or [leader]
        chosen = {"leader": [leader], "follower": [draw.choice(others)], "all": list(team.processes)}[whom]
        for name in chosen:
            team.kill(name)
        count += len(chosen)
    return count


def die(team, most, *, draw):
    """Starts processes that die at a fail point by themselves, while others search; returns how many died."""
    count = 0
    for _ in range(min(most, 6)):
        team.fill()
        name = team.start(PLIANT_FAILPOINT=f"{draw.choice(POINTS)}:{draw.randint(1, 8)}")
        process = team.processes[name]
        end = time.monotonic() + LIMIT
        while process.poll() is None and count_ended(team.place) < TRIALS - 5 and time.monotonic() < end:
            time.sleep(0.05)
        count += process.poll() == 9
        if count_ended(team.place) >= TRIALS - 5:
            break
    return max(count, 1)


def suspend(team, _):
    """Suspends the leader for longer than others wait for it on a server, and lets it go on."""
    wait_for_ended(team, 5)
    leader = team.processes[find_leader(team.place, team.processes)]
    os.killpg(leader.pid, signal.SIGSTOP)
    time.sleep(5)
    os.killpg(leader.pid, signal.SIGCONT)
    return 1


def restart(team, _, *, database):
    """Ends the server as a crash does, and starts it again."""
    wait_for_ended(team, 5)
    database._call("pg_ctl", "-w", "-m", "immediate", "-l", database.folder / "log", "restart")
    return 1


def cut(team, _):
    """Cuts the leader off from the server for longer than others wait for it, and connects it again."""
    wait_for_ended(team, 5)
    place = team.places[find_leader(team.place, team.processes)]
    run_ip("link", "set", f"pliant{place}", "down")
    time.sleep(6)
    run_ip("link", "set", f"pliant{place}", "up")
    return 1


def run_ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextmanager
def networks(count):
    """Network namespaces, each with a link of its own to this machine; returns the commands that run a process in them."""
    try:
        for number in range(count):
            name, inside = f"pliant{number}", f"plinside{number}"
            run_ip("netns", "add", name)
            run_ip("link", "add", name, "type", "veth", "peer", "name", inside, "netns", name)
            run_ip("addr", "add", f"10.77.{number}.1/24", "dev", name)
            run_ip("link", "set", name, "up")
            for command in (
                ["addr", "add", f"10.77.{number}.2/24", "dev", inside],
                ["link", "set", inside, "up"],
                ["link", "set", "lo", "up"],
                ["route", "add", "default", "via", f"10.77.{number}.1"],
            ):
                run_ip("-n", name, *command)
        yield [("ip", "netns", "exec", f"pliant{number}") for number in range(count)]
    finally:
        for number in range(count):
            for command in (["link", "del", f"pliant{number}"], ["netns", "del", f"pliant{number}"]):
                subprocess.run(["ip", *command], check=False, capture_output=True)


@contextmanager
def server():
    """A PostgreSQL server of its own, on all addresses of this machine."""
    folder = Path(tempfile.mkdtemp(prefix="pliant-faults-"))
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    try:
        with Database(folder, host="0.0.0.0") as database:  # namespaces reach it by their own links
            yield database
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def list_rows(kills, size, seed):
    """Returns what is done, by name: a function that hits a search, the kinds of places, and the number of hits."""
    draw = random.Random(seed)
    both, few = ("SQLite", "PostgreSQL"), max(kills // 10, 1)
    return {
        f"F24 {{}}: the leader of {size} processes killed": (
            partial(kill, whom="leader", draw=draw),
            both,
            kills,
        ),
        f"F24 {{}}: one of {size} that follow killed": (
            partial(kill, whom="follower", draw=draw),
            both,
            kills,
        ),
        f"F24 {{}}: all {size} processes killed": (partial(kill, whom="all", draw=draw), both, kills),
        f"F24 {{}}: a process beside {size} dies at a fail point": (partial(die, draw=draw), both, kills),
        f"F25 {{}}: the leader of {size} suspended": (suspend, both, few),
        f"F26 {{}}: the leader of {size} cut off, in {size} networks": (cut, ("networks",), few),
        f"F27 {{}}: the server of {size} processes restarted": (restart, ("server",), few),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--kills", type=int, default=8, help="of each row; a tenth of those that take seconds each"
    )
    parser.add_argument("--size", type=int, default=4, help="processes that search together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="rows with this text in their name")
    options = parser.parse_args()
    failed, has_networks = [], os.geteuid() == 0 and shutil.which("ip") is not None
    print(f"{'':{WIDTH}} kills  passed  seconds")
    with tempfile.TemporaryDirectory() as folder, server() as database:
        address = database.address.replace("0.0.0.0", "127.0.0.1")  # likewise

        def new_place(kind):
            name = f"team_{uuid.uuid4().hex[:12]}"
            return Path(folder, f"{name}.db") if kind == "SQLite" else f"{address}?study={name}"

        for pattern, (hit, kinds, kills) in list_rows(options.kills, options.size, options.seed).items():
            for kind in kinds:
                name, start = pattern.format("SQLite" if kind == "SQLite" else "PostgreSQL"), time.monotonic()
                if options.only not in name or (kind == "networks" and not has_networks):
                    continue
                given = {"hit": partial(hit, database=database) if kind == "server" else hit}
                with networks(options.size) if kind == "networks" else nullcontext([()]) as prefixes:
                    work = partial(new_place, kind)
                    points, faults = repeat(work, kills=kills, size=options.size, prefixes=prefixes, **given)
                seconds = time.monotonic() - start
                print(
                    f"{name:{WIDTH}} {points:5}  {max(points - len(faults), 0):6}  {seconds:7.1f}", flush=True
                )
                failed += [f"{name}: {fault}" for fault in faults]
    if not has_networks:
        print("Networks were left out: they need root and `ip`.")
    print(*failed, sep="\n", end="\n" if failed else "")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
