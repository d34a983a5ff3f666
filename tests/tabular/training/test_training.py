"""Training of networks for tables: batched equals alone, alone equals plain PyTorch, and what ends a training."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

import pliant as pg
from pliant.tabular.encoded import Encoded
from pliant.tabular.task import Task
from pliant.tabular.training import group as group_module
from pliant.tabular.training import train as train_module
from pliant.tabular.training import trained as trained_module
from pliant.tabular.training.batches import Batches, Rows, read_rows
from pliant.tabular.training.group import group_programs
from pliant.tabular.training.stack import Single, Stack, describe
from pliant.tabular.training.train import train_networks
from pliant.tabular.training.trained import make_network
from pliant.values.errors import FieldValueError
from pliant.zoo import mlp, tabular

TASKS = {
    "binary": Task("binary", 1),
    "multiclass": Task("multiclass", 3),
    "multilabel": Task("multilabel", 2),
    "regression": Task("regression", 1),
    "regression of two": Task("regression", 2),
}
NUMBERS, CODES = 3, (3, 4)
LAYERS = {
    "plain": {},
    "periodic": {"embedding": tabular.Periodic(NUMBERS, width=2, frequencies=3)},
    "piecewise": {"embedding": tabular.PiecewiseLinear(NUMBERS, width=2, bins=4)},
    "no categories": {"codes": ()},
    "no numbers": {"numbers": 0},
    "layer norm": {"normalization": "layer"},
    "batch norm": {"normalization": "batch"},
    "residual": {"residual": True, "normalization": "batch"},
    "no hidden layer": {"linear": True},
    "walk-through": {"words": True},
}


def make_rows(count: int = 70, *, numbers: int = NUMBERS, codes: tuple[int, ...] = CODES, seed: int = 0):
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(count, numbers)).astype(np.float32)
    categories = np.stack([draw.integers(0, c, count) for c in codes], 1) if codes else np.zeros((count, 0))
    return Encoded(values, categories.astype(np.int64), codes)


def make_targets(rows: Encoded, task: Task, seed: int = 0):
    signal = rows.numbers.sum(1) if rows.numbers.size else rows.categories.sum(1).astype(np.float32)
    signal = signal + 0.3 * np.random.default_rng(seed).normal(size=len(signal))
    if task.kind == "binary":
        return (signal > np.median(signal)).astype(np.int64)
    if task.kind == "multiclass":
        return np.digitize(signal, np.quantile(signal, [1 / 3, 2 / 3]))
    several = np.stack([signal, -signal], 1)[:, : task.outputs]
    return (several > 0).astype(np.float32) if task.kind == "multilabel" else several.astype(np.float32)


def make_program(
    outputs: int,
    *,
    numbers: int = NUMBERS,
    codes: tuple[int, ...] = CODES,
    rate: float = 0.01,
    decay: float = 0.1,
    size: int = 16,
    activation: str = "relu",
    dropout: float = 0.0,
    normalization: str = "none",
    embedding: nn.Module | None = None,
    residual: bool = False,
    linear: bool = False,
    words: bool = False,
):
    training = tabular.Training(learning_rate=rate, weight_decay=decay, batch_size=size)
    if words:
        layers = [mlp.Layer(0), mlp.Layer(6, activation), mlp.Layer(0)]
        body = mlp.Perceptron(layers, inputs=numbers + sum(codes), classes=outputs, dropout=dropout)
        return tabular.TableModel(tabular.TableNetwork(tabular.OneHot(numbers, codes), [body]), training)
    settings = {"activation": activation, "dropout": dropout, "normalization": normalization}
    columns = tabular.Columns(numbers, codes, outputs if linear else 6, embedding=embedding, category_width=2)
    middle = tabular.Residual(6, **settings) if residual else tabular.Dense(6, 6, **settings)
    blocks = [] if linear else [middle, tabular.Dense(6, outputs, **settings)]
    return tabular.TableModel(tabular.TableNetwork(columns, blocks), training)


def train(programs, task, *, rows=None, epochs=3, seed=5, **options):
    rows = make_rows() if rows is None else rows
    targets = make_targets(rows, task)
    some, others = np.arange(rows.rows * 2 // 3), np.arange(rows.rows * 2 // 3, rows.rows)
    return train_networks(
        programs, rows.take(some), targets[some], task, epochs=epochs, seed=seed,
        validation=rows.take(others), validation_targets=targets[others], **options,
    )  # fmt: skip


@pytest.fixture
def in_double(monkeypatch):
    """Trains in double precision: Adam divides gradients that are 0 but for rounding by their size, such as those of biases before
    a batch normalization."""

    def read(*arguments, **options):
        rows = read_rows(*arguments, **options)
        targets = rows.targets.double() if rows.targets.is_floating_point() else rows.targets
        return Rows(rows.numbers.double(), rows.categories, targets, rows.weights)

    def make(program, seed):
        return make_network(program, seed).double()

    for module in (group_module, trained_module):
        monkeypatch.setattr(module, "make_network", make)
    monkeypatch.setattr(train_module, "read_rows", read)
    return make


def assert_same(found, wanted, tolerance: float = 1e-6):
    for name, value in wanted.state.items():
        torch.testing.assert_close(found.state[name], value, rtol=tolerance, atol=tolerance)
    assert found.reason == wanted.reason
    assert found.best_epoch == wanted.best_epoch
    np.testing.assert_allclose(found.curve, wanted.curve, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(found.losses, wanted.losses, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("layers", LAYERS)
def test_batched_training_equals_training_alone(kind, layers, in_double):
    task, options = TASKS[kind], LAYERS[layers]
    rows = make_rows(numbers=options.get("numbers", NUMBERS), codes=options.get("codes", CODES))
    programs = [
        make_program(task.outputs, rate=rate, decay=decay, dropout=dropout, activation=activation, **options)
        for rate, decay, dropout, activation in (
            (0.01, 0.0, 0.0, "relu"), (0.003, 1.0, 0.3, "tanh"), (0.03, 0.1, 0.6, "relu"), (0.01, 0.1, 0.3, "gelu"),
        )
    ]  # fmt: skip
    seeds = [5, 5, 6, 5]
    assert group_programs(programs, seeds, 46) == [[0, 1, 2, 3]]
    together = train(programs, task, rows=rows, seed=seeds)
    for program, seed, found in zip(programs, seeds, together, strict=True):
        (alone,) = train([program], task, rows=rows, seed=seed)
        assert_same(found, alone)
        assert found.score == pytest.approx(alone.score, abs=1e-6)


@pytest.mark.parametrize("kind", ["binary", "regression of two"])
def test_samples_of_the_space_train_the_same_alone_and_together(kind, in_double):
    task = TASKS[kind]
    space = tabular.make_space(NUMBERS, CODES, task.outputs, widths=(4,), depths=(1,))
    programs = [pg.random_sample(space, seed=seed) for seed in range(40)]
    groups = group_programs(programs, [5] * 40, 46)
    assert sorted(sum(groups, [])) == list(range(40))  # noqa: RUF017  # a short list
    assert max(map(len, groups)) > 1
    together = train(programs, task, epochs=2)
    for place in sorted({group[0] for group in groups} | {group[-1] for group in groups}):
        assert_same(together[place], train([programs[place]], task, epochs=2)[0])


@pytest.mark.parametrize("layers", ["plain", "residual", "layer norm", "periodic"])
def test_training_alone_equals_plain_pytorch(layers, in_double):
    task = TASKS["multiclass"]
    program = make_program(3, rate=0.02, decay=0.5, **LAYERS[layers])
    rows = make_rows()
    targets = make_targets(rows, task)
    (found,) = train_networks(
        [program], rows, targets, task, validation=rows, validation_targets=targets, epochs=3, seed=5
    )

    network = in_double(program, 5)
    named = dict(network.named_parameters())
    matrices = [v for name, v in named.items() if v.dim() > 1 and not name.endswith("bias")]
    others = [v for v in named.values() if not any(v is one for one in matrices)]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.5}, {"params": others, "weight_decay": 0.0}], lr=0.02
    )
    data = train_module.read_rows(rows, targets, task, name="training")
    batches, curve = Batches(data, 16, [5]), []
    for _ in range(3):
        network.train()
        for numbers, categories, wanted, _ in batches.read():
            loss = nn.functional.cross_entropy(network(numbers, categories), wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        hits = network.eval()(data.numbers, data.categories).argmax(1) == data.targets
        curve.append(hits.float().mean().item())
    assert found.curve == pytest.approx(curve)
    if found.best_epoch == 3:
        for name, value in network.state_dict().items():
            torch.testing.assert_close(found.state[name], value, rtol=1e-6, atol=1e-6)
    assert found.best_epoch >= 2


class Foreign(nn.Module):
    """A network of a class without a rule."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.inner = network

    def forward(self, numbers, categories):
        return self.inner(numbers, categories)


