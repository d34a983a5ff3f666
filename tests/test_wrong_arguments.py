"""Every public class and function gets values that cannot be written as text, as each of its arguments in turn.

What it raises is an error of ours, short and printable: a value whose repr raises, is huge, acts on a terminal, or is an
integer that Python does not print never hides the lesson of a message.
"""

from __future__ import annotations

import dis
import importlib
import inspect
import random
from collections import namedtuple

import pytest
import torch
from torch import nn

import pliant as pg
from pliant import oneshot
from pliant.values.errors import PliantError

FOLDERS = ["", "algorithms", "evolution", "edits", "oneshot", "cost", "bench", "study", "launch", "zoo", "schema", "hyper", "space",
           "open_ended", "tune", "nas.trial", "tabular"]  # fmt: skip
LONG = "x" * 10**7


class Rude:
    def __repr__(self):
        raise ValueError("no repr")


VALUES = {"digits": 10**5000, "rude": Rude(), "escapes": "\x1b[31m\u202e\n", "long": LONG}

# Objects that Pliant makes and hands out, and functions that algorithms call with these for each proposal.
HANDED_OUT = """edits.make space.find_parents space.from_unit space.mutate space.recombine space.to_unit space.walk_points pg.Diff pg.Search pg.Space pg.Study oneshot.Elastic oneshot.Mutables oneshot.PointChoice oneshot.Session oneshot.Supernet
    tabular.Encoded tabular.Encoder tabular.Entry tabular.TablePredictor tabular.Target tabular.Task
    space.Choice study.View open_ended.Evolving open_ended.Feedback tune.Result""".split()
OTHERS = {
    "tabular.read_table.data": "is the path of a file, whose absence is an OSError",
    "tabular.search_table.data": "is the path of a file, whose absence is an OSError",
    "launch.RayTasks": "connects to a cluster before it reads most arguments",
    "pg.TraverseAction": "is an enum, with the messages of Python",
    "pg.Dict.items": "keeps the messages of dict",
    "pg.List.items": "keeps the messages of list",
    "pg.load.allow": "reads its file first, which is missing here",
    "pg.load.allow_partial": "reads its file first, which is missing here",
    "pg.sample._options": "is for keywords only",
    "launch.Processes.reuse": "takes any truth value, and starts processes",
    "launch.Processes.preload": "starts processes, which report what they cannot import",
    "cost.look_up.inputs": "is the input of the user's network, which refuses it itself",
    "cost.look_up.key": "is needed with an input of the network",
    "cost.count.inputs": "is the input of the user's network, which refuses it itself",
    "oneshot.count_multiply_adds.inputs": "is the input of the user's network, which refuses it itself",
    "oneshot.measure_differences.inputs": "is the input of the user's network, which refuses it itself",
    "oneshot.measure_latencies.example": "is the input of the user's network, which refuses it itself",
}
# Python compiles a regular expression of 10 MB in several seconds, and a path of 10 million keys is one.
SLOW_IF_LONG = ("where", "pattern", "regex", "path_regex", "partition_fn", "keys", "preload")


def find_module(folder):
    return (
        pg
        if folder in ("", "pg")
        else getattr(pg, folder, None) or importlib.import_module(f"pliant.{folder}")
    )


def program():
    return pg.Dict(x=pg.oneof([1, 2]), y=pg.floatv(0.0, 1.0))


def space():
    return pg.abstract_search_space(program())


def network():
    linear, sequential = map(pg.symbolize, (nn.Linear, nn.Sequential))
    return sequential(pg.oneof([linear(2, 2), pg.symbolize(nn.ReLU)()]))


def batches():
    return [(torch.zeros(2, 2), torch.zeros(2, dtype=torch.long))]


