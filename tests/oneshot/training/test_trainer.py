from __future__ import annotations

import csv
import io

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import (
    DARTS,
    ENAS,
    GDAS,
    SNAS,
    SPOS,
    CsvLog,
    DrNAS,
    FairNAS,
    FBNet,
    Perturbation,
    Phase,
    ProgressiveShrinking,
    ProgressLine,
    ProxylessNAS,
    Recalibrated,
    Sandwich,
    Trainer,
    TuNAS,
    supernet,
)
from pliant.oneshot.training.report import calibrated
from pliant.values.errors import FieldTypeError, FieldValueError, LoadError, RewardError, SpaceChangedError

from .conftest import loader, make_space

SAMPLERS = {
    "DARTS": lambda: DARTS(),
    "DARTS, second order": lambda: DARTS(order=2),
    "SNAS": lambda: SNAS(),
    "GDAS": lambda: GDAS(),
    "ProxylessNAS": lambda: ProxylessNAS(),
    "FBNet": lambda: FBNet(),
    "DrNAS": lambda: DrNAS(),
    "Perturbation": lambda: Perturbation(DARTS(), batches=1, tuning=2),
    "FairNAS": lambda: FairNAS(evaluations=4, batches=1, normalization=Recalibrated(32)),
    "Sandwich": lambda: Sandwich(evaluations=4, batches=1, normalization=Recalibrated(32)),
    "SPOS": lambda: SPOS(evaluations=4, batches=1, normalization=Recalibrated(32)),
    "ENAS": lambda: ENAS(updates=1, draws=3),
    "TuNAS": lambda: TuNAS(learning_rate=0.1),
    "ProgressiveShrinking": lambda: ProgressiveShrinking(
        [Phase(1, {}), Phase(2, {"*": None}, networks=2)], evaluations=3, batches=1
    ),
}
SIZED = ("FairNAS", "Sandwich", "SPOS", "ENAS", "TuNAS", "ProgressiveShrinking")


class Stop(Exception):
    """The machine goes down."""


def train(name, *, checkpoint=None, stop=None, epochs=2, callbacks=(), **options):
    """A trainer, run until its end or until so many steps were taken."""
    trainer = Trainer(
        make_space(widths=name in SIZED),
        SAMPLERS[name](),
        loader(),
        loader(seed=1),
        epochs=epochs,
        seed=3,
        checkpoint=checkpoint,
        checkpoint_steps=None if checkpoint is None else 1,
        callbacks=callbacks,
        **options,
    )
    if stop is None:
        return trainer, trainer.fit()
    step = trainer._train_on

    def counted(batch):
        if trainer.session.done == stop:
            raise Stop
        step(batch)

    trainer._train_on = counted
    with pytest.raises(Stop, match=r"^$"):
        trainer.fit()
    return trainer, None


def assert_equal_states(one, other):
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert torch.equal(value, other[key]), key


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_search_goes_on_bit_for_bit(name, tmp_path):
    whole, report = train(name)
    path = tmp_path / "search.pt"
    train(name, checkpoint=path, stop=3)
    torch.manual_seed(99)  # another process would have drawn other numbers
    torch.randn(7)
    again, second = train(name, checkpoint=path)
    assert again.session.done == 8
    assert_equal_states(whole.supernet.state_dict(), again.supernet.state_dict())
    assert (report.decisions, report.quality, report.random) == (
        second.decisions,
        second.quality,
        second.random,
    )


def test_accumulated_gradients_resume_too(tmp_path):
    options = {"accumulate": 2}
    whole, _ = train("TuNAS", **options)
    train("TuNAS", checkpoint=tmp_path / "a.pt", stop=5, **options)
    again, _ = train("TuNAS", checkpoint=tmp_path / "a.pt", **options)
    assert_equal_states(whole.supernet.state_dict(), again.supernet.state_dict())


