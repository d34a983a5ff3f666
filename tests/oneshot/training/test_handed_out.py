"""The network that a trainer hands out, and every file of it, score what the report says."""

from __future__ import annotations

import hashlib
import io
import zipfile
from random import Random

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import (
    DARTS,
    ENAS,
    SPOS,
    BatchStatistics,
    MutatorSampler,
    RandomMutator,
    Recalibrated,
    RunningStatistics,
    Trainer,
    TuNAS,
    export,
    recalibrate,
    search_alone,
    train_alone,
)
from pliant.oneshot.training.checkpoint import read_checkpoint
from pliant.oneshot.training.defaults import default_quality
from pliant.values.errors import LoadError

from .conftest import Identity, Linear, Sequential, loader, make_data, make_space

Conv2d, Conv3d, Conv1d, Flatten, LayerNorm = map(
    pg.symbolize, (nn.Conv2d, nn.Conv3d, nn.Conv1d, nn.Flatten, nn.LayerNorm)
)
NORMS = {
    "1d": (Conv1d, nn.BatchNorm1d, 1),
    "2d": (Conv2d, nn.BatchNorm2d, 2),
    "3d": (Conv3d, nn.BatchNorm3d, 3),
}


def score(network, batches):
    network.eval()
    with torch.no_grad():
        found = [(default_quality(network, batch), len(batch[1])) for batch in batches]
    return sum(quality * count for quality, count in found) / sum(count for _, count in found)


def train(space=None, sampler=None, data=None, valid=None, **options):
    trainer = Trainer(
        make_space(widths=True) if space is None else space,
        SPOS(evaluations=4, batches=1) if sampler is None else sampler,
        loader() if data is None else data,
        loader(seed=1) if valid is None else valid,
        **{"epochs": 2, "seed": 0, "optimizer": lambda w: torch.optim.SGD(w, 0.5), **options},
    )
    return trainer, trainer.fit()


@pytest.mark.parametrize("sampler", [None, TuNAS, DARTS, lambda: ENAS(updates=1, draws=2)])
@pytest.mark.parametrize("normalization", [None, Recalibrated(20), RunningStatistics()])
def test_the_network_scores_what_the_report_says(sampler, normalization):
    is_mixing = sampler is DARTS
    trainer, report = train(
        make_space(widths=not is_mixing), sampler and sampler(), normalization=normalization
    )
    assert score(trainer.network(), loader(seed=1)) == pytest.approx(report.quality)
    assert report.examples == 64
    assert report.recalibrated is None
    kind = type(trainer.normalization)
    said = "recalibrated for each network on" if kind is Recalibrated else "statistics by RunningStatistics"
    assert said in str(report)


def test_statistics_of_batches_are_not_those_of_the_network():
    trainer, report = train(normalization=BatchStatistics())
    assert score(trainer.network(), loader(seed=1)) == pytest.approx(report.recalibrated)
    assert f"Trainer.network() recalibrates them: quality {report.recalibrated:.4f}" in str(report)


def make_convolutions(kind, *, track=True):
    conv, norm, _ = NORMS[kind]
    width = pg.oneof([3, 6], name="width")
    layers = [conv(1, width, 1), pg.symbolize(norm)(width, track_running_stats=track)]
    return Sequential(*layers, pg.oneof([nn.ReLU(), nn.Tanh()]), Flatten(), pg.symbolize(nn.LazyLinear)(2))


def make_images(kind, seed=0):
    """Images that are far from the mean of 0 and variance of 1 that running statistics start with."""
    dims = NORMS[kind][2]
    x = 7 * torch.randn(64, 1, *[2] * dims, generator=torch.Generator().manual_seed(seed)) + 20
    y = (x.flatten(1).mean(1) > 20).long()
    return [(x[i : i + 16], y[i : i + 16]) for i in range(0, 64, 16)]


@pytest.mark.parametrize("kind", NORMS)
@pytest.mark.parametrize("track", [True, False])
def test_normalization_of_all_dimensions(kind, track):
    data, valid = make_images(kind), make_images(kind, seed=1)
    example = data[0][0]
    trainer, report = train(make_convolutions(kind, track=track), data=data, valid=valid, example=example)
    assert score(trainer.network(), valid) == pytest.approx(report.quality)
    assert bool(report.statistics) is track


def test_networks_without_running_statistics_say_nothing_of_them():
    space = Sequential(Linear(4, 8), LayerNorm(8), pg.oneof([nn.ReLU(), Identity()]), Linear(8, 2))
    trainer, report = train(space)
    assert score(trainer.network(), loader(seed=1)) == pytest.approx(report.quality)
    assert report.statistics == ""
    assert "BatchNorm" not in str(report)


# ---------------------------------------------------------------------- state that is no weight


