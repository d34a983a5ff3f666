"""Symbolized Keras 3 layers and models, on the torch backend."""

from __future__ import annotations

import numpy as np
import pytest

import pliant as pg

keras = pytest.importorskip("keras", reason="Keras is in the `test` extra only")

Dense = pg.symbolize(keras.layers.Dense)
Conv2D = pg.symbolize(keras.layers.Conv2D)
Flatten = pg.symbolize(keras.layers.Flatten)
Sequential = pg.symbolize(keras.Sequential)

ROWS = np.ones((2, 4), "float32")


def net(units=5):
    return Sequential([Dense(units, activation="relu"), Dense(2)])


def test_a_layer_is_its_arguments_until_it_is_called():
    layer = Dense(10)
    assert layer.units == 10
    assert layer == Dense(10)
    assert layer != Dense(11)
    assert isinstance(layer, keras.layers.Layer)
    assert not pg.is_realized(layer)
    assert tuple(layer(ROWS).shape) == (2, 10)
    assert pg.is_realized(layer)
    assert tuple(layer.rebind(units=3)(ROWS).shape) == (2, 3)


def test_their_own_new_keeps_what_it_keeps():
    layer = Dense(10, name="mine")
    assert layer.name == "mine"
    config = layer.get_config()
    assert (config["units"], config["name"]) == (10, "mine")


def test_images():
    layer = Conv2D(4, 3)
    assert tuple(layer(np.ones((1, 8, 8, 1), "float32")).shape) == (1, 6, 6, 4)
    assert layer.kernel.shape == (3, 3, 1, 4)


def test_models():
    model = net()
    assert tuple(model(ROWS).shape) == (2, 2)
    assert [tuple(w.shape) for w in model.weights] == [(4, 5), (5,), (5, 2), (2,)]
    bigger = model.clone(override={"layers[0].units": 7})
    assert [tuple(w.shape) for w in bigger.weights] == []
    assert tuple(bigger(ROWS).shape) == (2, 2)
    assert tuple(bigger.weights[0].shape) == (4, 7)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # torch under numpy 2
def test_training():
    model = net()
    model.compile("sgd", "mse")
    model.fit(ROWS, np.ones((2, 2)), epochs=1, verbose=0)
    assert model.predict(ROWS, verbose=0).shape == (2, 2)
    assert model == net()
    assert not pg.is_realized(model.clone())


def test_inside_their_own_models():
    model = keras.Sequential([Conv2D(4, 3), Flatten(), Dense(2)])
    assert tuple(model(np.ones((1, 8, 8, 1), "float32")).shape) == (1, 2)
    inputs = keras.Input((4,))
    functional = keras.Model(inputs, Dense(3)(inputs))
    assert tuple(functional(ROWS).shape) == (2, 3)


def test_query_rebind_and_storage():
    model = net()
    assert model.query(".*units") == {"layers[0].units": 5, "layers[1].units": 2}
    assert pg.query(model, where=lambda v: isinstance(v, Dense)).keys() == {"layers[0]", "layers[1]"}
    assert model.rebind({"layers[1]": pg.insert(Dense(9))}).layers[1] == Dense(9)
    assert pg.from_json_str(pg.to_json_str(model)) == model


def test_a_space_builds_no_layer():
    space = Sequential([Dense(pg.oneof([3, 5])), pg.oneof([Dense(2), Dense(2, activation="relu")])])
    models = list(pg.iter(space))
    assert len(models) == 4
    assert not any(pg.is_realized(layer) for m in models for layer in [m, *m.sym_init_args.layers])
    assert tuple(models[-1](ROWS).shape) == (2, 2)
