"""Processes that share a study.  Run by test_serve.py as a program; says what it does in lines of text.

clients.py crowd PLACE N      forks N clients, which ask and tell until all is done; prints JSON: who told what
clients.py hold PLACE         asks for a trial, says which, and tells it when it hears a line
clients.py tell PLACE ID TOKEN REWARD
clients.py serve PLACE TRIALS [LEASE]
                              serves a study until it hears a line, or dies
"""

from __future__ import annotations

import json
import os
import sys

from pliant.algorithms import RegularizedEvolution
from pliant.space import choice, flatten, floating
from pliant.study import Study
from pliant.study.client import connect
from pliant.study.serve import serve
from pliant.values.errors import PliantError

SPACE = flatten([choice("a", 4), choice("b", 5), floating("lr", 0, 1)])


def algorithm():
    return RegularizedEvolution(8, 3, seed=1)


def reward_of(trial):
    return round(sum(trial.decisions.values), 6)


def work(place, name, out):
    """Asks and tells; says each trial that was told, in a line written at once."""
    with connect(place, worker=name) as client:
        for trial in client:
            client.tell(trial.id, reward_of(trial), token=trial.token)
            os.write(out, f"{name} {trial.id} {trial.token}\n".encode())


def crowd(place, count):
    reader, writer = os.pipe()
    children = []
    for number in range(int(count)):
        child = os.fork()
        if not child:
            os.close(reader)
            try:
                work(place, f"w{number}", writer)
                os._exit(0)
            except BaseException as error:  # noqa: BLE001  # whatever it is, the parent is to show it
                os.write(writer, f"error {type(error).__name__}: {error}\n".encode())
                os._exit(1)
        children.append(child)
    os.close(writer)
    with os.fdopen(reader) as lines:
        said = lines.read().splitlines()
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    told = [
        (who, int(trial), int(token))
        for who, trial, token in (line.split() for line in said if line[:1] == "w")
    ]
    print(json.dumps({"told": told, "errors": [line for line in said if line[:1] != "w"], "codes": codes}))


def say(text):
    print(text, flush=True)


def told_as(client, trial_id, token, reward):
    try:
        client.tell(trial_id, reward, token=token)
        return "told"
    except PliantError as error:
        return f"{type(error).__name__}: {error}"


def hold(place):
    with connect(place, worker=f"holder {os.getpid()}") as client:
        trial = client.ask()
        say(f"{trial.id} {trial.token}")
        sys.stdin.readline()
        say(told_as(client, trial.id, trial.token, reward_of(trial)))


def tell(place, trial_id, token, reward):
    with connect(place) as client:
        say("ready")
        sys.stdin.readline()
        say(told_as(client, int(trial_id), int(token), float(reward)))


def serve_it(place, trials, lease=30):
    with (
        Study.open_or_create(place, SPACE, algorithm(), trials=int(trials)) as study,
        serve(study, lease=float(lease)),
    ):
        say("serving")
        sys.stdin.readline()


if __name__ == "__main__":
    {"crowd": crowd, "hold": hold, "tell": tell, "serve": serve_it}[sys.argv[1]](*sys.argv[2:])
