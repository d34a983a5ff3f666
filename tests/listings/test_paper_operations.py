"""The paper's listings on symbolic operations: figure 17 word for word, and table 5 operation by operation.

Corrected in figure 17, where the printed text cannot be: ``trainer.model`` is asked of a trainer that has none, so
the model is bound first; a ``rebind`` returns the trainer, so what is compared with a model is its ``model``.
"""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import torch

import pliant as pg
from pliant import insert

Layer = keras.layers.Layer
Conv2D = pg.symbolize(keras.layers.Conv2D)
Dense = pg.symbolize(keras.layers.Dense)


@pg.symbolize
class Sequential(Layer):
    def __init__(self, children):
        super().__init__()
        self.children = children

    def call(self, inputs):
        for child in self.children:
            inputs = child(inputs)
        return inputs


@pg.symbolize([("learning_rate", pg.typing.Float(min_value=0)), ("steps", pg.typing.Int(min_value=1))])
class CosineDecay(object):  # noqa: UP004  # as printed
    def __init__(self, learning_rate, steps):
        self.learning_rate = learning_rate
        self.steps = steps

    def __call__(self, current_step):
        return torch.cos(torch.tensor(np.pi * current_step / self.steps)) * self.learning_rate


@pg.symbolize
def random_augment(image, magnitude):
    return image + magnitude


@pg.symbolize([("model", pg.typing.Instance(Layer))])
def train_model(model, augment_policy, learning_schedule=None):
    return model(augment_policy(np.zeros((1, 8, 8, 3), "float32"))).shape[-1]


def make_trainer():
    model = Sequential(children=[Conv2D(filters=8, kernel_size=(3, 3)), Dense(units=10)])

    # Partial parameter binding, in which 'model' is missing.
    trainer = train_model(augment_policy=random_augment(magnitude=8))
    trainer.model = model  # not in the listing, which goes on as if it were bound
    return trainer


class TestFigure17:
    def test_as_printed(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        trainer = make_trainer()

        # Inference.
        assert isinstance(trainer, train_model)
        assert isinstance(trainer.model, Layer)
        assert trainer.model.children[1] == Dense(10)
        assert trainer.model != Conv2D(16, (3, 3))

        # Inquiry.
        assert trainer.query(".*filters") == {"model.children[0].filters": 8}
        assert trainer.query(where=(lambda v: isinstance(v, Dense))) == {"model.children[1]": Dense(units=10)}

        # Modification.
        assert trainer.rebind(
            {"model.children[0].filters": 16, "model.children[1]": insert(Dense(20))}
        ).model == Sequential([Conv2D(16, (3, 3)), Dense(20), Dense(10)])

        def conv_to_dense(k, v):
            return Dense(v.filters) if isinstance(v, Conv2D) else v

        assert trainer.rebind(conv_to_dense).model == (Sequential([Dense(16), Dense(20), Dense(10)]))

        # Replication.
        assert trainer.clone() == trainer
        assert trainer.clone(deep=True) == trainer
        trainer.save("trainer.json")
        assert pg.load("trainer.json") == trainer

        assert trainer() == 10  # and it runs

    def test_the_loaded_trainer_is_whole(self, tmp_path):
        trainer = make_trainer()
        trainer.save(tmp_path / "trainer.json")
        loaded = pg.load(tmp_path / "trainer.json")
        assert loaded is not trainer
        assert isinstance(loaded.model.children[0], keras.layers.Conv2D)
        assert loaded.model.children[0].kernel_size == (3, 3)
        assert loaded() == 10
        assert json.loads((tmp_path / "trainer.json").read_text())["_type"].endswith("train_model")

    def test_clones_share_nothing_that_is_edited(self):
        trainer = make_trainer()
        other = trainer.clone()
        other.rebind({"model.children[0].filters": 99})
        assert trainer == make_trainer()


@pg.symbolize
class Conv:
    def __init__(self, filters, kernel):
        self.filters = filters
        self.kernel = kernel


@pg.symbolize
class Net:
    def __init__(self, layers, name="net"):
        self.layers = layers
        self.name = name


def make_net():
    return Net([Conv(8, (3, 3)), Conv(16, (5, 5))])


class TestTable5:
    """One test per row of the table."""

    def test_rebind_by_dict(self):
        net = make_net().rebind({"layers[0].filters": 4, "layers[1].kernel": (7, 7), "name": "x"})
        assert net == Net([Conv(4, (3, 3)), Conv(16, (7, 7))], "x")

    def test_rebind_by_function_is_applied_to_each_node(self):
        seen = []

        def note(k, v):
            seen.append(str(k))
            return v

        net = make_net()
        assert net.rebind(note, raise_on_no_change=False) is net
        assert set(seen) >= {"", "layers", "layers[0]", "layers[0].filters", "layers[1].kernel", "name"}
        assert net.rebind(lambda k, v: v * 2 if isinstance(v, int) else v).layers[0] == Conv(16, (6, 6))

    def test_isinstance(self):
        assert isinstance(make_net(), Net)
        assert not isinstance(make_net(), Conv)

    def test_has(self):
        assert pg.has(make_net(), "layers")
        assert pg.has(make_net(), "layers[1].filters")
        assert not pg.has(make_net(), "filters")

    def test_equal(self):
        assert pg.eq(make_net(), make_net())
        assert not pg.eq(make_net(), make_net().rebind(name="other"))

    def test_parent(self):
        net = make_net()
        assert pg.parent(net.layers[0]) is net.layers
        assert pg.parent(net.layers) is net
        assert pg.parent(net) is None

    def test_path(self):
        net = make_net()
        assert pg.path(net.layers[1]) == "layers[1]"
        assert pg.path(net) == ""
        assert pg.path(pg.Dict(net=net).net.layers[1]) == "net.layers[1]"

    def test_get(self):
        assert pg.get(make_net(), "layers[1].kernel[0]") == 5
        with pytest.raises(KeyError, match=r"layers\[2\]"):
            pg.get(make_net(), "layers[2]")

    def test_query(self):
        assert pg.query(make_net(), lambda v: isinstance(v, Conv) and v.filters > 8) == {
            "layers[1]": Conv(16, (5, 5))
        }
        assert make_net().query(r".*\[0\]\.filters") == {"layers[0].filters": 8}
        assert make_net().query(".*filters", lambda v: v == 16) == {"layers[1].filters": 16}

    def test_clone(self):
        net = make_net()
        copy = pg.clone(net)
        assert copy == net
        assert copy is not net
        assert copy.layers[0] is not net.layers[0]
        assert pg.clone(net, override={"layers[0].filters": 1}).layers[0].filters == 1


# ---------------------------------------------------------------- figure 11


class TestFigure11:
    def test_relax_filters(self):
        oneof = pg.oneof

        def relax_filters(k, v, parent):
            if isinstance(parent, Conv):  # noqa: SIM102  # as printed
                if k == "filters":
                    return oneof([v // 2, v, v * 2])
            return v

        trainer = pg.Dict(model=make_net(), steps=10)
        hyper_trainer = trainer.clone().rebind(relax_filters)

        space = pg.abstract_search_space(hyper_trainer)
        assert [p.path for p in space.points] == ["model.layers[0].filters", "model.layers[1].filters"]
        assert [p.values for p in space.points] == [(4, 8, 16), (8, 16, 32)]
        assert space.size == 9
        assert trainer.model == make_net()  # the clone was relaxed, not the trainer
        assert pg.materialize(hyper_trainer, [1, 1]) == trainer
