"""What a trainer refuses before it trains."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pliant.oneshot import DARTS, SPOS, BindError, Trainer, TuNAS, train_alone
from pliant.values.errors import FieldTypeError, FieldValueError

from .conftest import loader, make_space


def make(sampler=None, train=None, valid=None, **options):
    return Trainer(
        make_space(),
        TuNAS() if sampler is None else sampler,
        loader() if train is None else train,
        loader(seed=1) if valid is None else valid,
        **{"epochs": 1, **options},
    )


@pytest.mark.parametrize(
    ("options", "error", "lesson"),
    [
        ({"clip": -1}, FieldValueError, r"Trainer\(clip=...\) takes a finite number above 0; got -1"),
        ({"clip": 0.0}, FieldValueError, "a finite number above 0; got 0.0"),
        ({"clip": float("nan")}, FieldValueError, "a finite number above 0; got nan"),
        ({"clip": True}, FieldTypeError, "a finite number above 0; got True of type bool"),
        ({"device": "gpu"}, FieldValueError, r"cannot train on 'gpu': .*Devices here: cpu"),
        ({"device": "meta"}, FieldValueError, r"cannot train on 'meta': "),
        ({"device": 1.5}, FieldValueError, r"cannot train on 1.5: "),
        (
            {"autocast": "bfloat16"},
            FieldTypeError,
            r"torch.bfloat16 or torch.float16.*got 'bfloat16' of type str",
        ),
        ({"autocast": True}, FieldTypeError, r"torch.bfloat16 or torch.float16.*got True of type bool"),
        ({"autocast": torch.float64}, FieldTypeError, r"got torch.float64 of type dtype"),
        (
            {"accumulate": 0},
            FieldValueError,
            r"Trainer\(accumulate=...\) takes an integer of at least 1; got 0",
        ),
        (
            {"checkpoint_steps": 0},
            FieldValueError,
            r"Trainer\(checkpoint_steps=...\) takes an integer of at least 1",
        ),
        (
            {"optimizer": torch.optim.SGD(nn.Linear(1, 1).parameters(), 0.1)},
            FieldTypeError,
            r"takes a function from weights to their optimizer.*lambda weights.*got a SGD itself",
        ),
        ({"optimizer": "sgd"}, FieldTypeError, r"takes a function from weights.*got a str itself"),
        ({"optimizer": lambda weights: None}, FieldTypeError, r"takes a function .*returned None"),
        ({"train": []}, FieldValueError, r"train has no batches; at least one is needed.*drop_last"),
        ({"valid": []}, FieldValueError, r"valid has no batches; at least one is needed"),
        (
            {"train": loader(batch=99).__class__(loader().dataset, 99, drop_last=True)},
            FieldValueError,
            "drop_last",
        ),
        ({"sampler": SPOS}, FieldTypeError, r"got the class SPOS. Write SPOS\(\)"),
    ],
)
def test_arguments_that_make_no_sense(options, error, lesson):
    with pytest.raises(error, match=lesson):
        make(**options)


@pytest.mark.parametrize("device", ["cuda", "cuda:7", torch.device("cuda")])
def test_a_device_that_is_not_there(device, monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("Torch not compiled with CUDA enabled")

    monkeypatch.setattr(torch, "zeros", refuse)
    with pytest.raises(
        FieldValueError, match=r"cannot train on .*cuda.*: Torch not compiled.*Devices here: cpu"
    ):
        make(device=device)


def test_a_sampler_for_several_searches():
    sampler = DARTS()
    first = make(sampler)
    before = {key: value.clone() for key, value in first.supernet.state_dict().items()}
    with pytest.raises(
        BindError,
        match=r"bound to the super-network of an earlier search.*new sampler for each search: DARTS\(...\)",
    ):
        make(sampler)
    assert all(torch.equal(value, before[key]) for key, value in first.supernet.state_dict().items())


@pytest.mark.parametrize("exponent", [0.1, 0, float("nan"), "a", -float("inf")])
def test_an_exponent_that_rewards_the_distance(exponent):
    with pytest.raises(
        FieldValueError, match=r"TuNAS\(exponent=...\) takes a finite number below 0, such as -0.1; got"
    ):
        TuNAS(cost=lambda d: 1.0, target=1.0, exponent=exponent)


def test_training_alone_clips_likewise():
    with pytest.raises(
        FieldValueError, match=r"train_alone\(clip=...\) takes a finite number above 0; got 0"
    ):
        train_alone(nn.Linear(4, 2), loader(), epochs=1, loss=None, optimizer=torch.optim.SGD, clip=0)


def test_a_plain_function_is_a_cost():
    sampler = TuNAS(cost=lambda decisions: sum(decisions.values), target=2.0)
    make(sampler).fit()
    assert sampler.metrics()["cost"] == sum(sampler.decisions().values)
    sampler = SPOS(cost=lambda decisions: sum(decisions.values), limit=1, evaluations=3, batches=1)
    assert sum(make(sampler).fit().decisions.values) <= 1
