"""The steps of AdamW: equal to those of ``torch.optim.AdamW``, with and without what its fused version calls."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pliant.tabular.training import optimizer
from pliant.tabular.training.optimizer import AdamW, find_update, update_fused, update_plainly
from pliant.tabular.training.stack import Stack

UPDATES = [
    pytest.param(
        update_fused,
        id="fused",
        marks=pytest.mark.skipif(
            not hasattr(torch, "_fused_adamw_"), reason="this release of PyTorch has no fused AdamW to call"
        ),
    ),
    pytest.param(update_plainly, id="plain"),
]
RATES, DECAYS = [0.1, 0.01, 0.003], [0.5, 0.0, 1.0]


@pytest.fixture
def stored():
    """Lets ``find_update`` choose again, before and after the test."""
    find_update.cache_clear()
    yield
    find_update.cache_clear()


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_steps_are_those_of_torch(update, dtype, monkeypatch):
    monkeypatch.setattr(optimizer, "find_update", lambda: update)
    networks = [nn.Linear(5, 4).to(dtype) for _ in RATES]
    plain = [nn.Linear(5, 4).to(dtype) for _ in RATES]
    others = []
    for one, two, rate, decay in zip(networks, plain, RATES, DECAYS, strict=True):
        two.load_state_dict(one.state_dict())
        groups = [
            {"params": [two.weight], "weight_decay": decay},
            {"params": [two.bias], "weight_decay": 0.0},
        ]
        others.append(torch.optim.AdamW(groups, lr=rate))
    stack = Stack(networks, [0] * len(RATES))
    adamw = AdamW(stack, RATES, DECAYS)
    rows = torch.randn(7, 5, dtype=dtype, generator=torch.Generator().manual_seed(0))
    kept = list(range(len(RATES)))
    for step in range(6):
        if step == 4:  # one is dropped
            kept = [0, 2]
            stack.keep(kept)
            adamw.keep(kept)
        stack._model(rows).square().mean((1, 2)).sum().backward()
        adamw.step()
        for place, index in enumerate(kept):
            others[index].zero_grad()
            plain[index](rows).square().mean().backward()
            others[index].step()
            for name, value in stack.state(place).items():
                torch.testing.assert_close(value, plain[index].state_dict()[name], rtol=2e-6, atol=2e-6)


@pytest.mark.skipif(
    not hasattr(torch, "_fused_adamw_"), reason="this release of PyTorch has no fused AdamW to call"
)
def test_the_fused_update_is_chosen_where_it_works(stored):
    assert find_update() is update_fused


@pytest.mark.parametrize("change", ["missing", "other arguments", "not for processors"])
def test_the_plain_update_is_chosen_where_the_fused_one_does_not_work(change, stored, monkeypatch):
    def refuse(*args, **options):
        raise (
            TypeError("got an unexpected argument")
            if change == "other arguments"
            else RuntimeError("not on CPU")
        )

    if change == "missing":
        monkeypatch.delattr(torch, "_fused_adamw_", raising=False)
    else:
        monkeypatch.setattr(torch, "_fused_adamw_", refuse, raising=False)
    assert find_update() is update_plainly
