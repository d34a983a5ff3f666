"""Tasks: losses and scores, of one network and of many, against plain PyTorch and scikit-learn."""

from __future__ import annotations

import pytest
import torch
from sklearn import metrics
from torch.nn import functional

from pliant.tabular import Task
from pliant.values.errors import FieldValueError

ROWS = 40


def data(kind, count):
    make = torch.Generator().manual_seed(3)
    outputs = torch.randn(2, 3, ROWS, count, generator=make)  # of six networks
    if kind == "regression":
        return outputs, torch.randn(ROWS, count, generator=make)
    if kind == "multilabel":
        return outputs, (torch.rand(ROWS, count, generator=make) < 0.3).float()
    return outputs, (torch.rand(ROWS, generator=make) ** 2 * max(count, 2)).long()


def expected_loss(kind, outputs, targets, weights):
    if kind == "multiclass":
        losses = functional.cross_entropy(outputs, targets, reduction="none")
    elif kind == "regression":
        losses = functional.mse_loss(outputs, targets, reduction="none").mean(1)
    else:
        wanted = targets.float().reshape(outputs.shape)
        losses = functional.binary_cross_entropy_with_logits(outputs, wanted, reduction="none").mean(1)
    return (losses * weights).sum() / weights.sum()


def expected_score(task, outputs, targets, weights=None):
    if task.kind == "regression":
        return metrics.r2_score(targets, outputs, sample_weight=weights)
    score = metrics.balanced_accuracy_score if task.is_balanced else metrics.accuracy_score
    if task.kind == "multilabel":
        pairs = zip(targets.T, (outputs > 0).T)
        return sum(score(wanted, found, sample_weight=weights) for wanted, found in pairs) / targets.shape[1]
    found = outputs.argmax(1) if task.kind == "multiclass" else (outputs > 0).long().ravel()
    return score(targets, found, sample_weight=weights)


CASES = [("binary", 1), ("multiclass", 3), ("multilabel", 4), ("regression", 1), ("regression", 2)]


@pytest.mark.parametrize("is_balanced", [False, True])
@pytest.mark.parametrize(("kind", "count"), CASES)
def test_losses_and_scores_of_many_networks(kind, count, is_balanced):
    task = Task(kind, count, is_balanced)
    outputs, targets = data(kind, count)
    weights = torch.linspace(0, 2, ROWS)
    losses, plain = task.loss(outputs, targets, weights), task.loss(outputs, targets)
    scores, weighted = task.score(outputs, targets), task.score(outputs, targets, weights)
    assert losses.shape == plain.shape == scores.shape == weighted.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            one = outputs[i, j]
            expected = expected_loss(kind, one, targets, weights)
            torch.testing.assert_close(losses[i, j], expected)
            torch.testing.assert_close(plain[i, j], expected_loss(kind, one, targets, torch.ones(ROWS)))
            assert scores[i, j].item() == pytest.approx(expected_score(task, one, targets), abs=1e-5)
            expected = expected_score(task, one, targets, weights)
            assert weighted[i, j].item() == pytest.approx(expected, abs=1e-5)
            torch.testing.assert_close(task.loss(one, targets, weights), losses[i, j])


def test_a_constant_target_has_no_variance_to_explain():
    task, targets = Task("regression", 1), torch.ones(5, 1)
    assert task.score(torch.ones(5, 1), targets) == 1
    assert task.score(torch.zeros(5, 1), targets) == 0


@pytest.mark.parametrize(("kind", "count"), CASES)
def test_probabilities(kind, count):
    outputs, _ = data(kind, count)
    found = Task(kind, count).probabilities(outputs)
    if kind == "regression":
        assert found is outputs
    elif kind == "multilabel":
        torch.testing.assert_close(found, outputs.sigmoid())
    else:
        assert found.shape[-1] == max(count, 2)
        torch.testing.assert_close(found.sum(-1), torch.ones(2, 3, ROWS))


def test_all_weights_zero():
    task = Task("binary", 1)
    assert task.loss(torch.ones(3, 1), torch.tensor([0, 1, 1]), torch.zeros(3)) == 0


@pytest.mark.parametrize(
    ("kind", "count", "message"),
    [
        ("ranking", 1, "a task is one of 'binary', 'multiclass', 'multilabel', 'regression'; got 'ranking'"),
        ("binary", 2, "a binary task has 1 outputs; got 2"),
        ("multiclass", 1, "a multiclass task has at least 2 outputs; got 1"),
        ("regression", 0, "a regression task has at least 1 outputs; got 0"),
    ],
)
def test_impossible_task(kind, count, message):
    with pytest.raises(FieldValueError, match=message):
        Task(kind, count)