def test_same_seed_same_search_and_another_seed_another():
    first, second = (train("TuNAS")[0].supernet.state_dict() for _ in range(2))
    assert_equal_states(first, second)
    other = Trainer(make_space(widths=True), SAMPLERS["TuNAS"](), loader(), loader(seed=1), epochs=2, seed=4)
    other.fit()
    assert any(not torch.equal(value, first[key]) for key, value in other.supernet.state_dict().items())


def test_it_learns():
    trainer = Trainer(
        make_space(), SAMPLERS["SPOS"](), loader(), loader(seed=1), epochs=80, seed=0, schedule=None
    )
    report = trainer.fit()
    assert trainer.records[-1].loss < 0.75 * trainer.records[0].loss
    assert report.quality > 0.6
    assert 0 <= report.percentile <= 100
    assert len(report.random) == 32


def test_a_complete_search_only_reports(tmp_path):
    path = tmp_path / "a.pt"
    _, first = train("SPOS", checkpoint=path)
    trainer, second = train("SPOS", checkpoint=path)
    assert trainer.records == []
    assert second.decisions == first.decisions


def test_the_exported_network_is_the_one_in_the_supernet():
    trainer, report = train("TuNAS")
    child = trainer.network()
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    trainer.supernet.activate(report.decisions)
    with torch.no_grad(), calibrated(trainer.session, Recalibrated()):
        assert torch.equal(child.eval()(x), trainer.supernet(x))
    fresh = trainer.network(inherit=False)
    assert not torch.equal(fresh.eval()(x), child(x))


