"""What cannot be opened or searched: each entry point says so, with the path and what to do, and changes nothing."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pliant import oneshot
from pliant.oneshot.rewrite.openable import check_weights
from pliant.values.errors import FieldTypeError, FieldValueError, SpaceError

X = torch.randn(4, 4, generator=torch.Generator().manual_seed(1))
DATA = [(X, torch.tensor([0, 1, 0, 1]))]


def plain():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2)).eval()


def changed(change):
    network = plain()
    network[2] = change(network[2])
    return network


class Noisy(nn.Module):
    """Adds noise, also in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x):
        return self.b(self.a(x) + torch.randn(()))


class Flow(nn.Module):
    """Skips a layer if the first number is negative."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.c = nn.Linear(4, 16), nn.Linear(16, 16), nn.Linear(16, 2)

    def forward(self, x):
        y = self.a(x)
        return self.c(self.b(y) if x[0, 0] > 0 else y)


def bare():
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    network[1].running_mean = network[1].running_mean.to("meta")
    return network


def spoiled():
    network = plain()
    nn.init.constant_(network[4].weight, float("nan"))
    return network


WAYS = {
    "open": oneshot.open_network,
    "space": lambda network: oneshot.space_of(network, X, widths=(0.5, 1.0)),
    "shrink": lambda network: oneshot.shrink(network, X, DATA, "parameters <= 0.6x"),
}
LIMITED = {key: WAYS[key] for key in ("space", "shrink")}  # these run the network

REFUSED = {
    "nothing": (lambda: None, FieldTypeError, r"(takes a module|is an nn\.Module); got None", WAYS),
    "a class": (lambda: nn.ReLU, FieldTypeError, r"Make an instance: `ReLU\(\.\.\.\)`", WAYS),
    "compiled": (lambda: torch.compile(plain()), FieldTypeError, r"the network is compiled by torch.compile.* `network\._orig_mod`", WAYS),
    "compiled part": (lambda: changed(torch.compile), FieldTypeError, r"the module at '2' is compiled.*get_submodule\('2'\)\._orig_mod`", WAYS),
    "scripted": (lambda: torch.jit.script(plain()), FieldTypeError, "the network is a TorchScript module.* Give the module that was scripted", WAYS),
    "scripted part": (lambda: changed(torch.jit.script), FieldTypeError, "the module at '2' is a TorchScript module", WAYS),
    "exported": (lambda: torch.export.export(plain(), (X,)).module(), FieldTypeError, "made by torch.export.*Give the module that was exported", WAYS),
    "quantized": (lambda: changed(lambda layer: torch.ao.nn.quantized.Linear(16, 16)), FieldTypeError, r"the module at '2' is quantized \(Linear\).* Shrink the network before", WAYS),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(8), nn.Linear(8, 2)), FieldValueError, r"the weight '0\.weight' has no size yet.* Run the network once on an input, `network\(example\)`", WAYS),
    "no values": (bare, FieldValueError, r"'1\.running_mean' and 0 other tensors.*on the meta device.* `network\.to_empty\(device='cpu'\)`", WAYS),
    "meta": (lambda: plain().to("meta"), FieldValueError, "the network is on the meta device.* Load them: `network.to_empty", LIMITED),
    "random": (Noisy, FieldValueError, "the network is not deterministic: two runs on the example", LIMITED),
    "spoiled": (spoiled, FieldValueError, r"returns NaN for (the example|a batch).*check its weights", LIMITED),
    "control flow": (Flow, FieldValueError, r"nothing can be searched in this Flow. .*which layers run depends on the values of the input", LIMITED),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore:torch.quantize_per_tensor"
)  # by torch itself
def test_network_that_cannot_be_opened(kind):
    make, error, message, ways = REFUSED[kind]
    for run in ways.values():
        network = make()
        before = weights(network)
        with pytest.raises(error, match=message):
            run(network)
        assert all(torch.equal(a, b) for a, b in zip(before, weights(network), strict=True))


def weights(network):
    is_module = isinstance(network, nn.Module)
    tensors = [*network.parameters(), *network.buffers()] if is_module else []
    return [x.detach().clone().nan_to_num() for x in tensors if not (x.is_meta or nn.parameter.is_lazy(x))]


def test_two_devices():
    with pytest.raises(
        FieldValueError,
        match=r"on 2 devices: cpu \('0.weight'\), meta \('1.weight'\)\. Move it to one: `network.to\('cpu'\)`",
    ):
        check_weights(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2, device="meta")))  # fmt: skip


INPUTS = {
    "none": ({"example": None}, FieldTypeError, "an example is an input of the network, a tensor with the batch first"),
    "shape": ({"example": torch.ones(1, 5)}, FieldValueError, r"fails on the example \(torch.float32 \(1, 5\)\): .*mat1.*\. Give an input"),
    "type": ({"example": X.half()}, FieldValueError, r"fails on the example \(torch.float16.* Its weights are of the type torch.float32: `\.to\(torch.float32\)`"),
    "device": ({"example": X.to("meta")}, FieldValueError, r"Its weights are on another device: `\.to\('cpu'\)`"),
    "empty": ({"example": X[:0]}, FieldValueError, r"the example is empty \(torch.float32 \(0, 4\)\)"),
    "limit": ({"limit": "parameters <= 0.001x"}, FieldValueError, r"no network of this space has parameters <= .*the smallest has \d+, .*Give a limit from there"),
    "cost": ({"limit": "flops <= 0.5x"}, FieldValueError, "the cost 'flops' does not exist. Costs are 'multiply_adds'"),
    "data": ({"data": None}, FieldTypeError, r"shrink\(data=...\) takes batches"),
    "data of another shape": ({"data": [torch.ones(4, 5)]}, FieldValueError, r"fails on a batch of shrink\(data=...\) \(torch.float32 \(4, 5\)\)"),
    "data with NaN": ({"data": [X * float("nan")]}, FieldValueError, r"returns NaN for a batch of shrink"),
    "all kept": ({"keep": ["0", "2"]}, FieldValueError, "nothing can be searched in this Sequential. 0: kept, as asked; 2: kept, as asked"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "error", "message"), INPUTS.values(), ids=INPUTS)
def test_wrong_inputs_of_shrink(given, error, message):
    network = plain()
    before = weights(network)
    with pytest.raises(error, match=message):
        oneshot.shrink(network, **{"example": X, "data": DATA, "limit": "parameters <= 0.6x", **given})
    assert all(torch.equal(a, b) for a, b in zip(before, weights(network), strict=True))


def test_remedies_work():
    lazy = nn.Sequential(nn.LazyLinear(8), nn.Linear(8, 2))
    lazy(X)
    assert oneshot.space_of(lazy, X).groups
    network = plain()
    network.compile(backend="eager")
    opened = oneshot.open_network(network)
    with torch.no_grad():
        opened[0].weight.zero_()
    assert not torch.equal(opened(X), network(X))  # the copy runs, not what was compiled


def test_control_flow_whose_widths_can_be_followed():
    network = Flow()
    network.b = nn.Sequential(nn.Linear(16, 8), nn.Linear(8, 16))
    found = oneshot.space_of(network, X.abs(), widths=(0.5, 1.0), depth=False)
    assert [group.name for group in found.groups] == ["width of b.0"]
    assert "which layers run depends on" in found.left_out["a"]
    with pytest.raises(
        FieldValueError, match=r"b\.0: it does not run on the example.*a: which layers run depends on"
    ):
        oneshot.space_of(network, -X.abs(), depth=False, others=[X.abs()])


# ------------------------------------------------------------------ training


def test_trainer():
    found, spos = (
        oneshot.space_of(plain(), X, widths=(0.5, 1.0)),
        lambda: oneshot.SPOS(evaluations=1, batches=1),
    )

    def train(space, data=DATA, **options):
        return oneshot.Trainer(space, spos(), data, DATA, epochs=1, **options).fit()

    with pytest.raises(
        SpaceError,
        match=r"nothing to decide in this Sequential.*`pg.oneshot.space_of\(network, example\).space`",
    ):
        train(plain())  # fmt: skip
    with pytest.raises(FieldTypeError, match=r"of type FoundSpace\. Give its attribute `space`"):
        train(found)
    with pytest.raises(
        FieldValueError, match=r"the super-network fails on the example \(torch.float32 \(1, 5\)\)"
    ):
        train(found.space, example=torch.ones(1, 5))
    with pytest.raises(RuntimeError, match="mat1") as caught:
        train(found.space, [(torch.ones(4, 5), DATA[0][1])])
    assert any(
        r"on a batch of train (torch.float32 (4, 5), torch.int64 (4,))" in n for n in caught.value.__notes__
    )
    pinned = found.space.clone(deep=True).rebind({"layers[0].out_features": 16})
    with pytest.raises(
        FieldValueError,
        match=r"A width that is fixed at one layer must be fixed at all that have it; `space_of\(keep",
    ):
        train(pinned, example=X)  # fmt: skip
    with pytest.raises(FieldTypeError, match=r"the network is a super-network.*`supernet.materialize"):
        oneshot.space_of(oneshot.supernet(found.space), X)
    with pytest.raises(FieldValueError, match="the teacher is on the meta device"):
        train(found.space, teacher=plain().to("meta"))
    with pytest.raises(FieldTypeError, match=r"the teacher was made by torch\.export"):
        train(found.space, teacher=torch.export.export(plain(), (X,)).module())
