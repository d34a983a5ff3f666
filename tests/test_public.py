"""The names that users write: those that are fixed, their aliases, and that the map of them is complete."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import pliant as pg
from pliant.values.slips import FUNCTIONS

SOURCE = Path(pg.__file__).parents[1]
GROUPS = {
    "spaces": """oneof one_of manyof sublist_of permute floatv intv trace by_hints by_path hyper Hole DerivedHole
        abstract_search_space materialize encode iter random_sample inspect template Template Space Decisions""",
    "searches": """sample search Search Feedback Study derive_prior evolve edits algorithms generators evolution objectives oneshot cost bench""",
    "programs": """Object Dict List Functor Symbolic Ref symbolize functor as_functor functor_class members register typing""",
    "operations": """rebind clone query get parent path root has contains eq ne lt gt hash diff Diff draw traverse
        TraverseAction save load to_json from_json to_json_str from_json_str format KEEP MISSING_VALUE
        patch_on_key patch_on_member patch_on_path patch_on_type patch_on_value Change Insertion
        realize is_realized Path""",
    "errors": "PliantError",
}
NAMES = sorted(" ".join(GROUPS.values()).split())
PYGLOVE = "insert KeyPath permutate dna_spec search_space DNA DNASpec geno".split()


def space():
    return pg.Dict(op=pg.oneof(["a", "b"]), n=pg.intv(1, 3))


def test_the_map_of_names_is_complete():
    assert sorted(pg.__all__) == NAMES
    assert set(dir(pg)) == {*NAMES, "__version__"}


@pytest.mark.parametrize("name", [*NAMES, *PYGLOVE])
def test_name_is_there(name):
    assert getattr(pg, name) is not None


@pytest.mark.parametrize("name", ["bench", "launch", "nas", "oneshot", "study", "zoo"])
def test_a_folder_that_the_guide_imports_is_an_attribute(name):
    """Also where nothing has imported it before, so that it does not depend on what ran earlier."""
    code = f"import pliant as pg, sys; assert 'pliant.{name}' not in sys.modules; print(pg.{name}.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (f"pliant.{name}\n", "")


def test_an_unknown_name():
    with pytest.raises(AttributeError, match=r"module 'pliant' has no attribute 'zzzz'$"):
        pg.zzzz  # noqa: B018
    with pytest.raises(AttributeError, match="did you mean 'materialize'"):
        pg.materialise  # noqa: B018


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_name_of_another_library(name):
    """The remedy names functions and arguments that exist."""
    with pytest.raises(AttributeError, match=rf"has no attribute '{name}'\. Write pg\.") as caught:
        getattr(pg, name)
    for function in re.findall(r"pg\.(\w+)", str(caught.value)):
        assert function in NAMES


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (
            lambda: pg.floatv(1e-4, 1e-1, log=True),
            r"pg\.floatv has no argument 'log'\. Write scale='log' instead of log=True",
        ),
        (lambda: pg.intv(1, 100, log=True), r"pg\.intv has no argument 'log'\. Write scale='log'"),
        (lambda: pg.floatv(0, 1, step=0.1), r"Write step=N of pg\.intv, or a list of values for pg\.oneof"),
        (lambda: pg.oneof(1, 2, 3), r"oneof takes one list of candidates\. Write pg\.oneof\(\[1, 2, 3\]\)"),
        (lambda: pg.oneof([1, 2], k=2), r"Write pg\.manyof\(k, candidates\)"),
        (lambda: pg.oneof([1, 2], colour=2), r"pg\.oneof has no argument 'colour'\.$"),
    ],
)
def test_an_argument_of_another_library(call, remedy):
    with pytest.raises(TypeError, match=remedy):
        call()


def test_the_abstract_search_space():
    found = pg.abstract_search_space(space())
    assert found.size == 6
    assert [p.path for p in found.points] == ["op", "n"]
    assert found.sample(1) == found.sample(seed=1)
    assert [d.values for d in found.iterate()] == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]
    assert found.validate([1, 2]).values == (1, 2)
    with pytest.raises(pg.PliantError, match=r"the decision at path 'op' .*allowed: 0\.\.1"):
        found.validate([2, 2])
    assert pg.dna_spec(space()) == pg.search_space(space()) == found
    assert isinstance(found, pg.DNASpec)
    assert isinstance(found.sample(1), pg.DNA)


def test_programs_and_decisions():
    child = pg.materialize(space(), [1, 2])
    assert child == {"op": "b", "n": 2}
    assert pg.encode(space(), child).values == (1, 2)
    assert [p.n for p in pg.iter(space())] == [1, 2, 3, 1, 2, 3]
    assert len(list(pg.iter(space(), 2))) == 2
    assert pg.eq(pg.random_sample(space(), 3), pg.random_sample(space(), seed=3))


def test_comparing_and_finding():
    assert pg.eq(pg.Dict(a=1), pg.Dict(a=1))
    assert pg.ne(pg.Dict(a=1), pg.Dict(a=2))
    assert pg.lt(pg.Dict(a=1), pg.Dict(a=2))
    assert pg.gt(pg.Dict(a=2), pg.Dict(a=1))
    assert "1" in str(pg.diff(pg.Dict(a=1), pg.Dict(a=2)))
    assert list(pg.query(pg.Dict(a=1, b=2), "a")) == ["a"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: pg.generators.Random(seed=1),
        lambda: pg.generators.Sweep(),
        lambda: pg.generators.LocalSearch(),
        lambda: pg.generators.RegularizedEvolution(population_size=4, tournament_size=2),
        lambda: pg.generators.RegularizedEvolution(),
        lambda: pg.generators.Deduplicate(pg.generators.Random()),
        lambda: pg.geno.Random(seed=1),
        lambda: pg.geno.Sweeping(),
        lambda: pg.geno.Deduping(pg.geno.Random()),
        lambda: pg.evolution.regularized_evolution(population_size=4, tournament_size=2, seed=1),
        lambda: pg.evolution.hill_climb(),
    ],
)
def test_algorithms_by_all_their_names(make):
    assert [feedback.id for _, feedback in pg.sample(space(), make(), 6) if not feedback(1)] == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]


def test_spellings_of_holes():
    assert pg.one_of([1, 2]) == pg.oneof(candidates=[1, 2])
    assert pg.sublist_of(2, [1, 2]) == pg.manyof(k=2, candidates=[1, 2], choices_distinct=True)
    assert pg.manyof(2, [1, 2], choices_distinct=False, choices_sorted=True) == pg.manyof(
        2, [1, 2], False, True
    )
    assert pg.permutate([1, 2]) == pg.permute(candidates=[1, 2])
    assert isinstance(pg.oneof([1]), pg.hyper.OneOf)
    assert isinstance(pg.manyof(1, [1]), pg.hyper.ManyOf)
    assert isinstance(pg.floatv(0.0, 1.0), pg.hyper.Floatv)
    assert isinstance(pg.intv(0, 1), pg.hyper.Intv)
    assert pg.hyper.trace is pg.trace


def test_no_name_loads_what_is_heavy_but_study():
    code = "import pliant, sys; dir(pliant); from pliant import *; print('sqlalchemy' in sys.modules)"
    light = code.replace("from pliant import *; ", "")
    for source, heavy in ((light, "False"), (code, "True")):
        out = subprocess.run(
            [sys.executable, "-c", source], capture_output=True, text=True, check=True, cwd="src"
        )
        assert out.stdout.strip() == heavy
