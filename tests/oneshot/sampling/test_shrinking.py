"""Progressive shrinking as published: phases, nested sampling, the largest network as teacher, a search in the end."""

from __future__ import annotations

import math
import re
from collections import Counter

import pytest
import torch

from pliant.oneshot import Phase, ProgressiveShrinking, Recalibrated, RunningStatistics
from pliant.space import choice, flatten, floating, integer
from pliant.values.errors import FieldValueError

WIDTH, ACT, OP = "width", "act", "op"


def quick(phases, **options):
    return ProgressiveShrinking(
        phases, **{"evaluations": 5, "batches": 1, "normalization": RunningStatistics(), **options}
    )


def paths(net):
    return {point.name: point.path for point in net.space.points}


def phases_for():
    return [Phase(1, {}), Phase(1, {WIDTH: 2}), Phase(2, {WIDTH: None, ACT: 2}, networks=2)]


def test_phases_follow_one_another_by_their_shares(tiny):
    net = tiny.net()
    sampler = quick(phases_for(), distillation=0.0)
    session = tiny.session(net, sampler, steps=400)
    found, at = tiny.train(session, 400, weights=False), paths(net)
    first, second, third = found[:100], found[100:200], found[200:]
    assert {d.values for d in first} == {(2, 2, 1)}  # the largest width is the last of 4, 2, 8
    assert {d[at[WIDTH]] for d in second} == {0, 2}  # 8 and 4, the two largest
    assert {(d[at[ACT]], d[at[OP]]) for d in second} == {(2, 1)}
    assert {d[at[WIDTH]] for d in third} == {0, 1, 2}
    assert {d[at[ACT]] for d in third} == {1, 2}
    assert {d[at[OP]] for d in third} == {1}
    assert sampler.metrics()["phase"] == 2.0


def test_what_a_phase_allows_a_later_one_does_too(tiny):
    net = tiny.net()
    sampler = quick(phases_for(), distillation=0.0)
    tiny.session(net, sampler)
    seen = []
    for index in range(3):
        sampler._phase = index
        seen.append({sampler.draw().values for _ in range(300)})
    assert seen[0] < seen[1] < seen[2]
    assert [len(one) for one in seen] == [1, 2, 6]


def test_draws_are_uniform(tiny):
    net = tiny.net()
    sampler = quick(phases_for(), distillation=0.0)
    tiny.session(net, sampler)
    sampler._phase = 2
    counts = Counter(sampler.draw().values for _ in range(1800))
    assert sum((found - 300) ** 2 / 300 for found in counts.values()) < 20.5


def test_how_many_networks_a_step_adds_up(tiny):
    net = tiny.net()
    sampler = quick(phases_for(), distillation=0.0)
    session = tiny.session(net, sampler, steps=40)
    tiny.train(session, 10, weights=False)
    assert sampler.networks_per_step == 1
    tiny.train(session, 30, weights=False)
    assert sampler.networks_per_step == 2


def test_the_teacher_is_the_trained_largest_network_and_stays_so(tiny):
    net = tiny.net()
    sampler = quick(phases_for())
    session = tiny.session(net, sampler, steps=40)
    tiny.train(session, 10)
    x, y = tiny.batches(1)[0]
    step = session.step
    assert sampler.auxiliary_loss(step, torch.zeros(16, 2).double()) is None
    child = net.materialize(sampler._largest).eval()
    with torch.no_grad():
        soft = child(x).softmax(-1)
    tiny.train(session, 20)  # weights go on changing
    step = session.begin((x, y))
    outputs = torch.randn(16, 2, dtype=torch.float64, requires_grad=True)
    found = sampler.auxiliary_loss(step, outputs)
    expected = -(soft * outputs.log_softmax(-1)).sum(-1).mean()
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    found.backward()
    torch.testing.assert_close(outputs.grad, (outputs.softmax(-1) - soft).detach() / 16)
    assert all(p.grad is None and not p.requires_grad for p in sampler._teacher.parameters())


def test_the_weight_of_the_teacher(tiny):
    found = []
    for weight in (0.5, 1.0):
        net = tiny.net()
        sampler = quick(phases_for(), distillation=weight)
        session = tiny.session(net, sampler, steps=40)
        tiny.train(session, 12)
        step = session.begin(tiny.batches(1)[0])
        found.append(sampler.auxiliary_loss(step, tiny.batches(1)[0][0][:, :2]))
    torch.testing.assert_close(2 * found[0], found[1])


def test_making_the_teacher_changes_nothing(tiny):
    net = tiny.net()
    sampler = quick(phases_for())
    session = tiny.session(net, sampler, steps=4)
    tiny.train(session, 1)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    session.begin(None)
    assert sampler._teacher is not None
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(p.requires_grad for p in net.parameters())
    assert net.training


def test_without_distillation_there_is_no_teacher(tiny):
    net = tiny.net()
    sampler = quick([Phase(1, {paths(net)[ACT]: None})], distillation=0)
    session = tiny.session(net, sampler)
    tiny.train(session, 5)
    assert sampler.auxiliary_loss(session.step, torch.zeros(16, 2)) is None


def test_the_teacher_is_a_part_of_the_state(tiny):
    net = tiny.net()
    sampler = quick(phases_for())
    session = tiny.session(net, sampler, steps=40)
    tiny.train(session, 15)
    state, weights = sampler.state(), {name: tensor.clone() for name, tensor in net.state_dict().items()}
    outputs = tiny.batches(1)[0][0][:, :2]
    expected = sampler.auxiliary_loss(session.step, outputs)

    other = tiny.net()
    other.load_state_dict(weights)
    again = quick(phases_for())
    second = tiny.session(other, again, steps=40, seed=8)
    selected = dict(other.selection.values)
    again.restore(state)
    assert other.selection.values == selected  # nothing else is selected by it
    assert torch.equal(again.auxiliary_loss(session.step, outputs), expected)
    session.done = second.done = 15
    assert tiny.train(second, 9, seed=1)
    assert tiny.train(session, 9, seed=1)
    assert second.supernet.decisions.values == session.supernet.decisions.values


