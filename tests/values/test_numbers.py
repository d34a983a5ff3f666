"""Numbers of NumPy and the standard library are taken like Python's, by one rule."""

from __future__ import annotations

import inspect
import math
import re
from decimal import Decimal
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import torch

import pliant as pg
import pliant.oneshot
from pliant.algorithms import NSGA2
from pliant.algorithms.description import describe
from pliant.bench.synthetic.functions import tour
from pliant.bench.synthetic.nk import nk
from pliant.space import choice, flatten, floating, integer
from pliant.values.errors import PliantError
from pliant.values.numbers import to_real, to_whole
from pliant.zoo.nasbench101 import make_space

WHOLE = [np.int64, np.int8, np.uint16, lambda n: np.array(n), lambda n: np.arange(9)[n]]


class Layer(pg.Object):
    width: int


@pytest.mark.parametrize("n", WHOLE)
def test_whole_numbers(n):
    typing = pg.typing
    pairs = [
        (pg.intv(n(1), n(7), step=n(2)), pg.intv(1, 7, step=2)),
        (pg.manyof(n(2), [1, 2, 3]), pg.manyof(2, [1, 2, 3])),
        (typing.Int(min_value=n(1), max_value=n(4)), typing.Int(min_value=1, max_value=4)),
        (
            typing.List(typing.Int(), min_size=n(1), max_size=n(3)),
            typing.List(typing.Int(), min_size=1, max_size=3),
        ),
        (typing.Tuple(typing.Int(), size=n(2)), typing.Tuple(typing.Int(), size=2)),
        (flatten([choice("a", n(3), picks=n(2))]), flatten([choice("a", 3, picks=2)])),
        (flatten([integer("a", n(3), n(8), step=n(2))]), flatten([integer("a", 3, 8, step=2)])),
        (Layer(n(3)), Layer(3)),
    ]
    for given, wanted in pairs:
        assert repr(given) == repr(wanted)
        assert pg.eq(given, wanted)
    space = pg.abstract_search_space(pg.Dict(a=pg.oneof([1, 2, 3]), b=pg.intv(0, 5)))
    for decisions in (
        space.unrank(n(3)),
        next(space.iterate(n(3))),
        space.parse([n(0), n(3)]),
        space.parse({"a": n(0), "b": n(3)}),
    ):
        assert decisions.values == (0, 3)
        assert [type(value) for value in decisions.values] == [int, int]
    assert space.sample(n(4)) == space.sample(4)
    layers = pg.List([1, 2, 3])
    layers[n(1)] = 5
    layers.insert(n(0), 7)
    del layers[n(3)]
    assert layers.pop(n(0)) == 7
    assert layers == [1, 5]


@pytest.mark.parametrize("x", [np.float32, np.float64, np.float16, Fraction, Decimal, lambda v: np.array(v)])
def test_real_numbers(x):
    assert pg.eq(pg.floatv(x(0.5), x(2)), pg.floatv(0.5, 2.0))
    assert pg.typing.Float(min_value=x(0.5)) == pg.typing.Float(min_value=0.5)
    assert flatten([floating("a", x(0.5), x(2))]) == flatten([floating("a", 0.5, 2)])
    assert type(flatten([floating("a", x(0.5), x(2))]).points[0].min_value) is float


def test_numpy_candidates_are_numbers_for_algorithms_and_keep_their_type_in_programs():
    program = pg.Dict(a=pg.oneof([np.int64(8), np.int64(16)]), b=pg.oneof([np.float32(0.5), 1]))
    first, second = pg.abstract_search_space(program).points
    assert (first.values, first.ordered, second.values) == ((8, 16), True, (0.5, 1))
    made = pg.materialize(program, [1, 0])
    assert (type(made.a), type(made.b)) == (np.int64, np.float32)
    assert pg.encode(program, made).values == (1, 0)


@pytest.mark.parametrize("value", [True, np.True_, b"3", None, [3], np.arange(3), 3 + 0j, object()])
def test_what_is_not_a_number(value):
    assert to_whole(value) is None
    assert to_real(value) is None
    for call in (lambda: pg.intv(value, 9), lambda: pg.floatv(value, 9), lambda: pg.manyof(value, [1, 2])):
        with pytest.raises(
            (ValueError, TypeError),
            match=r"must be a (whole|finite) number|not its first argument",
        ):
            call()


@pytest.mark.parametrize("value", [3.0, np.float64(3), Fraction(3), Decimal(3)])
def test_a_real_number_is_not_a_whole_one(value):
    assert to_whole(value) is None
    assert to_real(value) == 3.0
    with pytest.raises(ValueError, match=r"min_value must be a whole number; got"):
        pg.intv(value, 9)


