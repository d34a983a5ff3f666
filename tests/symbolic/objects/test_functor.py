"""Functors: binding now, later and at the call; figures 15 to 17 of the paper in small."""

from __future__ import annotations

import inspect
import pickle

import pytest

import pliant as pg
from pliant.values.errors import FieldTypeError, IncompleteError, SchemaError, UnknownFieldError


@pg.functor
def add(a, b=2):
    """Adds."""
    return a + b


@pg.functor
def everything(a, /, b=2, *args, c=3, **more):
    return a, b, args, c, more


@pg.functor([("rate", pg.typing.Float(min_value=0.0)), ("steps", pg.typing.Int(min_value=1))])
def decay(step, rate, steps):
    return rate * step / steps


@pg.symbolize([("policy", pg.typing.Callable([pg.typing.Any()])), ("schedule", pg.typing.Callable())])
def train(model, policy, schedule):
    return schedule(policy(model))


class TestBinding:
    def test_at_construction(self):
        assert add(1)() == 3
        assert add(1, 5)() == 6
        assert add(b=5, a=1)() == 6

    def test_at_the_call(self):
        assert add()(1) == 3
        assert add(b=5)(1) == 6
        assert add(b=5)(a=1) == 6

    def test_by_assignment_and_rebind(self):
        functor = add()
        functor.a = 4
        assert functor() == 6
        assert functor.rebind(b=1)() == 5
        del functor.a
        assert functor(1) == 2

    def test_a_default_may_be_given_at_the_call_but_a_bound_value_may_not(self):
        assert add(1)(b=7) == 8
        bound = add(1, 5)
        with pytest.raises(
            TypeError, match="the argument 'b' of add is bound already, to 5; pass override_args=True"
        ):
            bound(b=7)
        assert bound(b=7, override_args=True) == 8
        assert bound() == 6  # for that call only
        bound.b = 8
        with pytest.raises(UnknownFieldError, match="bound already, to 8"):
            bound(b=1)

    def test_what_is_bound_survives_copies_and_storage(self):
        for copied in (add(b=5).clone(), pickle.loads(pickle.dumps(add(b=5)))):
            with pytest.raises(UnknownFieldError, match="bound already, to 5"):
                copied(1, b=7)
            assert copied(1) == 6
        loaded = pg.from_json(add(1, 5).to_json())
        assert loaded() == 6
        with pytest.raises(UnknownFieldError, match="bound already, to 5"):
            loaded(b=7)

    def test_all_kinds_of_arguments(self):
        assert everything(1)() == (1, 2, (), 3, {})
        assert everything(1, 2, 3, 4, c=5, d=6)() == (1, 2, (3, 4), 5, {"d": 6})
        assert everything(1, d=6)(c=7, e=8) == (1, 2, (), 7, {"d": 6, "e": 8})
        assert everything()(1, 4, 5, 6) == (1, 4, (5, 6), 3, {})
        assert everything(1, d=6).d == 6
        with pytest.raises(UnknownFieldError, match="the argument 'args' of everything is bound already"):
            everything(1, 2, 3)(args=[4])


