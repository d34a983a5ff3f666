"""Slips at the command line: which command or flag to write instead."""

from __future__ import annotations

from click.testing import CliRunner

from pliant.cli.main import main


def say(*words):
    return " ".join(CliRunner().invoke(main, words).output.split())


def test_a_direction_is_a_flag():
    assert "--direction is not an option. Write --minimize." in say(
        "search", "x.py", "--direction", "minimize"
    )
    assert "--minimize" in say("search", "--help")


def test_a_command_of_the_group_study(tmp_path):
    assert "No such command 'trials'. Write `main study trials`." in say("trials", "a.db")
    shown = say("study", "trials", str(tmp_path / "a.db"))
    assert (
        "`pliant study list FOLDER` shows the studies that exist, and `pliant search FILE --study PLACE`"
        in shown
    )
    assert "Error" not in say("study", "list", str(tmp_path))


def test_the_list_of_commands_has_whole_sentences():
    assert "FILE is as" not in say("study", "--help")
    assert "..." not in say("study", "--help").partition("Commands:")[2]
