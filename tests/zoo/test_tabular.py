"""Networks for tables: the size of the space by formula and enumeration, layers by their equations, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.values.errors import FieldValueError
from pliant.zoo import mlp, tabular

SETTINGS = 4 * 4 * 3  # activations, dropouts, normalizations
TRAININGS = 4 * 4 * 3  # learning rates, weight decays, batch sizes


@pytest.mark.parametrize(
    ("numbers", "cardinalities", "embeddings", "categories"),
    [(8, (), 5, 1), (8, (3, 4), 5, 3), (0, (3,), 1, 3), (101, (), 1, 1)],
    ids=["numbers", "both", "categories", "many"],
)
def test_size_is_that_of_the_formula(numbers, cardinalities, embeddings, categories):
    space = tabular.make_space(numbers, cardinalities, 2)
    networks = 1 + 2 * 3 * 4 * SETTINGS
    assert pg.abstract_search_space(space).size == embeddings * categories * networks * TRAININGS


def test_size_is_that_of_an_enumeration():
    space = tabular.make_space(2, (), 2, widths=(4,), depths=(1,), embeds_numbers=False).network
    networks = list(pg.iter(space))
    assert len(networks) == len({pg.hash(one) for one in networks}) == 1 + 2 * SETTINGS


@pytest.mark.parametrize(("numbers", "cardinalities"), [(5, (3, 4)), (5, ()), (0, (3, 4))])
def test_samples_run_on_rows(numbers, cardinalities):
    space = tabular.make_space(numbers, cardinalities, 3, widths=(4, 8))
    rows = torch.randn(6, numbers, generator=torch.Generator().manual_seed(0))
    codes = torch.zeros(6, len(cardinalities), dtype=torch.long)
    for seed in range(30):
        network = pg.random_sample(space, seed=seed).network
        out = network(rows, codes)
        assert out.shape == (6, 3)
        out.sum().backward()
        assert all(value.grad is not None for value in network.parameters())


def test_model_is_a_point_of_the_space():
    space = tabular.make_space(8, (3,), 2)
    model = tabular.make_model(8, (3,), 2, depth=3)
    assert pg.eq(pg.materialize(space, pg.encode(space, model)), model)


def test_any_argument_can_be_changed():
    model = tabular.make_model(8, outputs=2, width=16)
    model.network(torch.zeros(1, 8), torch.zeros(1, 0, dtype=torch.long))
    model.rebind({"network.columns.width": 4, "network.blocks[0].inputs": 4, "network.blocks[0].outputs": 16})
    assert model.network.first.linear.out_features == 4
    assert model.network(torch.zeros(1, 8), torch.zeros(1, 0, dtype=torch.long)).shape == (1, 2)


def test_program_survives_json():
    model = pg.random_sample(tabular.make_space(8, (3,), 2), seed=4)
    assert pg.eq(pg.from_json_str(pg.to_json_str(model)), model)


def test_piecewise_linear_encoding_is_that_of_the_equation():
    layer = tabular.PiecewiseLinear(1, width=2, bins=3)
    layer.fit(torch.tensor([[0.0], [1.0], [3.0], [7.0]]))
    assert layer.edges.tolist() == [[0, 1, 3, 7]]
    values = torch.tensor([[0.5], [2.0], [5.0], [-0.5], [-9.0], [9.0], [99.0]])
    assert layer.encode(values)[:, 0].tolist() == [
        [0.5, 0, 0], [1, 0.5, 0], [1, 1, 0.5], [-0.5, 0, 0], [-1, 0, 0], [1, 1, 1.5], [1, 1, 2],
    ]  # fmt: skip


def test_piecewise_linear_encoding_of_a_constant_column_is_a_step():
    layer = tabular.PiecewiseLinear(2, bins=3)
    layer.fit(torch.tensor([[4.0, 0.0], [4.0, 1.0]]))
    found = layer.encode(torch.tensor([[4.0, 0.5], [1e6, 0.5], [-1e6, 0.5]]))[:, 0]
    assert found.tolist() == [[0, 0, 0], [1, 1, 2], [-1, 0, 0]]


def test_periodic_embedding_is_that_of_the_equation():
    layer = tabular.Periodic(2, width=3, frequencies=4, scale=0.5)
    x = torch.tensor([[0.3, -1.2]])
    wanted = []
    for column in range(2):
        angles = [2 * math.pi * c * x[0, column].item() for c in layer.weight[column].tolist()]
        waves = torch.tensor([math.sin(a) for a in angles] + [math.cos(a) for a in angles])
        wanted.append((layer.linear.weight @ waves + layer.linear.bias).relu())
    torch.testing.assert_close(layer(x)[0], torch.cat(wanted))


def test_categories_of_columns_have_separate_vectors():
    layer = tabular.Categories((2, 3), width=1)
    layer.weight.data = torch.arange(5.0)[:, None]
    assert layer(torch.tensor([[0, 0], [1, 2]])).tolist() == [[0, 2], [1, 4]]


def test_residual_block_without_weights_returns_its_input():
    block = tabular.Residual(4, normalization="none")
    for value in block.parameters():
        nn.init.zeros_(value)
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(block(x), x)


def test_a_perceptron_of_the_walk_through_follows_one_hot_columns():
    columns = tabular.OneHot(2, (3,))
    network = tabular.TableNetwork(columns, [mlp.make_space(2, inputs=5, classes=4)])
    for seed in range(5):
        sample = pg.random_sample(network, seed=seed)
        assert sample(torch.zeros(6, 2), torch.zeros(6, 1, dtype=torch.long)).shape == (6, 4)


def test_what_is_refused():
    with pytest.raises(FieldValueError, match="at least one column; got 0 numerical and 0 categorical ones"):
        tabular.make_space(0, ())
    with pytest.raises(FieldValueError, match=r"outputs=\.\.\.\) takes a whole number from 1, .*; got 0\."):
        tabular.make_space(3, outputs=0)
    with pytest.raises(FieldValueError, match=r"widths=\.\.\.\) takes one number or more, .*; got none"):
        tabular.make_space(3, widths=())
    with pytest.raises(FieldValueError, match=r"depths=\.\.\.\) takes a whole number from 1, .*; got 0"):
        tabular.make_space(3, depths=(0,))
    with pytest.raises(FieldValueError, match=r"PiecewiseLinear\(bins=\.\.\.\) is at least 2; got 1\."):
        tabular.PiecewiseLinear(3, bins=1).fit(torch.zeros(1, 3))
    with pytest.raises(
        FieldValueError, match="normalizations are none, batch, layer; got 'bach'; did you mean 'batch'"
    ):
        tabular.Dense(3, 2, normalization="bach")(torch.zeros(1, 3))
    with pytest.raises(
        FieldValueError, match=r"Columns\(numbers, cardinalities, \.\.\.\) has at least one column"
    ):
        tabular.Columns(0, (), 3).forward(torch.zeros(1, 0), torch.zeros(1, 0))