NOT_WHOLE = [
    True, np.True_, np.array(True), torch.tensor(True), "4", b"4", np.str_("4"), np.array("4"), 4.5, math.nan, math.inf, [4],
    np.array([4]), torch.tensor([4]), np.array([1, 2]), 4j, np.complex64(4), np.datetime64("2024"), np.timedelta64(4, "D"), {},
    object(), Decimal("NaN"), Decimal("sNaN"), torch.empty(0), torch.tensor(4, device="meta"), np.ma.masked, 10**5000, -(10**5000),
]  # fmt: skip
FOUR = [np.int64(4), np.int8(4), np.uint64(4), np.array(4), torch.tensor(4)]
HALF = [np.float32(0.5), np.float64(0.5), np.array(0.5), torch.tensor(0.5, requires_grad=True), Decimal("0.5"), Fraction(1, 2)]  # fmt: skip


def _name(value):
    return f"{type(value).__name__}-{getattr(value, 'dtype', '')}"


def _options(kind):
    """Returns the options of one kind of all public algorithms and operators that can be made with that one alone."""
    found = []
    for module in (pg.algorithms, pg.evolution, pg.oneshot):
        for name, make in sorted(vars(module).items()):
            is_error = inspect.isclass(make) and issubclass(make, (Exception, dict))
            if not callable(make) or is_error or inspect.isabstract(make) or name.startswith("_"):
                continue
            given = inspect.signature(make).parameters.values()
            for one in given:
                others = [p for p in given if p.default is p.empty and p is not one]
                if str(one.annotation) == kind and not others:
                    found.append(pytest.param(partial(_make, make, one.name), id=f"{name}.{one.name}"))
    return found


def _text(value):
    kept = {k: v for k, v in getattr(value, "__dict__", {}).items() if k != "_arguments"}
    described = describe(value) if isinstance(value, pg.algorithms.Algorithm) else ""
    return re.sub(r" at 0x\w+", "", f"{value!r} {kept} {described}")


def _make(make, name, value):
    return make(**{name: value})


@pytest.mark.parametrize("make", _options("int"))
def test_each_option_that_is_an_integer(make):
    refused = []
    for value in FOUR:
        try:
            found = make(value)
        except PliantError as error:  # four is too many
            refused.append(error)
        else:
            assert _text(found) == _text(make(4))
    assert len(refused) in (0, len(FOUR))
    for value in NOT_WHOLE:
        with pytest.raises(PliantError, match=r"integer|whole|takes|is from|needs"):
            make(value)


@pytest.mark.parametrize("make", _options("float"))
def test_each_option_that_is_a_number(make):
    refused = []
    for value in HALF:
        try:
            found = make(value)
        except PliantError as error:  # it is out of range
            refused.append(error)
        else:
            assert _text(found) == _text(make(0.5))
    assert len(refused) in (0, len(HALF))
    for value in NOT_WHOLE:
        if not (isinstance(value, float) and math.isfinite(value)):
            with pytest.raises(PliantError, match=r"number|integer"):
                make(value)


@pytest.fixture
def study(tmp_path):
    space = pg.abstract_search_space(pg.Dict(x=pg.intv(0, 9), r=pg.floatv(0.0, 1.0)))
    with pg.Study.create(tmp_path / "a.db", space, pg.algorithms.Random(), trials=np.int64(9)) as study:
        for _ in range(4):
            study.ask(lease=np.float32(60))
        yield study


def _ids(study):
    """Returns the functions of a study that take the id of a trial."""
    return {
        "trial": study.trial,
        "report": lambda n: study.report(n, 1.0, step=1),
        "renew": lambda n: study.renew(n, lease=60),
        "put_back": lambda n: study.put_back(n, "lost"),
        "note": lambda n: study.note(n, "a"),
        "tell": lambda n: study.tell(n, 1.0),
    }


@pytest.mark.parametrize("four", FOUR, ids=_name)
def test_ids_of_trials(study, four):
    for call in _ids(study).values():
        call(four)
    assert study.trial(4).reward == 1.0
    assert [type(line[1]) for line in study.journal() if line[1] is not None] == [int, int]
    assert len(study.best(four)) == 1


@pytest.mark.parametrize("value", NOT_WHOLE, ids=_name)
def test_what_is_not_an_id(study, value):
    for call in _ids(study).values():
        with pytest.raises(PliantError, match=r"has no trial|is too large"):
            call(value)
    for call in (lambda: study.best(value), lambda: study.put_back(1, "a", attempts=value)):
        with pytest.raises(PliantError, match=r"takes an integer of at least 1|is too large"):
            call()
    with pytest.raises(PliantError, match=r"has no attempt|is too large"):
        study.tell(1, 1.0, token=value)
    assert study.counts()["running"] == 4


