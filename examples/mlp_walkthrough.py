"""Searches a perceptron for digits: LSTM controller, accuracy predictor, shared weights: `python examples/mlp_walkthrough.py`."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import pliant as pg
from pliant.algorithms.policy import REINFORCE
from pliant.algorithms.predictor import Greedy, LSTMPredictor, PredictorSearch, Proposals, SequenceEncoding
from pliant.oneshot import WeightBank
from pliant.zoo.mlp_vocabulary import Vocabulary

vocabulary = Vocabulary(classes=10)  # 28 dense layers, dropout, and the final layer, numbered from 1


def read_digits():
    """Returns images and labels to train on, to validate on and to test on."""
    pixels, digits = load_digits(return_X_y=True)
    x, y = torch.tensor(pixels / 16).float(), torch.tensor(digits)
    rest, test = train_test_split(range(1797), test_size=597, stratify=digits, random_state=0)
    train, valid = train_test_split(rest, test_size=400, stratify=digits[rest], random_state=0)
    return {name: (x[rows], y[rows]) for name, rows in (("train", train), ("valid", valid), ("test", test))}


def make_controller(samples=10, screen=1, seed=0):
    """An LSTM that proposes layer after layer, trained by REINFORCE, and an LSTM that predicts the accuracy of its proposals.

    With ``screen=4`` it makes four times as many proposals as are trained, and the predictor selects.
    """
    policy = REINFORCE(policy="lstm", learning_rate=0.01, discount=0.9)
    proposals = Proposals(policy, count=screen * samples)
    predictor = LSTMPredictor(reward_range=(0, 1))
    return PredictorSearch(
        predictor, SequenceEncoding(), Greedy(), proposals, random_trials=1, batch_size=samples, seed=seed
    )


def train(network, data, *, epochs=3, batch=64, seed=0, bank=None):
    """Trains a network, with weights from the bank if there is one; returns its accuracy on validation images."""
    torch.manual_seed(seed)
    network.train()
    if bank is not None:
        bank.load_into(network)
    optimizer, loss = torch.optim.Adam(network.parameters(), 3e-3, fused=True), vocabulary.make_loss()
    x, y = data["train"]
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad()
            loss(network(x[rows]), y[rows]).backward()
            optimizer.step()
    if bank is not None:
        bank.store(network)
    return accuracy(network, *data["valid"])


@torch.no_grad()
def accuracy(network, x, y):
    return (network.eval()(x).argmax(1) == y).double().mean().item()


def search(data, controller, *, controller_epochs=10, samples=10, bank=None, max_length=4):
    """The walk-through's loop; returns a list of sequence, accuracy and predicted accuracy, and the best network."""
    space = vocabulary.make_space(max_length, inputs=data["train"][0].shape[1])
    controller.setup(pg.abstract_search_space(space))
    log, best = [], None
    for _ in range(controller_epochs):
        # sample architectures, and predict their accuracies
        proposals = [controller.propose() for _ in range(samples)]
        predicted = controller.predict(proposals)
        for decisions, guess in zip(proposals, predicted, strict=True):
            # create the network, train it, log it, and train the controller
            network = pg.materialize(space, decisions)
            reward = train(network, data, bank=bank)
            if best is None or reward > max(row[1] for row in log):
                best = network
            log.append((vocabulary.read_network(network), reward, guess))
            controller.feedback(decisions, reward)
    return log, best


if __name__ == "__main__":
    torch.set_num_threads(1)  # the fastest for networks of this size
    data = read_digits()
    log, best = search(data, make_controller(), bank=WeightBank())
    for start in range(0, len(log), 10):
        rows = [row for row in log[start : start + 10] if row[2] is not None]
        error = sum(abs(guess - reward) for _, reward, guess in rows) / len(rows) if rows else float("nan")
        mean = sum(row[1] for row in log[start : start + 10]) / 10
        print(f"networks {start:2} to {start + 9}: accuracy {mean:.1%}, error of the prediction {error:.3f}")
    sequence = vocabulary.read_network(best)
    print(
        f"best: {sequence} = {vocabulary.decode_sequence(sequence)}, {accuracy(best, *data['test']):.1%} of the test images"
    )