class Centre(nn.Module):
    """Subtracts a moving average, which subclasses keep in other ways."""

    def __init__(self, size):
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))

    def forward(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        return x - self.mean


class NotStored(Centre):
    def __init__(self, size):
        nn.Module.__init__(self)
        self.register_buffer("mean", torch.zeros(size), persistent=False)


class Attribute(Centre):
    def __init__(self, size):
        nn.Module.__init__(self)
        self.mean = torch.zeros(size)


class Number(Centre):
    def __init__(self, size):
        nn.Module.__init__(self)
        self.mean, self.is_set = 0.0, False

    def forward(self, x):
        if self.training:
            self.mean, self.is_set = float(x.detach().mean()), True
        return x - self.mean if self.is_set else 100 * x


class Extra(Number):
    def get_extra_state(self):
        return {"mean": self.mean}

    def set_extra_state(self, state):
        self.mean = state["mean"]


@pytest.mark.parametrize("layer", [Centre, NotStored, Attribute, Number, Extra])
@pytest.mark.parametrize("place", ["fixed", "candidate", "common"])
def test_state_of_own_layers_is_handed_out(layer, place):
    made = pg.symbolize(layer)(8)
    act = pg.oneof(
        [nn.ReLU(), Sequential(nn.Tanh(), made)] if place == "candidate" else [nn.ReLU(), nn.Tanh()]
    )
    inner = Sequential(Linear(8, pg.oneof([4, 8], name="inner")), Linear(pg.oneof([4, 8], name="inner"), 8))
    middle = (
        [Identity()] if place == "candidate" else [Sequential(inner, made)] if place == "common" else [made]
    )
    data = [(7 * x + 5, y) for x, y in loader(shuffle=False)]
    trainer, _ = train(Sequential(Linear(4, 8), *middle, act, Linear(8, 2)), data=data, valid=data)
    for decisions in trainer.supernet.space.iterate():
        network = trainer.network(decisions)
        trainer.supernet.activate(decisions)
        with torch.no_grad():
            assert torch.equal(network.eval()(data[0][0]), trainer.supernet.eval()(data[0][0]))


def test_random_exports_of_a_mutator_are_one_network(tmp_path):
    options = {"sampler": MutatorSampler(RandomMutator), "checkpoint": tmp_path / "a.pt"}
    trainer, report = train(**options)
    assert trainer.fit().decisions == report.decisions
    for _ in range(4):
        assert score(trainer.network(), loader(seed=1)) == pytest.approx(report.quality)
    options["sampler"] = MutatorSampler(RandomMutator)
    again, second = train(**options)
    assert second.decisions == report.decisions
    assert score(again.network(), loader(seed=1)) == pytest.approx(report.quality)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # of TorchScript itself
@pytest.mark.parametrize("ending", [".pt", ".pt2"])
def test_lazy_layers_are_exported(ending, tmp_path):
    space = Sequential(
        Linear(4, pg.oneof([4, 8])), pg.symbolize(nn.LazyBatchNorm1d)(), pg.symbolize(nn.LazyLinear)(2)
    )
    trainer, report = train(space, example=torch.zeros(2, 4))
    path = trainer.export(tmp_path / f"net{ending}")
    loaded = torch.jit.load(str(path)) if ending == ".pt" else torch.export.load(path).module()
    assert score(_Loaded(loaded), loader(seed=1)) == pytest.approx(report.quality)


def test_an_own_loop_hands_out_what_it_judged():
    """As the guide and `Session` show it."""
    trainer, report = train()
    network = recalibrate(trainer.supernet.materialize(report.decisions), trainer.train.pass_over())
    assert score(network, loader(seed=1)) == pytest.approx(report.quality)


def test_the_winner_of_a_search_of_separate_networks_is_trained_again():
    options = {
        "epochs": 2,
        "loss": lambda network, batch: nn.functional.cross_entropy(network(batch[0]), batch[1]),
        "optimizer": lambda weights: torch.optim.SGD(weights, 0.5),
    }
    space, data = make_space(), loader()
    best, found = search_alone(
        space, pg.generators.Random(), data, loader(seed=1), trials=3, quality=default_quality, **options
    )
    assert found[best] == max(found.values())
    network = train_alone(pg.materialize(space, best), data, seed=0, **options)
    assert score(network, loader(seed=1)) == pytest.approx(found[best])


def test_given_batches_and_other_networks():
    trainer, _ = train()
    given = list(loader(seed=5, shuffle=False))
    network = trainer.network(trainer.supernet.space.sample(3), batches=given)
    norm = next(m for m in network.modules() if isinstance(m, nn.BatchNorm1d))
    seen = []
    norm.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    network.eval()
    for x, _ in given:
        network(x)
    expected = torch.stack([x.mean(0) for x in seen]).mean(0)
    torch.testing.assert_close(norm.running_mean, expected)
    fresh = trainer.network(inherit=False)
    assert all(int(m.num_batches_tracked) == 0 for m in fresh.modules() if isinstance(m, nn.BatchNorm1d))


def test_handing_out_changes_nothing():
    trainer, _ = train()
    net = trainer.supernet
    chosen = net.activate(net.space.sample(7))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    first, second = trainer.network(), trainer.network()
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(first.buffers(), second.buffers(), strict=True))
    assert net.decisions == chosen
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_an_exported_file_scores_what_the_report_says(tmp_path):
    trainer, report = train()
    path = trainer.export(tmp_path / "net.pt2")
    assert score(_Loaded(torch.export.load(path).module()), loader(seed=1)) == pytest.approx(report.quality)


