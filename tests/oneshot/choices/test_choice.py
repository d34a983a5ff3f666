"""Choices written by hand, and an InputChoice as a symbolic program."""

import pickle

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import (
    DARTS,
    ENAS,
    SPOS,
    BindError,
    FixedMutator,
    InputChoice,
    LayerChoice,
    Masks,
    MultiplyAdds,
    MutatorSampler,
    RandomMutator,
    Trainer,
    TuNAS,
    ValueChoice,
    count_multiply_adds,
    read_answer,
    supernet,
    to_answer,
    to_masks,
)
from pliant.values.errors import DecisionError, FieldTypeError, FieldValueError, SpaceError

torch.set_num_threads(1)
Linear, Sequential, ReLU, Tanh = map(pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU, nn.Tanh))
Inputs = pg.symbolize(InputChoice)


class Join(nn.Module):
    """Joins three tensors, and applies an operation."""

    def __init__(self, join, op):
        super().__init__()
        self.join, self.op = join, op

    def forward(self, x):
        return self.op(self.join([x, 2 * x, -3 * x]))


Join = pg.symbolize(Join)


def select(choice, value):
    choice.selection.replace({choice.key: value})
    return choice


# --- layers -----------------------------------------------------------------------------------------------


def test_candidates_by_place_and_name():
    choice = LayerChoice({"conv.3": nn.ReLU(), "conv_3": nn.Tanh(), "pop": nn.Sigmoid()})
    assert choice.names == choice.texts == ("conv.3", "conv_3", "pop")
    assert [type(m).__name__ for m in choice] == ["ReLU", "Tanh", "Sigmoid"]
    assert isinstance(choice["conv_3"], nn.Tanh)
    assert isinstance(choice[-1], nn.Sigmoid)
    with pytest.raises(FieldValueError, match=r"has no candidate 'conv.4'; did you mean 'conv.3'"):
        choice["conv.4"]


def test_candidates_are_exchanged_and_removed():
    choice = LayerChoice([nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.ELU()], key="k")
    choice[1] = nn.GELU()
    choice["3"] = nn.SiLU()
    assert [type(m).__name__ for m in choice] == ["ReLU", "GELU", "Sigmoid", "SiLU"]
    del choice["0"]
    del choice[-1:]
    assert [type(m).__name__ for m in choice] == ["GELU", "Sigmoid"]
    assert choice.names == ("1", "2")
    assert len(choice) == choice.length == 2
    x = torch.randn(3)
    assert torch.equal(select(choice, 1)(x), x.sigmoid())
    with pytest.raises(FieldValueError, match="the LayerChoice 'k' would have no candidates left"):
        del choice[:]
    with pytest.raises(FieldTypeError, match="the candidates of a LayerChoice are modules; got 3"):
        choice[0] = 3
    supernet(nn.Sequential(choice))
    with pytest.raises(
        BindError,
        match=r"its 2 candidates are fixed\. Remove candidates before you make the super-network or mutator",
    ):
        del choice[0]
    again = LayerChoice([nn.ReLU(), nn.Tanh(), nn.ELU()], key="k")
    del again[0]
    assert supernet(nn.Sequential(again)).space.points[0].count == 2


@pytest.mark.parametrize("selected, mask", [(1, [False, True]), (torch.tensor([0.5, 0.5]), [0.5, 0.5])])
def test_layer_mask_has_an_item_per_candidate(selected, mask):
    choice = LayerChoice([nn.ReLU(), nn.Tanh()], return_mask=True, key="k")
    if isinstance(selected, int):
        select(choice, selected)
    else:
        choice.selection.weights["k"] = selected
    assert choice(torch.ones(2))[1].tolist() == mask


def test_bad_layer_choices():
    with pytest.raises(FieldTypeError, match=r"got 3 of type int for candidate '1'. Use ValueChoice"):
        LayerChoice([nn.ReLU(), 3])
    with pytest.raises(FieldValueError, match="LayerChoice has no candidates"):
        LayerChoice([])
    with pytest.raises(FieldValueError, match="reduction is one of sum, mean, concat, none; got 'max'"):
        LayerChoice([nn.ReLU()], "max")
    with pytest.raises(FieldTypeError, match="the key of a LayerChoice is a non-empty string"):
        LayerChoice([nn.ReLU()], key=3)


def test_shapes_that_differ_are_named():
    choice = LayerChoice([nn.Linear(2, 3), nn.Linear(2, 4)], key="net.op")
    choice.selection.weights["net.op"] = torch.tensor([0.5, 0.5])
    with pytest.raises(FieldValueError, match=r"at 'net.op' return different shapes, \(1, 3\) and \(1, 4\)"):
        choice(torch.zeros(1, 2))


# --- inputs -----------------------------------------------------------------------------------------------

TENSORS = [torch.full((1, 2), float(v)) for v in (1, 10, 100)]


