"""Distillation: the loss of a teacher, in a training of a super-network and in fine-tuning."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from pliant import oneshot
from pliant.oneshot import Distillation
from pliant.values.errors import FieldTypeError, FieldValueError

torch.manual_seed(0)
X, Y = torch.randn(8, 4), torch.arange(8) % 3


def entropy(network, batch):
    return functional.cross_entropy(network(batch[0]), batch[1])


@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_equation(share, temperature):
    teacher, network = nn.Linear(4, 3), nn.Linear(4, 3)
    found = Distillation(teacher, share=share, temperature=temperature)(network, (X, Y))
    soft, own = (teacher(X) / temperature).softmax(1), network(X)
    cross = -(soft * (own / temperature).log_softmax(1)).sum(1).mean()
    teachers = -(soft * soft.log()).sum(1).mean()
    wanted = (1 - share) * functional.cross_entropy(own, Y) + share * temperature**2 * (cross - teachers)
    torch.testing.assert_close(found, wanted)


def test_gradients_reach_only_the_network():
    teacher, network = nn.Sequential(nn.Linear(4, 3), nn.Dropout()).train(), nn.Linear(4, 3)
    before = copy.deepcopy(teacher.state_dict())
    torch.autograd.backward(Distillation(teacher, entropy)(network, (X, Y)))
    assert all(weight.grad is None for weight in teacher.parameters())
    assert all(weight.grad is not None for weight in network.parameters())
    assert teacher.training
    assert teacher[1].training
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())


def test_one_forward_pass():
    class Counted(nn.Linear):
        calls = 0

        def forward(self, x):
            Counted.calls += 1
            return super().forward(x)

    for loss in (None, entropy):
        Counted.calls = 0
        Distillation(nn.Linear(4, 3), loss)(Counted(4, 3), (X, Y))
        assert Counted.calls == 1


def test_outputs_without_classes():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 2)

        def forward(self, x):
            return {"ids": Y, "hidden": self.inner(x)}

    teacher, network = Named(), Named()
    found = Distillation(teacher)(network, X)
    a, b = network.inner(X), teacher.inner(X)
    torch.testing.assert_close(found, (a - b).square().mean() / b.var(unbiased=False))
    assert float(Distillation(teacher)(teacher, X).detach()) == 0


def test_training_a_super_network_with_a_teacher():
    torch.manual_seed(1)
    teacher = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    found = oneshot.space_of(teacher, X[:1], widths=(0.5, 1.0))
    data = [(X, Y)] * 4
    given = {"epochs": 2, "seed": 0}
    sampler = lambda: oneshot.SPOS(evaluations=2, batches=1)  # noqa: E731
    trainer = oneshot.Trainer(found.space, sampler(), data, data, teacher=teacher, **given)
    report = trainer.fit()
    assert 0 <= report.quality <= 1  # accuracy, as without a teacher
    same = oneshot.Trainer(
        found.space,
        sampler(),
        data,
        data,
        loss=Distillation(teacher),
        quality=oneshot.training.trainer.default_quality,
        **given,
    )
    same.fit()
    plain = oneshot.Trainer(found.space, sampler(), data, data, **given)
    plain.fit()
    weights = [next(t.supernet.parameters()).detach() for t in (trainer, same, plain)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    negative = oneshot.Trainer(found.space, sampler(), data, data, teacher=teacher, loss=entropy, **given)
    assert negative.fit().quality < 0


def test_fine_tuning_with_a_teacher():
    torch.manual_seed(1)
    teacher = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    network = nn.Linear(4, 3)
    before = float(Distillation(teacher, share=1.0)(network, (X, Y)).detach())
    oneshot.train_alone(
        network,
        [(X, Y)] * 20,
        epochs=2,
        loss=lambda network, batch: 0 * network(batch[0]).sum(),
        optimizer=lambda weights: torch.optim.Adam(weights, lr=0.05),
        teacher=teacher,
    )
    assert float(Distillation(teacher, share=1.0)(network, (X, Y)).detach()) < before / 2


WRONG = {
    "teacher": (lambda: Distillation(3), FieldTypeError, "a network is a torch.nn.Module; got 3 of type int"),
    "loss": (lambda: Distillation(nn.Linear(1, 1), 3), FieldTypeError, r"Distillation\(loss=...\)"),
    "share": (lambda: Distillation(nn.Linear(1, 1), share=2), FieldValueError, r"Distillation\(share=...\) takes a number from 0 to 1"),
    "temperature": (lambda: Distillation(nn.Linear(1, 1), temperature=0), FieldValueError, r"Distillation\(temperature=...\)"),
    "shapes": (lambda: Distillation(nn.Linear(4, 2))(nn.Linear(4, 3), X), FieldValueError, r"the teacher returns the shape \(8, 2\) and the network \(8, 3\)"),
    "no tensor": (lambda: Distillation(Nothing())(nn.Linear(4, 3), X), FieldTypeError, "one of them returns none. Wrap the network"),
}  # fmt: skip


class Nothing(nn.Module):
    def forward(self, x):
        return None


@pytest.mark.parametrize(("call", "error", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()
