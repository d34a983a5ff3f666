"""From the flag to the program, and into the folder of the trial, as the service's helper does."""

from __future__ import annotations

import json
import logging

import pytest

import pliant as pg
from pliant.nas import trial
from pliant.values.errors import DecisionError, FieldTypeError, FieldValueError, LoadError


def space():
    return pg.Dict(kernel_size=pg.one_of([3, 5, 7, 9]), rate=pg.floatv(0.0, 1.0))


PARAMS = '{"kernel_size": "3/4 (9)", "rate": 0.25}'


def test_text_becomes_a_program_and_a_file(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    found = trial.parse_and_save_nas_params_str(space(), PARAMS, tmp_path / "new" / "1")
    assert found == {"kernel_size": 9, "rate": 0.25}
    assert json.loads((tmp_path / "new" / "1" / "nas_params_str.json").read_text()) == json.loads(PARAMS)
    assert caplog.messages == [f"nas_params_str is {PARAMS}"]


def test_a_value_that_ends_in_json_is_a_path(tmp_path):
    trial.parse_and_save_nas_params_str(space(), PARAMS, tmp_path)
    again = trial.parse_and_save_nas_params_str(
        space(), str(tmp_path / "nas_params_str.json"), model_dir=None
    )
    assert again == {"kernel_size": 9, "rate": 0.25}


def test_the_program_is_saved_as_the_tutorial_prints_it(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    text = trial.serialize_and_save_tunable_object(
        tunable_object=pg.Dict(kernel_size=9), model_dir=str(tmp_path)
    )
    assert text == '{\n  "kernel_size": 9\n}'
    assert (tmp_path / "serialized_tunable_object.json").read_text() == text
    assert caplog.messages == [f"serialized_tunable_object is {text}"]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("", FieldValueError, "nas_params_str is empty: the trainer was started without --nas_params_str"),
        (
            None,
            FieldTypeError,
            "nas_params_str must be text, the value of the flag --nas_params_str; got None of type NoneType",
        ),
        (
            "gone.json",
            LoadError,
            "the file 'gone.json', named by nas_params_str, cannot be read: No such file",
        ),
        ('{"kernel_size": "1/3 (5)", "rate": 0.1}', DecisionError, "of 3 candidates, but here there are 4"),
        ("{", DecisionError, "decisions as text must be JSON"),
    ],
)
def test_what_is_no_sample(given, error, message):
    with pytest.raises(error, match=message):
        trial.parse_and_save_nas_params_str(space(), given)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        pg.PliantError, match=r"nas_params_str.json' cannot be written: (Not a dir|File exists)"
    ):
        trial.parse_and_save_nas_params_str(space(), PARAMS, tmp_path / "file")


def test_stage_2_maps_its_trials(monkeypatch):
    for number, path in (("1", "dir/123/nas_params_str.json"), ("3", "dir/1025/nas_params_str.json")):
        monkeypatch.setenv("CLOUD_ML_TRIAL_ID", number)
        assert trial.get_finetune_nas_params_str("123, 453, 1025", "dir") == path
    for number, text in (("4", "1,2,3"), ("0", "1"), ("1", "../x"), ("1", "")):
        monkeypatch.setenv("CLOUD_ML_TRIAL_ID", number)
        with pytest.raises(FieldValueError, match=r"must list a search trial for trial"):
            trial.get_finetune_nas_params_str(text, "dir")
