"""The walk-through's vocabulary: the listing, sequences both ways, its rules, its space by enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import pliant as pg
from pliant.values.errors import FieldTypeError, FieldValueError
from pliant.zoo import mlp
from pliant.zoo.mlp_vocabulary import Vocabulary, make_sequence_space

SMALL = Vocabulary(3, units=(4, 6), activations=("tanh", "relu"))  # 1 to 4, dropout 5, final layer 6


def as_printed(target_classes):
    """The walk-through's ``vocab_dict``, with the ``else`` that the printed listing lost."""
    nodes = [8, 16, 32, 64, 128, 256, 512]
    act_funcs = ["sigmoid", "tanh", "relu", "elu"]
    layer_params, layer_id = [], []
    for i in range(len(nodes)):
        for j in range(len(act_funcs)):
            layer_params.append((nodes[i], act_funcs[j]))
            layer_id.append(len(act_funcs) * i + j + 1)
    vocab = dict(zip(layer_id, layer_params, strict=True))
    vocab[len(vocab) + 1] = "dropout"
    if target_classes == 2:
        vocab[len(vocab) + 1] = (target_classes - 1, "sigmoid")
    else:
        vocab[len(vocab) + 1] = (target_classes, "softmax")
    return vocab


def is_valid(vocabulary, sequence):
    """The rules, written another way: a regular expression over d (dense), D (dropout) and F (final layer)."""
    kinds = {len(vocabulary.words): "F", len(vocabulary.words) - 1: "D"}
    text = "".join(kinds.get(one, "d") for one in sequence)
    dropped = "DD" in text and not vocabulary.repeat_dropout
    return text[:1] == "d" and text[-1:] == "F" and text.count("F") == 1 and not dropped


# ---------------------------------------------------------------------- numbers


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_vocabulary_is_the_printed_one(classes):
    assert Vocabulary(classes).words == as_printed(classes)


def test_other_tasks_have_other_final_layers():
    assert Vocabulary(2).final == (1, "sigmoid")
    assert Vocabulary(5, "multilabel").final == (5, "sigmoid")
    assert Vocabulary(1, "regression").final == (1, "linear")
    for task, classes, loss in (
        ("classification", 2, nn.BCEWithLogitsLoss),
        ("classification", 4, nn.CrossEntropyLoss),
        ("multilabel", 4, nn.BCEWithLogitsLoss),
        ("regression", 2, nn.MSELoss),
    ):
        assert type(Vocabulary(classes, task).make_loss()) is loss


def test_the_printed_example():
    vocabulary = Vocabulary(10)
    layers = [(16, "relu"), (32, "relu"), (10, "softmax")]
    assert vocabulary.encode_sequence(layers) == [7, 11, 30]
    assert vocabulary.decode_sequence([7, 11, 30]) == layers
    network = vocabulary.make_network([7, 11, 30], inputs=4)
    assert [tuple(p.shape) for p in network.parameters() if p.ndim == 2] == [(16, 4), (32, 16), (10, 32)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 30), max_size=6), st.integers(0, 3))
def test_encoding_is_the_inverse_of_decoding(numbers, padding):
    vocabulary = Vocabulary(7)
    layers = vocabulary.decode_sequence(numbers + [0] * padding)
    assert vocabulary.encode_sequence(layers, length=len(numbers) + padding) == numbers + [0] * padding


def test_a_final_layer_that_is_a_hidden_one_as_well():
    vocabulary = Vocabulary(8, "multilabel")
    layers = [(8, "sigmoid"), (16, "relu"), (8, "sigmoid")]
    numbers = vocabulary.encode_sequence(layers)
    assert numbers == [1, 7, 30]
    assert vocabulary.decode_sequence(numbers) == layers


def test_numbers_of_other_libraries():
    sequence = [7, 29, 30, 0]
    for given_ in (np.array(sequence), torch.tensor(sequence), tuple(sequence)):
        assert SMALL.__class__(3).check_sequence(given_) == [7, 29, 30]


# ---------------------------------------------------------------------- rules