# Arguments that are needed so that the function looks at the one that is tried.
FILL = {
    **dict.fromkeys(["program", "value", "x", "y", "src", "old", "node"], program),
    **dict.fromkeys(["network", "module"], lambda: nn.Linear(2, 2)),
    **dict.fromkeys(["supernet", "model"], lambda: oneshot.supernet(network())),
    **dict.fromkeys(["train", "valid"], batches),
    **dict.fromkeys(["k", "min_value", "seed", "epochs", "steps", "trials", "step", "total_steps"], lambda: 1),
    **dict.fromkeys(["name", "path", "key", "regex", "where", "image", "text", "id", "model_dir"], lambda: "x"),
    **dict.fromkeys(["candidates", "values", "first", "second", "sizes"], lambda: [1, 2]),
    **dict.fromkeys(["members", "fields"], lambda: [("x", int)]),
    **dict.fromkeys(["spec", "value_spec"], pg.typing.Int),
    **dict.fromkeys(["make", "function", "evaluate", "cost", "loss", "quality"], lambda: lambda x=None, *_: torch.tensor(1.0, requires_grad=True)),
    "space": space, "decisions": lambda: space().sample(1), "a": lambda: space().sample(1), "b": lambda: space().sample(1),
    "algorithm": pg.algorithms.Random, "max_value": lambda: 2, "point": lambda: space().points[0], "sampler": oneshot.SPOS,
    "layer": lambda: type("OwnLinear", (nn.Linear,), {}), "reward": lambda: 1.0, "example": lambda: torch.zeros(1, 2), "batches": lambda: [torch.zeros(2, 2)],
    "table": lambda: oneshot.LatencyTable({"a": 1.0}), "population_size": lambda: 4, "reproduce": pg.evolution.Mutate,
    "edits": lambda: [pg.edits.Replace("x", [1, 2])], "argv": lambda: ("ls",), "work": lambda: pg.launch.Command(("ls",)),
    "metrics": lambda: {"a": 1.0}, "literals": lambda: ("1", "2"), "branches": lambda: ((), ()), "unit": lambda: 0.5,
    "holes": list, "random": lambda: random.Random(1), "size": lambda: 2, "op_candidates": lambda: [nn.Linear(2, 2)],
    "optimizer": lambda: lambda weights: torch.optim.SGD(weights, 0.1), "phases": list, "progress": lambda: False, "given": dict,
    "answer": dict, "data": dict, "status": lambda: "running", "cls": lambda: Rude, "entry": lambda: ("x", int), "free": dict,
    "edges": lambda: [[0.9, 0.1]], "nodes": lambda: [["a"]], "keep": lambda: 1, "zero": lambda: 0, "epoch": lambda: 1,
    "tunable_object": program, "retrain_search_job_trials": lambda: "1",
}  # fmt: skip
ALSO = (
    "trials",
    "progress",
    "epochs",
    "optimizer",
    "loss",
)  # where they have defaults: a search without them takes long
MORE = {  # of another function, by keyword
    "oneshot.search_alone": ("epochs", "loss", "optimizer"),
    "tabular.search_table": ("trials", "epochs", "progress"),
}
TABLE = {"x": [0.0, 1.0, 2.0, 3.0] * 5, "y": ["a", "b"] * 10}
# Arguments of one folder that have other meanings in others.
FILL_OF = {
    "tabular": {
        "data": lambda: TABLE,
        "target": lambda: "y",
        "table": lambda: pg.tabular.read_table(TABLE),
        "columns": lambda: TABLE,
        "encoder": lambda: pg.tabular.fit_encoder(pg.tabular.read_table(TABLE)),
    }
}
PROGRAMS = {"pg.search": program, "pg.inspect": program}  # where `space` is not an abstract one
NETWORKS = ("oneshot.supernet", "oneshot.Trainer", "oneshot.follow", "oneshot.search_alone")

NOT_CALLED = [
    getattr(find_module(folder), name) for folder, name in (one.rsplit(".", 1) for one in HANDED_OUT)
]
Target = namedtuple("Target", "name call parameters")


def find_targets(folder):
    module = find_module(folder)
    listed = getattr(module, "__all__", None)
    for name in sorted(listed or vars(module)):
        call = getattr(module, name)
        title = f"{folder or 'pg'}.{name}"
        own = getattr(call, "__module__", "")
        if name.startswith("_") or not callable(call) or not own.startswith("pliant"):
            continue
        if (listed is None and own != module.__name__) or title in OTHERS or call in NOT_CALLED:
            continue
        if inspect.isclass(call) and (issubclass(call, BaseException) or inspect.isabstract(call)):
            continue
        if not (inspect.isclass(call) and issubclass(call, dict)):  # Python has no signature of these
            yield Target(title, call, list(inspect.signature(call).parameters.values()))


