"""What is made locally is freed when no other object refers to it, and calls leave nothing behind in the process.

Each function below uses a part of the library with classes, functions and networks of its own, and returns them.
"""

from __future__ import annotations

import enum
import gc
import logging
import os
import random
import signal
import sys
import tempfile
import threading
import warnings
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

import pliant as pg
from pliant import oneshot
from pliant.algorithms import Algorithm
from pliant.hyper.inspection.programs import count_nodes
from pliant.open_ended import Insert

X = torch.rand(8, 2, generator=torch.Generator().manual_seed(1))
DATA = [(X, (X[:, 0] > 0.5).long())] * 2


def local_module() -> Any:
    class Net(nn.Module):
        def __init__(self, width: int = 3) -> None:
            super().__init__()
            self.fc, self.out = nn.Linear(2, width), nn.Linear(width, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(self.fc(x))

    return Net


def local_space() -> Any:
    return pg.symbolize(local_module())(pg.oneof([2, 4]))


def symbolized() -> Any:
    class Meta(type):
        def __call__(cls, *args: Any, **fields: Any) -> Any:
            return super().__call__(*args, **fields)

    class Plain(metaclass=Meta):
        def __init__(self, x: int) -> None:
            self.y = x

    class Slots:
        __slots__ = ("y",)

        def __init__(self, x: int) -> None:
            self.y = x

    made: list[Any] = [Meta, Plain, Slots]
    for base in (Plain, Slots):
        assert pg.symbolize(base, [("x", pg.typing.Int())])(1).y == 1
        cls = pg.symbolize(base)
        assert pg.symbolize(base) is cls
        program = cls(1)
        assert program.clone().rebind(x=2).y == 2
        assert pg.from_json_str(pg.to_json_str(program)) == program
        made += [cls, program, type("Derived", (cls,), {})]
    return made


def functors() -> Any:
    def add(a: int, b: int = 1) -> int:
        return a + b

    made = [pg.symbolize(add), pg.functor()(add), pg.functor_class(add), pg.as_functor(add)]
    assert made[0](1)() == 2
    assert pg.from_json_str(pg.to_json_str(made[1](2)))() == 3
    return [add, *made]


def objects() -> Any:
    class Mode(enum.Enum):
        ON = 1

    class Part(pg.Object):
        x: int
        mode: Mode | None = None

    class Whole(Part):
        part: Part
        parts: list[Part] = []  # a field

        def _on_bound(self) -> None:
            self.total = self.x + self.part.x

    @pg.members([("x", pg.typing.Object(Part))])
    class Old(pg.Object):
        pass

    class Twice(pg.DerivedHole):
        of: Any

        def inner(self) -> Any:
            return [pg.clone(self.of)]

        def build(self, value: Any) -> Any:
            return 2 * value[0]

    whole = Whole(1, Mode.ON, Part(2))
    assert whole.total == 3
    assert pg.from_json_str(pg.to_json_str(whole)) == whole
    assert Old(Part(1)).x.x == 1
    pg.register(Part, f"{Part.__qualname__} of a test")
    assert len(list(pg.iter(pg.Dict(x=pg.oneof([Part, Mode.ON]), y=Twice(pg.oneof([1, 2])))))) == 4
    return Mode, Part, Whole, Old, Twice, whole


def pickled() -> Any:
    net, opened = pg.symbolize(local_module())(3), oneshot.open_network(local_module()())
    made = [cloudpickle.loads(cloudpickle.dumps(one)) for one in (net, opened, opened.clone())]
    for one in (net, opened, *made):
        assert one(X).shape == (8, 2)
    return [type(net), type(opened), *map(type, made), net, *made]


def opened() -> Any:
    net = local_module()()
    net.add_module(f"part{random.SystemRandom().getrandbits(60)}", nn.ReLU())
    program = oneshot.open_network(net)

    class Held(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = pg.oneof([pg.symbolize(nn.LazyLinear)(2), pg.symbolize(nn.Linear)(2, 2)])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(x)

    super_net = oneshot.supernet(Held(), example=X)
    assert program(X).shape == super_net(X).shape
    return type(net), net, type(program), program, Held, super_net


def changed_classes() -> Any:
    class Late(nn.LazyLinear):
        cls_to_become = type("Grown", (nn.Linear,), {})  # type: ignore[assignment]

    class Double(nn.Module):
        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return weight * 2

    late, lazy, layer = pg.symbolize(Late)(2), pg.symbolize(nn.LazyLinear)(2), pg.symbolize(nn.Linear)(2, 2)
    parametrize.register_parametrization(layer, "weight", Double())
    for one in (late, lazy, layer):
        assert one(X).shape == (8, 2)
    return Late, Late.cls_to_become, Double, type(late), type(layer), layer


def super_networks() -> Any:
    class Scaled(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(width))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sum(1, keepdim=True) * self.weight

    class Same(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    @oneshot.add_rule(Scaled)
    def rule(layer: Any, name: str, full: torch.Tensor) -> torch.Tensor:
        return full[: layer.weight.shape[0]]

    @oneshot.add_count_rule(Scaled)
    def count(layer: Scaled, inputs: Any, output: torch.Tensor) -> int:
        return output.numel()

    parts = pg.oneof([pg.symbolize(Same)(), nn.Identity()])
    space = pg.symbolize(nn.Sequential)(pg.symbolize(Scaled)(pg.oneof([2, 4])), parts)
    net = oneshot.supernet(space, example=X)
    net.activate([1, 0])
    assert net.materialize()(X).shape == net(X).shape
    assert oneshot.MultiplyAdds(net, X)([1, 0]) == 32
    assert oneshot.Parameters(net)([0, 0]) == 2
    table = oneshot.measure_latencies(net, X, repeats=1)
    assert oneshot.Latency(net, X, table)([0, 1]) >= 0
    assert oneshot.measure_differences(net, X).output == 0.0
    return Scaled, Same, rule, count, space, net


def tables() -> Any:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = nn.Linear(2, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.part(x)

    with torch.random.fork_rng():  # the initial weights of an ordinary network
        net, program = Own(), pg.symbolize(Own)()
    table = pg.cost.measure_layers([net, program], X, repeats=1)
    assert pg.cost.look_up(program, X, table=table).total == pg.cost.look_up(net, X, table=table).total
    assert len(pg.cost.measure_latency([net, program], X, repeats=1)) == 2
    assert pg.cost.count(program, X) == pg.cost.count(net, X)
    return Own, net, program


def mutators() -> Any:
    class First(oneshot.Mutator):
        def sample_search(self) -> Any:
            return {m.key: torch.tensor([i == 0 for i in range(m.length)]) for m in self.mutables}

        def sample_final(self) -> Any:
            return self.sample_search()

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pick = oneshot.LayerChoice([nn.ReLU(), nn.Identity()], key="pick")

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.pick(x)

    net = Net()
    mutator = First(net)
    mutator.reset()
    fixed = oneshot.fix_choices(net)
    assert fixed(X).shape == net(X).shape
    return First, Net, net, mutator, fixed


def trained() -> Any:
    found: list[Any] = []
    for sampler in (oneshot.SPOS(evaluations=2, batches=1), oneshot.ENAS(), oneshot.TuNAS()):
        space = local_space()
        trainer = oneshot.Trainer(space, sampler, DATA, DATA, epochs=1, seed=3)
        report = trainer.fit()
        found += [space, trainer, report, trainer.network()]
    choices = pg.symbolize(nn.Sequential)(
        pg.oneof([pg.symbolize(local_module())(2), pg.symbolize(nn.Linear)(2, 2)])
    )
    trainer = oneshot.Trainer(choices, oneshot.DARTS(), DATA, DATA, epochs=1, seed=3)
    trainer.fit()
    return [one for one in [*found, choices, trainer] if not isinstance(one, oneshot.Report)]


def trained_alone() -> Any:
    def loss(network: nn.Module, batch: Any) -> torch.Tensor:
        return nn.functional.cross_entropy(network(batch[0]), batch[1])

    def quality(network: nn.Module, batch: Any) -> float:
        return -float(loss(network, batch))

    space = local_space()
    oneshot.search_alone(
        space,
        pg.generators.Random(),
        DATA,
        DATA,
        trials=2,
        epochs=1,
        loss=loss,
        quality=quality,
        optimizer=lambda weights: torch.optim.SGD(weights, lr=0.1),
    )
    return space, loss, quality


def searches() -> Any:
    class Work(pg.Object):
        x: int

    class Own(Algorithm):
        def _propose(self) -> Any:
            return self.space.first()

    def evaluate(work: Work) -> float:
        return work.x

    made: list[Any] = [Work, Own, evaluate]
    space = Work(pg.oneof([1, 2, 3]))
    algorithms = pg.generators.Random(), pg.evolution.RegularizedEvolution(), "tpe", "auto", "bayes"
    for algorithm in algorithms:
        for program, feedback in pg.sample(space, algorithm, 3, progress=False):
            feedback(evaluate(program))
    with tempfile.TemporaryDirectory() as folder:
        for study in (None, Path(folder) / "study.db"):
            made.append(pg.search(space, evaluate, trials=2, study=study, seed=1, progress=False))
    return [*made, space, program]


def abandoned() -> Any:
    """A loop that is left, by ``break`` and by an exception, shown as it runs."""

    class Work(pg.Object):
        x: int

    def make() -> Any:
        return Work(pg.oneof([1, 2]))

    def fail(work: Work) -> float:
        raise ValueError(work.x)

    for _ in pg.sample(make(), trials=3):
        break
    with suppress(ValueError):
        for program, _ in pg.sample(make(), trials=3):
            fail(program)
    with tempfile.TemporaryDirectory() as folder:
        pg.search(make(), fail, trials=2, study=Path(folder) / "study.db", max_failures=1)
    return Work, make, fail


def searched_in_processes() -> Any:
    # A function of the package: workers would import this file, and PyTorch with it.
    space = pg.Dict(x=pg.oneof([1, 2, 3]))
    result = pg.search(space, count_nodes, "random", trials=4, workers=2, seed=1, progress=False)
    assert len(result.trials) == 4
    return ()


def traced() -> Any:
    def program() -> float:
        return pg.oneof([1, 2]) + pg.floatv(0.0, 1.0)

    space = pg.trace(program)
    for run, feedback in pg.sample(space, "random", 2, progress=False):
        with run():
            feedback(program())
    return (program,)


def evolved() -> Any:
    def edit(program: Any, random: Any) -> Any:
        return program.clone().rebind(n=random.random())

    search = pg.evolve(pg.Dict(terms=[], n=0.0), [edit, Insert("terms", [1, 2])], 4)
    for program, feedback in search:
        feedback(program.n)
    return edit, search


USES = [
    symbolized,
    functors,
    objects,
    pickled,
    opened,
    changed_classes,
    super_networks,
    tables,
    mutators,
    trained,
    trained_alone,
    searches,
    searched_in_processes,
    abandoned,
    traced,
    evolved,
]


@pytest.mark.parametrize("use", USES, ids=lambda f: f.__name__)
def test_nothing_keeps_what_is_made_locally(use: Callable[[], Any]):
    kept = [weakref.ref(one) for _ in range(4) for one in use()]
    gc.collect()
    assert [one() for one in kept if one() is not None] == []


def test_two_hundred_classes_are_freed():
    def make() -> list[Any]:
        base = type("Local", (), {"__init__": lambda self, x: setattr(self, "y", x)})
        cls = pg.symbolize(base)
        assert cls(2).y == 2
        return [weakref.ref(base), weakref.ref(cls)]

    kept = [one for _ in range(200) for one in make()]
    gc.collect()
    assert [one() for one in kept if one() is not None] == []


def test_a_symbolized_class_lives_as_long_as_its_class():
    """So that stored text finds it again, and each call returns the same."""
    base = local_module()
    name, text = id(pg.symbolize(base)), pg.to_json_str(pg.symbolize(base)(5))
    gc.collect()
    assert id(pg.symbolize(base)) == name
    assert pg.from_json_str(text).fc.out_features == 5


def test_a_second_symbolic_class_takes_the_name_only_while_it_exists():
    base = local_module()
    program = pg.symbolize(base)(5)
    text = pg.to_json_str(program)
    with_constraints = pg.symbolize(base, [("width", pg.typing.Int(max_value=4))])
    with pytest.raises(pg.PliantError, match=r"'width' is 5 .* allowed: an int <= 4"):
        pg.from_json_str(text)
    del with_constraints
    gc.collect()
    assert pg.from_json_str(text) == program


def test_a_type_that_is_defined_again_is_read_as_the_new_one():
    """As in a notebook whose cell is run again, where objects of the earlier class still exist."""

    def run_cell() -> Any:
        class Mode(enum.Enum):
            ON = 1

        class Work(pg.Object):
            mode: Mode

        return Work(Mode.ON)

    earlier, later = run_cell(), run_cell()
    assert pg.from_json_str(pg.to_json_str(later)) == later != earlier


def test_a_copied_class_is_another_class():
    """``dataclass(slots=True)`` and ``attrs`` make a second class of the attributes of the first."""
    base = local_module()
    first = pg.symbolize(base)
    again = type(base)(base.__name__, base.__bases__, dict(vars(base)))
    assert pg.symbolize(again) is not first
    assert issubclass(pg.symbolize(again), again)


# --- traces in the process ---------------------------------------------------------------------------------


def random_states() -> dict[str, Any]:
    numpy = np.random.get_state()  # noqa: NPY002  # the global generator is what this is about
    return {
        "python": random.getstate(),
        "numpy": (numpy[0], numpy[1].tobytes(), *numpy[2:]),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }


def settings() -> dict[str, Any]:
    hooks = {
        n: list(v) for n, v in vars(nn.modules.module).items() if n[:8] == "_global_" and hasattr(v, "keys")
    }
    loggers = [logging.getLogger(), *map(logging.getLogger, sorted(logging.root.manager.loggerDict))]
    folder = os.getcwd()
    mask = os.umask(0o77)
    os.umask(mask)
    return {
        "warnings": list(warnings.filters),
        "environment": dict(os.environ),
        "folder": folder,
        "umask": mask,
        "path": list(sys.path),
        "hooks of sys": (
            sys.excepthook,
            sys.unraisablehook,
            sys.displayhook,
            threading.excepthook,
            sys.breakpointhook,
        ),
        "streams": (sys.stdout, sys.stderr, sys.stdin),
        "imports": (
            list(sys.meta_path),
            list(sys.path_hooks),
            sorted(n for n in sys.modules if "pliant_" in n),
        ),
        "limits": (sys.getrecursionlimit(), sys.getswitchinterval(), sys.gettrace(), sys.getprofile()),
        "gc": (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), len(gc.callbacks)),
        "signals": {n: signal.getsignal(n) for n in signal.valid_signals()},
        "signal mask": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "handlers": {
            one.name: (list(one.handlers), one.level, one.propagate, one.disabled) for one in loggers
        },
        "threads": sorted(t.name for t in threading.enumerate()),
        "children": sorted(_children()),
        "temporary files": sorted(n for n in os.listdir(tempfile.gettempdir()) if "pliant" in n),
        "hooks of torch": hooks,
        "torch": (
            torch.get_default_dtype(),
            torch.empty(()).device,
            torch.get_num_threads(),
            torch.get_num_interop_threads(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.is_anomaly_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch.get_float32_matmul_precision(),
            torch.backends.cudnn.benchmark,
            torch.backends.cudnn.deterministic,
            torch.backends.mkldnn.enabled,
            torch._C._len_torch_dispatch_stack(),
            torch.get_printoptions()
            if hasattr(torch, "get_printoptions")
            else str(torch._tensor_str.PRINT_OPTS),
        ),
        "numpy": (np.geterr(), np.get_printoptions()),
    }


def _children() -> list[str]:
    found = Path(f"/proc/self/task/{os.getpid()}/children")
    return found.read_text("ascii").split() if found.exists() else []


@pytest.mark.parametrize("use", USES, ids=lambda f: f.__name__)
def test_random_generators_and_settings_are_left_alone(use: Callable[[], Any], monkeypatch, capsys):
    before = random_states()
    if use not in (
        opened,
        pickled,
        changed_classes,
    ):  # their layers get initial weights from the global generator
        use()
        assert {n: s == before[n] for n, s in random_states().items()} == dict.fromkeys(before, True)
    use()
    known = settings()
    use()
    now = settings()
    assert {n: (v, known[n]) for n, v in now.items() if v != known[n]} == {}
