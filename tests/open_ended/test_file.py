from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pliant as pg
from pliant.algorithms.evolution import Top, Tournament
from pliant.open_ended import Delete, Insert, Record, RecordError, Replace, evolve, read_records
from pliant.values.errors import FeedbackError, LoadError

EDITS = {"insert": Insert("terms", [1, 2, 5, 7]), "replace": Replace(int, [1, 2, 5, 7]), "delete": Delete()}


def start():
    return pg.Dict(terms=pg.List([1]))


def score(program):
    return -abs(sum((i + 1) * term for i, term in enumerate(program.terms)) - 60)


def go(path, trials, **options):
    """Runs a search up to a number of trials; returns its programs as text, and closes it."""
    found = []
    with evolve(start(), EDITS, trials, record=path, **{"seed": 4, "survive": Top(7), **options}) as search:
        for program, feedback in search:
            found.append(pg.to_json_str(program))
            feedback.skip("luck") if feedback.id % 5 == 0 else feedback(score(program))
    return found, search


def test_the_same_call_goes_on_where_it_was(tmp_path):
    whole, _ = go(None, 40)
    found = []
    for trials in (1, 2, 9, 25, 25, 40):
        more, search = go(tmp_path / "run.jsonl", trials)
        found += more
        assert len(search.records) == trials
    assert found == whole
    assert [search.replay(i + 1).to_json_str() for i in range(40)] == whole
    assert search.best_reward == max(one.reward for one in search.records if one.reward is not None)
    assert list(search.records) == read_records(tmp_path / "run.jsonl")


def test_every_prefix_of_the_file_is_gone_on_with(tmp_path):
    """Cut anywhere, as a crash would: what was written whole is kept, the rest is done again alike."""
    path = tmp_path / "run.jsonl"
    whole, search = go(path, 12)
    data = path.read_bytes()
    lines = data.split(b"\n")
    for cut in sorted({*range(0, len(data), 61), *(len(b"\n".join(lines[:n])) for n in range(14))}):
        path.write_bytes(data[:cut])
        found, again = go(path, 12)
        kept = max(data[:cut].count(b"\n") - 1, 0)
        assert found == whole[kept:]
        assert again.records == search.records
        assert path.read_bytes() == data


def test_what_is_left_of_a_long_line_is_cut_off(tmp_path):
    path = tmp_path / "run.jsonl"
    go(path, 6)
    data = path.read_bytes()
    path.write_bytes(data + b'{"id": 7, "reason": "' + b"x" * 5000)
    assert len(read_records(path)) == 6
    go(path, 8)
    assert len(read_records(path)) == 8
    assert path.read_bytes().startswith(data)
    assert path.read_bytes().endswith(b"}\n")


CHILD = """
import sys, pliant as pg
sys.path.insert(0, sys.argv[1])
from evolve_child import EDITS, start, score
from pliant.algorithms.evolution import Top
from pliant.open_ended import evolve
for program, feedback in evolve(start(), EDITS, 400, record=sys.argv[2], seed=4, survive=Top(7)):
    feedback.skip("luck") if feedback.id % 5 == 0 else feedback(score(program))
    print(feedback.id, flush=True)
"""

MODULE = """
import pliant as pg
from pliant.open_ended import Delete, Insert, Replace
EDITS = {"insert": Insert("terms", [1, 2, 5, 7]), "replace": Replace(int, [1, 2, 5, 7]), "delete": Delete()}
start = lambda: pg.Dict(terms=pg.List([1]))
score = lambda program: -abs(sum((i + 1) * term for i, term in enumerate(program.terms)) - 60)
"""


