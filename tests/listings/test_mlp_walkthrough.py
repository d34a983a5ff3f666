"""The walk-through's listings for perceptrons, adapted: its loop, vocabulary, model generator and transfer of weights.

Sable, "Neural Architecture Search Part 2", 2020.  Changed: PyTorch stands for Keras and for the parts of the loop that the
walk-through leaves to later articles; ``MLPSearchSpace`` is ``Vocabulary``; ``set_model_weights`` and ``update_weights`` are
``load_into`` and ``store`` of a ``WeightBank``; the controller is told one reward at a time.
"""

from __future__ import annotations

import torch
from torch import nn

import pliant as pg
from pliant.algorithms.policy import REINFORCE
from pliant.algorithms.predictor import Greedy, LSTMPredictor, PredictorSearch, Proposals, SequenceEncoding
from pliant.oneshot import WeightBank, pair_layers
from pliant.zoo.mlp_vocabulary import Vocabulary

TARGET_CLASSES, MAX_ARCHITECTURE_LENGTH, MLP_ONE_SHOT = 3, 4, True
CONTROLLER_SAMPLING_EPOCHS, SAMPLES_PER_CONTROLLER_EPOCH, ARCHITECTURE_TRAINING_EPOCHS = 3, 4, 2


def make_data():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(96, 6, generator=draw)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


class MLPGenerator:
    def __init__(self):
        self.search_space = Vocabulary(TARGET_CLASSES)
        self.shared_weights = WeightBank() if MLP_ONE_SHOT else None

    def create_model(self, sequence, mlp_input_shape):
        return self.search_space.make_network(sequence, inputs=mlp_input_shape, dropout=0.2)

    def train_model(self, model, x_data, y_data, nb_epochs):
        if MLP_ONE_SHOT:
            self.shared_weights.load_into(model)
        optimizer, loss_func = torch.optim.Adam(model.parameters(), lr=0.01), self.search_space.make_loss()
        model.train()
        for _ in range(nb_epochs):
            for x, y in zip(x_data[:64].split(32), y_data[:64].split(32), strict=True):
                optimizer.zero_grad()
                loss_func(model(x), y).backward()
                optimizer.step()
        if MLP_ONE_SHOT:
            self.shared_weights.store(model)
        with torch.no_grad():
            return (model.eval()(x_data[64:]).argmax(1) == y_data[64:]).double().mean().item()


class MLPNAS(MLPGenerator):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y
        self.data = []
        self.space = self.search_space.make_space(MAX_ARCHITECTURE_LENGTH, inputs=x.shape[1])
        self.controller = PredictorSearch(
            LSTMPredictor(hidden=10, epochs=5, reward_range=(0, 1)),
            SequenceEncoding(),
            Greedy(),
            Proposals(REINFORCE(policy="lstm", discount=0.9), count=SAMPLES_PER_CONTROLLER_EPOCH),
            random_trials=1,
            batch_size=SAMPLES_PER_CONTROLLER_EPOCH,
        )
        self.controller.setup(pg.abstract_search_space(self.space))

    def search(self):
        # for the number of controller epochs
        for _ in range(CONTROLLER_SAMPLING_EPOCHS):
            # sample a set number of architecture sequences
            sequences = [self.controller.propose() for _ in range(SAMPLES_PER_CONTROLLER_EPOCH)]

            # predict their accuracies using a hybrid controller
            pred_accuracies = self.controller.predict(sequences)

            # for each of these sequences
            for i, sequence in enumerate(sequences):
                # create the model corresponding to the sequence
                model = pg.materialize(self.space, sequence)

                # train said model
                history = self.train_model(model, self.x, self.y, ARCHITECTURE_TRAINING_EPOCHS)

                # log the training metrics
                self.data.append([self.search_space.read_network(model), history, pred_accuracies[i]])

                # use this data to train the controller
                self.controller.feedback(sequence, history)
        return self.data


def test_the_search_runs_as_printed():
    nas = MLPNAS(*make_data())
    data = nas.search()
    assert len(data) == 12
    for sequence, accuracy, predicted in data:
        assert nas.search_space.check_sequence(sequence, max_length=MAX_ARCHITECTURE_LENGTH)
        assert 0 <= accuracy <= 1
        assert predicted is None or 0 <= predicted <= 1
    assert [predicted is None for *_, predicted in data] == [True] * 4 + [False] * 8


def test_the_model_generator():
    """Flatten for inputs of several dimensions, dense layers, dropout; the printed conditions lost their ``else``."""
    generator = MLPGenerator()
    layers = [(16, "relu"), "dropout", (32, "relu"), (3, "softmax")]
    sequence = generator.search_space.encode_sequence(layers, length=6)
    assert sequence == [7, 29, 11, 30, 0, 0]
    model = generator.create_model(sequence, 4 * 5)
    assert [type(one) for one in model.body] == [
        nn.Flatten, nn.Linear, nn.ReLU, nn.Dropout, nn.Linear, nn.ReLU, nn.Linear,
    ]  # fmt: skip
    assert model(torch.zeros(2, 4, 5)).shape == (2, 3)


def test_one_shot_transfer_as_in_the_text():
    """The weights between the second layer and the final one go from the first architecture to the second."""
    generator = MLPGenerator()
    first, second = (
        generator.create_model(generator.search_space.encode_sequence(layers), 6)
        for layers in (
            [(16, "relu"), (32, "relu"), (3, "softmax")],
            [(64, "relu"), (32, "relu"), (3, "softmax")],
        )
    )
    x, y = make_data()
    generator.train_model(first, x, y, 1)
    assert generator.shared_weights.load_into(second) == ["body.5"]
    assert torch.equal(first.body[5].weight, second.body[5].weight)
    assert pair_layers(second)["body.5"] == ("Linear 32 ReLU()", "Linear(32, 3)")
