"""Networks trained alone, and files of them that other programs run."""

from __future__ import annotations

import sys

import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import (
    SPOS,
    FixedMutator,
    InputChoice,
    LayerChoice,
    Trainer,
    export,
    search_alone,
    supernet,
    train_alone,
)
from pliant.oneshot.training import ExportError, judge_alone
from pliant.values.errors import FieldTypeError
from pliant.values.packages import MissingLibraryError

from .conftest import Identity, Linear, Sequential, loader, make_space
from .test_session import accuracy_of, loss_of

onnx_works = pytest.mark.skipif(
    torch.__version__.startswith("2.6."), reason="an export to .onnx is refused with PyTorch 2.6"
)
ENDINGS = [pytest.param(".onnx", marks=onnx_works), ".pt", ".pt2"]
by_pytorch = [  # what it warns of in its own code, when it exports
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
]


def exporting(test):
    for mark in by_pytorch:
        test = mark(test)
    return pytest.mark.parametrize("ending", ENDINGS)(test)


def load(path):
    """Returns what runs an exported file: a function of a tensor."""
    if path.suffix == ".onnx":
        onnx.checker.check_model(onnx.load(path), full_check=True)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        (name,) = (one.name for one in session.get_inputs())
        return lambda x: torch.from_numpy(session.run(None, {name: x.numpy()})[0])
    return torch.jit.load(path) if path.suffix == ".pt" else torch.export.load(path).module()


def assert_same(path, network, *, sizes, shape):
    again, network = load(path), network.eval()
    for size in sizes:
        x = torch.randn(size, *shape, generator=torch.Generator().manual_seed(size))
        with torch.no_grad():
            torch.testing.assert_close(again(x), network(x), atol=1e-5, rtol=1e-5)


def options():
    return {"epochs": 3, "loss": loss_of, "optimizer": lambda w: torch.optim.Adam(w, 0.05)}


def test_networks_trained_alone():
    space = make_space()
    best, found = search_alone(
        space,
        pg.generators.Random(replace=False),
        loader(),
        loader(seed=1),
        trials=3,
        quality=accuracy_of,
        **options(),
    )
    assert len(found) == 3
    assert found[best] == max(found.values())
    network = pg.materialize(space, best)
    train_alone(network, loader(), **options())
    assert judge_alone(network, loader(seed=1), accuracy_of) == pytest.approx(found[best])


def test_training_alone_leaves_the_generator_alone():
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    train_alone(nn.Linear(4, 2), loader(shuffle=False), **options())
    torch.manual_seed(5)
    assert torch.equal(torch.randn(3), expected)


def test_a_network_without_weights_is_not_trained():
    def refuse(weights):
        raise AssertionError("no optimizer takes an empty list")

    network = nn.Sequential(nn.Identity(), nn.Tanh())
    assert train_alone(network, loader(), **{**options(), "optimizer": refuse}) is network
    space = Sequential(pg.oneof([Linear(4, 2), Identity()]))
    _, found = search_alone(
        space,
        pg.generators.Random(replace=False),
        loader(),
        loader(seed=1),
        trials=2,
        quality=accuracy_of,
        **options(),
    )
    assert len(found) == 2


@exporting
def test_what_a_search_found_runs_elsewhere(tmp_path, ending):
    trainer = Trainer(
        make_space(widths=True), SPOS(evaluations=2, batches=1), loader(), loader(seed=1), epochs=1
    )
    trainer.fit()
    found = trainer.network()  # batch normalization with statistics of its own, and dropout that is off
    path = export(found, torch.randn(3, 4), tmp_path / f"net{ending}")
    assert [one.name for one in tmp_path.iterdir()] == [path.name]  # weights and all
    assert found.training
    assert_same(path, found, sizes=[1, 3, 7], shape=(4,))


@exporting
def test_images(tmp_path, ending):
    Conv, BatchNorm, Pool, Flatten = map(
        pg.symbolize, (nn.Conv2d, nn.BatchNorm2d, nn.AdaptiveAvgPool2d, nn.Flatten)
    )
    width = pg.oneof([4, 8], name="width")
    space = Sequential(
        Conv(1, width, pg.oneof([1, 3, 5]), padding="same"),
        BatchNorm(width),
        pg.oneof([Conv(width, width, 3, padding=1, groups=width), Identity()]),
        Pool(1),
        Flatten(),
        Linear(width, 3),
    )
    child = supernet(space).materialize([1, 2, 0])
    path = export(child, torch.randn(1, 1, 8, 8), tmp_path / f"net{ending}")
    assert_same(path, child, sizes=[1, 5], shape=(1, 8, 8))