class TestMistakes:
    def test_incomplete(self):
        with pytest.raises(
            IncompleteError, match=r"add was called without 'a'. Bind it.*x.rebind\(a=...\)`, or at the call"
        ):
            add()()
        with pytest.raises(TypeError, match="called without 'policy', 'schedule'"):
            train()(model=1)

    def test_holes(self):
        space = add(pg.oneof([1, 2]))
        with pytest.raises(IncompleteError, match="is a search space, not a program: undecided holes at 'a'"):
            space()
        with pytest.raises(IncompleteError, match=r"undecided holes at 'a.x\[1\]'"):
            add(pg.Dict(x=[1, pg.oneof([1, 2])]))()
        assert [child() for child in pg.iter(space)] == [3, 4]

    def test_incomplete_values_below(self):
        with pytest.raises(IncompleteError, match=r"Point is not complete: no value at 'a.x'"):
            add(Point.partial())()

    def test_wrong_names_and_numbers(self):
        with pytest.raises(UnknownFieldError, match="add has no argument 'aa'; did you mean 'a'"):
            add(1)(aa=2)
        with pytest.raises(UnknownFieldError, match=r"add takes 2 arguments \(a, b\); 3 were given"):
            add()(1, 2, 3)
        with pytest.raises(UnknownFieldError, match="add was given 'a' twice, by position and by name"):
            add()(1, a=2)
        with pytest.raises(UnknownFieldError, match=r"add has no field 'x'. Its fields are: 'a', 'b'"):
            add(x=1)
        assert add(1)(zzz=2, ignore_extra_args=True) == 3

    def test_constraints_hold_everywhere(self):
        with pytest.raises(FieldTypeError, match="'rate' is 'x' of type str; allowed: a float >= 0"):
            decay(rate="x")
        functor = decay(rate=1.0)
        with pytest.raises(FieldTypeError, match="'steps' is 'x'"):
            functor(1, steps="x")
        with pytest.raises(FieldTypeError, match="'steps' is 'x'"):
            functor.steps = "x"
        assert functor(1, steps=2) == 0.5

    def test_constraints_must_name_arguments(self):
        with pytest.raises(SchemaError, match="f has no argument 'stepz'; did you mean 'steps'"):

            @pg.functor([("stepz", pg.typing.Int())])
            def f(steps): ...


class Point(pg.Object):
    x: int


class TestPaper:
    def test_a_policy_with_an_open_argument_fits_a_callable(self):
        trainer = train(policy=add(b=10))
        trainer.schedule = lambda x: x * 2
        assert trainer(model=1) == 22
        assert trainer(model=1, schedule=abs, override_args=True) == 11
        assert isinstance(trainer, train)
        assert pg.parent(trainer.policy) is trainer
        assert trainer.query(".*b") == {"policy.b": 10}
        assert trainer.clone(deep=True) == trainer

    def test_a_policy_that_asks_for_more_does_not(self):
        with pytest.raises(FieldTypeError, match="'policy' is"):
            train(policy=lambda: 3)


class TestSignature:
    def test_of_the_class(self):
        assert str(inspect.signature(add)) == "(a, b=2)"
        assert str(inspect.signature(everything)) == "(a, /, b=2, *args, c=3, **more)"
        assert add.__doc__ == "Adds."
        assert add.__name__ == "add"

    def test_of_an_object_is_what_is_open(self):
        assert str(inspect.signature(add())) == "(a, b=2)"
        assert str(inspect.signature(add(b=5))) == "(a, *, b=5)"
        assert str(inspect.signature(add(1))) == "(*, a=1, b=2)"


def test_results_can_be_checked():
    @pg.functor(returns=pg.typing.Int(max_value=3))
    def small(x):
        return x

    assert small(3)() == 3
    with pytest.raises(ValueError, match="is 4 of type int; allowed: an int <= 3"):
        small(4)()


def test_annotations_of_ones_own_functions_are_constraints():
    @pg.functor
    def scaled(x: int, text: NoSuchThing = None):  # noqa: F821  # for readers only
        return x

    with pytest.raises(FieldTypeError, match="'x' is 'a' of type str; allowed: an int"):
        scaled("a")


def test_a_ref_gives_its_value_at_the_call():
    rows = [1, 2]
    total = pg.as_functor(lambda rows, more: (rows, more))
    total.rebind(rows=pg.Ref(rows))
    assert total(more=pg.Ref(rows))[0] is rows
    assert total(more=pg.Ref(rows))[1] is rows
    anything = pg.as_functor(lambda first=0, *rest, **fields: (rest, fields))
    (given,), fields = type(anything)(1, pg.Ref(rows), rows=pg.Ref(rows))()
    assert given is rows
    assert fields["rows"] is rows


def test_other_ways_to_make_them():
    assert pg.symbolize(lambda x, y=2: x * y)(3)() == 6
    assert pg.functor_class(len)([1, 2])() == 2
    assert pg.as_functor(abs)(-3) == 3

    class Base(pg.Functor):
        def twice(self):
            return self() * 2

    made = pg.functor(base_class=Base)(lambda x: x)
    assert made(4).twice() == 8


def test_functions_that_do_not_tell_their_arguments():
    with pytest.raises(SchemaError, match="cannot be symbolized: Python has no signature of it"):
        pg.symbolize(getattr)
