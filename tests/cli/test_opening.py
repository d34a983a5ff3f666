"""Networks with choices written into them, and search-space files of the NNI guide, from the command line."""

from __future__ import annotations

import json
import re

import pytest

from pliant.study import Study

NET = """
import torch
from torch import nn
from pliant.oneshot import FixedMutator, InputChoice, LayerChoice

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.op = LayerChoice({"relu": nn.ReLU(), "tanh": nn.Tanh(), "skip": nn.Identity()}, key="op")
        self.skip = InputChoice(choose_from=["x", "y", "z"], n_chosen=None, key="skip")

    def forward(self, x):
        y = self.op(x)
        return self.skip([x, y, -x])

def search_space():
    return Net()

def evaluate(answer):
    model = Net()
    FixedMutator(model, answer)
    return float(model(torch.ones(4)).sum())

def test(answer):
    return evaluate(answer) / 4

def handmade():
    return {"op": {"_value": "tanh", "_idx": 1}, "skip": {"_value": ["z"], "_idx": [2]}}
"""
FILE = {
    "op": {"_type": "layer_choice", "_value": ["relu", "tanh", "skip"]},
    "skip": {"_type": "input_choice", "_value": {"candidates": ["x", "y", "z"], "n_chosen": None}},
}


@pytest.fixture
def net(folder):
    """A file to search, of a network with choices in it."""
    path = folder / "net.py"
    path.write_text(NET)
    return path


def winner(output):
    return json.loads(re.search(r"The winner, trial \d+:\n\n( *{.*?\n *})\n", output, re.S)[1])


def test_a_network_with_choices_is_searched(pliant, net):
    output = pliant("search", "net.py", "--trials", 40).output
    assert "net.py: Space of size 24 with 4 decision points" in output
    found = winner(output)
    assert found["skip"] == {"_value": ["x", "y"], "_idx": [0, 1]}
    assert found["op"] in ({"_value": "relu", "_idx": 0}, {"_value": "skip", "_idx": 2})
    assert re.search(r"search +40 +8.0000 +2.0000", output)
    assert re.search(r"hand-made +1 +-4.0000 +-1.0000", output)
    with Study.open("net.study.db") as study:
        assert not list(study.trials("failed"))


@pytest.mark.parametrize("algorithm", ["random", "tpe", "local-search", "ppo", "sweep"])
def test_a_file_in_place_of_the_network(pliant, net, folder, algorithm):
    (folder / "space.json").write_text(pliant("space", "net.py", "--json").output)
    options = ("--algorithm", algorithm, "--trials", 5, "--seed", 3, "--no-baseline")
    pliant("search", "net.py", *options, "--study", "a.db")
    net.write_text(NET.replace("def search_space", "def not_this"))
    output = pliant("search", "net.py", *options, "--study", "b.db", "--space", "space.json").output
    assert set(winner(output)) == {"op", "skip"}
    trials = []
    for name in ("a.db", "b.db"):
        with Study.open(name) as study:
            trials.append([(t.decisions.to_dict(), t.reward) for t in study.trials()])
    assert len(trials[0]) == 5
    assert trials[0] == trials[1]


@pytest.mark.parametrize("text", ["search_space = FILE", "def search_space(): return FILE"])
def test_data_in_place_of_a_program(pliant, folder, text):
    (folder / "data.py").write_text(
        f"FILE = {FILE!r}\n{text}\ndef evaluate(answer): return len(answer['skip']['_idx'])\n"
    )
    output = pliant("search", "data.py", "--trials", 20, "--no-baseline").output
    assert winner(output)["skip"]["_idx"] == [0, 1, 2]
    assert json.loads(pliant("space", "data.py", "--json").output) == FILE


def test_space_as_a_file(pliant, net, folder):
    text = pliant("space", "net.py", "--json").output
    assert json.loads(text) == FILE
    (folder / "space.json").write_text(text)
    assert pliant("space", "space.json", "--json").output == text
    shown = pliant("space", "space.json", "--samples", 1).output
    assert shown == pliant("space", "net.py", "--samples", 1).output
    assert shown.startswith("Space of size 24 with 4 decision points\n")
    assert re.search(r"\n  op +oneof 3 +'relu', 'tanh', 'skip' ", shown)
    assert re.search(r'Program 1:\n{\n  "op": {"_value": "\w+", "_idx": \d},\n  "skip": {"_value": \[', shown)


