"""Figures of a training: what they show as numbers."""

from __future__ import annotations

import pytest

from pliant.oneshot import DARTS, SPOS, RunLog, Trainer
from pliant.oneshot.training import Record
from pliant.oneshot.training.plots import KEPT, bound_memory
from pliant.study.plot.figure import Cells
from pliant.study.plot.runs import read_run
from pliant.study.plot.training import make_figure
from pliant.values.errors import FieldValueError, LoadError

from .conftest import loader, make_space


def train(sampler, **options):
    trainer = Trainer(make_space(), sampler, loader(), loader(1), seed=0, **options)
    trainer.fit()
    return trainer


def test_a_search_by_gradients():
    trainer = train(DARTS(), epochs=3)
    figure = trainer.plot.figure("probabilities")
    (cells,) = figure.layers
    assert isinstance(cells, Cells)
    now = {key: row.tolist() for key, row in trainer.sampler.architecture.probabilities().items()}
    assert [row[-1] for row in cells.shares] == [one for row in now.values() for one in row]
    assert len(figure.y.names) == len(set(figure.y.names)) == 2 + 2 + 4
    assert sum(name.endswith("Tanh()") for name in figure.y.names) >= 2
    assert list(cells.edges) == [0.5, 1.5, 2.5, 3.5]
    assert cells.notes[0][2].endswith("after epoch 3")
    (line,) = trainer.plot.figure("entropy").layers
    assert list(line.y) == [record.metrics["entropy"] for record in trainer.records]
    losses, qualities = trainer.plot.figure("losses").layers
    assert list(losses.y) == [record.loss for record in trainer.records]
    assert list(qualities.x) == [1, 2, 3]
    assert trainer.plot.svg("probabilities").startswith("<svg")
    assert trainer.plot.probabilities().get_title(loc="left") == "Probability of each candidate"


def test_log_for_the_dashboard(tmp_path):
    """It has what the trainer has, also after a continued training, a killed process, and ranks; other files are refused."""
    path, checkpoint = tmp_path / "a.oneshot.jsonl", tmp_path / "a.ckpt"
    log = RunLog(path)
    first = train(DARTS(), epochs=1, callbacks=[log], checkpoint=checkpoint)
    with path.open("ab") as file:
        file.write(b'{"epoch": 2, "ep')
    second = train(DARTS(), epochs=2, callbacks=[log], checkpoint=checkpoint)
    assert log.add_ranks([0.1, 0.2, 0.3], [0.3, 0.5, 0.4]) == pytest.approx(1 / 3)
    run = read_run(path)
    assert list(run.records) == [*first.records, *second.records]
    assert run.sampler.startswith("DARTS(")
    assert make_figure(run, "probabilities").y.names == second.plot.figure("probabilities").y.names
    assert run.ranks.alone == (0.3, 0.5, 0.4)
    with pytest.raises(LoadError, match="of a search with another sampler or space"):
        train(SPOS(evaluations=2, batches=1), epochs=1, callbacks=[log])
    path.write_text("epoch,loss\n1,0.5\n")
    with pytest.raises(LoadError, match=r"line 1 of .* is not JSON.*give RunLog another path"):
        train(DARTS(), epochs=1, callbacks=[log])
    assert path.read_text() == "epoch,loss\n1,0.5\n"


def test_a_search_without_probabilities():
    trainer = train(SPOS(evaluations=2, batches=1), epochs=1)
    assert trainer.records[0].probabilities == {}
    assert trainer.plot.figure("probabilities").is_empty
    assert trainer.plot.figure("entropy").is_empty
    with pytest.raises(
        FieldValueError, match=r"no figure of a training is called 'loss'; there are .*did you mean 'losses'"
    ):
        trainer.plot.figure("loss")


def test_ranks():
    plots = train(SPOS(evaluations=2, batches=1), epochs=1).plot
    axes = plots.ranks([0.1, 0.2, 0.3], [0.3, 0.4, 0.5])
    assert "Kendall's tau: 1.00 of 3 networks." in axes.get_xlabel()
    with pytest.raises(FieldValueError, match="two lists of the same length"):
        plots.ranks([0.1], [0.1, 0.2])


def test_memory_is_bounded():
    records = []
    for epoch in range(1, 4 * KEPT):
        records.append(Record(epoch, 4 * KEPT, 1.0, 0.5, 0.1, 1.0, probabilities={"op": (0.5, 0.5)}))
        bound_memory(records)
        known = [record.epoch for record in records if record.probabilities]
        assert len(known) <= KEPT
        assert (known[0], known[-1]) == (1, epoch)
    assert len(records) == 4 * KEPT - 1