@pytest.mark.parametrize(
    "reduction, expected", [("sum", [[101.0] * 2]), ("mean", [[50.5] * 2]), ("concat", [[1.0, 1, 100, 100]])]
)
@pytest.mark.parametrize("selected", [[0, 2], [2, 0]])
def test_inputs_are_joined_in_their_own_order(reduction, expected, selected):
    choice = select(InputChoice(3, 2, reduction, key="k"), selected)
    assert choice(TENSORS).tolist() == expected
    assert InputChoice(chosen=selected, reduction=reduction)(TENSORS).tolist() == expected


def test_none_of_the_inputs():
    assert select(InputChoice(3, key="k"), [])(TENSORS).tolist() == [[0.0, 0.0]]
    assert select(InputChoice(3, reduction="mean", key="k"), [])(TENSORS).tolist() == [[0.0, 0.0]]
    assert select(InputChoice(3, reduction="concat", key="k"), [])(TENSORS).shape == (1, 0)
    assert select(InputChoice(3, reduction="none", key="k"), [])(TENSORS) == []


def test_inputs_by_name_and_mask():
    choice = select(InputChoice(choose_from=["a", "b", "c"], n_chosen=2, return_mask=True, key="k"), [1, 2])
    out, mask = choice({"c": TENSORS[2], "a": TENSORS[0], "b": TENSORS[1]})
    assert out.tolist() == [[110.0, 110.0]]
    assert mask.tolist() == [False, True, True]


def test_bad_input_choices():
    with pytest.raises(FieldValueError, match="needs the number of its tensors, or their names"):
        InputChoice()
    with pytest.raises(
        FieldValueError, match=r"n_chosen of an InputChoice over 2 tensors is from 1 to 2.*; got 3"
    ):
        InputChoice(2, 3)
    with pytest.raises(FieldValueError, match="the InputChoice 'k' chooses among 3 tensors; got 2"):
        InputChoice(3, key="k")(TENSORS[:2])
    with pytest.raises(FieldValueError, match=r"distinct indices of inputs from 0 to 2; got \[0, 3\]"):
        InputChoice(3, chosen=[0, 3])
    with pytest.raises(FieldValueError, match=r"distinct indices of inputs from 0; got \[1, 1\]"):
        InputChoice(chosen=[1, 1])
    with pytest.raises(FieldValueError, match="chooses among at least 3 tensors; got 2"):
        InputChoice(chosen=[2])(TENSORS[:2])


def test_a_fixed_choice_is_no_decision():
    with pytest.raises(SpaceError, match="nothing to decide"):
        supernet(nn.Sequential(InputChoice(chosen=[0])))
    net = supernet(Join(Inputs(chosen=[0, 1]), pg.oneof([ReLU(), Tanh()])))
    assert [m.key for m in net.mutables] == ["op"]
    x = torch.randn(2, 3)
    assert torch.equal(net(x), net.materialize()(x))


# --- as a program -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hole, size",
    [
        (lambda: pg.manyof(2, range(3)), 6),
        (lambda: pg.manyof(2, range(3), sorted=True), 3),
        (lambda: pg.manyof(1, range(3)), 3),
        (lambda: pg.oneof([0, 2]), 2),
        (lambda: pg.manyof(2, [0, 2]), 2),
    ],
)
@pytest.mark.parametrize("reduction", ["sum", "mean", "concat"])
def test_a_hole_at_chosen_is_an_input_choice(hole, size, reduction):
    program = Join(Inputs(chosen=hole(), reduction=reduction), pg.oneof([ReLU(), Tanh()]))
    net = supernet(program)
    assert isinstance(net.mutables[0], InputChoice)
    assert net.mutables[0].key == "join.chosen"
    assert net.space.size == 2 * size
    x = torch.randn(2, 3)
    for decisions in net.space.iterate():
        net.activate(decisions)
        assert net.decisions == decisions
        assert torch.equal(net(x), net.materialize(decisions)(x))
        assert torch.equal(net(x), pg.materialize(program, decisions)(x))


def test_input_choices_below_a_candidate():
    below = Join(Inputs(chosen=pg.manyof(2, range(3))), ReLU())
    net = supernet(Sequential(pg.oneof([Tanh(), below]), Linear(3, 1)))
    mutator = RandomMutator(net, seed=0)
    x, seen = torch.randn(2, 3), set()
    for _ in range(60):
        mutator.reset()
        seen.add(net.decisions)
        assert torch.equal(net(x), net.materialize()(x))
        assert net.space.parse(mutator.export()).space is net.space
    assert len(seen) == net.space.size == 7


def test_tied_input_choices():
    chosen = pg.manyof(2, range(3), name="which")
    net = supernet(
        Sequential(
            Join(Inputs(chosen=chosen), ReLU()), Join(Inputs(chosen=chosen), pg.oneof([ReLU(), Tanh()]))
        )
    )
    assert [m.key for m in net.mutables] == ["args[0].join.chosen", "args[1].op"]
    x = torch.randn(2, 3)
    for decisions in net.space.iterate():
        net.activate(decisions)
        assert torch.equal(net(x), net.materialize()(x))