def test_in_the_end_the_best_is_searched(tiny):
    net = tiny.net()
    sampler = quick(phases_for(), evaluations=18)
    session = tiny.session(net, sampler, quality=lambda d: -sum(d.values))
    assert sampler.decisions().values == (2, 2, 1)
    assert session.finish().values == (0, 0, 0)
    assert len(sampler.results) == 18
    assert isinstance(ProgressiveShrinking([Phase(1, {})])._normalization, Recalibrated)


def test_a_limit(tiny):
    net = tiny.net()
    sampler = quick(phases_for(), evaluations=18, cost=lambda d: sum(d.values), limit=2)
    assert sum(tiny.session(net, sampler, quality=lambda d: sum(d.values)).finish().values) == 2


# ---------------------------------------------------------------------- every kind of decision


def draws(space, free, count=200):
    """Draws from a space of a phase, without a network."""
    sampler = quick([Phase(1, free)], distillation=0)
    sampler._supernet = type("Net", (), {"space": space})()
    sampler._bind()
    return [sampler.draw() for _ in range(count)]


@pytest.mark.parametrize("distinct", [True, False])
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("free", [{}, {"p": None}, {"p": 2}])
def test_picks_of_a_group_keep_its_rule(distinct, ordered, free):
    space = flatten(
        [choice("p", [None, choice("q", 2), None, None], picks=3, distinct=distinct, sorted=ordered)]
    )
    found = draws(space, free)
    for decisions in found:
        assert space.validate(decisions.values).values == decisions.values
    if free.get("p", 0) is None:
        assert len({d.values for d in found}) > (2 if distinct and ordered else 10)
    elif not free:
        assert len({d.values for d in found}) == 1


def test_numbers():
    space = flatten([integer("n", 2, 10, step=2), floating("x", 0.0, 1.0)])
    assert {d.values for d in draws(space, {})} == {(10, 1.0)}
    assert {d["n"] for d in draws(space, {"n": 2})} == {8, 10}
    assert {d["n"] for d in draws(space, {"n": None})} == {2, 4, 6, 8, 10}
    assert len({d["x"] for d in draws(space, {"x": None})}) == 200


def test_more_values_than_there_are():
    assert {d["a"] for d in draws(flatten([choice("a", 3)]), {"a": 9})} == {0, 1, 2}


# ---------------------------------------------------------------------- lessons


@pytest.mark.parametrize(
    ("make", "lesson"),
    [
        (lambda: ProgressiveShrinking([]), r"needs phases; got none.*Phase\(1, \{\}\)"),
        (lambda: ProgressiveShrinking([3]), "takes Phase objects; got 3"),
        (
            lambda: ProgressiveShrinking([Phase(1, {"a": 1})]),
            "the first phase trains the largest network alone",
        ),
        (
            lambda: ProgressiveShrinking([Phase(1, {})], distillation=-1),
            "distillation=...\\) takes a finite number of at least 0",
        ),
        (
            lambda: ProgressiveShrinking([Phase(1, {})], distillation=math.nan),
            "distillation=...\\) takes a finite number of at least 0",
        ),
        (lambda: ProgressiveShrinking([Phase(1, {})], limit=4), "Give both or neither"),
        (lambda: Phase(0, {}), "Phase\\(share=...\\) takes a finite number above 0; got 0"),
        (lambda: Phase("x", {}), "Phase\\(share=...\\) takes a finite number above 0; got 'x'"),
        (lambda: Phase(1, {"a": 0}), r"Phase\(free\['a'\]"),
        (lambda: Phase(1, {3: 1}), "maps names, paths or patterns to numbers of values; got the key 3"),
        (lambda: Phase(1, ["a"]), "maps names, paths or patterns"),
        (lambda: Phase(1, {}, networks=0), "networks"),
    ],
)
def test_bad_options(make, lesson):
    with pytest.raises((ValueError, TypeError), match=lesson):
        make()


@pytest.mark.parametrize("text", ["kernel", "wid", "args", "idth", "^width$", "args[9]"])
def test_what_names_no_decision_is_refused(tiny, text):
    lesson = rf"this space has no decision {re.escape(repr(text))}.* Names and paths of its decisions: 'width', 'act', 'op'"
    with pytest.raises(FieldValueError, match=lesson):
        quick([Phase(1, {}), Phase(1, {text: 1})]).bind(tiny.net())


def test_a_part_of_a_name_is_not_the_name():
    space = flatten([choice("a.k", 3, name="k"), choice("kernel", 3), choice("b[0].ks", 3)])
    assert {(d["kernel"], d["b[0].ks"]) for d in draws(space, {"k": None})} == {(2, 2)}
    assert {d["a.k"] for d in draws(space, {"k": None})} == {0, 1, 2}
    assert {(d["a.k"], d["kernel"]) for d in draws(space, {"b[*].k?": None})} == {(2, 2)}


def test_a_decision_that_two_patterns_mean():
    space = flatten([choice("a.k", 3), choice("b.k", 3)])
    assert {d["b.k"] for d in draws(space, {"*.k": 2, "a.*": 2})} == {1, 2}
    with pytest.raises(
        FieldValueError, match=r"names the decision at 'a.k' twice: '\*.k' gives 2, and 'a.\*' gives None"
    ):
        draws(space, {"*.k": 2, "a.*": None})
