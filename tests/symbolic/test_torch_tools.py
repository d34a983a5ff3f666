"""PyTorch's tools do the same to symbolized and opened networks as to ordinary ones: compile, export, wrap, copy, change."""

from __future__ import annotations

import copy
import gc
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.utils import checkpoint

import pliant as pg
from pliant import oneshot

from .networks import (
    KINDS,
    Linear,
    Sequential,
    Tanh,
    X,
    assert_same,
    opened,
    plain_network,
    realized,
    unrealized,
)

# Dynamo looks at the gradients of all tensors.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning",
    "ignore:(Attempted to insert a get_attr Node|Node getattr_):UserWarning",  # by export of PyTorch 2.6, of any network
)


def graphs_of(call: Callable[..., Any], *inputs: Any) -> tuple[list[list[str]], Any]:
    """Compiles with ``fullgraph`` and returns the operations of each graph, and the output."""
    graphs = []

    def backend(module: torch.fx.GraphModule, example: Any) -> Any:
        graphs.append([str(n.target) for n in module.graph.nodes if n.op.startswith("call")])
        return module.forward

    torch._dynamo.reset()
    out = torch.compile(call, backend=backend, fullgraph=True)(*inputs)
    return graphs, out


def compiled(net: Any) -> Any:
    graphs, out = graphs_of(net, X)
    assert len(graphs) == 1
    return graphs, out


def compiled_in_a_function(net: Any) -> Any:
    return graphs_of(lambda x: net(x) + 1, X)


def compiled_in_place(net: Any) -> Any:
    torch._dynamo.reset()
    net.compile(backend="eager", fullgraph=True)
    return net(X)


def exported(net: Any) -> Any:
    found = torch.export.export(net.eval(), (X,))
    return len(found.graph.nodes), found.module()(X), sorted(found.state_dict)


def transformed(net: Any) -> Any:
    traced = torch.fx.symbolic_trace(net)
    return [str(node.target) for node in traced.graph.nodes], traced(X)


def called_with_other_weights(net: Any) -> Any:
    weights = {name: torch.ones_like(value) for name, value in net.state_dict().items()}
    return torch.func.functional_call(net, weights, (X,)), net(X)


class Double(nn.Module):
    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return value * 2


def parametrized(net: Any) -> Any:
    parametrize.register_parametrization(net[0], "weight", Double())
    out, kind = net(X), type(net[0]).__name__
    copied = copy.deepcopy(net)(X)
    parametrize.remove_parametrizations(net[0], "weight")
    return out, kind, copied, net(X), list(net.state_dict())


def normalized(wrap: Callable[..., Any], **options: Any) -> Callable[[Any], Any]:
    def run(net: Any) -> Any:
        list(net.parameters())
        torch.manual_seed(3)
        wrap(net[0], **options)
        return net.eval()(X), list(net.state_dict())

    run.__name__ = f"{wrap.__module__.rpartition('.')[2]}.{wrap.__name__}{''.join(options)}"
    return run


def pruned(net: Any) -> Any:
    prune.l1_unstructured(net[0], "weight", amount=0.5)
    prune.l1_unstructured(net[2], "bias", amount=1)
    between = net(X), list(net.state_dict())
    prune.remove(net[0], "weight")
    prune.remove(net[2], "bias")
    return between, net(X), list(net.state_dict())


def data_parallel(net: Any) -> Any:
    return nn.DataParallel(net)(X), list(nn.DataParallel(net).state_dict())


def replicated(net: Any) -> Any:
    net(X)
    replica = net[1]._replicate_for_data_parallel()
    return type(replica) is type(net[1]), replica.factor, list(replica.__dict__["_modules"])


def distributed(net: Any) -> Any:
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        wrapped = nn.parallel.DistributedDataParallel(net)
        out = wrapped(X)
        out.sum().backward()
        found = out.detach().clone(), list(wrapped.state_dict()), net[0].weight.grad.clone()
        del wrapped, out
        gc.collect()  # what is freed after its process group may wait for it for ever
        return found
    finally:
        torch.distributed.destroy_process_group()


def copied(net: Any) -> Any:
    other = copy.copy(net)
    assert next(other.parameters()) is next(net.parameters())
    return other(X), type(other).__name__


def deeply_copied(net: Any) -> Any:
    other = copy.deepcopy(net)
    assert next(other.parameters()) is not next(net.parameters())
    return other(X), net(X)


def pickled(net: Any) -> Any:
    net[1].weight_of_mine = 5
    other = pickle.loads(pickle.dumps(net))
    return other(X), other[1].weight_of_mine, other[1].factor


def saved_whole(net: Any) -> Any:
    file = io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    return torch.load(file, weights_only=False)(X), net(X)


def saved_weights(net: Any) -> Any:
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    found = torch.load(file, weights_only=True)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    zeros = net(X)
    net.load_state_dict(found, strict=True)
    first = net(X)
    net.load_state_dict({name: value + 1 for name, value in found.items()}, assign=True)
    with pytest.raises(RuntimeError, match="Missing key"):
        net.load_state_dict({})
    return zeros, first, net(X)