def test_the_rules_on_all_sequences():
    for vocabulary in (SMALL, Vocabulary(3, units=(4,), activations=("tanh", "relu"), repeat_dropout=True)):
        for length in range(1, 5):
            for sequence in itertools.product(vocabulary.words, repeat=length):
                if is_valid(vocabulary, sequence):
                    assert vocabulary.check_sequence([*sequence, 0]) == list(sequence)
                else:
                    with pytest.raises(FieldValueError, match="breaks a rule at position"):
                        vocabulary.check_sequence(sequence)


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        ([], "position 1: a sequence has a dense layer and the final layer at least"),
        ([0, 0], "position 1: a sequence has a dense layer"),
        ([5, 1, 6], "position 1: the first layer is dense"),
        ([6], "position 1: the first layer is dense"),
        (
            [1, 5, 5, 6],
            r"position 3: dropout does not follow dropout.*'dropout', 'dropout', \(3, 'softmax'\)",
        ),
        ([1, 6, 2, 6], "position 3: nothing follows the final layer"),
        ([1, 6, 6], "position 3: nothing follows the final layer"),
        ([1, 2], r"position 3: the last layer is the final layer \(3, 'softmax'\), number 6"),
        ([1, 2, 3, 6], "position 4: a sequence has at most 3 layers"),
    ],
    ids=lambda value: "-".join(map(str, value)) or "empty" if isinstance(value, list) else None,
)
def test_the_message_names_the_rule_and_the_position(sequence, message):
    with pytest.raises(FieldValueError, match=message):
        SMALL.check_sequence(sequence, max_length=3)


@pytest.mark.parametrize(
    ("sequence", "error", "message"),
    [
        (
            [1, 0, 6],
            FieldValueError,
            r"position 2 of the sequence \[1, 0, 6\] is padding, and layers follow it. Move all 0 to",
        ),
        ([0, 1, 6], FieldValueError, "position 1 of the sequence .* is padding"),
        (
            [1, 7],
            FieldValueError,
            "position 2 of a sequence has 7; a layer is a number from 1 to 6, and 0 is padding",
        ),
        ([-1, 6], FieldValueError, "position 1 of a sequence has -1"),
        ([1, True], FieldTypeError, "position 2 of a sequence has True"),
        ([1.0, 6], FieldTypeError, "position 1 of a sequence has 1.0"),
        (["relu", 6], FieldTypeError, "position 1 of a sequence has 'relu'"),
        ([None], FieldTypeError, "position 1 of a sequence has None"),
    ],
    ids=["inside", "first", "large", "negative", "bool", "float", "text", "none"],
)
def test_numbers_that_are_not_layers_are_refused(sequence, error, message):
    for method in (SMALL.check_sequence, SMALL.decode_sequence, SMALL.make_network):
        with pytest.raises(error, match=message):
            method(sequence)


@pytest.mark.parametrize("sequence", [None, 7, "7 30", {7: 30}], ids=["none", "number", "text", "dict"])
def test_what_is_not_a_sequence_is_refused(sequence):
    for method in (SMALL.encode_sequence, SMALL.decode_sequence, SMALL.check_sequence, SMALL.make_network):
        with pytest.raises(
            FieldTypeError, match=r"a sequence is a list of layers .*\[7, 29, 30\]; got .* of type"
        ):
            method(sequence)


def test_a_remedy_works():
    with pytest.raises(FieldValueError, match="Move all 0 to the end"):
        SMALL.check_sequence([1, 0, 6])
    assert SMALL.check_sequence([1, 6, 0]) == [1, 6]


@pytest.mark.parametrize(
    "word",
    [(5, "tanh"), (4, "Tanh"), "drop", (3, "sigmoid"), 4, (4,), None, {"units": 4}, ([4], "relu")],
    ids=lambda word: str(word),
)
def test_layers_that_are_not_in_the_vocabulary_are_refused(word):
    message = r"position 2 of a sequence has .*units from 4, 6 and activation from tanh, relu; 'dropout'; or .*\(3, 'softmax'\)"
    with pytest.raises(FieldValueError, match=message):
        SMALL.encode_sequence([(4, "relu"), word])


def test_a_sequence_longer_than_its_padding_is_refused():
    with pytest.raises(FieldValueError, match="a sequence of 2 layers does not fit in the length 1"):
        SMALL.encode_sequence([(4, "relu"), "dropout"], length=1)


# ---------------------------------------------------------------------- networks and the space


def test_a_sequence_builds_its_layers_and_is_read_back():
    network = SMALL.make_network([1, 5, 4, 6, 0], inputs=12, dropout=0.5)
    assert [type(layer) for layer in network.body] == [
        nn.Flatten, nn.Linear, nn.Tanh, nn.Dropout, nn.Linear, nn.ReLU, nn.Linear,
    ]  # fmt: skip
    assert network.body[3].p == 0.5
    assert network(torch.zeros(2, 3, 4)).shape == (2, 3)
    assert SMALL.read_network(network) == [1, 5, 4, 6]