@pytest.mark.parametrize("half", HALF, ids=_name)
def test_rewards_steps_and_metrics(study, half):
    study.report(1, half, step=half, metrics={"a": half})
    assert study.tell(1, half, metrics={"a": half}).reward == 0.5
    assert (study.trial(1).reports[0].step, study.trial(1).metrics["a"]) == (0.5, 0.5)
    for program, feedback in pg.sample(pg.oneof([1, 2]), trials=1, timeout_seconds=half, progress=False):
        feedback.report(half, step=half)
        feedback(half, metrics={"a": half})
        assert program in (1, 2)


@pytest.mark.parametrize(
    "value", [v for v in NOT_WHOLE if v is not True and not isinstance(v, (float, list))], ids=_name
)
def test_what_is_not_a_reward(study, value):
    is_truth = str(getattr(value, "dtype", "")).endswith("bool")
    for call in (
        lambda: study.report(1, 1.0, step=value),
        *(
            ()
            if is_truth
            else (lambda: study.tell(1, value), lambda: study.tell(1, 1.0, metrics={"a": value}))
        ),
        lambda: study.ask(lease=value),
        lambda: pg.sample(pg.oneof([1, 2]), timeout_seconds=value),
    ):
        with pytest.raises(PliantError, match=r"number|is too large"):
            call()
    assert study.counts()["running"] == 4


@pytest.mark.parametrize("value", NOT_WHOLE, ids=_name)
def test_seeds_counts_and_spaces(tmp_path, value):
    whole = r"whole number|integer|candidates .* are their number|needs the number|is from|spaces|are holes"
    space = pg.oneof([1, 2, 3])
    flat = pg.abstract_search_space(space)
    for call in (
        lambda: pg.sample(space, trials=value),
        lambda: pg.sample(space, seed=value),
        lambda: pg.random_sample(space, seed=value),
        lambda: pg.random_sample(space, num_examples=value),
        lambda: pg.iter(space, value),
        lambda: flat.sample(value),
        lambda: flat.unrank(value),
        lambda: choice("a", value),
        lambda: choice("a", 3, picks=value),
        lambda: integer("a", value, 9),
        lambda: pg.Study.create(tmp_path / "a.db", flat, pg.algorithms.Random(), trials=value),
        lambda: pg.Study.create(tmp_path / "a.db", flat, pg.algorithms.Random(), seed=value),
        lambda: pg.oneshot.InputChoice(value),
        lambda: pg.to_json_str({"a": 1}, json_indent=value),
        lambda: pg.format(pg.Dict(a=1), indent=value),
        lambda: make_space(value),
        lambda: nk(n=value),
        lambda: tour(value),
    ):
        with pytest.raises(PliantError, match=whole):
            call()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("four", FOUR, ids=_name)
def test_counts_seeds_and_indices(four):
    space = pg.oneof(list(range(9)))
    flat = pg.abstract_search_space(space)
    assert list(pg.iter(space, four)) == [0, 1, 2, 3]
    assert len(list(pg.random_sample(space, four, num_examples=four))) == 4
    assert flat.unrank(four).values == (4,)
    assert choice("a", four) == choice("a", 4)
    assert pg.Path([four]) == pg.Path([4])
    assert repr(pg.Path([four])) == repr(pg.Path([4]))
    assert pg.get(pg.List(range(9)), four) == 4
    assert pg.to_json_str([1], json_indent=four) == pg.to_json_str([1], json_indent=4)
    assert pg.oneshot.InputChoice(9, four).n_chosen == 4
    assert pg.oneshot.InputChoice(9, chosen=[four]).chosen == (4,)
    assert make_space(four) == make_space(4)
    assert NSGA2(np.int8(100)) is not None  # twice that is more than eight bits hold
    assert repr(pg.search(space, abs, "random", trials=four, seed=four, progress=False).best_reward)


def test_a_rank_may_have_any_number_of_digits():
    space = pg.abstract_search_space(pg.Dict({f"k{i}": pg.oneof(list(range(10))) for i in range(6000)}))
    assert space.rank(space.unrank(10**5500)) == 10**5500
    for rank in (10**6000, -(10**5000)):
        with pytest.raises(PliantError, match=r"a whole number in 0\.\.1\.0e6000; got"):
            space.unrank(rank)


def test_numbers_of_a_float_field_are_no_text():
    spec = pg.typing.Float()
    assert spec.check(np.array(0.5)) == 0.5
    for value in (
        np.str_("4"),
        np.array("4"),
        np.complex64(4),
        np.array([4.0]),
        torch.tensor(1.0, device="meta"),
    ):
        with pytest.raises(PliantError, match="a float"):
            spec.check(value)