def test_a_network_of_any_class_trains_alone_with_the_same_result(in_double):
    task = TASKS["binary"]
    own = make_program(1, normalization="batch")
    foreign = tabular.TableModel(
        pg.symbolize(Foreign)(make_program(1, normalization="batch").network), own.training
    )
    assert describe(make_network(foreign, 0)) is None
    found = train([foreign, own, foreign], task)
    for one in (found[0], found[2]):
        assert one.curve == pytest.approx(found[1].curve)
        for name, value in found[1].state.items():
            torch.testing.assert_close(one.state[f"inner.{name}"], value, rtol=1e-6, atol=1e-6)


def test_dropout_of_a_network_of_any_class_depends_on_its_seed_alone():
    foreign = tabular.TableModel(pg.symbolize(Foreign)(make_program(1, dropout=0.5).network))
    task = TASKS["binary"]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, other = train([foreign, foreign], task, seed=[5, 6])
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    (again,) = train([foreign], task)
    assert_same(first, again, 0)
    assert other.losses != first.losses


def test_global_random_state_is_kept_and_not_used():
    programs = [make_program(1, dropout=0.5, normalization="batch")]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    (first,) = train(programs, TASKS["binary"])
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    np.random.seed(3)  # noqa: NPY002  # the global state that must not matter
    (again,) = train(programs, TASKS["binary"])
    assert_same(first, again, 0)