def moved(net: Any) -> Any:
    dtypes = [net.to(torch.float64)[0].weight.dtype, net.half()[1].fc.weight.dtype, net.float()[0].bias.dtype]
    shared = all(p.is_shared() for p in net.share_memory().parameters())
    frozen = [p.requires_grad for p in net.requires_grad_(False).parameters()]
    modes = net.eval()[1].act.training, net.train()[1].act.training
    return dtypes, shared, frozen, modes, net.to("meta")[2].weight.device.type


def applied(net: Any) -> Any:
    found: list[str] = []
    net.apply(lambda module: found.append(type(module).__name__))
    return found, [name for name, _ in net.named_modules()], [name for name, _ in net.named_children()]


def hooked(net: Any) -> Any:
    first = net[0].register_forward_hook(lambda module, args, out: out * 0)
    second = net.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    gradients = []
    net[2].register_full_backward_hook(lambda module, inputs, outputs: gradients.append(outputs[0]))
    out = net(X)
    out.sum().backward()
    first.remove()
    second.remove()
    return out, gradients, net(X)


def extended(net: Any) -> Any:
    net[1].register_buffer("mask", torch.ones(2))
    net[1].register_parameter("gain", nn.Parameter(torch.ones(1)))
    net.add_module("last", nn.ReLU())
    return (
        list(net.state_dict()),
        net(X),
        len(net),
        isinstance(net, nn.Sequential),
        isinstance(net[0], nn.Linear),
    )


def changed(net: Any) -> Any:
    weight = net[0].weight
    net[1].act = nn.Sigmoid()
    first = net(X)
    net[1] = nn.Softplus()
    second = net(X)
    del net[1]
    assert net[0].weight is weight
    return first, second, net(X), [type(m).__name__ for m in net], hasattr(net[0], "nothing")


def child_deleted(net: Any) -> Any:
    net(X)
    del net[1].act
    with pytest.raises(AttributeError, match="'Block' object has no attribute 'act'"):
        net(X)
    return list(net[1].state_dict()), hasattr(net[1], "act")


def sliced(net: Any) -> Any:
    head = net[:2]
    assert head[0] is net[0]
    return head(X), type(head).__name__, list(head.state_dict()), (net[:1] + nn.Sequential(nn.ReLU()))(X)


def grown(net: Any) -> Any:
    net.append(nn.ReLU()).extend([nn.Linear(3, 2)])
    net.insert(0, nn.Identity())
    return len(net), net(X).shape, type(net.pop(0)).__name__


def averaged(net: Any) -> Any:
    average = torch.optim.swa_utils.AveragedModel(net)
    average.update_parameters(net)
    return average(X), list(average.state_dict())


def checkpointed(net: Any) -> Any:
    x = X.clone().requires_grad_()
    out = checkpoint.checkpoint(net, x, use_reentrant=False)
    out.sum().backward()
    return out, x.grad, checkpoint.checkpoint_sequential(net, 2, x, use_reentrant=False)


def bias_removed(net: Any) -> Any:
    net(X)
    net[0].bias = None
    net[2].bias = nn.Parameter(torch.zeros(3))
    return net(X), list(net.state_dict())


def stacked(net: Any) -> Any:
    weights, buffers = torch.func.stack_module_state([net[0], copy.deepcopy(net[0])])
    base = copy.deepcopy(net[0]).to("meta")
    call = lambda w, b: torch.func.functional_call(base, (w, b), (X,))  # noqa: E731  # for vmap
    return torch.func.vmap(call)(weights, buffers)


def optimized(net: Any) -> Any:
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    net(X).sum().backward()
    optimizer.step()
    return net(X), torch.nn.utils.parameters_to_vector(net.parameters())


TOOLS = [
    compiled,
    compiled_in_a_function,
    compiled_in_place,
    exported,
    transformed,
    called_with_other_weights,
    parametrized,
    normalized(parametrizations.weight_norm),
    normalized(parametrizations.weight_norm, name="bias"),
    normalized(parametrizations.spectral_norm),
    normalized(parametrizations.orthogonal),
    normalized(nn.utils.spectral_norm),
    pruned,
    data_parallel,
    replicated,
    distributed,
    copied,
    deeply_copied,
    pickled,
    saved_whole,
    saved_weights,
    moved,
    applied,
    hooked,
    extended,
    changed,
    child_deleted,
    sliced,
    grown,
    averaged,
    checkpointed,
    bias_removed,
    stacked,
    optimized,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("tool", TOOLS, ids=lambda f: f.__name__)
def test_tool_does_the_same_as_to_a_plain_network(tool, kind):
    expected = tool(plain_network())
    assert_same(tool(kind()), expected)


@pytest.mark.parametrize("kind", [unrealized, realized])
def test_a_compiled_network_follows_rebind(kind):
    net = kind()
    torch._dynamo.reset()
    call = torch.compile(net, backend="eager", fullgraph=True)
    torch.testing.assert_close(call(X), net(X))
    net.rebind({"args[2].out_features": 7})
    assert call(X).shape == (3, 7)
    torch.testing.assert_close(call(X), net(X))
    net.rebind({"args[1].act": pg.symbolize(nn.Sigmoid)(), "args[1].scale": 0.0})
    torch.testing.assert_close(call(X), net(X))


def test_a_module_with_its_own_getattr_is_compiled():
    class Outer(nn.Module):
        def __init__(self, inner: nn.Module, scale: float = 2.0) -> None:
            super().__init__()
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(super().__getattr__("inner"), name)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x) + self.out_features

    net = pg.symbolize(Outer)(Linear(2, 4))
    assert len(graphs_of(net, X)[0]) == 1
    assert net.scale == 2.0  # an argument that the class does not store


