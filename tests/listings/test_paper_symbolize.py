"""The paper's listings on symbolizing: figures 7, 9, 14, 15 and 16, and what sections 2.1, A and B.1 say of them.

TensorFlow's layers are Keras 3's, on its PyTorch backend.  Where a listing is not runnable as printed, a comment
says what is corrected.
"""

from __future__ import annotations

import copy
import math
import pickle

import keras
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

import pliant as pg

Layer = keras.layers.Layer
IMAGES = np.zeros((2, 8, 8, 1), "float32")


# ---------------------------------------------------------------- figure 14: existing classes and new classes

# Symbolizing preexisting keras layers into symbolic
# classes without modifying original classes.
Conv2D = pg.symbolize(keras.layers.Conv2D)
Dense = pg.symbolize(keras.layers.Dense)
KerasSequential = pg.symbolize(keras.Sequential)


# Symbolizing a newly created class with constraints.
@pg.symbolize([("learning_rate", pg.typing.Float(min_value=0)), ("steps", pg.typing.Int(min_value=1))])
class CosineDecay(object):  # noqa: UP004  # as printed
    def __init__(self, learning_rate, steps):
        self.learning_rate = learning_rate
        self.steps = steps

    def __call__(self, current_step):
        return torch.cos(torch.tensor(np.pi * current_step / self.steps)) * self.learning_rate


# The listings build `Sequential(children=[...])`, which is no Keras class; this one is a Keras layer.
@pg.symbolize
class Sequential(Layer):
    def __init__(self, children):
        super().__init__()
        self.children = children

    def call(self, inputs):
        for child in self.children:
            inputs = child(inputs)
        return inputs


class TestFigure14:
    def test_symbolic_layers_are_layers_and_the_original_classes_are_untouched(self):
        conv = Conv2D(8, (3, 3))
        assert isinstance(conv, keras.layers.Conv2D)
        assert isinstance(conv, Layer)
        assert issubclass(Conv2D, keras.layers.Conv2D)
        assert Conv2D is not keras.layers.Conv2D
        assert not hasattr(keras.layers.Conv2D, "rebind")
        assert keras.layers.Dense(3) != keras.layers.Dense(3)
        assert Dense(3) == Dense(3)

    def test_they_compute_what_the_originals_compute(self):
        keras.utils.set_random_seed(1)
        ours = KerasSequential([Conv2D(4, (3, 3)), keras.layers.Flatten(), Dense(10)])(IMAGES + 1)
        keras.utils.set_random_seed(1)
        layers = [keras.layers.Conv2D(4, (3, 3)), keras.layers.Flatten(), keras.layers.Dense(10)]
        theirs = keras.Sequential(layers)(IMAGES + 1)
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-6)

    def test_arguments_are_attributes_before_anything_is_built(self):
        dense = Dense(10, "relu")
        assert not pg.is_realized(dense)
        assert (dense.units, pg.is_realized(dense)) == (10, False)
        assert dense.count_params.__name__ == "count_params"  # something of Keras's: now it is built
        assert pg.is_realized(dense)
        assert dense.activation is keras.activations.relu  # the live attribute is the class's own
        assert dense.sym_init_args["activation"] == "relu"  # the argument is what was given

    def test_rebind_resets_the_layer_and_every_model_that_holds_it(self):
        model = KerasSequential([keras.layers.Flatten(), Dense(10)])
        assert model(IMAGES).shape == (2, 10)
        model.rebind({"layers[1].units": 3})
        assert not pg.is_realized(model)
        assert model(IMAGES).shape == (2, 3)

    def test_positional_and_keyword_arguments_are_one(self):
        assert Conv2D(16, (3, 3)) == Conv2D(filters=16, kernel_size=(3, 3))

    def test_cosine_decay_runs_and_is_checked(self):
        decay = CosineDecay(0.5, 10)
        assert float(decay(0)) == 0.5
        assert float(decay(10)) == pytest.approx(-0.5)
        assert decay.rebind(steps=20)(10).item() == pytest.approx(0.0, abs=1e-6)
        with pytest.raises(ValueError, match=r"(?s)learning_rate.*-1"):
            CosineDecay(-1.0, 10)
        with pytest.raises(ValueError, match=r"(?s)steps.*0"):
            decay.rebind(steps=0)
        with pytest.raises(TypeError, match=r"(?s)steps.*'ten'"):
            decay.rebind(steps="ten")
        assert decay.steps == 20

    def test_an_int_is_taken_for_a_float(self):
        assert isinstance(CosineDecay(1, 10).learning_rate, float)


