"""The loss and the quality that a trainer takes when none is given: they follow the targets, or are refused."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import SPOS, Phase, ProgressiveShrinking, Trainer, TuNAS
from pliant.oneshot.training.defaults import default_loss, default_quality
from pliant.values.errors import FieldTypeError, FieldValueError

from .conftest import Identity, Linear, Sequential

X = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))


def make_trainer(targets, outputs, *, sampler=None, inputs=X, **options):
    space = Sequential(Linear(4, 8), pg.oneof([nn.ReLU(), nn.Tanh()]), Linear(8, outputs))
    data = [(inputs[i : i + 8], targets[i : i + 8]) for i in range(0, 32, 8)]
    return Trainer(
        space,
        sampler or TuNAS(),
        data,
        data,
        **{"epochs": 30, "schedule": None, "optimizer": lambda w: torch.optim.Adam(w, 0.02), **options},
    )


@pytest.mark.parametrize("shape", [(32,), (32, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_regression(shape, dtype):
    targets = (X[:, 0] - 2 * X[:, 1]).to(dtype).reshape(shape)
    report = make_trainer(targets, 1).fit()
    spread = float(targets.var())
    assert -0.5 * spread < report.quality < 0  # the negative squared error, far below that of a constant


@pytest.mark.parametrize("shape", [(32,), (32, 1)])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.bool])
def test_classes(shape, dtype):
    targets = (X[:, 0] > 0).to(dtype).reshape(shape)
    report = make_trainer(targets, 2).fit()
    assert report.quality > 0.8


def test_classes_of_pixels():
    network, x = nn.Conv2d(1, 3, 1), torch.randn(2, 1, 4, 5)
    y = torch.randint(3, (2, 4, 5))
    y[0, 0] = -100  # left out, as cross-entropy does
    assert torch.equal(default_loss(network, (x, y)), nn.functional.cross_entropy(network(x), y))
    right = (network(x).argmax(1) == y)[y != -100]
    assert default_quality(network, (x, y)) == pytest.approx(float(right.float().mean()))


@pytest.mark.parametrize("judge", [default_loss, default_quality])
def test_classes_that_may_be_in_two_dimensions(judge):
    """Outputs of shape (N, length, classes), as a language model returns them."""
    y = torch.randint(4, (2, 4))
    with pytest.raises(FieldValueError, match=r"may be the second dimension or the last one.*\(2, 4, 4\)"):
        judge(Identity(), (torch.rand(2, 4, 4), y))
    with pytest.raises(FieldValueError, match=r"may be the second dimension or the last one"):
        judge(Identity(), (torch.rand(2, 4, 4, 4), y[..., None].expand(2, 4, 4)))
    judge(Identity(), (torch.rand(2, 5, 4), y))


@pytest.mark.parametrize("judge", [default_loss, default_quality])
def test_labels_and_batches_that_nothing_can_be_judged_by(judge):
    network = nn.Linear(4, 3)
    for targets, lesson in (
        (torch.full((32,), 3), "labels from 3 to 3, of which the network has 0 to 2"),
        (torch.full((32,), -1), "labels from -1 to -1"),
        (torch.full((32,), -100), "a batch in which all labels are -100"),
    ):
        with pytest.raises(FieldValueError, match=lesson):
            judge(network, (X, targets))
    for targets in (torch.zeros(0), torch.zeros(0).long()):
        with pytest.raises(FieldValueError, match="a batch without examples"):
            judge(network, (X[:0], targets))
    kept = torch.where(X[:, 0] > 0, 1, -100)
    with torch.no_grad():
        found, wanted = (float(judge(network, one)) for one in ((X, kept), (X[kept > 0], kept[kept > 0])))
    assert found == pytest.approx(wanted)


def test_validation_data_with_other_labels_are_refused():
    data = [(X, (X[:, 0] > 0).long())]
    space = Sequential(Linear(4, 8), pg.oneof([nn.ReLU(), nn.Tanh()]), Linear(8, 2))
    for valid, lesson in (
        ([(X, torch.full((32,), 2))], "labels from 2 to 2"),
        ([(X[:0], X[:0, 0].long())], "no example"),
    ):
        with pytest.raises(FieldValueError, match=lesson.replace("no example", "a batch without examples")):
            Trainer(space, SPOS(evaluations=1, batches=1), data, valid, epochs=1).fit()


def test_several_inputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Bilinear(4, 4, 2)

        def forward(self, a, b):
            return self.layer(a, b)

    network, y = Two(), (X[:, 0] > 0).long()
    wanted = nn.functional.cross_entropy(network(X, X), y)
    assert torch.equal(default_loss(network, ((X, X), y)), wanted)
    assert torch.equal(default_loss(network, [{"a": X, "b": X}, y]), wanted)


def test_no_broadcasting():
    x, y = torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 2.0])
    assert default_loss(Identity(), (x, y)) == 0.0
    assert default_loss(Identity(), (x[:, 0], y[:, None])) == 0.0


@pytest.mark.parametrize(
    ("targets", "outputs", "lesson"),
    [
        (torch.rand(32, 3), 3, r"float targets that are not one number.*\(8, 3\).*float32 of shape \(8, 3\)"),
        (torch.ones(32), 3, r"float targets that are not one number"),
        (torch.ones(32, 3), 1, r"float targets that are not one number"),
        (torch.ones(32).long(), 1, r"integer targets that are not one class.*mse_loss for regression"),
        (torch.ones(32, 3).long(), 3, r"integer targets that are not one class.*yes/no labels"),
        (torch.ones(32, 2, dtype=torch.bool), 2, r"integer targets that are not one class"),
        (torch.ones(32, dtype=torch.complex64), 2, r"complex targets"),
        (torch.tensor(3.0).repeat(32, 1, 1, 2), 2, r"float targets"),
        (torch.full((32,), 3), 3, r"labels from 3 to 3, of which the network has 0 to 2"),
        (torch.arange(32) % 4 - 1, 3, r"labels from -1 to 2, of which"),
        (torch.full((32,), -100), 3, r"a batch in which all labels are -100"),
    ],
)
def test_targets_that_fit_several_losses(targets, outputs, lesson):
    trainer = make_trainer(targets, outputs)
    with pytest.raises(FieldValueError, match=rf"the default loss cannot be chosen for {lesson}"):
        trainer.fit()
    assert trainer.session.done == 0


@pytest.mark.parametrize(
    ("batch", "lesson"),
    [
        (X, "a Tensor of 32"),
        ((X,), "a tuple of 1"),
        ((X, X, X), "a tuple of 3"),
        ({"x": X, "y": X}, "a dict of 2"),
        ((X, [1, 2]), "a tuple of 2"),
        (7, "a int"),
    ],
)
def test_batches_that_are_no_pairs(batch, lesson):
    with pytest.raises(
        FieldTypeError, match=rf"takes batches \(inputs, targets\).*; got {lesson}.*Trainer\(loss="
    ):
        default_loss(nn.Linear(4, 2), batch)


def test_networks_that_return_several_tensors():
    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    with pytest.raises(
        FieldTypeError,
        match=r"returns one tensor; got a tuple.*cross_entropy\(network\(batch\[0\]\)\[0\], batch",
    ):
        default_loss(Pair(), (X, X[:, 0]))


def test_outputs_of_transformers_get_the_loss_to_write():
    outputs = pytest.importorskip("transformers.modeling_outputs", reason="needs transformers")

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x):
            return outputs.ImageClassifierOutput(logits=self.layer(x))

    network, batch = Classifier(), (X, (X[:, 0] > 0).long())
    with pytest.raises(FieldTypeError, match=r"got a ImageClassifierOutput\. .*Trainer\(quality=") as caught:
        default_loss(network, batch)
    written = re.search(r"Trainer\(loss=(lambda .*?, batch\[1\]\))\)", str(caught.value))[1]
    assert eval(written, {"torch": torch})(network, batch).requires_grad


def test_given_losses_are_taken():
    targets = torch.rand(32, 3)
    loss = lambda network, batch: nn.functional.mse_loss(network(batch[0]), batch[1])  # noqa: E731
    report = make_trainer(targets, 3, loss=loss, epochs=2).fit()
    assert report.quality < 0  # the negative loss


def test_soft_labels_of_one_number_are_refused():
    phases = [Phase(1, {}), Phase(1, {"*": None})]
    targets = X[:, 0].clone()
    trainer = make_trainer(
        targets, 1, sampler=ProgressiveShrinking(phases, evaluations=2, batches=1), epochs=2
    )
    with pytest.raises(FieldValueError, match=r"distils class probabilities.*one number.*distillation=0"):
        trainer.fit()
    plain = ProgressiveShrinking(phases, distillation=0, evaluations=2, batches=1)
    assert make_trainer(targets, 1, sampler=plain, epochs=2).fit().quality < 0


def test_a_search_over_regression_ranks_by_error():
    targets = X[:, :1].clone()
    sampler = SPOS(evaluations=2, batches=4)
    report = make_trainer(targets, 1, sampler=sampler, epochs=2).fit()
    assert report.quality == pytest.approx(max(sampler.results.values()))
