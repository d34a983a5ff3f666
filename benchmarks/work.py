"""The operations, as jobs of each side, and the proof that the sides do the same work.

``plain_side`` and ``symbolic_side`` prepare everything a timing needs and return a ``Side``: jobs by
operation, and a ``proof``: plain data that every side must agree on before anything is timed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from types import SimpleNamespace
from typing import Any

import plain
import plainspace
from symbolic import Dialect, define_cell, define_network, define_tree
from timing import Job

LEAF = "parts[5].parts[5].parts[5].filters"
PATTERN = r".*parts\[0\]\.filters"


@dataclass
class Side:
    """One column of the table: its jobs by operation, and what it must agree on with the others."""

    name: str
    jobs: dict[str, Job] = field(default_factory=dict)
    proof: dict[str, Any] = field(default_factory=dict)


def is_large(value: Any) -> bool:
    """The predicate of the query: selects 100 of the 3,933 values."""
    return value.__class__ is int and value > 800


def build(classes: Any) -> Any:
    """Returns the tree of 1,011 objects, made bottom-up by calls, as a user makes it."""
    leaf, group, block, root = classes.Leaf, classes.Group, classes.Block, classes.Root
    blocks = []
    for i in range(10):
        groups = []
        for j in range(10):
            first = 90 * i + 9 * j
            leaves = [leaf(2 * k % 899 + 2, k / 1000, "conv") for k in range(first, first + 9)]
            groups.append(group("group", leaves))
        blocks.append(block("block", groups))
    return root("root", blocks)


def dump(node: Any) -> Any:
    """Returns a tree of any side as plain data."""
    if type(node).__name__ == "Leaf":
        return (node.filters, node.rate, node.name)
    return (type(node).__name__, node.name, [dump(part) for part in node.parts])


def dump_cell(cell: Any) -> Any:
    """Returns a cell of any side as plain data."""
    return (list(cell.nodes), list(cell.edges))


def dump_network(network: Any) -> Any:
    """Returns a network of any side as plain data."""
    names = ("filters", "kernel", "expansion", "activation", "squeeze")
    return [
        "zero" if type(layer).__name__ == "Zero" else tuple(getattr(layer, name) for name in names)
        for layer in network.layers
    ]


def leaf_at(tree: Any) -> Any:
    """Returns the leaf that ``LEAF`` points into."""
    return tree.parts[5].parts[5].parts[5]


def refusals(leaf: Callable[..., Any]) -> list[bool]:
    """Returns which of six bad leaves are refused; all of them should be."""
    bad = [(0, 0.5, "x"), (4097, 0.5, "x"), ("1", 0.5, "x"), (1, 2.0, "x"), (1, "0", "x"), (1, 0.5, 3)]
    return [_raises(leaf, *values) for values in bad]


def _raises(call: Callable[..., Any], *args: Any) -> bool:
    try:
        call(*args)
    except (TypeError, ValueError):
        return True
    return False


def fixed_decisions() -> tuple[list[Any], list[Any]]:
    """Returns a few decisions of each space, the same for all sides."""
    random = Random(7)
    cells = [plainspace.sample_cell(random) for _ in range(20)]
    networks = [plainspace.sample_network(random) for _ in range(5)]
    return cells, networks


# Each side's own spelling of the operations, over the names that the jobs share.
_SYMBOLIC: dict[str, str] = {
    "clone": "tree.clone(deep=True)",
    "rebind_path": "edited.rebind(there); edited.rebind(back)",
    "rebind_function": "edited.rebind(edit)",
    "query_where": "pg.query(tree, where=is_large)",
    "query_regex": "pg.query(tree, pattern)",
    "eq": "pg.eq(tree, other)",
    "hash": "pg.hash(next(copies))",
    "json": "pg.from_json_str(pg.to_json_str(tree))",
    "json_out": "pg.to_json_str(tree)",
    "json_in": "pg.from_json_str(text)",
}
_PLAIN: dict[str, str] = {
    "clone": "tree.clone()",
    "rebind_path": "plain.rebind_by_path(edited, there); plain.rebind_by_path(edited, back)",
    "rebind_function": "plain.rebind_by_function(edited, edit)",
    "query_where": "plain.query_where(tree, is_large)",
    "query_regex": "plain.query_regex(tree, pattern)",
    "eq": "tree == other",
    "hash": "hash(next(copies))",
    "json": "plain.from_json_str(plain.to_json_str(tree))",
    "json_out": "plain.to_json_str(tree)",
    "json_in": "plain.from_json_str(text)",
}
_SHARED: dict[str, str] = {
    "construct": "Leaf(64, 0.5, 'conv')",
    "construct_named": "Leaf(filters=64, rate=0.5, name='conv')",
    "build": "build(classes)",
}


def _tree_jobs(names: Mapping[str, Any], spelling: Mapping[str, str], hashed: int) -> dict[str, Job]:
    jobs = {key: Job(stmt, names) for key, stmt in {**_SHARED, **spelling}.items()}
    jobs["rebind_path"] = Job(spelling["rebind_path"], names, units=2)
    # A library may keep a hash once it is known, so each timing reads fresh copies, each once.
    make = f"copies = iter([{spelling['clone']} for _ in range({hashed})])"
    jobs["hash"] = Job(spelling["hash"], names, setup=make, number=hashed)
    return jobs


def _run(job: Job) -> Any:
    """Returns what a job's statement evaluates to (of a statement with effects only: None)."""
    names = dict(job.names)
    exec(job.setup, names)
    try:
        code = compile(job.stmt, "<job>", "eval")
    except SyntaxError:
        code = compile(job.stmt, "<job>", "exec")
    return eval(code, names)


