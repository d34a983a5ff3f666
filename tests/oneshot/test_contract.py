"""All samplers of the library keep to the contract of samplers, and to what the table of capabilities says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pliant import oneshot
from pliant.oneshot import (
    DARTS,
    ENAS,
    GAEA,
    GDAS,
    PCDARTS,
    SNAS,
    SPOS,
    BatchStatistics,
    BetaDARTS,
    DrNAS,
    FairNAS,
    FBNet,
    Perturbation,
    Phase,
    ProgressiveShrinking,
    ProxylessNAS,
    RandomMutator,
    Recalibrated,
    Sampler,
    Sandwich,
    TuNAS,
)
from pliant.oneshot.capability import CAPABILITIES
from pliant.oneshot.mutators.random import MutatorSampler
from pliant.testing.samplers import SamplerSuite


def read_climb():
    """Returns the sampler that the documentation writes."""
    page = (Path(__file__).parents[2] / "docs" / "extend" / "sampler.md").read_text("utf-8")
    names = {"__name__": __name__}
    exec(page.split("```python\n")[1].split("```")[0], names)
    return names["Climb"]


Climb = read_climb()


class TestTheSamplerOfTheDocumentation(SamplerSuite):
    def make(self):
        return Climb()


class TestDARTS(SamplerSuite):
    def make(self):
        return DARTS()


class TestSecondOrderDARTS(SamplerSuite):
    def make(self):
        return DARTS(order=2)


class TestSNAS(SamplerSuite):
    def make(self):
        return SNAS()


class TestGDAS(SamplerSuite):
    def make(self):
        return GDAS()


class TestFBNet(SamplerSuite):
    def make(self):
        return FBNet(warmup=0.0)


class TestProxylessNAS(SamplerSuite):
    def make(self):
        return ProxylessNAS(warmup=0.0, every=1)


class TestSPOS(SamplerSuite):
    def make(self):
        return SPOS(evaluations=4, batches=1, normalization=Recalibrated(10))


class TestENAS(SamplerSuite):
    def make(self):
        return ENAS(updates=1, draws=3)


class TestTuNAS(SamplerSuite):
    epochs = 3

    def make(self):
        return TuNAS(learning_rate=0.1)


class TestProgressiveShrinking(SamplerSuite):
    def make(self):
        return ProgressiveShrinking(
            [Phase(1, {}), Phase(1, {"*": None}, networks=2)],
            evaluations=4,
            batches=1,
            normalization=BatchStatistics(),
        )


class TestGAEA(SamplerSuite):
    def make(self):
        return GAEA()


class TestDrNAS(SamplerSuite):
    def make(self):
        return DrNAS()


class TestPCDARTS(SamplerSuite):
    def make(self):
        return PCDARTS(divisor=2, warmup=0.0)


class TestBetaDARTS(SamplerSuite):
    def make(self):
        return BetaDARTS()


class TestPerturbation(SamplerSuite):
    def make(self):
        return Perturbation(DARTS(), batches=1, tuning=2)


class TestFairNAS(SamplerSuite):
    def make(self):
        return FairNAS(evaluations=4, batches=1, normalization=Recalibrated(10))


class TestSandwich(SamplerSuite):
    def make(self):
        return Sandwich(evaluations=4, batches=1, normalization=BatchStatistics())


class TestMutatorSampler(SamplerSuite):
    """Of a mutator that draws from a seed of its own, also in the end."""

    seeded = settled = False

    def make(self):
        return MutatorSampler(RandomMutator)


PUBLIC = [
    value
    for name in oneshot.__all__
    if isinstance(value := getattr(oneshot, name), type) and issubclass(value, Sampler)
]


@pytest.mark.parametrize("name", CAPABILITIES)
def test_the_table_says_what_the_class_says(name):
    assert getattr(oneshot, name).capabilities == CAPABILITIES[name]


def test_the_table_has_all_algorithms():
    named = {cls.__name__ for cls in PUBLIC if not cls.__abstractmethods__}
    assert named - {"MutatorSampler"} == set(CAPABILITIES)


class Plain(ENAS):
    """Its constructor is inherited."""


class Open(Climb):
    def __init__(self, rate=0.5, *args, **options):
        super().__init__()
        self.rate = 2 * rate


def test_options_are_those_of_the_constructor_that_runs():
    """Also where a class has no constructor of its own, or one that takes any arguments."""
    assert Climb().options == {}
    assert list(Plain().options) == list(ENAS().options) != []
    assert Open(0.25, 7, options=3).options == {"rate": 0.5, "args": (7,), "options": {"options": 3}}