def test_space_of_a_program_with_holes_as_a_file(pliant, folder):
    (folder / "holes.py").write_text(
        "import pliant as pg\nfrom torch import nn\n"
        "Sequential, Linear, ReLU = map(pg.symbolize, (nn.Sequential, nn.Linear, nn.ReLU))\n"
        "def search_space(): return Sequential(Linear(2, pg.oneof([3, 4])), pg.oneof([ReLU(), Linear(4, 4)]))\n"
    )
    assert json.loads(pliant("space", "holes.py", "--json").output) == {
        "args[0].out_features": {"_type": "choice", "_value": [3, 4]},
        "args[1]": {"_type": "layer_choice", "_value": ["ReLU()", "Linear(in_features=4, out_features=4)"]},
    }
    assert "Sequential(Linear(2, " in pliant("space", "holes.py").output.replace("in_features=", "")


def test_a_symbolized_network_with_choices_written_into_it(pliant, net):
    net.write_text(NET.replace("class Net(", "import pliant as pg\n\n@pg.symbolize\nclass Net("))
    assert json.loads(pliant("space", "net.py", "--json").output) == FILE
    found = winner(pliant("search", "net.py", "--trials", 3, "--no-baseline").output)
    assert set(found) == {"op", "skip"}


def test_an_ordinary_network_with_holes_in_it(pliant, folder):
    (folder / "inside.py").write_text(
        "import torch\nimport pliant as pg\nfrom torch import nn\nLinear = pg.symbolize(nn.Linear)\n"
        "def search_space(): return nn.Sequential(nn.ReLU(), Linear(2, pg.oneof([3, 4])))\n"
        "def evaluate(network): return network(torch.ones(1, 2)).shape[1]\n"
    )
    assert json.loads(pliant("space", "inside.py", "--json").output) == {
        "layers[1].out_features": {"_type": "choice", "_value": [3, 4]}
    }
    output = pliant("search", "inside.py", "--algorithm", "sweep", "--trials", 2, "--no-baseline").output
    assert "2 trials" in output
    assert "best 4.0000" in output


def test_the_class_of_a_network_is_a_space(pliant, net):
    assert json.loads(pliant("space", "net.py:Net", "--json").output) == FILE
    output = pliant("search", "net.py:Net", "--trials", 3, "--no-baseline").output
    assert "All trials are in net.Net.study.db" in output
    assert set(winner(output)) == {"op", "skip"}


def test_a_class_that_takes_arguments_says_so(pliant, net):
    net.write_text(NET.replace("def __init__(self)", "def __init__(self, width)"))
    output = pliant("space", "net.py:Net", status=1).output
    assert re.search(
        r"Net\(\) of net.py failed: TypeError: .* missing 1 required positional argument: 'width'", output
    )


def test_a_space_of_no_network_is_no_file(pliant, darts):
    output = pliant("space", "darts.py", "--json", status=1).output
    assert re.search(r"a search-space file is about a network; this space is of a Dict\.", output)


def test_a_network_without_choices(pliant, net):
    net.write_text("from torch import nn\nsearch_space = nn.Linear(2, 2)\ndef evaluate(p): return 1.0\n")
    for command in ("space", "search"):
        output = pliant(command, "net.py", status=1).output
        assert re.search(
            r"there is nothing to decide in this Linear. Put LayerChoice or InputChoice into it", output
        )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "spaec.json",
            None,
            r"search-space file 'spaec.json' does not exist; did you mean 'space.json'\? .* > spaec.json` writes",
        ),
        (
            "bad.json",
            b"{",
            r"bad.json is not a search-space file: a search-space file is JSON; got .*: Expecting",
        ),
        ("bad.json", b"\xff\xfe", r"bad.json is not a search-space file: 'utf-8' codec can't decode"),
        ("bad.json", b"[]", r"bad.json is not a search-space file: a search space is a dict of keys"),
        (
            "bad.json",
            b'{"k": {"_type": "layer", "_value": []}}',
            r"the item 'k' has the unknown type 'layer'",
        ),
    ],
)
def test_bad_files(pliant, net, folder, name, content, message):
    (folder / "space.json").write_text("{}")
    if content is not None:
        (folder / name).write_bytes(content)
    for command in (("space", name), ("search", "net.py", "--space", name)):
        assert re.search(message, pliant(*command, status=1).output)
    assert not list(folder.glob("*.db"))


def test_wrong_data_is_no_space(pliant, folder):
    (folder / "data.py").write_text("search_space = {'k': {'_type': 'layer', '_value': []}}\n")
    for options in (["--json"], []):
        output = pliant("space", "data.py", *options, status=1).output
        assert re.search(r"the item 'k' has the unknown type 'layer'", output)


def test_a_file_alone_is_not_searched(pliant, folder):
    (folder / "space.json").write_text(json.dumps(FILE))
    output = pliant("search", "space.json", status=1).output
    assert re.search(r"has no evaluate function. .* `pliant search FILE --space space.json`", output)