def _tree_proof(side: Side, names: Mapping[str, Any]) -> dict[str, Any]:
    """Runs every tree operation once and returns what came out; leaves the trees as they were."""
    jobs, tree, edited = side.jobs, names["tree"], names["edited"]
    hashed, rebind = names["hashed"], names["rebind"]
    before, clone, built = dump(tree), _run(jobs["clone"]), _run(jobs["build"])
    proof = {
        "tree": before,
        "build": dump(built) == before and built is not tree,
        "refused": refusals(names["Leaf"]),
        "clone": dump(clone),
        "clone is deep": leaf_at(clone) is not leaf_at(tree),
        "query_where": {str(path): value for path, value in _run(jobs["query_where"]).items()},
        "query_regex": {str(path): value for path, value in _run(jobs["query_regex"]).items()},
        "json": dump(_run(jobs["json"])),
        "equal": bool(_run(jobs["eq"])),
        "hash": hashed(tree) == hashed(clone),
        "parents": _climb(leaf_at(tree), names["parent"]) is tree,
    }
    _run(jobs["rebind_function"])
    proof["edited"] = dump(edited)
    proof["different"] = hashed(tree) != hashed(edited)
    _run(jobs["rebind_function"])
    proof["restored"] = dump(edited) == before
    rebind(edited, names["there"])
    proof["rebound"] = (leaf_at(tree).filters, leaf_at(edited).filters, dump(edited) == before)
    rebind(edited, names["back"])
    proof["put back"] = dump(edited) == before
    return proof


def _climb(node: Any, parent: Callable[[Any], Any]) -> Any:
    """Returns the root of the tree that a node stands in."""
    while parent(node) is not None:
        node = parent(node)
    return node


def _updates(tree: Any) -> tuple[dict[str, int], dict[str, int]]:
    value = leaf_at(tree).filters
    return {LEAF: value + 1}, {LEAF: value}


def plain_side() -> Side:
    """Returns the jobs of plain Python."""
    tree, other, edited = build(plain), build(plain), build(plain)
    there, back = _updates(tree)
    names: dict[str, Any] = {
        "plain": plain, "classes": plain, "Leaf": plain.Leaf, "build": build, "tree": tree, "other": other, "edited": edited,
        "edit": lambda path, value: value ^ 1 if path[-1] == "filters" else value,
        "is_large": is_large, "pattern": PATTERN, "there": there, "back": back,
        "text": plain.to_json_str(tree), "parent": lambda node: node.parent,
        "rebind": plain.rebind_by_path, "hashed": hash,
    }  # fmt: skip
    side = Side("plain", _tree_jobs(names, _PLAIN, 40))
    side.proof = _tree_proof(side, names)
    space = {"s": plainspace, "random": Random(1), "reward": lambda cell: float(sum(cell.edges))}
    side.jobs["cell_decided"] = Job("s.make_cell(s.sample_cell(random))", space)
    side.jobs["network_decided"] = Job("s.make_network(s.sample_network(random))", space)
    side.jobs["cell"] = Job("next(samples)", {"samples": plainspace.draw_cells(1)})
    side.jobs["network"] = Job("next(samples)", {"samples": plainspace.draw_networks(1)})
    side.jobs["evolve_short"] = Job("s.evolve(1000, reward)", space, units=1_000)
    side.jobs["evolve_long"] = Job("s.evolve(10000, reward)", space, units=10_000)
    cells, networks = fixed_decisions()
    side.proof["cells"] = [dump_cell(plainspace.make_cell(d)) for d in cells]
    side.proof["networks"] = [dump_network(plainspace.make_network(d)) for d in networks]
    return side


