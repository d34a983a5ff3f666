"""Pliant: AutoML and neural architecture search by symbolic programming.

Turns a model or training code into a search space, and searches it.  ``import pliant as pg`` is the idiom.  Importing is
light: what needs SQLAlchemy, NumPy or PyTorch is loaded when it is first used.  ``__all__`` has the public names in groups.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pliant import algorithms, hyper
from pliant import schema as typing
from pliant.algorithms import evolution, generators, objectives
from pliant.hyper.functions import floatv, intv, manyof, one_of, oneof, permute, sublist_of
from pliant.hyper.hole import DerivedHole, Hole
from pliant.hyper.partition import by_hints, by_path
from pliant.hyper.template import (
    Template,
    abstract_search_space,
    add_opener,
    encode,
    materialize,
    random_sample,
)
from pliant.hyper.template import iterate as iter
from pliant.hyper.template import template_of as template
from pliant.hyper.tracing import trace
from pliant.space import Decisions, Space
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.edit.commit import Change, Insertion
from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.json.documents import from_json, from_json_str, load, save, to_json, to_json_str
from pliant.symbolic.objects.containers import Dict, List
from pliant.symbolic.objects.functor import Functor, as_functor, functor, functor_class
from pliant.symbolic.objects.methods import Symbolic
from pliant.symbolic.objects.object import Object, members
from pliant.symbolic.objects.symbolize import symbolize
from pliant.symbolic.read.compare import equal as eq
from pliant.symbolic.read.compare import hash_of as hash
from pliant.symbolic.read.compare import less as lt
from pliant.symbolic.read.query import contains, get, has, query
from pliant.symbolic.read.text import format_value as format
from pliant.symbolic.read.traverse import TraverseAction, traverse
from pliant.symbolic.tree.leaf import Ref
from pliant.symbolic.tree.node import parent, path, root
from pliant.symbolic.tree.realize import is_realized, realize
from pliant.tune import Feedback, Search, sample
from pliant.values.errors import PliantError
from pliant.values.missing import KEEP, MISSING_VALUE
from pliant.values.path import Path
from pliant.values.registry import register
from pliant.values.text import set_html_writer

if TYPE_CHECKING:
    from pliant import bench, cost, oneshot
    from pliant.drawing import draw
    from pliant.hyper.inspection import inspect
    from pliant.open_ended import edits, evolve
    from pliant.study import Study
    from pliant.symbolic.edit.patch import (
        patch_on_key,
        patch_on_member,
        patch_on_path,
        patch_on_type,
        patch_on_value,
    )
    from pliant.symbolic.read.diff import Diff, diff
    from pliant.tune import derive_prior, search

__version__ = "0.1.0"

# Modules of PyTorch with holes in them are programs everywhere; what opens them needs PyTorch, so it is loaded when needed.
add_opener("torch.nn.modules.module.Module", "pliant.oneshot.rewrite.foreign", "open_holes")

# What notebooks show is made by a folder above all classes; it is loaded when a notebook asks for it.
set_html_writer("pliant.drawing.html", "to_html")

# Names of PyGlove, for programs that were written for it; neither in `__all__` nor in `dir(pliant)`.
insert = Insertion
permutate = permute
KeyPath = Path
dna_spec = abstract_search_space
search_space = abstract_search_space
DNA = Decisions
DNASpec = Space
geno = generators


def ne(x: object, y: object) -> bool:
    """Returns whether two values differ symbolically; the opposite of ``eq``."""
    return not eq(x, y)


def gt(x: object, y: object) -> bool:
    """Returns whether ``x`` comes after ``y`` in the order of trees; see ``lt``."""
    return lt(y, x)


_LAZY = {  # loaded when first used: what not every program needs, and where it is
    "Study": "pliant.study",
    "search": "pliant.tune",
    "derive_prior": "pliant.tune",
    "inspect": "pliant.hyper.inspection",
    "draw": "pliant.drawing",
    "evolve": "pliant.open_ended",
    "edits": "pliant.open_ended",
    "diff": "pliant.symbolic.read.diff",
    "Diff": "pliant.symbolic.read.diff",
    **dict.fromkeys(
        ("patch_on_" + by for by in ("key", "member", "path", "type", "value")), "pliant.symbolic.edit.patch"
    ),
    **dict.fromkeys(("bench", "cost", "oneshot", "zoo", "launch", "nas", "study", "drawing"), ""),
}


def __getattr__(name: str) -> Any:
    """Loads what is too heavy for every program when it is first asked for."""
    if name not in _LAZY:
        from pliant.values.slips import explain_function

        raise AttributeError(explain_function(name, __all__))
    return getattr(import_module(_LAZY[name]), name) if _LAZY[name] else import_module(f"pliant.{name}")


def __dir__() -> list[str]:
    """Returns the public names, those that are loaded later included."""
    return sorted([*__all__, "__version__"])


__all__ = [  # noqa: RUF022  # in groups, as a person looks for them
    # spaces: holes in a program
    "oneof",
    "one_of",
    "manyof",
    "sublist_of",
    "permute",
    "floatv",
    "intv",
    "trace",
    "by_hints",
    "by_path",
    "hyper",
    "Hole",
    "DerivedHole",
    # spaces: programs and decisions
    "abstract_search_space",
    "materialize",
    "encode",
    "iter",
    "random_sample",
    "inspect",
    "template",
    "Template",
    "Space",
    "Decisions",
    # searches
    "sample",
    "search",
    "Search",
    "Feedback",
    "Study",
    "derive_prior",
    "evolve",
    "edits",
    # searches: algorithms, weight sharing, costs of networks, tasks to compare algorithms on
    "algorithms",
    "generators",
    "evolution",
    "objectives",
    "oneshot",
    "cost",
    "bench",
    # programs: what they are made of
    "Object",
    "Dict",
    "List",
    "Functor",
    "Symbolic",
    "Ref",
    "symbolize",
    "functor",
    "as_functor",
    "functor_class",
    "members",
    "register",
    "typing",
    # programs: find
    "query",
    "get",
    "has",
    "contains",
    "parent",
    "path",
    "root",
    "Path",
    "traverse",
    "TraverseAction",
    # programs: change, copy
    "rebind",
    "clone",
    "Change",
    "Insertion",
    "KEEP",
    "MISSING_VALUE",
    "patch_on_key",
    "patch_on_member",
    "patch_on_path",
    "patch_on_type",
    "patch_on_value",
    "realize",
    "is_realized",
    # programs: compare, show, store
    "eq",
    "ne",
    "lt",
    "gt",
    "hash",
    "diff",
    "Diff",
    "draw",
    "format",
    "to_json",
    "from_json",
    "to_json_str",
    "from_json_str",
    "save",
    "load",
    # errors
    "PliantError",
]
