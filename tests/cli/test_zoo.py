"""``pliant zoo list`` and ``pliant zoo show``."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from pliant import zoo
from pliant.cli.main import main


def run(*args: str) -> str:
    done = CliRunner().invoke(main, ["zoo", *args])
    assert done.exit_code == 0, done.output
    return done.output


def test_list_has_all_names():
    shown = run("list")
    assert all(f"\n{name} " in "\n" + shown for name in zoo.list())
    assert f"{len(zoo.list())} entries" in shown


def test_list_takes_a_pattern():
    assert "darts" not in run("list", "mobilenet*")


def test_list_without_a_match_says_so():
    done = CliRunner().invoke(main, ["zoo", "list", "\x1b[31mx"])
    assert done.exit_code == 1
    assert "no entry matches" in done.output
    assert "\x1b[31m" not in done.output
    assert "entries" in run("list")  # the advice


def test_show_gives_paper_cost_size_and_programs():
    shown = run("show", "mobilenet_v2/s1", "--samples", "2")
    assert "NeurIPS 2020" in shown
    assert "3,504,872 parameters, 300,774,272 multiply-adds for an input of 3 x 224 x 224" in shown
    assert "4.0e13" in shown
    assert "Program 1:" in shown
    assert "Program 2:" in shown
    assert "quantiles of multiply-adds of 100 programs: 0%: " in shown
    assert "quantiles of parameters of 100 programs: 0%: " in shown


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201", "nasbench101/network", "nasbench201/network"])
def test_show_counts_isomorphic_cells(name):
    assert "[equal_programs]" in run("show", name)


def test_show_draws_cells():
    shown = run("show", "amoebanet", "--programs", "0")  # the costs of its candidates take half a minute
    assert (
        "normal cell of the reference network: * makes a tensor, o takes it\n  0  1  2  3  4  5  6\n" in shown
    )
    assert "\n  |  o--o--+--+--*     sep_conv_3x3(1) + sep_conv_5x5(2)\n" in shown
    assert "reduction cell of the reference network" in shown


def test_show_draws_a_random_cell_where_there_is_no_reference():
    drawings = {
        seed: run("show", "nasbench201", "--seed", seed, "--programs", "1").partition("Space of size")[0]
        for seed in "01"
    }
    assert "cell of a random program (seed 1): * makes a tensor, o takes it" in drawings["1"]
    assert drawings["0"].split("it\n")[1] != drawings["1"].split("it\n")[1]


def test_show_of_one_network_has_no_decisions():
    assert "decision points" not in run("show", "mobilenet_v2")


def test_show_of_data_has_no_cost():
    assert "parameters" not in run("show", "nasbench101")


@pytest.mark.parametrize("name", ["mobilenet_v2/s4", "", "../darts"])
def test_show_of_an_unknown_name_lists_the_known(name):
    done = CliRunner().invoke(main, ["zoo", "show", name])
    assert done.exit_code == 1
    assert "the zoo has no entry" in done.output
    assert "'nasbench201'" in done.output


@pytest.mark.parametrize(
    ("name", "shown"), [("mlp", r"at most \d\.\d kB of activations"), ("mobilenet_v2", r"at most \d+\.\d MB of activations")]
)  # fmt: skip
def test_show_gives_memory_in_a_unit_that_fits(name, shown):
    assert re.search(shown, run("show", name, "--programs", "1"))


def test_show_counts_networks_of_which_some_are_invalid():
    shown = run("show", "nasbench101/network")  # of 1000 programs, the default
    assert "quantiles of multiply-adds of 100 programs" in shown
    assert "quantiles of parameters of 100 programs" in shown


WITHOUT_COST = {name for name in zoo.list() if not zoo.get(name).inputs}


def test_entries_without_costs_are_data_policies_and_parts():
    assert {
        "nasbench101", "nasbench201", "nasbench_macro",  # cells as data; their networks are entries of their own
        "tabular",  # its networks take numbers and categories of a table
        "nas_fpn",  # a pyramid, which takes the features of a backbone
        "autoaugment", "randaugment", "optimizer", "mobilenet_recipe",  # policies and settings
    } == WITHOUT_COST  # fmt: skip