def symbolic_side(dialect: Dialect, only: Callable[[str], bool]) -> Side:
    """Returns the jobs of a library.

    Args:
      dialect: the library, and how it is spoken to.
      only: says which operations are wanted; spaces that none of them needs are not made.
    """
    pg = dialect.pg
    classes = define_tree(pg)
    tree, other, edited = build(classes), build(classes), build(classes)
    there, back = _updates(tree)
    names: dict[str, Any] = {
        "pg": pg, "classes": classes, "Leaf": classes.Leaf, "build": build, "tree": tree, "other": other, "edited": edited,
        "edit": dialect.edit, "is_large": is_large, "pattern": PATTERN, "there": there, "back": back,
        "text": pg.to_json_str(tree), "parent": dialect.parent,
        "rebind": lambda node, updates: node.rebind(updates), "hashed": pg.hash,
    }  # fmt: skip
    side = Side(dialect.side, _tree_jobs(names, _SYMBOLIC, dialect.hashed))
    side.proof = _tree_proof(side, names)
    cells, networks = fixed_decisions()
    if any(map(only, ("cell", "cell_decided", "evolve_short", "evolve_long"))):
        program = define_cell(pg)
        side.proof["cells"] = _add_space(side, dialect, "cell", SimpleNamespace(
            program=program, dump=dump_cell, decisions=cells))  # fmt: skip
        told: list[int] = []
        dialect.evolve(program, 12, lambda trial, child: float(told.append(trial) or sum(child.edges)))
        side.proof["evolution tells every trial"] = told
        for key, count in dialect.trials.items():
            evolve = {"evolve": dialect.evolve, "program": program, "on_trial": _reward, "count": count}
            side.jobs[key] = Job("evolve(program, count, on_trial)", evolve, units=count)
    if any(map(only, ("network", "network_decided"))):
        side.proof["networks"] = _add_space(side, dialect, "network", SimpleNamespace(
            program=define_network(pg), dump=dump_network, decisions=networks))  # fmt: skip
    return side


def _reward(trial: int, child: Any) -> float:
    return float(sum(child.edges))


def _add_space(side: Side, dialect: Dialect, key: str, space: SimpleNamespace) -> list[Any]:
    """Adds the two jobs of a space and returns what its fixed decisions materialize to."""
    abstract = dialect.space(space.program)
    names = {
        "pg": dialect.pg, "materialize": dialect.pg.materialize, "decide": dialect.decide, "random": Random(1),
        "program": space.program, "space": abstract, "samples": dialect.samples(space.program, 1),
    }  # fmt: skip
    side.jobs[key] = Job(dialect.sample, names)
    side.jobs[key + "_decided"] = Job("materialize(program, decide(space, random))", names)
    drawn = [space.dump(child) for child in islice(names["samples"], 8)]
    side.proof[key + " samples differ"] = len({str(one) for one in drawn}) == len(drawn)
    made = [dialect.parse(abstract, decisions) for decisions in space.decisions]
    return [space.dump(dialect.pg.materialize(space.program, one)) for one in made]


def check_agreement(sides: list[Side]) -> int:
    """Checks that all sides proved the same; returns how many facts were compared.

    Raises:
      SystemExit: two sides disagree; the message names the fact and shows both.
    """
    facts: dict[str, tuple[str, Any]] = {}
    compared = 0
    for side in sides:
        for fact, value in side.proof.items():
            if value is False or (fact == "refused" and not all(value)):
                raise SystemExit(f"{side.name} fails {fact!r}: {value!r}. Nothing was timed.")
            if fact not in facts:
                facts[fact] = (side.name, value)
                continue
            first, expected = facts[fact]
            compared += 1
            if value != expected:
                raise SystemExit(
                    f"{first} and {side.name} do different work in {fact!r}:\n"
                    f"  {first}: {str(expected)[:300]}\n  {side.name}: {str(value)[:300]}\nNothing was timed."
                )
    return compared