def arguments(target, tried, value):
    """Returns the arguments of a call where one has a value, and those without defaults what they need."""
    places, named = [], {key: FILL[key]() for key in MORE.get(target.name, ())}
    for one in target.parameters:
        if one is not tried:
            if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
                continue
            if one.default is not one.empty and one.name not in ALSO:
                continue
        given = value
        if one is not tried:
            fill = PROGRAMS.get(target.name, FILL.get("space")) if one.name == "space" else FILL.get(one.name)
            fill = FILL_OF.get(target.name.split(".")[0], {}).get(one.name, fill)
            fill = network if one.name == "space" and target.name in NETWORKS else fill
            given = fill() if fill else value
        is_before = tried.kind is one.VAR_POSITIONAL and one.kind is one.POSITIONAL_OR_KEYWORD
        if is_before or one.kind in (one.POSITIONAL_ONLY, one.VAR_POSITIONAL):
            places.append(given)
        elif one.kind is not one.VAR_KEYWORD:
            named[one.name] = given
    return places, named


def is_ours(error):
    """Whether an error is of Pliant, or raised by a `raise` in Pliant, with a message written there."""
    place = error.__traceback__
    while place.tb_next:
        place = place.tb_next
    code = place.tb_frame.f_code
    raised = (
        "/src/pliant/" in code.co_filename and dis.opname[code.co_code[place.tb_lasti]] == "RAISE_VARARGS"
    )
    return isinstance(error, PliantError) or raised