class Written(nn.Module):
    """Choices written by hand."""

    def __init__(self):
        super().__init__()
        self.op = LayerChoice([nn.Linear(4, 4), nn.Tanh()], key="op")
        self.pick = InputChoice(3, 2, key="pick")
        self.last = nn.Linear(4, 2)

    def forward(self, x):
        return self.last(self.pick([x, self.op(x), x.sin()]))


@exporting
@pytest.mark.parametrize("size", [1, 3])
def test_what_is_exported_takes_any_batch_size(tmp_path, ending, size):
    model = Written()
    FixedMutator(model, {"op": {"_idx": 0}, "pick": {"_idx": [0, 1]}})
    path = export(model, torch.randn(size, 4), tmp_path / f"net{ending}")
    assert_same(path, model, sizes=[1, 7], shape=(4,))


@exporting
def test_an_export_for_one_batch_size(tmp_path, ending):
    class Fixed(nn.Module):
        def forward(self, x):
            return x.reshape(3, 2, 2) * 2

    path = export(Fixed(), torch.zeros(3, 4), tmp_path / f"net{ending}")
    assert_same(path, Fixed(), sizes=[3], shape=(4,))


@onnx_works
@pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec:FutureWarning")  # in PyTorch's own code
def test_the_free_dimension_of_onnx_has_a_name(tmp_path):
    path = export(nn.Linear(4, 2), torch.zeros(1, 4), tmp_path / "net.onnx")
    (given,) = onnx.load(path).graph.input
    first, second = given.type.tensor_type.shape.dim
    assert (first.dim_param, second.dim_value) == ("batch", 4)


def test_onnx_without_its_packages(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(
        MissingLibraryError,
        match=r"an export to .onnx needs onnxscript, .*`pip install \"pliant\[onnx\]\"`, or export to .pt2 or .pt",
    ):
        export(nn.Linear(4, 2), torch.zeros(1, 4), tmp_path / "net.onnx")


def test_onnx_with_a_pytorch_that_cannot(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.6.0+cpu")
    with pytest.raises(
        ExportError, match=r"needs a PyTorch newer than 2\.6; this is 2\.6\.0\+cpu.*\.pt2 or \.pt"
    ):
        export(nn.Linear(4, 2), torch.zeros(1, 4), tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("adopted", [False, True])
def test_choices_written_by_hand_are_searched_alone(adopted):
    model = Written()
    net = supernet(model) if adopted else None
    kept = model.last.weight.clone()
    best, found = search_alone(
        model,
        pg.generators.Random(replace=False),
        loader(),
        loader(seed=1),
        trials=6,
        quality=accuracy_of,
        **options(),
    )
    assert len(found) == 6  # all there are
    assert found[best] == max(found.values())
    assert torch.equal(model.last.weight, kept)
    net = net or supernet(model)
    torch.manual_seed(0)
    network = net.materialize(best, inherit=False)
    train_alone(network, loader(), **options())
    assert judge_alone(network, loader(seed=1), accuracy_of) == pytest.approx(found[best])


def test_bad_exports(tmp_path):
    net = supernet(make_space())
    with pytest.raises(FieldTypeError, match=r"takes a concrete network; this is a super-network"):
        export(net, torch.zeros(1, 4), tmp_path / "a.pt")
    with pytest.raises(FieldTypeError, match=r"got Decisions\(.* become one by `supernet.materialize"):
        export(net.decisions, torch.zeros(1, 4), tmp_path / "a.pt")
    with pytest.raises(FieldTypeError, match=r"export writes files that end with .onnx, .pt, .pt2; got"):
        export(net.materialize(), torch.zeros(1, 4), tmp_path / "a.zip")


@exporting
def test_an_example_that_does_not_fit(tmp_path, ending):
    with pytest.raises(ExportError, match=rf"PyTorch cannot export this Sequential as {ending}: "):
        export(supernet(make_space()).materialize(), torch.zeros(1, 5), tmp_path / f"a{ending}")


@exporting
def test_networks_of_several_inputs(tmp_path, ending):
    network = nn.Bilinear(4, 4, 2)
    x, y = torch.randn(3, 4), torch.randn(3, 4)
    path = export(network, (x, y), tmp_path / f"net{ending}")
    if ending != ".onnx":
        again = torch.jit.load(path) if ending == ".pt" else torch.export.load(path).module()
        torch.testing.assert_close(again(x[:2], y[:2]), network(x[:2], y[:2]))
