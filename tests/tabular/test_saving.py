"""Saved predictors: they predict the same, and damaged or foreign files are refused without running anything."""

from __future__ import annotations

import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from pliant.tabular import TablePredictor, search_table
from pliant.tabular.saving import to_bytes
from pliant.values.errors import LoadError


@pytest.fixture
def file(fitted, tmp_path):
    path = tmp_path / "people.model"
    fitted.save(path)
    return path


def parts(file):
    """The arrays of a file, and its text as data."""
    with np.load(file, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return arrays, json.loads(arrays.pop("predictor").tobytes())


def write(file, arrays, data):
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    with file.open("wb") as stream:
        np.savez_compressed(stream, predictor=np.frombuffer(text, np.uint8), **arrays)


def test_a_saved_predictor_is_equal(people, fitted, file):
    again = TablePredictor.load(file)
    np.testing.assert_array_equal(again.predict_proba(people), fitted.predict_proba(people))
    for name in ("encoder", "target", "score", "leaderboard", "notes"):
        assert getattr(again, name) == getattr(fitted, name)
    assert to_bytes(again)[:100] == to_bytes(fitted)[:100]
    assert not again.members[0].network.training


@pytest.mark.parametrize("scaling", ["standard", "quantile"])
def test_other_scalings(people, small, tmp_path, scaling):
    found = search_table(people, "income", **{**small, "trials": 1}, scaling=scaling)
    found.save(tmp_path / "a.model")
    again = TablePredictor.load(tmp_path / "a.model")
    np.testing.assert_array_equal(again.predict(people), found.predict(people))


def test_pickle_of_a_predictor(people, fitted):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(people), fitted.predict_proba(people))


def change(where, value):
    def go(arrays, data):
        at = data
        for key in where[:-1]:
            at = at[key]
        at[where[-1]] = value

    return go


def drop_weights(arrays, data):
    del arrays[next(name for name in arrays if name.startswith("0/"))]


def widen_weights(arrays, data):
    name = next(name for name in arrays if name.endswith("linear.weight"))
    arrays[name] = np.zeros((9, 9), np.float32)


def text_weights(arrays, data):
    name = next(name for name in arrays if name.endswith("linear.weight"))
    arrays[name] = np.full(arrays[name].shape, "x")


def huge_layer(arrays, data):
    """A program of few letters that would need terabytes."""
    data["members"][0]["program"]["network"]["columns"]["width"] = 10**12


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change(["format"], "other"), "it has another format"),
        (change(["version"], 99), "a newer Pliant wrote it, with version 99 of the format"),
        (change(["members"], []), "it has no network"),
        (change(["members", 0, "share"], -1), "network 1 has the share -1.0"),
        (change(["members", 0, "program", "_type"], "os.system"), "os.system"),
        (change(["members", 0, "program"], 7), "AttributeError|no attribute"),
        (
            change(["columns", 0, "scales", 0, "width"], "wide"),
            "a scale of the column 'age' is not of numbers",
        ),
        (change(["columns", 0, "extra"], 1), "unexpected keyword argument 'extra'"),
        (change(["target", "kind"], "ranking"), "a task is one of"),
        (change(["leaderboard", 0, "score"], "high"), "a trial has numbers that are none"),
        (change(["leaderboard", 0, "choices"], {"width": 8}), "a trial has texts that are none"),
        (change(["leaderboard", 0, "choices"], [1]), "AttributeError|no attribute"),
        (change(["columns"], []), "size|shape|columns|mat"),
        (drop_weights, "the weights of network 1 do not fit its program"),
        (widen_weights, "the weights of network 1 do not fit its program"),
        (text_weights, "the weights .* are of type str"),
        (huge_layer, "the weights of network 1 do not fit its program"),
    ],
)
def test_damaged_content(file, damage, message):
    arrays, data = parts(file)
    damage(arrays, data)
    write(file, arrays, data)
    with pytest.raises(
        LoadError, match=rf"(?s)'people.model' is not a saved predictor, or it is damaged: .*({message})"
    ):
        TablePredictor.load(file)


def cut(content):
    return content[: len(content) // 2]


def zeros(content):
    return b"\0" * 100


def bomb(content):
    """Some kilobytes that expand to a gigabyte."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("predictor.npy", "w") as member,
    ):
        for _ in range(64):
            member.write(b"\0" * (1 << 24))
    return buffer.getvalue()


def objects(content):
    buffer = io.BytesIO()
    np.savez(buffer, predictor=np.array([{"run": "this"}], object))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "damage", [cut, zeros, bomb, objects, lambda content: b"", lambda content: b"a,b\n1,2\n"]
)
def test_foreign_and_damaged_files(file, damage):
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(LoadError, match=r"'people.model' is not a saved predictor.*`pliant tabular fit`"):
        TablePredictor.load(file)


def test_text_that_is_not_json(file):
    arrays, _ = parts(file)
    write(file, arrays, b"{")
    with pytest.raises(LoadError, match="or it is damaged: JSONDecodeError"):
        TablePredictor.load(file)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.model"):
        TablePredictor.load(tmp_path / "none.model")