class TestOtherPeoplesClasses:
    def test_a_torch_layer(self):
        Conv = pg.symbolize(nn.Conv2d)
        conv = Conv(1, 4, kernel_size=3)
        assert isinstance(conv, nn.Conv2d)
        assert conv(torch.zeros(2, 1, 8, 8)).shape == (2, 4, 6, 6)
        assert conv.rebind(out_channels=8)(torch.zeros(2, 1, 8, 8)).shape == (2, 8, 6, 6)
        assert sum(p.numel() for p in conv.parameters()) == 8 * 9 + 8

    def test_a_torch_sequential(self):
        Chain = pg.symbolize(nn.Sequential)
        Linear = pg.symbolize(nn.Linear)
        net = Chain(Linear(4, 8), nn.ReLU(), Linear(8, 2))
        assert net(torch.zeros(3, 4)).shape == (3, 2)
        assert sorted(net.state_dict()) == ["0.bias", "0.weight", "2.bias", "2.weight"]

    def test_an_sklearn_estimator(self):
        Model = pg.symbolize(LogisticRegression)
        space = Model(C=pg.oneof([0.1, 1.0]), max_iter=50)
        x, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
        for model in pg.iter(space):
            assert model.fit(x, y).score(x, y) == 1.0
            assert model.get_params()["max_iter"] == 50
        assert [m.C for m in pg.iter(space)] == [0.1, 1.0]

    def test_deep_copies_and_pickles_keep_what_was_built(self):
        Linear = pg.symbolize(nn.Linear)
        linear = Linear(2, 3)
        with torch.no_grad():
            linear.weight.fill_(7.0)
        for other in (copy.deepcopy(linear), pickle.loads(pickle.dumps(linear))):
            assert other is not linear
            assert other == linear
            assert torch.equal(other.weight, linear.weight)
        assert not pg.is_realized(linear.clone())


# ---------------------------------------------------------------- figure 7, and section 2.1


@pg.symbolize
class Conv:
    def __init__(self, filters, kernel):
        self.filters = filters
        self.kernel = kernel


@pg.symbolize
class MaxPool:
    def __init__(self, kernel):
        self.kernel = kernel


@pg.symbolize
class ResNetLike:
    def __init__(self, block, num_blocks):
        self.block = block
        self.num_blocks = num_blocks


@pg.symbolize
class Adam:
    def __init__(self, learning_rate):
        self.learning_rate = learning_rate


@pg.symbolize
class Dataset:
    def __init__(self, num_examples, batch_size=10):
        self.num_examples = num_examples
        self.batch_size = batch_size


@pg.symbolize
class Trainer:
    built = 0

    def __init__(self, model, optimizer, dataset=None, epochs=1):
        Trainer.built += 1
        self.model = model
        self.optimizer = optimizer
        self.train_steps = epochs * dataset.num_examples // dataset.batch_size if dataset is not None else 0


def make_trainer():
    block = pg.List([Conv(16, (3, 3)), MaxPool((2, 2)), Conv(32, (5, 5))])
    return Trainer(model=ResNetLike(block, num_blocks=3), optimizer=Adam(2e-4), dataset=Dataset(100))


