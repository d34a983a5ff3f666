"""Edits of a live network by hand, of which its program knows nothing; and tools that compare classes exactly."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

import pliant as pg
from pliant import oneshot
from pliant.symbolic.tree.live import EditedModuleWarning
from pliant.values.errors import FieldTypeError, IncompleteError, SchemaError

from .networks import (
    KINDS,
    Block,
    Linear,
    Sequential,
    SymbolicBlock,
    Tanh,
    X,
    opened,
    plain_network,
    realized,
)

quantization = torch.ao.quantization
pytestmark = [  # PyTorch announces a successor
    pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning"),
]


def swap(net: Any) -> None:
    net[0], net[1] = net[1], net[0]


EDITS = {  # the message, and the edit
    "'3' .ReLU. is new": lambda net: net.append(nn.ReLU()),
    "'3' .Tanh. is new": lambda net: net.extend([nn.Tanh()]),
    "'3' .Linear. is new; '0' is another Identity": lambda net: net.insert(0, nn.Identity()),
    "'2' is missing; '1' is another Linear": lambda net: net.pop(1),
    "'2' is missing; '1' is another": lambda net: net.__delitem__(1),
    "'1' is another Tanh": lambda net: net.__setitem__(1, nn.Tanh()),
    "'1' is another Softplus": lambda net: setattr(net, "1", nn.Softplus()),
    "'last' .ReLU. is new": lambda net: net.add_module("last", nn.ReLU()),
    "'last' .Tanh. is new": lambda net: net.register_module("last", nn.Tanh()),
    "'1' is another Sigmoid": lambda net: net.set_submodule("1", nn.Sigmoid()),
    "'3' .Sigmoid. is new": lambda net: net.__iadd__(nn.Sequential(nn.Sigmoid())),
    "'1' is another ReLU": lambda net: net._modules.__setitem__("1", nn.ReLU()),
    "'0' is another Block; '1' is another Linear": swap,
    "Block at path '[a-z0-9.]*.1.' .*'fc' is another Linear|'1' is another Block": lambda net: setattr(
        net, "1", Block(4, nn.Tanh())
    ),
    "Linear at path .* 'parametrizations' .ModuleDict. is new": lambda net: parametrizations.weight_norm(
        net[0]
    ),
}


@pytest.mark.parametrize("kind", KINDS[:4], ids=lambda f: f.__name__)
@pytest.mark.parametrize("message", EDITS)
def test_what_a_program_cannot_know_is_said(message, kind):
    net = kind()
    net(X)
    EDITS[message](net)
    copies = [copy.deepcopy(net), pg.Dict(net=net)]
    if "parametrizations" not in message:  # PyTorch refuses to pickle them
        copies.append(pickle.loads(pickle.dumps(net)))
    for one in (net, *copies):
        assert [type(m) for m in (one.net if isinstance(one, pg.Dict) else one).modules()] == [
            type(m) for m in net.modules()
        ]
        with pytest.warns(
            EditedModuleWarning, match=rf"{message}.*Copy the live network by `copy.deepcopy"
        ) as found:
            one.clone()
        assert found[0].filename == __file__
    if kind is not opened:
        with pytest.warns(EditedModuleWarning, match=rf"{message}.*Store the live network by `torch.save"):
            pg.to_json_str(net)
    path = "layers[2].out_features" if kind is opened else "args[2].out_features"
    if "Linear at" not in message:
        with pytest.warns(EditedModuleWarning, match=rf"{message}.*Make them in the program as well"):
            net.rebind({path: 5})
        assert net(X).shape == (3, 5)
        net.clone()  # it is what its program says again


def test_a_warning_that_is_an_error_leaves_the_network_as_it_is():
    net = realized()
    net.append(nn.ReLU())
    before = net(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(EditedModuleWarning, match="is new"):
            net.rebind({"args[2].out_features": 5})
    assert torch.equal(net(X), before)
    assert net.sym_init_args["args"][2].out_features == 3


def test_the_remedies_work():
    net = realized()
    net.append(nn.ReLU())
    assert torch.equal(copy.deepcopy(net)(X), net(X))
    net = realized()
    net.rebind(args=[*net.sym_init_args["args"], pg.symbolize(nn.ReLU)()])
    assert net.clone()(X).shape == net(X).shape == (3, 3)
    assert len(pg.from_json_str(pg.to_json_str(net))) == 4


class Lazy(nn.Module):
    """Makes its layer at its first input, and holds plain containers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Identity())
        self.heads = nn.ModuleDict({"a": nn.ModuleList([nn.Identity()])})
        self.fc: nn.Module | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.fc is None:
            self.fc = nn.Linear(x.shape[1], 2)
        return self.fc(self.layers(x))