def test_score_is_exactly_that_of_the_network():
    for kind, task in TASKS.items():
        rows = make_rows(200)
        targets = make_targets(rows, task)
        programs = [make_program(task.outputs, rate=rate) for rate in (0.003, 0.01, 0.03)]
        found = train_networks(
            programs, rows, targets, task, validation=rows, validation_targets=targets, epochs=3, seed=0
        )
        data = read_rows(rows, targets, task, name="validation")
        for one in found:
            network = one.network()
            assert not network.training
            with torch.no_grad():
                outputs = network(data.numbers, data.categories)
            assert one.score == float(task.score(outputs, data.targets)), kind
            assert torch.equal(one.predict(rows), outputs)


def test_networks_that_stop_early_leave_the_others_as_they_are(in_double):
    programs = [
        make_program(1, rate=rate, dropout=0.3, normalization="batch") for rate in (0.03, 1e-8, 0.01, 0.3)
    ]
    together = train(programs, TASKS["regression"], epochs=12, patience=2)
    assert len({len(one.curve) for one in together}) > 1
    for program, found in zip(programs, together, strict=True):
        (alone,) = train([program], TASKS["regression"], epochs=12, patience=2)
        assert_same(found, alone)
        assert found.reason in ("patience", "epochs")
        assert len(found.curve) - found.best_epoch == (
            2 if found.reason == "patience" else 12 - found.best_epoch
        )


def test_best_epoch_has_the_highest_score():
    (found,) = train([make_program(1, rate=0.1)], TASKS["regression"], epochs=20, patience=20)
    assert found.curve[found.best_epoch - 1] == max(found.curve)
    assert found.score == pytest.approx(max(found.curve), abs=1e-6)


def test_a_network_that_diverges_has_no_score_and_harms_no_other(in_double):
    programs = [make_program(1), make_program(1, rate=1e30), make_program(1, rate=0.02)]
    found = train(programs, TASKS["regression"])
    assert [one.score is None for one in found] == [False, True, False]
    assert found[1].reason == "not finite"
    assert found[1].state == {}
    assert_same(found[2], train([programs[2]], TASKS["regression"])[0])
    with pytest.raises(
        FieldValueError, match=r"has no weights, because its training ended .*\(not finite\)\. Use one"
    ):
        found[1].network()
    assert isinstance(found[0].network(), nn.Module)  # the remedy


def test_stopping_returns_what_is_trained():
    calls = 0

    def stop_after() -> bool:
        nonlocal calls
        calls += 1
        return calls > limit

    programs = [make_program(1), make_program(1, size=8)]
    limit = 0
    found = train(programs, TASKS["binary"], should_stop=stop_after)
    assert [(one.score, one.reason, one.curve) for one in found] == [(None, "stopped", ())] * 2
    calls, limit = 0, 2  # asked before each group, then before each step: one step
    found = train(programs, TASKS["binary"], should_stop=stop_after)
    assert [one.reason for one in found] == ["stopped", "stopped"]
    assert found[0].score is not None
    assert len(found[0].losses) == len(found[0].curve) == found[0].best_epoch == 1
    assert found[1].score is None