def test_a_killed_process_loses_nothing(tmp_path):
    (tmp_path / "evolve_child.py").write_text(MODULE)
    path = tmp_path / "run.jsonl"
    command = [sys.executable, "-c", CHILD, str(tmp_path), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        told = 0
        for line in child.stdout:
            told = int(line)
            if told >= 20:
                break
        os.kill(child.pid, signal.SIGKILL)
        child.wait(60)
    assert told <= len(read_records(path)) < 400
    go(path, 60 if len(read_records(path)) < 60 else 400)
    _, search = go(path, max(60, len(read_records(path))))
    whole, _ = go(None, len(search.records))
    assert [search.replay(i + 1).to_json_str() for i in range(len(whole))] == whole


def test_one_writer_at_a_time(tmp_path):
    path = tmp_path / "run.jsonl"
    search = evolve(start(), EDITS, record=path)
    next(search)[1](1.0)
    with pytest.raises(RecordError, match=r"is being written by another search.*read_records"):
        evolve(start(), EDITS, record=path)
    assert [one.reward for one in read_records(path)] == [1.0]
    search.close()
    search.close()
    evolve(start(), EDITS, record=path).close()


def test_a_file_is_free_when_the_loop_is_left(tmp_path):
    path = tmp_path / "run.jsonl"
    for turn in (1, 2, 3):
        for program, feedback in evolve(start(), EDITS, record=path):
            feedback(score(program))
            break
        assert len(read_records(path)) == turn


def test_feedback_after_closing_is_refused(tmp_path):
    search = evolve(start(), EDITS, record=tmp_path / "run.jsonl")
    _, feedback = next(search)
    search.close()
    with pytest.raises(FeedbackError, match=r"was closed before the feedback of trial 1"):
        feedback(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 5}, r"belongs to another search: seed was 4, now 5. Use the same arguments"),
        ({"survive": Top(8)}, r"survive was 'Top\(count=7\)', now 'Top\(count=8\)'"),
        ({"select": Tournament(3)}, r"select was"),
        ({"maximize": False}, r"maximize was True, now False"),
    ],
)
def test_a_file_of_another_search(tmp_path, options, message):
    path = tmp_path / "run.jsonl"
    go(path, 5)
    before = path.read_bytes()
    with pytest.raises(RecordError, match=message):
        go(path, 9, **options)
    assert path.read_bytes() == before


def test_other_edits_and_another_program(tmp_path):
    path = tmp_path / "run.jsonl"
    go(path, 12)
    options = {"seed": 4, "survive": Top(7), "record": path}
    with pytest.raises(RecordError, match=r"edits was \['insert', 'replace', 'delete'\], now \['delete'\]"):
        evolve(start(), {"delete": Delete()}, **options)
    with pytest.raises(RecordError, match=r"program was '[0-9a-f]{32}', now"):
        evolve(pg.Dict(terms=[2]), EDITS, **options)
    with pytest.raises(LoadError, match=r"trial \d+ cannot be rebuilt: the edit '\w+' has changed"):
        evolve(start(), {**EDITS, "insert": Insert("terms", [3]), "replace": Replace(int, [3])}, **options)
    evolve(start(), EDITS, **options).close()  # nothing was changed by that, and it is not locked


def test_files_of_others_are_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    for text in ("my notes\n", "my notes", '{"a": 1}\n', "[1]\n", '{"format": "pliant evolve 99"}\n', "7\n"):
        path.write_text(text)
        with pytest.raises(RecordError, match=r"is not a record file of pg.evolve.*was not changed"):
            evolve(start(), EDITS, record=path)
        assert path.read_text() == text
    path.write_text("my notes\n")
    with pytest.raises(RecordError, match="is not a record file"):
        read_records(path)
    with pytest.raises(RecordError, match=r"cannot be opened: .*Make its folder"):
        evolve(start(), EDITS, record=tmp_path / "none" / "run.jsonl")
    with pytest.raises(RecordError, match="cannot be read"):
        read_records(tmp_path / "none")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda line: b"garbage", r"line 4 of the record file .* is damaged: Expecting value"),
        (lambda line: b'{"id": 3}', r"line 4 .* is not the record of a trial \(KeyError"),
        (lambda line: line.replace(b'"id": 3', b'"id": 4'), r"line 4 .* it has trial 4 instead of 3"),
        (
            lambda line: line.replace(b'"edit": "', b'"edit": "un'),
            r"made by the edit 'un\w+', which is missing",
        ),
        (lambda line: json.dumps({**json.loads(line), "seed": 1}).encode(), r"trial 3 cannot be rebuilt"),
        (
            lambda line: json.dumps({**json.loads(line), "parents": [8]}).encode(),
            r"parents \[8\] .* not in the file",
        ),
    ],
)
def test_damaged_lines(tmp_path, damage, message):
    path = tmp_path / "run.jsonl"
    go(path, 6)
    lines = path.read_bytes().split(b"\n")
    lines[3] = damage(lines[3])
    path.write_bytes(b"\n".join(lines))
    before = path.read_bytes()
    with pytest.raises(LoadError, match=message):
        go(path, 9)
    assert path.read_bytes() == before


@given(
    st.builds(
        Record,
        id=st.integers(1, 99),
        parents=st.lists(st.integers(1, 9), max_size=2).map(tuple),
        edit=st.text(max_size=5),
        seed=st.integers(0, 2**53),
        digest=st.none() | st.just("0" * 32),
        reward=st.none()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.tuples(st.floats(0, 1), st.floats(0, 1)),
        reason=st.text(max_size=5),
    )
)
def test_records_survive_json(record):
    assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_a_trial_is_one_short_line(tmp_path):
    path = tmp_path / "run.jsonl"
    go(path, 30)
    sizes = [len(line) for line in path.read_bytes().split(b"\n")]
    assert len(sizes) == 32
    assert max(sizes[1:]) < 200