def test_layers_that_its_own_code_makes_are_no_edits():
    net = pg.symbolize(Lazy)()
    net(X)
    net.clone()
    net.fc = nn.Linear(2, 3)
    with pytest.warns(EditedModuleWarning, match="'fc' is another Linear"):
        net.clone()


class Inner(nn.Module):
    """A plain module that gets all its layers at the first input, in every way that PyTorch has."""

    def __init__(self) -> None:
        super().__init__()
        self.lazy, self.layers, self.fc = nn.LazyLinear(3), nn.ModuleList(), None
        self.heads = nn.ModuleDict({"a": nn.Sequential()})

    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.fc is None:
            self.make()
            self.fc = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.ReLU()))
            self.add_module("act", nn.ReLU())
            self.register_module("norm", nn.LayerNorm(3))
            self.layers.append(nn.Identity())
            self.heads["a"].append(nn.Identity())
        return self.heads["a"](self.fc(self.lazy(x)))

    def make(self) -> None:
        self.layers.extend([nn.Identity(), nn.Identity()])
        self.layers[1] = nn.ReLU()


class Derived(Inner):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)

    def drop(self) -> None:
        self.fc = None


class Holder(nn.Module):
    def __init__(self, kind: type) -> None:
        super().__init__()
        self.inner = kind()
        self.blocks = nn.Sequential(kind())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(self.inner(x))

    def patch(self, other: Any) -> None:
        """Edits another object than its own."""
        other.inner.fc = nn.Identity()


class Late(Holder):
    """Its layers have weights, and it makes one at the first input."""

    def __init__(self) -> None:
        super().__init__(nn.Identity)
        self.fc: nn.Module | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.fc = self.fc or nn.Linear(2, 3)
        return self.fc(super().forward(x))


LAZY = {
    "inside": lambda: pg.symbolize(Holder)(Inner),
    "inside, with another class": lambda: pg.symbolize(Holder)(Derived),
    "itself": lambda: pg.symbolize(Inner)(),
    "itself, with another class": lambda: pg.symbolize(Derived)(),
    "opened": lambda: oneshot.open_network(Late()),
    "an argument": lambda: Sequential(Linear(2, 2), Holder(Inner)),
}


