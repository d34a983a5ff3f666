"""Mutators, as the NNI guide has them: bound once, reset, export; on hand-written networks and on super-networks."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import (
    BaseMutator,
    BindError,
    InputChoice,
    LayerChoice,
    Masks,
    Mutator,
    MutatorSampler,
    PointChoice,
    RandomMutator,
    Step,
    ValueChoice,
    supernet,
    to_masks,
)
from pliant.values.errors import DecisionError, FieldTypeError, SpaceError

torch.set_num_threads(1)
Linear, Sequential, ReLU, Tanh = map(pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU, nn.Tanh))


class Model(nn.Module):
    """Two operations of one key, a third of its own, and a choice of any number of inputs."""

    def __init__(self):
        super().__init__()
        self.first = LayerChoice([nn.Linear(4, 4), nn.Identity()], key="op")
        self.second = LayerChoice([nn.Linear(4, 4), nn.Identity()], key="op")
        self.third = LayerChoice({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4), "skip": nn.Identity()})
        self.skip = InputChoice(n_candidates=2, n_chosen=None, key="skip")
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        y = self.third(self.second(self.first(x)))
        return self.head(self.skip([x, y]))


class GuideMutator(Mutator):
    """The guide's random mutator, with NumPy's global random numbers as it has them."""

    def __init__(self, model):
        super().__init__(model)

    def sample_search(self):
        result = dict()  # noqa: C408 - as the guide has it
        for mutable in self.mutables:
            if isinstance(mutable, LayerChoice):
                gen_index = np.random.randint(mutable.length)  # noqa: NPY002 - as the guide has it
                result[mutable.key] = torch.tensor(
                    [i == gen_index for i in range(mutable.length)], dtype=torch.bool
                )
            elif isinstance(mutable, InputChoice):  # noqa: SIM102 - as the guide has it
                if mutable.n_chosen is None:
                    result[mutable.key] = torch.randint(high=2, size=(mutable.n_candidates,)).view(-1).bool()
        return result

    def sample_final(self):
        return self.sample_search()


class Given(Mutator):
    """Selects what it is given."""

    def __init__(self, model, given=None):
        super().__init__(model)
        self.given = given

    def sample_search(self):
        return self.given

    def sample_final(self):
        return self.given


def one(index, count):
    return torch.tensor([i == index for i in range(count)])


def space():
    width = pg.oneof([3, 5], name="width")
    return Sequential(
        Linear(4, width),
        pg.oneof([Sequential(Linear(width, width), pg.oneof([ReLU(), Tanh()])), Linear(width, width)]),
        Linear(width, pg.oneof([2, 4])),
    )


def test_guides_loop_runs_as_written():
    np.random.seed(0)  # noqa: NPY002 - the guide's mutator draws from it
    torch.manual_seed(0)
    epochs, data_loader = 3, [(torch.randn(6, 4), torch.randint(2, (6,))) for _ in range(4)]
    criterion = nn.CrossEntropyLoss()
    model = Model()
    mutator = GuideMutator(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    seen = set()
    for _ in range(epochs):
        for x, y in data_loader:
            mutator.reset()
            out = model(x)
            loss = criterion(out, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.add(str(mutator.status()))
    assert len(seen) > 5
    assert list(mutator.export()) == ["op", "third", "skip"]


def test_same_key_is_one_decision():
    model = Model()
    mutator = Given(model, {"op": one(0, 2), "third": one(2, 3), "skip": torch.tensor([False, True])})
    assert [m.key for m in mutator.mutables] == ["op", "third", "skip"]
    assert [m.key for m in mutator.mutables.traverse(deduplicate=False)] == ["op", "op", "third", "skip"]
    mutator.reset()
    x = torch.randn(3, 4)
    assert torch.equal(model(x), model.head(model.second[0](model.first[0](x))))
    mutator.given["op"] = one(1, 2)
    mutator.reset()
    assert torch.equal(model(x), model.head(x))


def test_reset_lasts_until_the_next_and_export_changes_nothing():
    model = Model()
    mutator = RandomMutator(model, seed=3)
    x = torch.randn(3, 4)
    before = model(x)
    for _ in range(20):
        mutator.export()
    assert torch.equal(model(x), before)
    for _ in range(20):
        mutator.reset()
    assert not torch.equal(model(x), before)


def test_masks_select_several_and_weights_mix():
    model = Model()
    given = {"op": one(1, 2), "third": torch.tensor([True, False, True]), "skip": torch.tensor([0.25, 0.5])}
    mutator = Given(model, given)
    mutator.reset()
    x = torch.randn(3, 4)
    assert torch.allclose(model(x), model.head(0.25 * x + 0.5 * (model.third["a"](x) + x)))
    weights = torch.tensor([0.5, 0.0, 0.5], requires_grad=True)
    mutator.given = {**given, "third": weights}
    mutator.reset()
    model(x).sum().backward()
    assert weights.grad is not None
    assert bool((weights.grad != 0).all())
    mutator.given = {**given, "third": one(1, 3)}
    mutator.reset()
    assert torch.allclose(model(x), model.head(0.25 * x + 0.5 * model.third["b"](x)))


def test_integer_masks_are_booleans():
    model = Model()
    mutator = Given(
        model, {"op": torch.tensor([0, 1]), "third": torch.tensor([0, 0, 1]), "skip": torch.tensor([1, 0])}
    )
    mutator.reset()
    x = torch.randn(3, 4)
    assert torch.equal(model(x), model.head(x))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"opp": one(0, 2)}, "unknown keys .*; did you mean 'op'"),
        ({"op": None}, "is a tensor; got None"),
        (
            {"op": one(0, 3)},
            r"'op' needs one item for each of its 2 candidates; got a tensor of shape \(3,\)",
        ),
        ({"op": torch.tensor(1)}, r"of its 2 candidates; got a tensor of shape \(\)"),
        ({"op": torch.tensor([0, 2])}, "not indices"),
        ({"op": torch.tensor([False, False])}, "selects 0 of 2 candidates; select one, or several"),
        ({"op": torch.tensor([0.5, float("nan")])}, "weights of 'op' are not all finite"),
    ],
)
def test_bad_samples_are_refused_and_change_nothing(change, message):
    model = Model()
    good = {"op": one(0, 2), "third": one(2, 3), "skip": torch.tensor([True, True])}
    mutator = Given(model, good)
    mutator.reset()
    x = torch.randn(3, 4)
    before = model(x)
    mutator.given = {**good, **change}
    with pytest.raises((DecisionError, FieldTypeError), match=message):
        mutator.reset()
    assert torch.equal(model(x), before)
    with pytest.raises((DecisionError, FieldTypeError), match=message):
        mutator.export()


def test_a_sample_without_a_decision_is_refused():
    mutator = Given(Model(), {"op": one(0, 2)})
    with pytest.raises(DecisionError, match=r"Given.sample_search returned nothing for 'third' and 1 more"):
        mutator.reset()
    mutator.given = [one(0, 2)]
    with pytest.raises(FieldTypeError, match=r"Given.sample_search is a dict .* got \[tensor"):
        mutator.reset()


def test_forward_before_reset_says_so():
    model = Model()
    Given(model)
    with pytest.raises(DecisionError, match=r"nothing is selected for 'op' yet.*mutator's `reset\(\)`"):
        model(torch.zeros(1, 4))


def test_bound_once_and_for_good():
    model = Model()
    mutator = RandomMutator(model)
    with pytest.raises(BindError, match="is already bound to a Model"):
        mutator.__init__(Model())
    with pytest.raises(BindError, match="sets `model`; as an attribute"):
        mutator.model = Model()
    assert mutator.model is model
    with pytest.raises(
        BindError, match=r"a RandomMutator has no forward pass\. Call `reset\(\)`, then the network"
    ):
        mutator(torch.zeros(1, 4))
    mutator.reset()
    assert isinstance(model(torch.zeros(1, 4)), torch.Tensor)
    with pytest.raises(FieldTypeError, match="a mutator is bound to a module; got 'net'"):
        RandomMutator("net")
    with pytest.raises(SpaceError, match="nothing to decide in this Linear"):
        RandomMutator(nn.Linear(1, 1))


def test_mutables_before_super_init_say_so():
    class Early(Given):
        def __init__(self, model):
            self.mutables  # noqa: B018 - what is tested

    with pytest.raises(BindError, match=r"Call `super\(\).__init__\(model\)` first"):
        Early(Model())


def test_keys_that_differ_in_kind_are_refused():
    model = nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="k"), LayerChoice([nn.ReLU()], key="k"))
    with pytest.raises(SpaceError, match="two choices have the key 'k' but differ"):
        RandomMutator(model)


def test_parameters_are_the_mutators_own():
    class Learned(Given):
        def __init__(self, model):
            super().__init__(model)
            self.logits = nn.ParameterDict({m.key: nn.Parameter(torch.zeros(len(m))) for m in self.mutables})

    mutator = Learned(Model())
    assert sorted(mutator.state_dict()) == ["logits.op", "logits.skip", "logits.third"]
    assert len(list(mutator.parameters())) == 3


def test_two_mutators_of_one_network_the_last_reset_counts():
    model = Model()
    one_, other = RandomMutator(model, seed=0), Given(model)
    other.given = {"op": one(1, 2), "third": one(2, 3), "skip": torch.tensor([True, False])}
    other.reset()
    x = torch.randn(2, 4)
    assert torch.equal(model(x), model.head(x))
    assert one_.mutables.selection is other.mutables.selection


def test_own_way_of_running_choices():
    class Both(Given):
        def on_forward_layer_choice(self, mutable, *args, **kwargs):
            out, mask = super().on_forward_layer_choice(mutable, *args, **kwargs)
            return 2 * out, mask

        def on_forward_input_choice(self, mutable, tensor_list):
            out, mask = super().on_forward_input_choice(mutable, tensor_list)
            return -out, mask

    model = Model()
    mutator = Both(model, {"op": one(1, 2), "third": one(2, 3), "skip": torch.tensor([False, True])})
    with pytest.raises(DecisionError, match=r"Call `reset\(\)` of the Both"):
        model(torch.zeros(1, 4))
    mutator.reset()
    x = torch.randn(3, 4)
    assert torch.equal(model(x), model.head(-8 * x))
    with pytest.raises(BindError, match="another mutator runs the choice 'op'; only one"):
        Both(model)


def test_base_mutator_runs_all_by_itself():
    class Average(BaseMutator):
        def on_forward_layer_choice(self, mutable, *args, **kwargs):
            return sum(op(*args, **kwargs) for op in mutable) / len(mutable), torch.ones(len(mutable)).bool()

        def on_forward_input_choice(self, mutable, tensor_list):
            return tensor_list[-1], one(1, 2)

    model = nn.Sequential(LayerChoice([nn.Identity(), nn.Tanh()], return_mask=True))
    Average(model)
    x = torch.randn(3)
    out, mask = model(x)
    assert torch.allclose(out, (x + x.tanh()) / 2)
    assert mask.tolist() == [True, True]


def test_a_copy_has_a_mutator_of_its_own():
    class Double(Given):
        def on_forward_layer_choice(self, mutable, *args, **kwargs):
            out, mask = super().on_forward_layer_choice(mutable, *args, **kwargs)
            return 2 * out, mask

    model = nn.Sequential(LayerChoice([nn.Identity(), nn.Tanh()], key="k"))
    mutator = Double(model, {"k": one(0, 2)})
    mutator.reset()
    twin = copy.deepcopy(model)
    mutator.given = {"k": one(1, 2)}
    mutator.reset()
    x = torch.randn(3)
    assert torch.equal(twin(x), 2 * x)
    assert torch.equal(model(x), 2 * x.tanh())


# --- the random mutator -----------------------------------------------------------------------------------


def test_random_mutator_activates_at_once_and_follows_its_seed():
    models = [Model() for _ in range(3)]
    numbers = np.random.get_state()[1].tolist()  # noqa: NPY002 - the global ones
    bits = torch.get_rng_state()
    first, second, other = [
        [RandomMutator(model, seed=seed).export().to_lists() for _ in range(5)]
        for model, seed in zip(models, (1, 1, 2), strict=True)
    ]
    assert first == second != other
    assert np.random.get_state()[1].tolist() == numbers  # noqa: NPY002 - the global ones
    assert torch.equal(torch.get_rng_state(), bits)
    assert models[0](torch.zeros(1, 4)).shape == (1, 2)


def test_random_mutator_state_dict_resumes():
    mutator, other = RandomMutator(Model(), seed=1), RandomMutator(Model(), seed=2)
    for _ in range(3):
        mutator.reset()
    other.load_state_dict(mutator.state_dict())
    assert [mutator.export().to_lists() for _ in range(4)] == [other.export().to_lists() for _ in range(4)]


def test_random_mutator_takes_as_many_inputs_as_are_chosen():
    mutator = RandomMutator(nn.Sequential(InputChoice(5, 2, key="k"), ValueChoice([1, 2, 3], key="v")))
    assert {int(mutator.export()["k"].sum()) for _ in range(20)} == {2}
    assert {int(mutator.export()["v"].sum()) for _ in range(20)} == {1}


# --- super-networks ---------------------------------------------------------------------------------------


def test_export_materializes():
    program = space()
    net = supernet(program)
    mutator = RandomMutator(net, seed=5)
    x = torch.randn(3, 4)
    for _ in range(10):
        masks = mutator.export()
        net.activate(masks)
        child = net.materialize(masks)
        assert pg.eq(child, pg.materialize(program, masks))
        assert torch.equal(net(x), child(x))
        assert net.space.parse(masks) == net.decisions == net.space.parse(Masks(masks.to_lists()))


def test_reset_of_a_supernet_selects_what_status_says():
    net = supernet(space())
    mutator = RandomMutator(net, seed=1)
    for _ in range(10):
        mutator.reset()
        assert net.space.parse(Masks(mutator.status())) == net.decisions


def test_elastic_sizes_are_mutables_and_may_stay():
    net = supernet(space())
    mutator = Given(net)
    kinds = {m.key: type(m) for m in mutator.mutables}
    assert list(kinds.values()).count(PointChoice) == 2
    assert list(kinds.values()).count(LayerChoice) == 2
    assert set(kinds) == {p.path for p in net.space.points}
    net.activate(net.space.unrank(net.space.size - 1))
    sizes = {k: v for k, v in net.decisions.to_dict().items() if kinds[k] is PointChoice}
    outer = next(m for m in mutator.mutables if m.key == "args[1]")
    mutator.given = {outer.key: one(1, 2)}  # the inner one is not active
    mutator.reset()
    assert {k: v for k, v in net.decisions.to_dict().items() if k in sizes} == sizes


def test_an_active_decision_below_is_needed():
    net = supernet(space())
    mutator = Given(net, {"args[1]": one(0, 2)})
    with pytest.raises(DecisionError, match="returned nothing for 'args\\[1\\]\\[=0/2\\]"):
        mutator.reset()


def test_sizes_are_no_mixtures():
    net = supernet(Linear(4, pg.oneof([2, 3])))
    mutator = Given(net, {"out_features": torch.tensor([0.5, 0.5])})
    with pytest.raises(
        DecisionError, match="'out_features' decides the size of a module, which cannot be a mixture"
    ):
        mutator.reset()
    mutator.given = {"out_features": torch.tensor([True, True])}
    with pytest.raises(DecisionError, match="selects 2 of 2 candidates; select one"):
        mutator.reset()


def test_numbers_are_tensors_of_one():
    net = supernet(Linear(4, pg.intv(2, 6)))
    mutator = Given(net, {"out_features": torch.tensor(5)})
    mutator.reset()
    assert net(torch.zeros(1, 4)).shape == (1, 5)
    assert net.space.parse(mutator.export()).to_dict() == {"out_features": 5}
    mutator.given = {"out_features": torch.tensor([1, 2])}
    with pytest.raises(DecisionError, match="decides a number, so its tensor has one item"):
        mutator.reset()
    mutator.given = {"out_features": torch.tensor(9)}
    with pytest.raises(DecisionError, match="9"):
        mutator.reset()
    assert net(torch.zeros(1, 4)).shape == (1, 5)


def test_picks_that_exclude_each_other_are_refused_and_nothing_changes():
    class Pair(nn.Module):
        def __init__(self, ops):
            super().__init__()
            self.ops = nn.ModuleList(ops)

        def forward(self, x):
            return sum(op(x) for op in self.ops)

    net = supernet(pg.symbolize(Pair)(pg.manyof(2, [ReLU(), Tanh(), Linear(4, 4)])))
    mutator = RandomMutator(net, seed=0)
    keys = [m.key for m in mutator.mutables]
    assert keys == ["ops[0]", "ops[1]"]
    for _ in range(10):
        mutator.reset()
        assert net.decisions.values[0] != net.decisions.values[1]
    before = net.decisions
    twice = Given(net, {keys[0]: one(1, 3), keys[1]: one(1, 3)})
    with pytest.raises(
        DecisionError, match=r"'ops\[1\]' repeats candidate 1, but the 2 picks of 'ops' are distinct"
    ):
        twice.reset()
    assert net.decisions == before


def test_masks_of_another_space_are_refused():
    masks = RandomMutator(supernet(space())).export()
    with pytest.raises(DecisionError, match="these masks are of another space: this one has no decision"):
        supernet(Sequential(pg.oneof([ReLU(), Tanh()]))).activate(masks)
    with pytest.raises(DecisionError, match=r"the mask for 'args\[0\].out_features'"):
        supernet(space()).activate(Masks())
    with pytest.raises(
        DecisionError, match=r"the mask of 'args\[0\].out_features' selects 2 of 2 candidates"
    ):
        supernet(space()).activate(Masks({"args[0].out_features": torch.tensor([True, True])}))


def test_weights_decide_for_the_largest():
    net = supernet(Sequential(pg.oneof([ReLU(), Tanh()])))
    assert net.activate(Masks({"args[0]": torch.tensor([0.2, 0.8])})).values == (1,)
    with pytest.raises(DecisionError, match="are not all finite"):
        net.activate(Masks({"args[0]": torch.tensor([0.2, float("nan")])}))


def test_to_masks_is_the_inverse_of_parsing():
    net = supernet(space())
    for decisions in net.space.iterate():
        assert net.space.parse(to_masks(net, decisions)) == decisions


def test_dry_run_lists_the_decisions():
    lines = GuideMutator(Model()).dry_run().splitlines()
    assert lines[0].startswith("op: LayerChoice, of 2: Linear(in_features=4")
    assert lines[0].endswith("at 2 places")
    assert lines[1:] == ["third: LayerChoice, of 3: a, b, skip", "skip: InputChoice, any of 2: 0, 1"]
    lines = RandomMutator(
        supernet(Sequential(Linear(4, pg.oneof([2, 3])), Linear(2, pg.intv(1, 3))))
    ).dry_run()
    assert "args[0].out_features: size, of 2: 2, 3" in lines
    assert "number from 1 to 3" in lines


# --- as a sampler -----------------------------------------------------------------------------------------


def make_step(net):
    return Step(
        batch=None,
        next_valid=lambda: None,
        loss=lambda batch: torch.zeros(()),
        quality=lambda batch: 0.0,
        weights=list(net.parameters()),
        learning_rate=0.1,
        epoch=0,
        progress=0.0,
        train_batches=lambda: iter(()),
        **({"optimizer": None} if "optimizer" in Step.__dataclass_fields__ else {}),
    )


def test_a_mutator_is_a_sampler():
    net = supernet(space())
    sampler = MutatorSampler(lambda model: RandomMutator(model, seed=4))
    sampler.bind(net)
    step, seen = make_step(net), set()
    for _ in range(10):
        sampler.before_weights(step)
        seen.add(net.decisions)
    assert len(seen) > 2
    state = sampler.state()
    after = [sampler.decisions() for _ in range(5)]
    sampler.restore(state)
    assert [sampler.decisions() for _ in range(5)] == after
    with pytest.raises(BindError, match="is bound to another super-network"):
        sampler.bind(net)
    with pytest.raises(FieldTypeError, match="MutatorSampler takes a function that returns a mutator"):
        MutatorSampler(lambda model: "none").bind(net)
