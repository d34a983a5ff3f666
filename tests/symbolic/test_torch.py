"""Symbolized ``torch.nn`` classes behave as their users expect, and cost nothing until they are used."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import pytest
import torch
from torch import nn

import pliant as pg

Conv2d = pg.symbolize(nn.Conv2d)
Linear = pg.symbolize(nn.Linear)
Sequential = pg.symbolize(nn.Sequential)
ReLU = pg.symbolize(nn.ReLU)


@pg.symbolize
class Block(nn.Module):
    """A module of a user's, with a child, a buffer and a parameter named like an argument."""

    def __init__(self, width: int, scale: float = 2.0, act: nn.Module | None = None) -> None:
        super().__init__()
        self.fc = nn.Linear(width, width)
        self.register_buffer("scale", torch.tensor(scale))
        self.act = act if act is not None else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.fc(x)) * self.scale


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def parameters_made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    made: list[int] = []
    original = nn.Parameter.__new__

    def counting(cls, *args, **kwargs):
        made.append(1)
        return original(cls, *args, **kwargs)

    monkeypatch.setattr(nn.Parameter, "__new__", counting)
    return made


def test_building_copying_and_changing_allocate_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    made = parameters_made(monkeypatch)
    net = Sequential(Conv2d(3, 8, 3), ReLU(), Conv2d(8, pg.oneof([8, 16]), 3))
    child = pg.random_sample(net, 0)
    child.clone().rebind({"args[0].out_channels": 4})
    assert repr(child) == repr(child.clone())
    assert pg.query(child, where=lambda v: isinstance(v, nn.Conv2d)).keys() == {"args[0]", "args[2]"}
    assert pg.from_json_str(pg.to_json_str(child)) == child
    assert not made
    assert not pg.is_realized(child)
    list(child.parameters())
    assert made


def test_forward_state_dict_and_parameters() -> None:
    net = Sequential(Conv2d(3, 8, 3), ReLU(), Conv2d(8, 4, 3))
    assert net(torch.zeros(1, 3, 8, 8)).shape == (1, 4, 4, 4)
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert len(list(net.parameters())) == 4
    assert len(net) == 3
    assert isinstance(net[0], nn.Conv2d)
    assert isinstance(net, nn.Sequential)


def test_equal_layers_keep_parameters_of_their_own() -> None:
    net = nn.Sequential(Linear(4, 4), Linear(4, 4))
    assert len(list(net.parameters())) == 4
    assert net[0] == net[1]  # symbolically equal ...
    assert net[0] is not net[1]  # ... and two modules
    assert len({net[0], net[1]}) == 2


def test_nesting_inside_ordinary_modules_and_moving() -> None:
    net = nn.Sequential(Block(4, act=ReLU()), nn.Linear(4, 2)).to(torch.float64)
    assert {p.dtype for p in net.parameters()} == {torch.float64}
    assert net[0].scale.dtype == torch.float64
    net.eval()
    assert not net[0].act.training
    assert net(torch.ones(1, 4, dtype=torch.float64)).shape == (1, 2)


def test_arguments_read_before_and_after_realization() -> None:
    block = Block(4)
    assert block.width == 4
    assert block.scale == 2.0
    assert not pg.is_realized(block)
    block.fc  # noqa: B018  # asking is what realizes
    assert block.width == 4  # the class keeps no attribute of that name
    assert isinstance(block.scale, torch.Tensor)  # the class's own attribute wins once it is there
    assert block.sym_init_args["scale"] == 2.0


def test_rebind_resets_weights_once_and_up_to_the_root() -> None:
    net = Sequential(Linear(4, 4), Linear(4, 2))
    assert net(torch.zeros(1, 4)).shape == (1, 2)
    other = net[0]
    net.rebind({"args[1].out_features": 7})
    assert not pg.is_realized(net)
    assert pg.is_realized(other)  # a sibling keeps its weights
    assert net(torch.zeros(1, 4)).shape == (1, 7)


def test_setting_an_argument_of_an_unrealized_module_is_a_rebind() -> None:
    conv = Conv2d(3, 8, 3)
    conv.out_channels = 16
    assert conv.weight.shape[0] == 16


def test_setting_an_argument_of_a_live_module_changes_both_and_keeps_weights() -> None:
    conv = Conv2d(3, 8, 3)
    weight = conv.weight
    conv.padding = (1, 1)
    assert conv.weight is weight
    assert conv.clone().padding == (1, 1)


@pytest.mark.parametrize("realized", [False, True])
def test_pickle_and_deepcopy(realized: bool) -> None:
    net = nn.Sequential(Block(4, act=ReLU()), Linear(4, 3))
    if realized:
        net(torch.zeros(1, 4))
    state = {k: v.clone() for k, v in net.state_dict().items()} if realized else {}
    for other in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert other[0] == net[0]
        assert other[0] is not net[0]
        assert other(torch.zeros(1, 4)).shape == (1, 3)
        for name, value in state.items():
            torch.testing.assert_close(other.state_dict()[name], value)
    if realized:
        made = copy.deepcopy(net)
        with torch.no_grad():
            made[1].weight.zero_()
        assert net[1].weight.abs().sum() > 0


def test_deepcopy_of_a_symbolic_tree_keeps_identity_inside() -> None:
    net = Sequential(Linear(4, 4), ReLU())
    net(torch.zeros(1, 4))
    made = copy.deepcopy(net)
    assert made.sym_init_args["args"][0] is made[0]
    assert pg.parent(made[0]) is made.sym_init_args["args"]
    assert pg.path(made[0]) == "args[0]"