class _Loaded(nn.Module):
    """A program that has no modes."""

    def __init__(self, program):
        super().__init__()
        object.__setattr__(self, "program", program)

    def forward(self, x):
        return self.program(x)


def test_export_recalibrates_on_batches(tmp_path):
    trainer, report = train()
    given = list(loader(shuffle=False))
    network = trainer.supernet.materialize(report.decisions)  # with averages over many networks
    path = export(network, torch.zeros(2, 4), tmp_path / "net.pt2", batches=given)
    wanted = recalibrate(trainer.supernet.materialize(report.decisions), given).eval()
    x = torch.randn(5, 4)
    torch.testing.assert_close(torch.export.load(path).module()(x), wanted(x), rtol=1e-4, atol=1e-4)


def test_recalibration_of_a_plain_network():
    x = torch.randn(40, 3) * 5 + 2
    network = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.BatchNorm1d(3, momentum=0.3)).train()
    assert recalibrate(network, [(x, None)], images=10) is network
    torch.testing.assert_close(network[0].running_mean, x.mean(0))
    torch.testing.assert_close(network[0].running_var, x.var(0))
    assert (network[0].momentum, network[2].momentum) == (0.1, 0.3)
    assert network.training
    with pytest.raises(ValueError, match="needs training batches"):
        recalibrate(network, [])


# ---------------------------------------------------------------------- batches of one example


def single(train=65, valid=64, batch=16, **options):
    """Batches, of which the last of 65 has one example."""
    data = torch.utils.data.TensorDataset(*(torch.cat([part, part[:1]]) for part in make_data().tensors))
    cut = [torch.utils.data.Subset(data, range(count)) for count in (train, valid)]
    return [torch.utils.data.DataLoader(part, batch, shuffle=True, **options) for part in cut]


