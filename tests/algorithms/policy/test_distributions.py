"""The distribution of numbers: exact integer probabilities, its entropy, and its two implementations."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pliant.algorithms.policy.distributions import log_density, number_entropy
from pliant.algorithms.policy.draw import draw_index, draw_number, log_softmax
from pliant.algorithms.policy.heads import logit, make_heads, unit_share
from pliant.space import Float, Int, choice, flatten, floating, from_unit, integer, to_unit

locations, log_scales = st.floats(-6, 6), st.floats(-5, 1.5)
scales = st.sampled_from(["linear", "log", "rlog"])


def tensor(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


@st.composite
def ints(draw):
    low, step, count = draw(st.integers(1, 50)), draw(st.integers(1, 7)), draw(st.integers(17, 300))
    slack = draw(st.integers(0, step - 1))
    return Int("n", low, low + step * (count - 1) + slack, draw(scales), step)


@settings(max_examples=60, deadline=None)
@given(point=ints(), data=st.data())
def test_a_share_is_what_from_unit_maps_to_the_value(point, data):
    value = point.min_value + point.step * data.draw(st.integers(0, point.count - 1))
    low, high = unit_share(point, value)
    assert 0.0 <= low < high <= 1.0
    inside = data.draw(st.floats(0.001, 0.999))
    assert from_unit(point, low + inside * (high - low)) == value
    assert low < to_unit(point, value) < high


@settings(max_examples=40, deadline=None)
@given(point=ints(), location=locations, log_scale=log_scales)
def test_the_probabilities_of_an_integer_sum_to_one(point, location, log_scale):
    shares = [unit_share(point, value) for value in range(point.min_value, point.last + 1, point.step)]
    far = 1e6
    low, high = (tensor(*[min(max(logit(s[i]), -far), far) for s in shares]) for i in (0, 1))
    found = log_density(tensor(location).expand(len(low)), tensor(log_scale).expand(len(low)), low, high)
    assert float(found.exp().sum()) == pytest.approx(1.0, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(location=st.floats(-3, 3), log_scale=st.floats(-3, 0.4))
def test_the_density_of_a_float_integrates_to_one_and_gives_the_entropy(location, log_scale):
    """Integrated over the logit of the unit, where both are smooth."""
    x = torch.linspace(-60, 60, 40001, dtype=torch.float64)
    density = log_density(tensor(location).expand(len(x)), tensor(log_scale).expand(len(x)), x, x)
    # du = u (1 - u) dx
    weight = torch.nn.functional.logsigmoid(x) + torch.nn.functional.logsigmoid(-x)
    mass = (density + weight).exp()
    assert float(torch.trapezoid(mass, x)) == pytest.approx(1.0, abs=1e-6)
    entropy = -float(torch.trapezoid(mass * density, x))
    assert float(number_entropy(tensor(location), tensor(log_scale))[0]) == pytest.approx(entropy, abs=2e-3)


def test_the_entropy_is_zero_where_the_unit_is_uniform_and_negative_elsewhere():
    assert float(number_entropy(tensor(0.0), tensor(0.0))[0]) == pytest.approx(0.0, abs=1e-9)
    for location, log_scale in [(1.0, 0.0), (0.0, -2.0), (0.0, 1.0), (-3.0, -4.0)]:
        assert float(number_entropy(tensor(location), tensor(log_scale))[0]) < -0.01


@settings(max_examples=60, deadline=None)
@given(
    point=st.one_of(
        ints(),
        st.builds(Float, st.just("f"), st.just(0.001), st.just(2.0), scales),
        st.just(Int("big", 0, 10**12)),
    ),
    location=locations,
    log_scale=log_scales,
    uniform=st.floats(1e-6, 1 - 1e-6),
)
def test_drawn_numbers_have_the_log_probability_of_the_tensors(point, location, log_scale, uniform):
    value, said = draw_number(point, (location, log_scale), uniform)
    far = 1e6
    low, high = (tensor(min(max(logit(end), -far), far)) for end in unit_share(point, value))
    found = float(log_density(tensor(location), tensor(log_scale), low, high)[0])
    assert said == pytest.approx(found, abs=1e-6, rel=1e-6)


def test_drawn_numbers_follow_the_closed_form_of_their_quantiles():
    """At the median the unit is sigmoid(location); a larger uniform draws a larger number."""
    point = Float("f", 0.0, 1.0)
    assert draw_number(point, (1.0, -1.0), 0.5)[0] == pytest.approx(1 / (1 + math.exp(-1.0)))
    drawn = [draw_number(point, (1.0, -1.0), u / 50)[0] for u in range(50)]
    assert drawn == sorted(drawn)


@settings(deadline=None)
@given(
    location=st.floats(-100, 100), log_scale=st.floats(-100, 100), uniform=st.sampled_from([0.0, 1 - 2**-53])
)
def test_outputs_of_any_size_give_finite_results(location, log_scale, uniform):
    for point in (Float("f", 0.0, 1.0), Int("n", 1, 100, "log")):
        value, said = draw_number(point, (location, log_scale), uniform)
        assert point.min_value <= value <= point.max_value
        assert math.isfinite(said)


def test_draw_index_never_falls_off_the_end():
    logs = log_softmax([0.0, -1e4, 0.5])
    assert [draw_index(logs, u) for u in (0.0, 1 - 2**-53)] == [0, 2]


def test_which_points_have_which_heads():
    space = flatten(
        [
            choice("c", 5),
            integer("few", 1, 16),
            integer("many", 1, 17),
            floating("f", 0, 1),
            floating("g", 2, 2),
        ]
    )
    heads = make_heads(space)
    assert [head.is_categorical for head in heads] == [True, True, False, False, True]
    assert [head.width for head in heads] == [5, 16, 2, 2, 1]
    assert [head.start for head in heads] == [0, 5, 21, 23, 25]
    assert heads[1].index(3) == 2
    assert heads[4].values == (2.0,)