@pytest.mark.filterwarnings("ignore:`torch.jit.:DeprecationWarning")  # it still has users
@pytest.mark.parametrize("kind", [unrealized, realized, opened], ids=lambda f: f.__name__)
def test_torchscript(kind):
    net = kind()
    net[1] = nn.Tanh()  # TorchScript does not compile **keywords
    torch.testing.assert_close(torch.jit.script(net)(X), net(X))
    torch.testing.assert_close(torch.jit.trace(net, X)(X), net(X))


def space(**options: Any) -> oneshot.Supernet:
    width = pg.oneof([4, 8], name="width")
    net = Sequential(Linear(2, width), pg.oneof([Tanh(), nn.Sigmoid()]), Linear(width, 1))
    return oneshot.supernet(net, **options)


@pytest.mark.parametrize(
    "options", [{}, {"example": X}, {"share": True, "example": X}], ids=lambda o: str(len(o))
)
def test_a_supernet_with_fixed_decisions_is_one_graph(options):
    net = space(**options)
    call = torch.compile(net, backend="eager", fullgraph=True)
    for decisions in ([0, 1], [1, 0], [0, 1]):
        net.activate(decisions)
        graphs, out = graphs_of(net, X)
        assert len(graphs) == 1
        child = net.materialize(decisions)
        torch.testing.assert_close(call(X), child(X))
        torch.testing.assert_close(out, child(X))
        plain = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
        assert len(graphs_of(child, X)[0][0]) == len(graphs_of(plain, X)[0][0]) == 3


def test_a_supernet_of_choices_in_a_module_is_one_graph():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = oneshot.LayerChoice([nn.Linear(2, 4), nn.Linear(2, 4, bias=False)])
            self.pick = oneshot.InputChoice(2, 1)
            self.scale = oneshot.ValueChoice([1.0, 2.0])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.layer(x)
            return self.pick([y, y * 2]) * self.scale()

    net = oneshot.supernet(Net())
    net.activate([1, 1, 1])
    assert [len(g) for g in graphs_of(net, X)[0]] == [3]
    torch.testing.assert_close(graphs_of(net, X)[1], net(X))
    assert [len(g) for g in graphs_of(net.materialize([1, 1, 1]), X)[0]] == [3]


class TestTheProgram:
    """What happens to the arguments when a live network is changed."""

    def test_a_parameter_in_place_of_a_flag_is_state(self):
        net = Linear(2, 4)
        net(X)
        net.bias = None
        assert net == Linear(2, 4)
        for other in (Linear(2, 4, bias=False), pg.realize(Linear(2, 4, bias=False))):
            other.bias = nn.Parameter(torch.zeros(4))
            assert other == Linear(2, 4, bias=False)
            assert other.clone()(X).shape == (3, 4)
            assert list(other.state_dict()) == ["weight", "bias"]

    def test_a_child_that_is_assigned_is_an_argument(self):
        for net in (unrealized(), realized()):
            net[1].act = pg.symbolize(nn.Sigmoid)()
            net[1].act = nn.Softplus()
            assert isinstance(net.clone()[1].act, nn.Softplus)

    def test_a_shallow_copy_has_the_weights_until_it_is_changed(self):
        net = realized()
        other = copy.copy(net)
        assert other == net
        assert other[0] is net[0]
        other.rebind({"args[2].out_features": 5})
        assert other(X).shape == (3, 5)
        assert net(X).shape == (3, 3)

    def test_fusing_for_inference(self):
        Conv2d, BatchNorm2d = pg.symbolize(nn.Conv2d), pg.symbolize(nn.BatchNorm2d)
        conv, norm, x = Conv2d(3, 4, 3).eval(), BatchNorm2d(4).eval(), torch.rand(1, 3, 8, 8)
        fused = nn.utils.fusion.fuse_conv_bn_eval(conv, norm)
        torch.testing.assert_close(fused(x), norm(conv(x)), atol=1e-4, rtol=1e-4)
        assert conv == Conv2d(3, 4, 3)