class Stream:
    """Batches whose sizes are known when they are read."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


@pytest.mark.parametrize("make", [lambda batches: batches, list], ids=["loader", "list"])
def test_a_single_example_is_found_before_training(make):
    data, valid = single()
    trainer = Trainer(make_space(), TuNAS(), make(data), valid, epochs=1, seed=0)
    before = {name: value.clone() for name, value in trainer.supernet.state_dict().items()}
    with pytest.raises(ValueError, match=r"a batch of train has one example only.*drop_last=True"):
        trainer.fit()
    assert trainer.session.done == 0
    assert all(torch.equal(value, before[name]) for name, value in trainer.supernet.state_dict().items())


def test_a_single_example_of_a_stream_is_explained():
    data, valid = single()
    trainer = Trainer(make_space(), TuNAS(), Stream(list(data)), valid, epochs=1, seed=0)
    with pytest.raises(ValueError, match=r"a batch has one example only.*drop_last=True"):
        trainer.fit()
    with pytest.raises(ValueError, match=r"a batch has one example only.*drop_last=True"):
        train_alone(
            nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2)),
            data,
            epochs=1,
            loss=lambda network, batch: nn.functional.cross_entropy(network(batch[0]), batch[1]),
            optimizer=torch.optim.SGD,
        )


def test_the_remedy_for_single_examples_works():
    data, valid = single(drop_last=True)
    assert Trainer(make_space(), TuNAS(), data, valid, epochs=1).fit().examples == 64


@pytest.mark.parametrize(
    "make", [TuNAS, lambda: SPOS(evaluations=3, batches=5, normalization=BatchStatistics())]
)
@pytest.mark.parametrize("normalization", [None, BatchStatistics()])
def test_single_examples_for_validation_are_judged(make, normalization):
    data, valid = single(train=64, valid=65)
    report = Trainer(make_space(), make(), data, valid, epochs=2, normalization=normalization).fit()
    assert report.examples == 65


def test_single_examples_for_validation_that_are_trained_on():
    data, valid = single(train=64, valid=65)
    with pytest.raises(ValueError, match="a batch of valid has one example only"):
        Trainer(make_space(), DARTS(), data, valid, epochs=1).fit()


def test_layers_without_running_statistics_cannot_judge_single_examples():
    norm = pg.symbolize(nn.BatchNorm1d)(8, track_running_stats=False)
    space = Sequential(Linear(4, 8), norm, pg.oneof([nn.ReLU(), Identity()]), Linear(8, 2))
    data, valid = single(train=64, valid=65)
    with pytest.raises(ValueError, match="a batch of valid has one example only"):
        Trainer(space, TuNAS(), data, valid, epochs=1).fit()


def test_single_examples_that_can_be_normalized_are_trained_on():
    data = [(x[:1], y[:1]) for x, y in make_images("2d")]
    space = make_convolutions("2d")
    trainer, _ = train(space, data=data, valid=make_images("2d"), example=data[0][0])
    assert trainer.session.done == 8
    plain = Sequential(Linear(4, 8), pg.oneof([nn.ReLU(), Identity()]), Linear(8, 2))
    assert train(plain, data=single()[0])[0].session.done == 10


# ---------------------------------------------------------------------- the caller's random numbers


@pytest.mark.parametrize("stage", ["init", "epoch", "fit", "report", "network"])
def test_training_leaves_the_callers_generator_alone(stage, tmp_path):
    torch.manual_seed(11)
    before = torch.get_rng_state()
    trainer = Trainer(make_space(), TuNAS(), loader(), loader(seed=1), epochs=2, checkpoint=tmp_path / "a.pt")
    if stage == "epoch":
        trainer.run_epoch()
    elif stage != "init":
        trainer.fit()
    if stage == "report":
        trainer.fit()
    if stage == "network":
        trainer.network()
    assert torch.equal(torch.get_rng_state(), before)
    again = Trainer(make_space(), TuNAS(), loader(), loader(seed=1), epochs=2, checkpoint=tmp_path / "a.pt")
    assert again.seed == 0
    assert torch.equal(torch.get_rng_state(), before)


def test_the_callers_generator_does_not_matter():
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        trainer, report = train(sampler=TuNAS())
        found.append((trainer.supernet.state_dict(), str(report)))
    assert found[0][1] == found[1][1]
    assert all(torch.equal(value, found[1][0][name]) for name, value in found[0][0].items())
    trainer, _ = train(sampler=TuNAS(), seed=1)
    assert any(
        not torch.equal(value, found[0][0][name]) for name, value in trainer.supernet.state_dict().items()
    )


# ---------------------------------------------------------------------- damaged checkpoints


@pytest.mark.parametrize("place", [0.0, 0.02, 0.2, 0.5, 0.8, 0.999])
@pytest.mark.parametrize("damage", ["flip", "cut", "insert"])
def test_a_damaged_checkpoint_is_refused(place, damage, tmp_path):
    path = tmp_path / "a.pt"
    train(sampler=TuNAS(), epochs=1, checkpoint=path)
    data = bytearray(path.read_bytes())
    at = int(place * len(data))
    if damage == "flip":
        data[at] ^= 4
    elif damage == "cut":
        del data[at : at + 1]
    else:
        data.insert(at, 0)
    path.write_bytes(data)
    with pytest.raises(LoadError, match=r"is not a checkpoint .*or it is damaged"):
        train(sampler=TuNAS(), epochs=1, checkpoint=path)
    assert path.read_bytes() == data
    assert [one.name for one in tmp_path.iterdir()] == ["a.pt"]


def test_every_flipped_bit_is_found(tmp_path):
    path = tmp_path / "a.pt"
    trainer, _ = train(sampler=TuNAS(), epochs=1, checkpoint=path)
    data, random = path.read_bytes(), Random(0)
    for _ in range(200):
        changed = bytearray(data)
        changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(LoadError, match="or it is damaged"):
            read_checkpoint(path, trainer.supernet.space)


def test_a_checkpoint_that_expands_is_refused(tmp_path):
    """Its checksum is right, as anyone can compute it; PyTorch itself would fill the memory."""
    path, file, packed = tmp_path / "a.pt", io.BytesIO(), io.BytesIO()
    trainer, _ = train(sampler=TuNAS(), epochs=1, checkpoint=path)
    torch.save({"version": 3, "state": torch.zeros(1 << 20)}, file)
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as smaller:
        for name in archive.namelist():
            smaller.writestr(name, archive.read(name))
    for content, reason in (
        (packed.getvalue(), "it expands to more than its size"),
        (b"no archive", "not a zip"),
    ):
        digest = hashlib.sha256(content).hexdigest().encode()
        path.write_bytes(b"pliant-checkpoint " + digest + b"\n" + content)
        with pytest.raises(LoadError, match=reason):
            read_checkpoint(path, trainer.supernet.space)
