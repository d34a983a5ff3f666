"""The example of the perceptron walk-through: short, with the loop as printed, and with what its parts promise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import pliant as pg
from pliant.algorithms.policy import PPO, REINFORCE
from pliant.algorithms.predictor import Greedy, LSTMPredictor, PredictorSearch, Proposals, SequenceEncoding
from pliant.cli.target import load_target
from pliant.oneshot import WeightBank

FILE = Path(__file__).parents[2] / "examples" / "mlp_walkthrough.py"


@pytest.fixture(scope="module")
def example():
    return load_target(str(FILE)).module


@pytest.fixture(scope="module")
def data(example):
    """Few digits, so that networks train in milliseconds."""
    return {name: (x[:64], y[:64]) for name, (x, y) in example.read_digits().items()}


def test_is_short():
    assert len(FILE.read_text("utf-8").splitlines()) <= 100


def test_splits_are_disjoint(example):
    whole = example.read_digits()
    assert [len(x) for x, _ in whole.values()] == [800, 400, 597]


@pytest.mark.parametrize("screen", [1, 3])
def test_the_loop(example, data, screen, tmp_path):
    controller, bank = (
        example.make_controller(samples=4, screen=screen, seed=1),
        WeightBank(tmp_path / "bank"),
    )
    log, best = example.search(data, controller, controller_epochs=4, samples=4, bank=bank)
    assert len(log) == len({tuple(sequence) for sequence, _, _ in log}) == 16  # nothing twice
    for sequence, reward, guess in log:
        assert example.vocabulary.check_sequence(sequence, max_length=4) == sequence
        assert 0.0 <= reward <= 1.0
        assert guess is None or 0.0 <= guess <= 1.0
    assert [guess is None for _, _, guess in log] == [True] * 4 + [False] * 12
    assert example.vocabulary.read_network(best) == max(log, key=lambda row: row[1])[0]
    assert len(bank) > 16
    chosen = controller.predictions  # those that the predictor chose, with what it expected then
    assert [reward for _, _, reward in chosen] == [reward for _, reward, _ in log[4:]]


@pytest.mark.parametrize("kind", [REINFORCE, PPO])
def test_the_loop_runs_as_it_is_printed(example, data, kind):
    """The listing of the page, with the names that it uses; its lines are those of the example."""
    page = (FILE.parents[1] / "docs" / "use" / "mlp_walkthrough.md").read_text("utf-8")
    listing = page.partition("examples/mlp_walkthrough.py, run by its test -->")[2].split("```")[1]
    lines = [line.strip() for line in listing.removeprefix("python").splitlines() if line]
    own = [line.strip() for line in FILE.read_text("utf-8").splitlines()]
    assert len(lines) == 10
    assert [line for line in own if line in lines] == lines

    space, proposals = example.vocabulary.make_space(3, inputs=64), Proposals(kind(policy="lstm"), count=3)
    predictor = LSTMPredictor(epochs=5, reward_range=(0, 1))
    controller = PredictorSearch(
        predictor, SequenceEncoding(), Greedy(), proposals, random_trials=1, batch_size=3
    )
    controller.setup(pg.abstract_search_space(space))
    log, names = [], {"controller_epochs": 2, "samples": 3, "pg": pg, "train": example.train, "data": data}
    names |= {"vocabulary": example.vocabulary, "space": space, "controller": controller, "log": log}
    exec(listing.removeprefix("python"), {**names, "bank": WeightBank()})
    assert [guess is None for _, _, guess in log] == [True] * 3 + [False] * 3
    assert [reward for _, reward, _ in log[3:]] == [reward for _, _, reward in controller.predictions]


def test_the_search_is_reproducible_and_resumes(example, data):
    def run(controller):
        return example.search(data, controller, controller_epochs=2, samples=3)[0]

    first, second = (run(example.make_controller(samples=3, seed=2)) for _ in range(2))
    assert first == second
    controller = example.make_controller(samples=3, seed=2)
    run(controller)
    restored = example.make_controller(samples=3, seed=2)
    restored.setup(controller.space)
    restored.restore(controller.state())
    some = [controller.space.sample(seed) for seed in range(3)]
    assert restored.predict(some) == controller.predict(some)
    assert [restored.propose() for _ in range(4)] == [controller.propose() for _ in range(4)]


def test_a_study_with_a_bank_is_resumed(example, data, tmp_path):
    space, found = example.vocabulary.make_space(4, inputs=64), []
    for count in (5, 9):
        bank = WeightBank(tmp_path / "digits.bank")  # the same folder again
        if found:
            assert bank.load_into(example.vocabulary.make_network(found[0], inputs=64))
        controller = example.make_controller(samples=3)
        search = pg.sample(space, controller, trials=9, study=str(tmp_path / "digits.db"), progress=False)
        for program, feedback in search:
            feedback(example.train(program, data, epochs=1, bank=bank))
            found.append(example.vocabulary.read_network(program))
            if len(found) == count == 5:
                break
        search.close()
    assert len(found) == len(set(map(tuple, found))) == 9
    assert (
        len(controller.predictions) == 8
    )  # all but the random first one, those before the interruption included


def test_the_bank_is_used(example, data):
    bank = WeightBank()
    network = example.vocabulary.make_network([11, 30], inputs=64)
    alone = example.train(network, data, epochs=1, seed=3)
    network = example.vocabulary.make_network([11, 30], inputs=64)
    for _ in range(6):
        shared = example.train(
            example.vocabulary.make_network([11, 30], inputs=64), data, epochs=1, seed=3, bank=bank
        )
    assert len(bank) == 2
    assert shared > alone  # six epochs, not one


def test_a_network_learns(example):
    torch.manual_seed(0)
    network = example.vocabulary.make_network([19, 30], inputs=64)
    assert example.train(network, example.read_digits(), epochs=5) > 0.85
    assert pg.eq(network, example.vocabulary.make_network([19, 30], inputs=64))
