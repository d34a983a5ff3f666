"""Functions found by name: of modules, of main files, and the lessons where there is none."""

from __future__ import annotations

import json
import subprocess
import sys
import types

import pytest

from pliant.launch import Call, Job, Processes
from pliant.launch.functions import loading, name_of, resolve
from pliant.testing import jobs
from pliant.testing.launchers import LauncherSuite
from pliant.values.errors import LaunchError

SUITE = LauncherSuite()


def test_there_and_back():
    assert resolve(name_of(jobs.echo)) is jobs.echo
    assert resolve(name_of(jobs._Owner.method)) is jobs._Owner.method
    assert name_of(json.JSONDecoder.decode) == "json.decoder:JSONDecoder.decode"


@pytest.mark.parametrize(
    "name", ["json", "json:", ":dumps", "json:dumps:x", "a b:c", "json:du mps", "", "./x.py"]
)
def test_what_is_no_name(name):
    with pytest.raises(
        LaunchError, match=r"is not the name of a function: a function is named 'module:qualname'"
    ):
        name_of(name)


def test_a_module_that_imports_what_is_not_there(tmp_path, monkeypatch):
    (tmp_path / "needs_more.py").write_text("import not_installed_at_all\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="not_installed_at_all"):
        resolve("needs_more:train")


def test_a_near_module_is_suggested():
    with pytest.raises(
        LaunchError,
        match=r"the module 'pliant.testing.jbos' does not exist; did you mean 'pliant.testing.jobs'",
    ):
        resolve("pliant.testing.jbos:echo")


def test_a_function_of_an_interactive_session(monkeypatch):
    main = types.ModuleType("__main__")
    exec("def train(payload, channel): ...", vars(main))
    monkeypatch.setitem(sys.modules, "__main__", main)
    with pytest.raises(
        LaunchError, match=r"'train' was defined in an interactive session.*elsewhere move it to a file"
    ):
        name_of(main.train)


def test_a_changed_function(monkeypatch):
    old = jobs.echo
    monkeypatch.setattr(jobs, "echo", lambda payload, channel: None)
    with pytest.raises(LaunchError, match=r"'pliant.testing.jobs:echo' is not the function that was given"):
        name_of(old)


SCRIPT = """
from pliant.launch import Call, Ended, Job, Processes

loaded_as = __name__

def train(payload, channel):
    return [payload, loaded_as]

def search():
    with Processes(1) as launcher:
        launcher.start(Job("a", Call(train, 7)))
        while True:
            for event in launcher.poll(None):
                if isinstance(event, Ended):
                    print(event.outcome.how, event.outcome.value, event.outcome.reason)
                    return
"""


def run_script(path, text, *arguments):
    path.write_text(text, "utf-8")
    return subprocess.run(
        [sys.executable, *(arguments or [str(path)])],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_a_function_of_the_main_file(tmp_path):
    text = SCRIPT + "if __name__ == '__main__':\n    search()\n"
    assert run_script(tmp_path / "my_search.py", text) == "returned [7, '__pliant_main__'] \n"


def test_a_function_of_a_main_module(tmp_path):
    text = SCRIPT + "if __name__ == '__main__':\n    search()\n"
    assert run_script(tmp_path / "my_search.py", text, "-m", "my_search") == "returned [7, 'my_search'] \n"


def test_a_main_file_that_searches_without_a_guard(tmp_path):
    out = run_script(tmp_path / "my_search.py", SCRIPT + "search()\n")
    assert out.startswith("raised None ")
    assert "my_search.py starts a search while a worker imports it" in out
    assert 'under `if __name__ == "__main__":`' in out
    assert loading() is None


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(
        LaunchError, match=r"the file '.*gone.py', which has a function to call, does not exist"
    ):
        resolve(f"{tmp_path / 'gone.py'}:train")


def test_workers_import_what_this_process_can(tmp_path, monkeypatch):
    (tmp_path / "beside.py").write_text("def train(payload, channel): return payload + 1\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with Processes(1) as launcher:
        launcher.start(Job("a", Call("beside:train", 1)))
        assert SUITE.finish(launcher, ["a"])["a"].value == 2
