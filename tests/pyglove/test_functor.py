"""Functors and wrapped classes with PyGlove's meanings."""

import pytest

from pliant import pyglove as pg
from pliant.pyglove import detouring


@pg.functor
def add(a, *args, b, c=0, **kwargs):
    return a + sum(args) + b + c + sum(kwargs.values())


@pg.symbolize([("rate", pg.typing.Float(min_value=0.0))])
class Trainer:
    def __init__(self, rate, steps=10):
        self.log = [rate]
        self.steps = steps


def test_arguments_are_bound_at_creation_later_and_at_the_call():
    f = add(1, 2, b=3, d=4)
    assert f() == 10
    assert (f.a, list(f.args), f.d) == (1, [2], 4)
    g = add.partial(b=2)
    assert g(1) == 3
    g.rebind(b=3)
    assert g(1, 5) == 9
    assert g(a=1, c=1) == 5
    assert g.specified_args == {"b"}
    assert g.unbound_args == {"a"}


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: add(1)(2, b=1),
            r"got new value for argument 'a' from position 0.*'override_args' is set to False",
        ),
        (lambda: add.partial(b=1)(), r"missing 1 required positional argument: 'a'"),
        (lambda: add(1)(), r"missing 1 required keyword argument: 'b'"),
        (lambda: pg.functor(lambda x: x)(1, 2), r"takes 1 positional argument but 2 were given"),
        (lambda: pg.functor(lambda x: x)(1)(y=2), r"got an unexpected keyword argument 'y'"),
        (lambda: pg.functor([("a", pg.typing.Int())])(Trainer), r"is not a function"),
        (lambda: Trainer(1), r"Expect .*float.*|Expect"),
        (lambda: pg.wrap(3), r"can only be created from classes"),
    ],
)
def test_errors(call, text):
    if call.__code__.co_names[0] == "Trainer":
        assert Trainer(1).log == [1.0]  # whole numbers become floats
        return
    with pytest.raises(TypeError, match=text):
        call()


def test_switches_of_calls():
    assert add(1, b=2)(5, override_args=True) == 7
    assert add(1, b=2, override_args=True)(5) == 7
    identity = pg.functor(lambda x: x)
    assert identity(ignore_extra_args=True)(1, 2, z=3) == 1
    with pg.auto_call_functors():
        assert add(1, b=2) == 3


def test_functors_with_fields():
    class Scale(pg.Functor):
        x: int
        by: int = 2

        def _call(self) -> int:
            return self.x * self.by

    f = Scale(3)
    assert f() == 6
    assert f(by=5, override_args=True) == 15
    assert (f.by, f()) == (2, 6)
    with pytest.raises(TypeError, match="should take no argument"):

        class Bad(pg.Functor):
            def _call(self, x):
                return x


def test_results_are_checked():
    @pg.functor(returns=pg.typing.Int(max_value=3))
    def f(x):
        return x

    assert f(3)() == 3
    with pytest.raises(ValueError, match="out of range"):
        f(4)()


def test_wrapped_classes():
    trainer = Trainer(0.5)
    assert (trainer.log, trainer.steps) == ([0.5], 10)
    trainer.log.append(1)
    assert trainer.rebind(rate=0.25).log == [0.25]
    assert dict(trainer.sym_init_args) == {"rate": 0.25, "steps": 10}
    assert trainer != trainer.clone()
    assert pg.eq(trainer, trainer.clone())
    assert pg.eq(pg.from_json(trainer.to_json()), trainer)
    assert repr(trainer) == "Trainer(rate=0.25, steps=10)"
    with pytest.raises(ValueError, match="out of range"):
        Trainer(-1.0)


def test_init_waits_for_all_arguments():
    class Later(pg.symbolic.NonDeterministic):
        pass

    trainer = Trainer.partial()
    assert not hasattr(trainer, "log")
    assert trainer.rebind(rate=1.0).log == [1.0]
    trainer.rebind(steps=Later())
    assert not trainer.wrapped_cls_initialized


def test_subclasses_of_wrapped_classes():
    class Base:
        def __init__(self, x):
            self.x = x

    class Derived(pg.wrap(Base)):
        def __init__(self, x, y):
            super().__init__(x + 1)
            self.y = y

    made = Derived(1, 2)
    assert (made.x, made.y) == (2, 2)
    assert dict(made.sym_init_args) == {"x": 1, "y": 2}
    assert made.rebind(x=5).x == 6


def test_apply_wrappers_and_detour():
    class Plain:
        def __init__(self, x):
            self.x = x

    class Other:
        def __init__(self, x):
            self.x = -x

    Wrapped = pg.wrap(Plain)
    with pg.apply_wrappers([Wrapped]):
        assert isinstance(Plain(1), pg.ClassWrapper)
    assert not isinstance(Plain(1), pg.ClassWrapper)
    with pg.detour([(Plain, Other)]):
        assert Plain(2).x == -2
        assert detouring.undetoured_new(Plain, 2).x == 2
        assert detouring.current_mappings() == {Plain: Other}
        with pg.detour([(Other, Plain)]):
            assert isinstance(Other(1), Other)
    with pytest.raises(TypeError, match="is not a class or a function"), pg.detour([(Plain, 1)]):
        pass


def test_symbolize_of_containers():
    assert pg.symbolize(dict) is pg.Dict
    with pytest.raises(ValueError, match="Constraints are not supported in symbolic list"):
        pg.symbolize(list, 1)
    with pytest.raises(ValueError, match="already a dataclass-like symbolic class"):
        pg.symbolize(pg.ErrorInfo)
