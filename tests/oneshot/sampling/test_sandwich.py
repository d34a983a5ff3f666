"""Sandwich rule: which networks a step has, who teaches whom, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pliant.oneshot import RunningStatistics, Sandwich
from pliant.oneshot.sampling import largest, smallest
from pliant.values.errors import FieldValueError, UnknownFieldError


def quick(**options):
    return Sandwich(**{"evaluations": 4, "batches": 1, "normalization": RunningStatistics(), **options})


def test_a_step_has_the_largest_the_smallest_and_random_networks(tiny):
    net, sampler = tiny.net(), quick(random_networks=3)
    sampler.bind(net)
    assert sampler.networks_per_step == 5
    middle = set()
    for _ in range(40):
        found = []
        for _ in range(5):
            sampler.before_weights(None)
            found.append(net.decisions)
        assert found[:2] == [largest(net.space), smallest(net.space)]
        middle.update(found[2:])
    assert len(middle) == net.space.size


def test_the_largest_learns_from_labels_and_the_others_also_from_its_outputs(tiny):
    net, sampler = tiny.net(), quick(random_networks=1, distillation=0.5)
    sampler.bind(net)
    outputs = [torch.randn(4, 3, requires_grad=True, dtype=torch.float64) for _ in range(6)]
    terms = []
    for out in outputs:
        sampler.before_weights(None)
        terms.append(sampler.auxiliary_loss(None, out))
    assert terms[0] is None
    assert terms[3] is None
    for at, teacher in ((1, 0), (2, 0), (4, 3), (5, 3)):
        soft = outputs[teacher].detach().softmax(-1)
        expected = 0.5 * nn.functional.cross_entropy(outputs[at], soft)
        torch.testing.assert_close(terms[at], expected)
        slope, teachers = torch.autograd.grad(terms[at], [outputs[at], outputs[teacher]], allow_unused=True)
        assert slope is not None
        assert teachers is None


def test_without_distillation_there_is_no_term_and_any_output_is_taken(tiny):
    sampler = quick(distillation=0)
    sampler.bind(tiny.net())
    for _ in range(3):
        sampler.before_weights(None)
        assert sampler.auxiliary_loss(None, torch.zeros(4)) is None


def test_one_number_per_example_has_no_soft_labels(tiny):
    sampler = quick()
    sampler.bind(tiny.net())
    sampler.before_weights(None)
    with pytest.raises(FieldValueError, match=r"Write Sandwich\(distillation=0\)"):
        sampler.auxiliary_loss(None, torch.zeros(4, 1))


def test_training_goes_on_after_a_restore_in_the_middle_of_a_step(tiny):
    net, sampler = tiny.net(), quick(random_networks=1)
    sampler.bind(net)
    for _ in range(4):
        sampler.before_weights(None)
    state = sampler.state()
    again = quick(random_networks=1)
    again.bind(net, seed=8)
    again.restore(state)
    again.before_weights(None)
    assert net.decisions == smallest(net.space)
    assert again.auxiliary_loss(None, torch.zeros(4, 3)) is None  # its teacher ran before the restore


def test_it_trains_and_finds_a_network(tiny):
    net = tiny.net()
    session = tiny.session(net, quick(), steps=12)
    tiny.train(session, 12, epoch=4)
    found = session.finish()
    assert found in session.sampler.results
    assert len(session.sampler.results) == 4


@pytest.mark.parametrize("given", [0, -1, 1.5, True])
def test_bad_options_are_refused(given):
    with pytest.raises(FieldValueError.__base__, match=r"Sandwich\(random_networks=\.\.\.\)"):
        Sandwich(random_networks=given)


def test_misspelled_options_are_refused():
    with pytest.raises(UnknownFieldError, match="did you mean 'random_networks'"):
        Sandwich(random_network=2)