def faults(error):
    try:
        text = str(error)
    except Exception as other:  # noqa: BLE001 - any
        return [f"its message raises {type(other).__name__}"]
    found = [] if is_ours(error) else [f"an error of another package: {type(error).__name__}"]
    if len(text) > 2200:
        found.append(f"a message of {len(text)} characters")
    if not text.replace("\n", "").isprintable():
        found.append("a message that is not printable")
    if "Exceeds the limit" in text or "no repr" in text:
        found.append("the error of the value's own text")
    return [f"{one} ({text[:80]!r})" for one in found]


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.filterwarnings("ignore")  # of values that are taken
def test_no_argument_hides_the_lesson(folder, kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some take a name of a file
    value, found, count = VALUES[kind], [], 0
    for target in find_targets(folder):
        for tried in target.parameters:
            place = f"{target.name}.{tried.name}"
            if (
                place in OTHERS
                or tried.kind is tried.VAR_KEYWORD
                or (kind == "long" and tried.name in SLOW_IF_LONG)
            ):
                continue
            places, named = arguments(target, tried, value)
            count += 1
            try:
                target.call(*places, **named)
            except Exception as error:  # noqa: BLE001 - any
                found += [f"{place}: {one}" for one in faults(error)]
    assert count
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pg.Decisions(5, [0]), r"decisions are of a Space; got 5 of type int\. Make one with pg\.abstract_search_space"),
        (lambda: pg.Path(5), r"a path takes a list of keys, such as Path\(\['a', 0\]\); got 5 of type int"),
        (lambda: pg.contains([1], type=5), r"contains\(type=\.\.\.\) takes a class, or a tuple of classes; got 5 of type int"),
        (lambda: pg.patch_on_type([1], 5, 2), r"patch_on_type takes a class, or a tuple of classes; got 5 of type int"),
        (lambda: pg.register(5), r"register takes a class or a function; got 5 of type int"),
        (lambda: pg.zoo.list(5), r"zoo\.list takes a pattern of names, such as 'mobilenet_v2/\*'; got 5 of type int"),
        (lambda: pg.members([("x", int)], metadata=5), r"pg\.members\(metadata=\.\.\.\) takes a dict; got 5 of type int"),
        (lambda: pg.functor_class(len, base_class=5), r"base_class is a subclass of pg\.Functor; got 5 of type int"),
        (lambda: pg.as_functor(10**5000), r"has no signature of it \(an int of 5,001 digits of type int is not a function\)"),
        (lambda: pg.typing.to_annotation(5), r"to_annotation takes a spec, such as Int\(\); got 5 of type int"),
        (lambda: pg.typing.Callable(kw=5), r"the kw of a Callable must be a list of \(name, spec\); got 5"),
        (lambda: pg.format(pg.Dict(), width="a"), r"the width of lines is a whole number; got 'a'"),
        (lambda: pg.inspect(program(), write=5), r"inspect\(write=\.\.\.\) takes a function of a program; got 5 of type int"),
        (lambda: pg.search(program(), len, trials=1, on_end=5), r"callbacks takes a list of functions.*got 5 of type int"),
        (lambda: importlib.import_module("pliant.nas.trial").should_stop("x", step="a", total_steps=1),
         r"should_stop takes numbers of steps; got step='a' and total_steps=1"),
        (lambda: oneshot.to_masks(5, []), r"a super-network is what `supernet\(space\)` returns; got 5 of type int"),
        (lambda: oneshot.fix_choices(5), r"a network is a torch\.nn\.Module; got 5 of type int"),
        (lambda: oneshot.pair_layers(5), r"pair_layers takes a network, a torch\.nn\.Module; got 5 of type int"),
        (lambda: oneshot.train_alone(nn.Linear(1, 1), "ab", epochs=1, loss=len, optimizer=len),
         r"train takes batches, such as a DataLoader or a list; got 'ab' of type str"),
        (lambda: oneshot.LatencyTable(5), r"a table of costs is a dict of numbers by key; got 5 of type int"),
        (lambda: oneshot.format_key("Conv", 5, 5), r"a key of latencies has tensors, or text; got 5 of type int"),
        (lambda: pg.tabular.read_table(LONG), r"read_table takes the path of a file or folder; 'x*\.\.\. is too long for one"),
        (lambda: pg.tabular.read_table(TABLE, sample_rows="a"), r"sample_rows is a number of rows, or None; got 'a' of type str"),
        (lambda: pg.tabular.read_table(TABLE, categorical="x"), r"read_table\(categorical=\.\.\.\) takes a list.*got 'x' of type str"),
        (lambda: pg.tabular.read_table(TABLE, categorical=[5]), r"categorical has the names of columns; got 5 of type int"),
        (lambda: pg.tabular.search_table(TABLE, 5), r"target is the name of a column, or names of several; got 5"),
        (lambda: pg.tabular.search_table(TABLE, "y", weights="ab"), r"weights are numbers, one for each row; got 'ab' of type str"),
        (lambda: pg.tabular.search_table(TABLE, "y", reading=5), r"reading is a dict of options of read_table.*got 5 of type int"),
        (lambda: pg.tabular.search_table(TABLE, "y", reading={"delimeter": ";"}), r"read_table has no option 'delimeter'; did you mean 'delimiter'\?"),
        (lambda: pg.tabular.search_table(TABLE, "y", space=5), r"space takes a function.*got 5 of type int"),
        (lambda: pg.tabular.fit_encoder(TABLE), r"fit_encoder takes a Table; got \{.* of type dict\. Make one with pliant\.tabular\.read_table"),
        (lambda: pg.tabular.encode(5, TABLE), r"encode takes what fit_encoder\(table\) returns; got 5 of type int"),
        (lambda: pg.algorithms.make(10**5000), r"unknown algorithm an int of 5,001 digits\. Known"),
        (lambda: pg.bench.get_task(["branin"]), r"unknown task \['branin'\]"),
        (lambda: pg.oneof(1, Rude()), r"Write pg\.oneof\(\[1, <Rude whose repr raises ValueError>\]\)"),
    ],
)  # fmt: skip
def test_the_lesson(call, message):
    with pytest.raises(PliantError, match=message):
        call()


def test_a_program_of_any_values_is_a_space():
    """Candidates have a text each, which no value's own method or size prevents."""
    found = pg.abstract_search_space(pg.oneof([Rude(), 10**5000, 1]))
    assert found.points[0].literals[0] == "<Rude whose repr raises ValueError>"
    assert "Rude whose repr raises" in str(pg.inspect(pg.Dict(x=pg.oneof([Rude(), 1]))))
    assert pg.format(Rude()) == "<Rude whose repr raises ValueError>"
    assert pg.lt(Rude(), Rude()) is False