def test_candidates_that_are_sets_of_places_stay_sizes():
    net = supernet(Join(Inputs(chosen=pg.oneof([[0], [0, 1]])), ReLU()))
    x = torch.randn(2, 3)
    for decisions in net.space.iterate():
        net.activate(decisions)
        assert torch.equal(net(x), net.materialize()(x))


@pytest.mark.parametrize(
    "hole", [lambda: pg.manyof(2, range(3), distinct=False), lambda: pg.manyof(2, [2, 0, 1])]
)
def test_holes_that_no_mask_can_say(hole):
    with pytest.raises(
        SpaceError, match=r"InputChoice at 'join.chosen' may pick an input twice, or its indices"
    ):
        supernet(Join(Inputs(chosen=hole()), ReLU()))


# --- values, and all of them ------------------------------------------------------------------------------


def test_value_choices():
    choice = select(ValueChoice([0.5, 1.5], key="k"), 1)
    assert choice() == 1.5
    choice.selection.weights["k"] = torch.tensor([0.5, 0.5])
    assert choice().item() == 1.0
    with pytest.raises(FieldValueError, match="ValueChoice has no candidates"):
        ValueChoice([])


def test_handwritten_choices_are_a_space():
    model = nn.Sequential(
        LayerChoice([nn.ReLU(), nn.Tanh()]), LayerChoice([nn.ReLU(), nn.Tanh()], key="last")
    )
    net = supernet(model)
    assert [p.path for p in net.space.points] == ["0", "last"]
    twin = pickle.loads(pickle.dumps(net))
    x = torch.randn(3)
    for decisions in net.space.iterate():
        net.activate(decisions)
        twin.activate(decisions.values)
        assert torch.equal(net(x), twin(x))


class AnyInputs(nn.Module):
    """Adds any number of inputs, and applies an operation."""

    def __init__(self):
        super().__init__()
        self.pick = InputChoice(3, key="pick")
        self.op, self.last = LayerChoice([nn.Linear(2, 2), nn.Tanh()], key="op"), nn.Linear(2, 2)

    def forward(self, x):
        return self.last(self.op(self.pick([x, 10 * x, 100 * x])))


def test_any_number_of_inputs_is_a_decision_per_input():
    net = supernet(AnyInputs())
    assert net.space.size == 2**3 * 2
    assert [p.path for p in net.space.points] == ["pick[0]", "pick[1]", "pick[2]", "op"]
    assert net.decisions.values == (1, 1, 1, 0)  # all inputs, at first
    x = torch.ones(1, 2)
    for decisions in net.space.iterate():
        net.activate(decisions)
        assert net.decisions == decisions
        assert torch.equal(net(x), net.materialize()(x))
        masks = to_masks(net, decisions)
        assert masks["pick"].tolist() == [value == 1 for value in decisions.values[:3]]
        assert net.space.parse(masks) == decisions
        assert read_answer(net, to_answer(net, decisions)) == decisions
        FixedMutator(net, to_answer(net, decisions))
        assert net.decisions == decisions
    net.activate([1, 0, 1, 1])
    assert torch.equal(net(x), net.network.last((101 * x).tanh()))
    assert net.space.parse(Masks(pick=torch.tensor([0.9, 0.1, 0.6]), op=torch.tensor([0.0, 1.0]))).values == (
        1,
        0,
        1,
        1,
    )
    with pytest.raises(DecisionError, match="the mask of 'pick' needs one item for each of its 3 candidates"):
        net.space.parse(Masks(pick=torch.tensor([True, False]), op=torch.tensor([True, False])))


def test_any_number_of_inputs_is_driven_by_samplers_and_costs():
    for sampler in (SPOS(evaluations=4, batches=1), TuNAS(), ENAS(), MutatorSampler(RandomMutator)):
        batches = [(torch.randn(4, 2), torch.tensor([0, 1, 0, 1]))] * 2
        trainer = Trainer(AnyInputs(), sampler, batches, batches, epochs=1)
        report = trainer.fit()
        network = trainer.network(report.decisions)
        trainer.supernet.activate(report.decisions)
        assert torch.equal(trainer.supernet(batches[0][0]), network(batches[0][0]))
    net = supernet(AnyInputs())
    cost = MultiplyAdds(net, torch.zeros(1, 2))
    for decisions in net.space.iterate():
        assert cost(decisions) == count_multiply_adds(net.materialize(decisions), torch.zeros(1, 2))
    with pytest.raises(
        SpaceError,
        match=r"DARTS cannot decide a choice of any number of inputs at 'pick'.*Use SPOS",
    ):
        DARTS().bind(net)


def test_nothing_selected_says_so():
    with pytest.raises(DecisionError, match="nothing is selected for 'k' yet"):
        LayerChoice([nn.ReLU()], key="k")(torch.zeros(1))