def test_logs(tmp_path):
    out, records = io.StringIO(), []
    log = tmp_path / "log.csv"
    train("DARTS", callbacks=[ProgressLine(out), CsvLog(log), records.append], epochs=3)
    lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert "epoch 3/3" in lines[-1]
    assert "entropy" in lines[-1]
    assert "args[1]=" in lines[-1]
    rows = list(csv.DictReader(log.read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[-1]["loss"]) == records[-1].loss
    assert rows[-1]["leading.args[1]"] in ("ReLU(inplace=False)", "ReLU()", "Tanh()")


def test_a_log_goes_on_where_the_search_does(tmp_path):
    log, path = tmp_path / "log.csv", tmp_path / "a.pt"
    train("TuNAS", checkpoint=path, stop=6, epochs=3, callbacks=[CsvLog(log)])
    train("TuNAS", checkpoint=path, epochs=3, callbacks=[CsvLog(log)])
    assert [row["epoch"] for row in csv.DictReader(log.read_text().splitlines())] == ["1", "2", "3"]


def test_autocast_and_clipping_and_order():
    trainer, report = train("TuNAS", autocast=torch.bfloat16, clip=None, channels_last=False)
    assert all(torch.isfinite(p).all() for p in trainer.supernet.parameters())
    assert report.quality >= 0


def test_a_loss_that_is_no_number():
    def loss(network, batch):
        return network(batch[0]).sum() * float("nan")

    trainer = Trainer(make_space(), SAMPLERS["SPOS"](), loader(), loader(), epochs=1, loss=loss)
    with pytest.raises(RewardError, match=r"the loss in epoch 1 is nan, from the network .*args\[1\].*Lower"):
        trainer.fit()


def test_weights_that_are_no_numbers():
    def quality(network, batch):
        return float("nan")

    trainer = Trainer(make_space(), TuNAS(), loader(), loader(), epochs=1, quality=quality)
    with pytest.raises(RewardError, match=r"the reward of the network .* is nan, from the quality nan"):
        trainer.fit()


def test_a_black_box_algorithm_is_told_where_it_belongs():
    with pytest.raises(FieldTypeError, match=r"takes a sampler, such as TuNAS.*got .*Random.*search_alone"):
        Trainer(make_space(), pg.generators.Random(), [], [], epochs=1)


@pytest.mark.parametrize("epochs", [0, -1, 1.5, True])
def test_bad_epochs(epochs):
    with pytest.raises(
        (FieldTypeError, FieldValueError), match=r"Trainer\(epochs=...\) takes an integer of at least 1; got"
    ):
        Trainer(make_space(), SPOS(), [], [], epochs=epochs)


def test_batches_that_can_be_read_once():
    with pytest.raises(FieldTypeError, match=r"train takes batches that can be iterated again.*Make a list"):
        Trainer(make_space(), SPOS(), iter([1]), [], epochs=1)


def test_no_batches():
    with pytest.raises(FieldValueError, match=r"valid has no batches; at least one is needed"):
        Trainer(make_space(), TuNAS(), loader(), [], epochs=1).fit()


def test_a_checkpoint_of_another_space(tmp_path):
    path = tmp_path / "a.pt"
    train("TuNAS", checkpoint=path, stop=1)
    with pytest.raises(SpaceChangedError, match=r"of another space than this search(.|\n)*args"):
        Trainer(make_space(), TuNAS(), loader(), loader(), epochs=2, checkpoint=path)


def test_a_checkpoint_of_another_algorithm(tmp_path):
    path = tmp_path / "a.pt"
    train("TuNAS", checkpoint=path, stop=1)
    with pytest.raises(FieldValueError, match=r"is of a search by TuNAS; this search is by SPOS"):
        Trainer(make_space(widths=True), SPOS(), loader(), loader(), epochs=2, checkpoint=path)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04rest"])
def test_a_file_that_is_no_checkpoint(tmp_path, content):
    path = tmp_path / "a.pt"
    path.write_bytes(content)
    with pytest.raises(
        LoadError, match=r"a.pt' is not a checkpoint of a super-network's training, or it is damaged"
    ):
        Trainer(make_space(), SPOS(), loader(), loader(), epochs=1, checkpoint=path)
    assert path.read_bytes() == content


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


def test_nothing_in_a_checkpoint_is_executed(tmp_path, capsys):
    path = tmp_path / "a.pt"
    torch.save({"version": 1, "fingerprint": Evil(), "state": {}}, path)
    with pytest.raises(LoadError, match="is not a checkpoint"):
        Trainer(make_space(), SPOS(), loader(), loader(), epochs=1, checkpoint=path)
    assert "executed" not in capsys.readouterr().out


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(LoadError, match=r"cannot be written: the folder '.*no' does not exist. Make it"):
        Trainer(make_space(), SPOS(), loader(), loader(), epochs=1, checkpoint=tmp_path / "no" / "a.pt")
    with pytest.raises(LoadError, match=r"is a folder. Name a file in it: '.*search.pt'"):
        Trainer(make_space(), SPOS(), loader(), loader(), epochs=1, checkpoint=tmp_path)


def test_a_folder_that_goes_away(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    trainer = Trainer(make_space(), SPOS(), loader(), loader(), epochs=1, checkpoint=folder / "a.pt")
    folder.rmdir()
    with pytest.raises(LoadError, match=r"cannot be written: .*The previous checkpoint is unchanged"):
        trainer.fit()


def test_a_super_network_may_be_given_itself():
    net = supernet(make_space())
    trainer = Trainer(net, SAMPLERS["SPOS"](), loader(), loader(), epochs=1)
    assert trainer.supernet is net
    assert isinstance(trainer.model, nn.Module)


def test_an_opened_network_is_trained_gently():
    """Its weights are usually trained already."""
    network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    opened = pg.oneshot.open_network(network).rebind({"layers[1]": pg.oneof([nn.ReLU(), nn.Tanh()])})
    x = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))
    data = [(x, (x[:, 0] > 0).long())]
    Linear, Sequential = map(pg.symbolize, (nn.Linear, nn.Sequential))
    fresh = Sequential(Linear(4, 8), pg.oneof([nn.ReLU(), nn.Tanh()]), Linear(8, 2))
    rates = []
    for space in (fresh, opened):
        trainer = Trainer(space, SPOS(evaluations=2, batches=1), data, data, epochs=1)
        rates.append(trainer.optimizer.param_groups[0]["lr"])
    assert rates == [0.025, 0.0025]
    trainer = Trainer(opened, SPOS(), data, data, epochs=1, optimizer=lambda w: torch.optim.SGD(w, lr=0.3))
    assert trainer.optimizer.param_groups[0]["lr"] == 0.3