@pytest.mark.parametrize("repeat", [False, True])
@pytest.mark.parametrize(("least", "most"), [(2, 2), (2, 3), (2, 5), (4, 4), (3, 5)])
def test_the_space_is_the_valid_sequences(least, most, repeat):
    vocabulary = Vocabulary(3, units=(4,), activations=("tanh", "relu"), repeat_dropout=repeat)
    programs = pg.iter(vocabulary.make_space(most, min_length=least))
    found = [tuple(vocabulary.read_network(one)) for one in programs]
    wanted = {
        sequence
        for length in range(least, most + 1)
        for sequence in itertools.product(vocabulary.words, repeat=length)
        if is_valid(vocabulary, sequence)
    }
    assert len(found) == len(set(found))
    assert set(found) == wanted


@pytest.mark.parametrize("length", [2, 3, 4, 5])
def test_sizes_of_the_walk_through(length):
    """Its controller allows dropout after dropout: 28 first layers, and 29 words from there."""
    space = Vocabulary(3, repeat_dropout=True).make_space(length)
    assert pg.abstract_search_space(space).size == 28 * sum(29**k for k in range(length - 1))


def test_a_network_is_a_point_of_the_space():
    space, layers = make_sequence_space(4, inputs=9), [(16, "elu"), "dropout", (8, "relu"), (10, "softmax")]
    vocabulary = Vocabulary(10)
    program = next(
        one for one in (pg.random_sample(space, seed=seed) for seed in range(400)) if len(one.layers) == 2
    )
    decisions = pg.encode(space, program)
    assert pg.eq(pg.materialize(space, decisions), program)
    numbers = vocabulary.encode_sequence(layers)
    assert vocabulary.read_network(vocabulary.make_network(numbers, inputs=9)) == numbers


@pytest.mark.parametrize(
    ("classes", "task"), [(2, "classification"), (3, "classification"), (4, "multilabel"), (2, "regression")]
)
def test_samples_learn_every_task(classes, task):
    vocabulary = Vocabulary(classes, task, units=(8, 16))
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(64, 6, generator=draw)
    y = {
        "multilabel": (x[:, :4] > 0).float(),
        "regression": x[:, :2],
        "classification": (x[:, 0] > 0).long() if classes == 3 else (x[:, :1] > 0).float(),
    }[task]
    for seed in range(2):
        torch.manual_seed(seed)
        network = pg.random_sample(vocabulary.make_space(4, inputs=6, dropout=0.0), seed=seed)
        loss_of, losses = vocabulary.make_loss(), []
        optimizer = torch.optim.Adam(network.parameters(), 0.03)
        for _ in range(40):
            loss = loss_of(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.8 * losses[0]


def test_what_is_not_a_network_of_the_vocabulary_is_refused():
    with pytest.raises(FieldTypeError, match=r"a sequence is read from a Perceptron; got .* of type Linear"):
        SMALL.read_network(nn.Linear(2, 2))
    with pytest.raises(FieldTypeError, match=r"a Perceptron without holes.*pg.random_sample\(space\)"):
        SMALL.read_network(SMALL.make_space())
    with pytest.raises(
        FieldValueError, match="this vocabulary's networks have 3 outputs, and this one has 10"
    ):
        SMALL.read_network(mlp.make_network((4,), "tanh"))
    with pytest.raises(FieldValueError, match=r"position 1 of a sequence has \(5, 'tanh'\)"):
        SMALL.read_network(mlp.make_network((5,), "tanh", classes=3))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: Vocabulary(1),
            FieldValueError,
            "classes=...\\) for classification takes an integer of at least 2; got 1",
        ),
        (
            lambda: Vocabulary(0, "regression"),
            FieldValueError,
            "for regression takes an integer of at least 1; got 0",
        ),
        (lambda: Vocabulary("ten"), FieldTypeError, "takes an integer of at least 2; got 'ten'"),
        (
            lambda: Vocabulary(3, "clasification"),
            FieldValueError,
            "'clasification'; did you mean 'classification'",
        ),
        (lambda: Vocabulary(3, units=()), FieldValueError, r"one width or more.*units=\(\)"),
        (lambda: Vocabulary(3, units=(0,)), FieldValueError, "each an integer of at least 1"),
        (
            lambda: Vocabulary(3, units=(4, 4)),
            FieldValueError,
            "each activation of a vocabulary is given once",
        ),
        (lambda: Vocabulary(3, activations=("rely",)), FieldValueError, "got 'rely'; did you mean 'relu'"),
        (
            lambda: SMALL.make_space(1),
            FieldValueError,
            "2 <= min_length <= max_length <= 12; got min_length=2, max_length=1",
        ),
        (lambda: SMALL.make_space(13), FieldValueError, "got min_length=2, max_length=13"),
        (lambda: SMALL.make_space(4, min_length=5), FieldValueError, "got min_length=5, max_length=4"),
    ],
    ids=range(11),
)
def test_wrong_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