class TestFigure7:
    def test_query_clone_and_rebind(self):
        trainer = make_trainer()
        convs = trainer.query(lambda v: isinstance(v, Conv))
        assert list(convs) == ["model.block[0]", "model.block[2]"]
        assert convs["model.block[2]"] is trainer.model.block[2]

        trainer2 = trainer.clone()
        trainer2.rebind(lambda k, v: MaxPool(v.kernel) if isinstance(v, Conv) else v)
        assert trainer2.model.block == [MaxPool((3, 3)), MaxPool((2, 2)), MaxPool((5, 5))]
        assert trainer == make_trainer()
        assert trainer2 != trainer

    def test_changing_the_dataset_recomputes_the_train_steps(self):
        trainer = make_trainer()
        assert trainer.train_steps == 10
        before = Trainer.built
        trainer.rebind({"dataset.num_examples": 5000, "dataset.batch_size": 50, "epochs": 2})
        assert trainer.train_steps == 200
        assert Trainer.built == before + 1

    def test_no_constructor_runs_while_the_tree_is_manipulated(self):
        before = Trainer.built
        trainer = make_trainer().clone().rebind({"optimizer.learning_rate": 1e-3})
        assert trainer.optimizer.learning_rate == 1e-3
        assert repr(trainer).startswith("Trainer(model=ResNetLike(")
        assert Trainer.built == before


# ---------------------------------------------------------------- figure 9: dependent hyper-parameters


class TestFigure9:
    def test_block_builds_dependent_layers_when_called(self):
        @pg.symbolize
        class Block(object):  # noqa: UP004  # as printed
            def __init__(self, filters):
                self.filters = filters

            def __call__(self):
                return Sequential([Conv2D(self.filters, (3, 3)), Conv2D(self.filters * 2, (3, 3))])

        assert Block(4)() == Sequential([Conv2D(4, (3, 3)), Conv2D(8, (3, 3))])
        space = pg.Dict(block=Block(pg.oneof([8, 16])))
        found = [(p.block().children[0].filters, p.block().children[1].filters) for p in pg.iter(space)]
        assert found == [(8, 16), (16, 32)]
        with pytest.raises(pg.PliantError, match=r"undecided holes at 'block\.filters'"):
            space.block()

    def test_a_call_runs_the_constructor_first(self):
        @pg.symbolize
        class Doubling:
            def __init__(self, filters):
                self.filters = filters * 2

            def __call__(self):
                return self.filters

            def __len__(self):
                return self.filters

        assert Doubling(4)() == 8
        assert len(Doubling(4)) == 8


# ---------------------------------------------------------------- figure 15: functions


def random_augment_impl(data, magnitude):
    return data + magnitude


def train_model_impl(model, augment_policy, learning_schedule):
    outputs = model(augment_policy(IMAGES))
    return round(float(learning_schedule(0)) + outputs.shape[-1], 6)


@pg.symbolize
def random_augment(image, magnitude):
    return random_augment_impl(image, magnitude)  # printed as `data`, which is no name there


@pg.symbolize(
    [
        ("model", pg.typing.Instance(Layer)),
        (
            "augment_policy",  # printed with a bracket too many
            pg.typing.Callable([pg.typing.Instance(torch.Tensor)], returns=pg.typing.Instance(torch.Tensor)),
        ),
        ("learning_schedule", pg.typing.Callable([pg.typing.Instance(torch.Tensor)])),
    ]
)
def train_model(model, augment_policy, learning_schedule):
    return train_model_impl(model, augment_policy, learning_schedule)


class TestFigure15:
    def test_functors_are_classes_whose_objects_are_symbolic(self):
        augment = random_augment(magnitude=8)
        assert isinstance(augment, random_augment)
        assert isinstance(augment, pg.Functor)
        assert augment.magnitude == 8
        assert augment == random_augment(magnitude=8)
        assert augment(1) == 9
        assert random_augment(1, 2)() == 3
        assert augment.rebind(magnitude=1)(1) == 2

    def test_properties_come_from_the_signature(self):
        assert list(random_augment.__schema__) == ["image", "magnitude"]
        with pytest.raises(TypeError, match=r"random_augment has no .*'magnitud'.*did you mean 'magnitude'"):
            random_augment(magnitud=8)

    def test_constraints_are_checked(self):
        with pytest.raises(TypeError, match=r"(?s)model.*'resnet'"):
            train_model(model="resnet")
        with pytest.raises(TypeError, match=r"(?s)learning_schedule.*0\.1"):
            train_model(learning_schedule=0.1)


