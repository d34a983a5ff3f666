"""NAS-Bench-Macro against its published figures."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pliant.bench import get_task
from pliant.values.errors import LoadError
from pliant.zoo import nasbench_macro as networks


def test_published_maximum(data):
    task = get_task("nasbench_macro", data)
    assert task.space.size == 6561
    assert round(task.optimum.test, 3) == 93.127
    best = max(task.space.iterate(), key=lambda d: task.evaluate(d).test)
    assert networks.to_text([networks.BLOCKS[i] for i in best.values]) == "22212202"
    assert task.regret(task.evaluate(best)) == 0


def test_reward_is_one_training_and_test_the_mean_of_three(data):
    task = get_task("nasbench_macro", data)
    decisions = task.encode(networks.from_text("22212202"))
    rewards = [task.evaluate(decisions, repeat=i).reward for i in range(3)]
    assert len(set(rewards)) == 3
    assert task.evaluate(decisions).reward == rewards[0]
    assert task.evaluate(decisions).test == pytest.approx(sum(rewards) / 3)


def published(records):
    return {
        arch: {"test_acc": [1.0, 2.0, 3.0], "mean_acc": 2.0, "std": 1.0, "params": 10, "flops": 20}
        for arch in records
    }


def test_the_published_json_is_read(tmp_path):
    archs = [np.base_repr(i, 3).zfill(8) for i in range(6561)]
    records = published(archs)
    records["00000012"]["test_acc"] = [4.0, 5.0, 6.0]
    (tmp_path / "nas-bench-macro_cifar10.json").write_text(json.dumps(records))
    task = get_task("nasbench_macro", tmp_path)
    result = task.evaluate(task.encode(networks.from_text("00000012")))
    assert (result.reward, result.test) == (4.0, 5.0)
    assert (task.optimum.reward, task.optimum.test) == (4.0, 5.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "is not the published JSON"),
        ('{"0": {}}', "is not the published JSON.*test_acc"),
        ("{", "is not the published JSON"),
        (json.dumps(published(["0123"])), "row 0 .* is of '0123', no network"),
        (json.dumps(published(["00000000"])), "has 1 of the 6,561 names, each of a network"),
    ],
)
def test_other_json(tmp_path, text, message):
    (tmp_path / "nas-bench-macro_cifar10.json").write_text(text)
    with pytest.raises(LoadError, match=message):
        get_task("nasbench_macro", tmp_path)
