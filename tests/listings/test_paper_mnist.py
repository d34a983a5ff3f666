"""The paper's appendix B.5, architecture search dropped into a tf.keras program, on Keras 3 with PyTorch.

Changed: random digit-like images of the same shapes stand for MNIST, so that nothing is downloaded; a few
tiny trials; flags are arguments; regularized evolution and random search stand for PPO, which this version does not
have; the best results are sorted by ``x[1]`` (as printed, ``x[2]`` of a pair does not exist).
"""

from __future__ import annotations

import keras
import numpy as np
import pytest

import pliant as pg


def download_and_prep_data():
    """Dataset scaled to [0, 1]: which of ten places of the image is lit.

    Returns:
        tr_x: Training data.
        tr_y: Training labels.
        te_x: Testing data.
        te_y: Testing labels.
    """
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, size=240)
    x = rng.integers(0, 64, size=(240, 28, 28))
    for image, label in zip(x, y, strict=True):
        image[14 * (label // 5) : 14 * (label // 5) + 14, 5 * (label % 5) : 5 * (label % 5) + 5] += 160
    tr_x, tr_y, te_x, te_y = x[:160], y[:160], x[160:], y[160:]
    tr_x = (tr_x / 255.0).astype("float32")
    te_x = (te_x / 255.0).astype("float32")
    return tr_x, tr_y, te_x, te_y


# Create symbolized Keras layers classes.
Conv2D = pg.symbolize(keras.layers.Conv2D)
Dense = pg.symbolize(keras.layers.Dense)
Sequential = pg.symbolize(keras.Sequential)


def model_builder():
    """Model search space."""
    return Sequential(
        pg.oneof(  # noqa: RUF005  # as printed
            [
                # Model family 1: only dense layers.
                [
                    keras.layers.Flatten(),
                    Dense(pg.oneof([64, 128]), pg.oneof(["relu", "sigmoid"])),
                ],
                # Model family 2: conv net.
                [
                    keras.layers.Lambda(lambda x: keras.ops.reshape(x, (-1, 28, 28, 1))),
                    Conv2D(
                        pg.oneof([64, 128]),
                        pg.oneof([(3, 3), (5, 5)]),
                        activation=pg.oneof(["relu", "sigmoid"]),
                    ),
                    keras.layers.Flatten(),
                ],
            ]
        )
        + [keras.layers.Dense(10, activation="softmax")]
    )


def train_and_eval(model, input_data, num_epochs=10):
    """Returns model accuracy after train and evaluation.

    Args:
        model: A Keras model.
        input_data: A tuple of (training features, training_labels,
            test features, test labels) as input data.
        num_epochs: Number of epochs to train model.

    Returns:
        Accuracy on test split.
    """
    tr_x, tr_y, te_x, te_y = input_data
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])

    model.fit(tr_x, tr_y, epochs=num_epochs, verbose=0)
    _, test_acc = model.evaluate(te_x, te_y, verbose=0)
    return test_acc


def search(max_trials, num_epochs, algorithm, space=None):
    """Search MNIST model.

    Args:
        max_trials: Max trials to search.
        num_epochs: Number of epochs to train individual trial.
    """
    results = []
    input_data = download_and_prep_data()
    for i, (model, feedback) in enumerate(pg.sample(space or model_builder(), algorithm, max_trials)):
        test_acc = train_and_eval(model, input_data, num_epochs)
        results.append((i, test_acc))
        feedback(test_acc)

    # Print best results.
    top_results = sorted(results, key=lambda x: x[1], reverse=True)
    for i, (trial_id, test_acc) in enumerate(top_results[:10]):
        print("{0:2d} - trial {1:2d} ({2:.3f})".format(i + 1, trial_id, test_acc))  # noqa: UP030, UP032  # as printed
    return top_results


def test_the_space_has_two_model_families():
    space = pg.abstract_search_space(model_builder())
    assert space.size == 2 * 2 + 2 * 2 * 2
    assert [p.path for p in space.points] == [
        "layers",
        "layers[=0/2][1].units",
        "layers[=0/2][1].activation",
        "layers[=1/2][1].filters",
        "layers[=1/2][1].kernel_size",
        "layers[=1/2][1].activation",
    ]


def test_every_child_is_a_model_of_its_own():
    """The layers that are not symbolic are copied too: no child starts with the weights of another."""
    children = list(pg.iter(model_builder()))
    assert len(children) == 12
    images = np.zeros((2, 28, 28), "float32")
    heads = []
    for model in children[:5]:
        assert isinstance(model, keras.Sequential)
        assert not pg.is_realized(model)
        assert model(images).shape == (2, 10)
        heads.append(model.layers[-1])
    assert len({id(head) for head in heads}) == 5
    assert children[0].layers[1].units == 64
    assert children[4].layers[1].kernel_size == (3, 3)


@pytest.mark.parametrize(
    "algorithm",
    [pg.generators.RegularizedEvolution(population_size=2, tournament_size=2), pg.generators.Random()],
)
def test_search(algorithm, capsys):
    keras.utils.set_random_seed(0)
    small = model_builder().rebind(lambda k, v: v // 16 if v in (64, 128) else v)
    top_results = search(max_trials=3, num_epochs=2, algorithm=algorithm, space=small)
    assert len(top_results) == 3
    assert top_results[0][1] > 0.2  # ten classes: better than chance
    assert capsys.readouterr().out.startswith(" 1 - trial ")


def test_more_training_of_the_best_family_learns_the_task():
    keras.utils.set_random_seed(0)
    model = pg.materialize(
        model_builder(), {"layers": 0, "layers[=0/2][1].units": 1, "layers[=0/2][1].activation": 0}
    )
    assert train_and_eval(model, download_and_prep_data(), num_epochs=12) > 0.8