def test_save_and_load_state(tmp_path) -> None:
    net = Sequential(Linear(4, 4), ReLU())
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    other = net.clone()
    other.load_state_dict(torch.load(tmp_path / "weights.pt"))
    torch.testing.assert_close(other[0].weight, net[0].weight)


def test_a_symbolized_class_can_be_subclassed() -> None:
    class Wide(Linear):
        def __init__(self, width: int) -> None:
            super().__init__(width, 2 * width, bias=False)
            self.width2 = width * 2

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) + 1

    wide = Wide(3)
    assert repr(wide) == "Wide(width=3)"
    assert wide(torch.zeros(1, 3)).tolist() == [[1.0] * 6]
    assert wide.rebind(width=5)(torch.zeros(1, 5)).shape == (1, 10)
    assert isinstance(wide, nn.Linear)


def test_an_error_in_the_constructor_leaves_the_object_unrealized() -> None:
    conv = Conv2d(3, 8, 3, groups=2)
    with pytest.raises(ValueError, match="in_channels must be divisible by groups"):
        conv.weight  # noqa: B018  # asking is what realizes
    assert not pg.is_realized(conv)
    conv.rebind(groups=1)
    assert conv.weight.shape == (8, 3, 3, 3)


def test_an_attribute_error_in_the_constructor_is_not_hidden() -> None:
    @pg.symbolize
    class Broken(nn.Module):
        def __init__(self, n: int) -> None:
            super().__init__()
            self.x = n.missing_name

    with pytest.raises(
        RuntimeError,
        match=r"building Broken at the root failed: 'int' object has no attribute 'missing_name'",
    ):
        Broken(1).forward  # noqa: B018  # asking is what realizes


def test_undecided_holes_and_missing_arguments_are_named() -> None:
    net = Sequential(Linear(4, pg.oneof([2, 3])))
    with pytest.raises(
        TypeError, match=r"is a search space, not a program: undecided holes at 'args\[0\].out_features'"
    ):
        net(torch.zeros(1, 4))
    with pytest.raises(TypeError, match=r"is not complete: no value at 'out_features'"):
        Linear.partial(4).weight  # noqa: B018  # asking is what realizes


def test_optimizers_hooks_and_training() -> None:
    net = Sequential(Linear(2, 2))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    before = net[0].weight.detach().clone()
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert not torch.equal(before, net[0].weight)
    net.register_forward_hook(lambda module, args, out: out + 1)
    assert net(torch.zeros(1, 2)).shape == (1, 2)


@pytest.mark.filterwarnings("ignore:`torch.jit.:DeprecationWarning")  # it still has users
def test_export_and_script() -> None:
    net = Sequential(Linear(2, 2), ReLU()).eval()
    example = (torch.zeros(1, 2),)
    exported = torch.export.export(net, example)
    torch.testing.assert_close(exported.module()(*example), net(*example))
    traced = torch.jit.trace(net, example)
    torch.testing.assert_close(traced(*example), net(*example))


def test_a_lazy_module_stays_the_program_that_it_was():
    lazy = pg.symbolize(nn.LazyLinear)
    program = pg.Dict(n=lazy(3))
    before = program.clone()
    assert program.n(torch.ones(1, 2)).shape == (1, 3)
    assert isinstance(program.n, pg.Symbolic)
    assert isinstance(program.n, nn.Linear)
    assert not isinstance(program.n, nn.LazyLinear)  # torch made it a Linear
    assert program == before
    assert pg.from_json_str(pg.to_json_str(program)) == before
    assert program.clone().n is not program.n
    for other in (copy.deepcopy(program), pickle.loads(pickle.dumps(program))):
        torch.testing.assert_close(other.n.weight, program.n.weight)
    assert program.rebind({"n.out_features": 5}).n(torch.ones(1, 4)).shape == (1, 5)


def test_a_deep_copy_made_before_use_has_the_same_weights():
    net = Sequential(Linear(4, 8), nn.ReLU(), Linear(8, 2))
    target = copy.deepcopy(net)
    torch.testing.assert_close(target(torch.ones(4)), net(torch.ones(4)))
    assert not pg.is_realized(Sequential(Linear(4, 8)).clone(deep=True))  # of the program only


def test_modules_that_are_not_symbolic_are_told_apart_by_their_state():
    space = pg.Dict(a=pg.oneof([nn.Tanh(), nn.ReLU(), nn.Dropout(0.1), nn.Dropout(0.2)]))
    for decisions in pg.abstract_search_space(space).iterate():
        assert pg.encode(space, pg.materialize(space, decisions)) == decisions
    assert pg.eq(nn.Tanh(), nn.Tanh())
    assert pg.hash(nn.Tanh()) == pg.hash(nn.Tanh())
    assert not pg.eq(nn.Linear(2, 2), nn.Linear(2, 2))  # other weights


class Hooked(nn.Module):
    """A module whose child refers back to it."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.fc = nn.Linear(n, n)
        self.fc.register_forward_hook(self.watch)

    def watch(self, module, args, out):
        return out + 1


def test_a_hook_that_is_a_method_is_pickled_with_its_module():
    hooked = pg.symbolize(Hooked)(3)
    x = torch.ones(1, 3)
    out = hooked.fc(x)
    torch.testing.assert_close(pickle.loads(pickle.dumps(hooked)).fc(x), out)