@pytest.mark.parametrize("count", [1, 2, 17])
def test_few_rows_train(count):
    rows = make_rows(count)
    task = TASKS["regression"]
    targets = make_targets(rows, task)
    programs = [make_program(1, size=16, **LAYERS[name]) for name in ("residual", "piecewise", "layer norm")]
    for found in train_networks(
        programs, rows, targets, task, validation=rows, validation_targets=targets, epochs=2, seed=0
    ):
        assert found.score is not None
        assert math.isfinite(found.score)


def test_rows_of_weight_0_do_not_matter():
    task, rows = TASKS["binary"], make_rows(60)
    targets = make_targets(rows, task)
    weights = np.where(np.arange(60) % 3 == 0, 0.0, 1.0)
    flipped = np.where(weights == 0, 1 - targets, targets)
    first, second = (
        train_networks(
            [make_program(1)],
            rows,
            some,
            task,
            validation=rows,
            validation_targets=targets,
            epochs=2,
            seed=0,
            weights=weights,
        )[0]
        for some in (targets, flipped)
    )
    assert_same(first, second, 0)


def test_batches_are_of_nearly_equal_size_and_have_all_rows():
    task, rows = TASKS["binary"], make_rows(33)
    data = read_rows(rows, np.arange(33), task, name="training")
    batches = Batches(data, 16, [0, 1])
    assert batches.count == 3
    for _ in range(2):
        parts = [targets for _, _, targets, _ in batches.read()]
        assert [part.shape for part in parts] == [(2, 11)] * 3
        assert torch.cat(parts, 1).sort(1).values.tolist() == [list(range(33))] * 2
    batches.keep([1])
    assert next(iter(batches.read()))[0].shape == (11, NUMBERS)


def test_groups_are_limited_in_size_and_divided_by_structure_and_batch_size():
    programs = [make_program(1, rate=0.001 * i) for i in range(1, 71)]
    programs += [make_program(1, size=8), make_program(1, size=999), make_program(1, size=50)]
    programs += [make_program(1, normalization="batch"), make_program(2)]
    groups = group_programs(programs, [0] * len(programs), 50)
    assert [len(group) for group in groups] == [64, 6, 1, 2, 1, 1]


def test_state_of_a_stack_is_that_of_its_networks():
    program = make_program(
        1, normalization="batch", embedding=tabular.PiecewiseLinear(NUMBERS, width=2, bins=4)
    )
    networks = [make_network(program, seed) for seed in (0, 1)]
    states = [{name: v.clone() for name, v in one.state_dict().items()} for one in networks]
    stack = Stack(networks, [0, 1])
    single = Single(make_network(program, 1), 1)
    assert stack.decayed == single.decayed
    assert stack.weights.shape[1] == single.weights.shape[1]
    for found, wanted in (
        (stack.state(0), states[0]),
        (stack.state(1), states[1]),
        (single.state(0), states[1]),
    ):
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            assert torch.equal(found[name], value), name


def test_what_is_refused():
    task, rows = TASKS["binary"], make_rows(10)
    targets, program = make_targets(rows, task), make_program(1)

    def attempt(targets=targets, rows=rows, validation=targets, **options):
        return train_networks(
            [program],
            rows,
            targets,
            task,
            validation=rows,
            validation_targets=validation,
            **{"epochs": 1, "seed": 0, **options},
        )

    assert attempt()[0].score is not None
    with pytest.raises(FieldValueError, match=r"epochs and patience are at least 1; got 0 and 16\."):
        attempt(epochs=0)
    with pytest.raises(FieldValueError, match=r"one for each of the 1 programs; got 2\."):
        attempt(seed=[1, 2])
    with pytest.raises(
        FieldValueError, match=r"the training rows of a binary task have targets of shape \(10,\).*\(9,\)"
    ):
        attempt(targets[:9])
    with pytest.raises(FieldValueError, match=r"the validation rows of a binary .*got the shape \(10, 1\)"):
        attempt(validation=targets[:, None])
    with pytest.raises(FieldValueError, match="have 10 weights of at least 0"):
        attempt(weights=-np.ones(10))
    with pytest.raises(FieldValueError, match="of at least one row"):
        attempt(targets[:0], rows.take(np.arange(0)))