@pytest.mark.parametrize("make", LAZY.values(), ids=LAZY)
def test_layers_that_plain_modules_inside_make_are_no_edits(make):
    net = make()
    pg.realize(net)
    early = copy.deepcopy(net)
    for one in (net, early, copy.deepcopy(early), pickle.loads(pickle.dumps(early))):
        one(X)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            one.clone()
            copy.deepcopy(one).clone()
            pg.eq(one, one)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda net: setattr(net.inner, "fc", nn.ReLU()), r"'inner\.fc\.0' is missing; .*'inner\.fc' is another ReLU"),
        (lambda net: net.inner.add_module("more", nn.ReLU()), r"'inner\.more' \(ReLU\) is new"),
        (lambda net: net.inner.layers.append(nn.ReLU()), r"'inner\.layers\.3' \(ReLU\) is new"),
        (lambda net: net.inner.fc.append(nn.ReLU()), r"'inner\.fc\.2' \(ReLU\) is new"),
        (lambda net: net.inner.layers.__setitem__(0, nn.ReLU()), r"'inner\.layers\.0' is another ReLU"),
        (lambda net: net.blocks[0].heads["a"].append(nn.ReLU()), r"'blocks\.0\.heads\.a\.1' \(ReLU\) is new"),
        (lambda net: net.patch(net), r"'inner\.fc' is another Identity"),
        (lambda net: Holder(Inner).patch(net), r"'inner\.fc' is another Identity"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("early", [False, True], ids=["after its layers are made", "a copy"])
def test_edits_of_plain_modules_inside_are_found(edit, message, early):
    net = pg.symbolize(Holder)(Inner)
    net(X)
    net = copy.deepcopy(net) if early else net
    edit(net)
    with pytest.warns(EditedModuleWarning, match=message):
        net.clone()


def test_a_layer_that_its_own_code_drops_is_no_edit():
    net = pg.symbolize(Holder)(Derived)
    net(X)
    net.inner.drop()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.clone()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda net: net.layers.append(nn.ReLU()), r"'layers\.1' \(ReLU\) is new"),
        (lambda net: net.heads["a"].append(nn.ReLU()), r"'heads\.a\.1' \(ReLU\) is new"),
        (lambda net: net.heads.pop("a"), r"'heads\.a' is missing; 'heads\.a\.0' is missing"),
    ],
    ids=["Sequential", "ModuleList", "ModuleDict"],
)
def test_plain_containers_inside_are_compared(edit, message):
    net = pg.symbolize(Lazy)()
    edit(pg.realize(net))
    with pytest.warns(EditedModuleWarning, match=message):
        net.clone()


def test_what_is_no_edit():
    """Weights, buffers and hooks are state; an argument is changed in the program, too; so is what is inside an argument."""
    inside = nn.Sequential(nn.Linear(4, 4))
    net = Sequential(Linear(2, 4), inside, SymbolicBlock(4, Tanh()), pg.symbolize(nn.LazyLinear)(3))
    net(X)
    net[0].bias = None
    net[0].weight = nn.Parameter(torch.ones(4, 2))
    net[2].register_buffer("mask", torch.ones(1))
    net[2].register_forward_hook(print)
    net[2].act = nn.Sigmoid()
    net[2].act.inner = nn.ReLU()
    inside.append(nn.ReLU())
    net.to(torch.float64).requires_grad_(False).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other = net.clone()
        net.rebind({"args[0].bias": False})
    assert other[1] is inside
    assert isinstance(other[2].act, nn.Sigmoid)