# ---------------------------------------------------------------- figure 16: binding arguments


class TestFigure16:
    def test_partial_incremental_and_call_time_binding(self):
        model = Sequential(children=[Conv2D(filters=8, kernel_size=(3, 3)), Dense(units=10)])

        # Partial parameter binding, in which 'model' is missing.
        trainer = train_model(augment_policy=random_augment(magnitude=8))

        # Incremental parameter binding via assignment.
        trainer.learning_schedule = CosineDecay(1e-5, 5000)

        # Incremental parameter binding at call time.
        accuracy1 = trainer(model=model)

        # Call with overriding previously bound parameters.
        accuracy2 = trainer(model=model, learning_schedule=CosineDecay(2e-4, 5000), override_args=True)

        assert (accuracy1, accuracy2) == (10 + 1e-5, 10 + 2e-4)
        assert trainer.learning_schedule == CosineDecay(1e-5, 5000)  # overridden for one call only
        assert trainer == train_model(
            augment_policy=random_augment(magnitude=8), learning_schedule=CosineDecay(1e-5, 5000)
        )

    def test_a_bound_argument_is_not_overridden_by_accident(self):
        trainer = train_model(learning_schedule=CosineDecay(1e-5, 5000))
        with pytest.raises(
            TypeError, match=r"'learning_schedule' of train_model is bound already.*override_args=True"
        ):
            trainer(learning_schedule=CosineDecay(2e-4, 5000))

    def test_a_call_without_all_arguments_says_which(self):
        trainer = train_model(augment_policy=random_augment(magnitude=8))
        with pytest.raises(TypeError, match=r"train_model was called without 'model', 'learning_schedule'"):
            trainer()

    def test_call_time_arguments_are_checked_too(self):
        trainer = train_model(
            augment_policy=random_augment(magnitude=8), learning_schedule=CosineDecay(1e-5, 5000)
        )
        with pytest.raises(TypeError, match=r"(?s)model.*3"):
            trainer(model=3)


# ---------------------------------------------------------------- appendix A.1 and A.2


class TestAppendixA:
    def test_hyper_parameters_of_each_construct(self):
        """Table 4: constructor arguments, function arguments, list indices, dict keys."""
        assert list(Conv(1, 2).sym_init_args) == ["filters", "kernel"]
        assert list(random_augment(1, 2).sym_init_args) == ["image", "magnitude"]
        assert pg.get(pg.List(["a", "b"]), "[1]") == "b"
        assert pg.get(pg.Dict(x=1), "x") == 1

    def test_equal_if_and_only_if_type_and_hyper_parameters_are(self):
        assert Conv(8, (3, 3)) == Conv(8, (3, 3))
        assert hash(pg.hash(Conv(8, (3, 3)))) == hash(pg.hash(Conv(8, (3, 3))))
        assert Conv(8, (3, 3)) != Conv(8, (5, 5))
        assert pg.ne(Conv(8, (3, 3)), MaxPool((3, 3)))

    def test_constraints_hold_when_another_program_edits(self):
        @pg.symbolize([("rate", pg.typing.Float(min_value=0.0, max_value=1.0))])
        class Dropout:
            def __init__(self, rate):
                self.rate = rate

        net = pg.Dict(layers=[Dropout(0.1), Dropout(0.2)])
        with pytest.raises(ValueError, match=r"layers\[0\]\.rate.*1\.5"):
            net.rebind(lambda k, v: v + 1.4 if k == "rate" else v)
        assert net == pg.Dict(layers=[Dropout(0.1), Dropout(0.2)])
        assert math.isclose(net.rebind(lambda k, v: v * 2 if k == "rate" else v).layers[1].rate, 0.4)