class TestExactClasses:
    """Tools that look a layer up by its exact class."""

    @pytest.mark.parametrize("kind", KINDS, ids=lambda f: f.__name__)
    @pytest.mark.parametrize("inplace", [False, True])
    def test_quantization_is_refused(self, kind, inplace):
        net = kind().eval()
        before = net(X)
        message = r"symbolized Linear( at '0')? would stay as it is.*pg.oneshot.to_plain\(network\)"
        with pytest.raises(SchemaError, match=message):
            quantization.quantize_dynamic(net, {nn.Linear}, inplace=inplace)
        with pytest.raises(SchemaError, match=message):
            net[0].qconfig = quantization.default_qconfig
        assert torch.equal(net(X), before)
        assert not any(hasattr(module, "qconfig") for module in net[0].modules())

    @pytest.mark.parametrize("kind", KINDS, ids=lambda f: f.__name__)
    def test_a_plain_copy_is_quantized_as_the_plain_network(self, kind):
        net = kind().eval()
        plain = oneshot.to_plain(net)
        expected = plain_network().eval()
        assert [type(m) for m in plain.modules()] == [type(m) for m in expected.modules()]
        assert torch.equal(plain(X), net(X))
        if net.state_dict()["0.weight"].equal(expected.state_dict()["0.weight"]):
            found = quantization.quantize_dynamic(plain, {nn.Linear})
            assert torch.equal(found(X), quantization.quantize_dynamic(expected, {nn.Linear})(X))
        assert type(pickle.loads(pickle.dumps(plain))) is nn.Sequential
        assert not any(n.startswith(("_sym_", "_v_", "_pliant")) for m in plain.modules() for n in vars(m))
        assert isinstance(net[0], pg.Symbolic)
        assert next(plain.parameters()) is not next(net.parameters())

    def test_a_user_s_module_is_quantized_inside(self):
        net = nn.Sequential(SymbolicBlock(2, nn.Tanh()))
        found = quantization.quantize_dynamic(net, {nn.Linear})
        assert type(found[0].fc) is torch.ao.nn.quantized.dynamic.Linear

    def test_layers_are_fused(self):
        conv, norm, relu = map(pg.symbolize, (nn.Conv2d, nn.BatchNorm2d, nn.ReLU))
        net, x = Sequential(conv(3, 4, 3), norm(4), relu()).eval(), torch.rand(1, 3, 8, 8)
        fused = quantization.fuse_modules(oneshot.to_plain(net), [["0", "1", "2"]])
        torch.testing.assert_close(fused(x), net(x), atol=1e-4, rtol=1e-4)

    def test_networks_of_super_networks(self):
        space = Sequential(Linear(2, pg.oneof([4, 8])), pg.oneof([Tanh(), nn.Sigmoid()]))
        net = oneshot.supernet(space, example=X)
        plain = oneshot.to_plain(net.materialize([0, 1]))
        assert [type(m) for m in plain] == [nn.Linear, nn.Sigmoid]
        for one, place in ((net, "Supernet at the root"), (nn.Sequential(net), "Supernet at '0'")):
            with pytest.raises(FieldTypeError, match=rf"decisions are fixed; got a {place}.*materialize"):
                oneshot.to_plain(one)
        written = nn.Sequential(oneshot.LayerChoice([nn.ReLU(), nn.Tanh()], key="act"))
        with pytest.raises(FieldTypeError, match=r"got a LayerChoice at '0'.*fix_choices\(network\)"):
            oneshot.to_plain(written)
        oneshot.supernet(written)
        assert isinstance(oneshot.to_plain(oneshot.fix_choices(written))[0], nn.ReLU)
        with pytest.raises(IncompleteError, match="undecided holes"):
            oneshot.to_plain(space)

    def test_what_has_no_plain_class(self):
        class Derived(Linear):
            pass

        with pytest.raises(
            FieldTypeError, match="class Derived of the module at '0' derives from a symbolic"
        ):
            oneshot.to_plain(nn.Sequential(Derived(2, 2)))
        net = realized()
        parametrizations.weight_norm(net[0])
        with pytest.raises(FieldTypeError, match="remove_parametrizations"):
            oneshot.to_plain(net)
        parametrize.remove_parametrizations(net[0], "weight")
        torch.testing.assert_close(oneshot.to_plain(net)(X), net(X))
        with pytest.raises(FieldTypeError, match="takes a module; got 3 of type int"):
            oneshot.to_plain(3)

    def test_other_classes_keep_their_own_qconfig(self):
        class Config(nn.Module):
            def __init__(self, qconfig: int) -> None:
                super().__init__()
                self.qconfig = qconfig

        net = pg.symbolize(Config)(1)
        net.qconfig = 2
        assert pg.realize(net).qconfig == 2
        net.qconfig = 3
        assert net.qconfig == net.clone().qconfig == 3

    def test_a_lazy_layer_and_slices(self):
        lazy = pg.symbolize(nn.LazyLinear)(3)
        assert type(oneshot.to_plain(lazy)) is nn.LazyLinear
        lazy(X)
        assert type(oneshot.to_plain(lazy)) is nn.Linear
        assert type(oneshot.to_plain(oneshot.open_network(plain_network()))[:2]) is nn.Sequential


def test_a_container_that_contains_itself():
    net = realized()
    items: list[Any] = [net]
    items.append(items)
    with pytest.raises(FieldTypeError, match="contains itself"):
        pg.to_json(items)
    net.append(nn.ReLU())
    with (
        pytest.warns(EditedModuleWarning, match="is new"),
        pytest.raises(FieldTypeError, match="contains itself"),
    ):
        pg.to_json(items)
