"""Transforms, conversions and copies of PyTorch do the same to symbolized and opened networks as to ordinary ones."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.utils.flop_counter import FlopCounterMode

import pliant as pg
from pliant import oneshot
from pliant.values.errors import FieldTypeError

from .networks import KINDS, Linear, Sequential, Tanh, X, assert_same, plain_network

# Dynamo looks at the gradients of all tensors.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
    pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:`torch.jit.:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
    pytest.mark.filterwarnings(
        "ignore:co_lnotab is deprecated:DeprecationWarning"
    ),  # by PyTorch 2.6, as the next
    pytest.mark.filterwarnings("ignore:Unable to find the path of the module:UserWarning"),
    pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning"),
]


def dynamically_compiled(net: Any) -> Any:
    torch._dynamo.reset()
    call = torch.compile(net, backend="aot_eager", fullgraph=True, dynamic=True)
    outs = [call(X), call(X[:2]), call(torch.ones(9, 2))]
    outs[0].sum().backward()
    return outs, [p.grad for p in net.parameters()]


def exported_for_any_batch(net: Any) -> Any:
    batch = torch.export.Dim("batch", min=2, max=64)
    found = torch.export.export(net.eval(), (X,), dynamic_shapes=({0: batch},), strict=False)
    found = found.run_decompositions()
    file = io.BytesIO()
    torch.export.save(found, file)
    file.seek(0)
    return torch.export.load(file).module()(torch.ones(7, 2)), sorted(found.state_dict)


def traced(net: Any) -> Any:
    call = torch.jit.trace(net.eval(), X)
    return call(X), torch.jit.freeze(call)(X)


def graph_edited(net: Any) -> Any:
    graph = torch.fx.symbolic_trace(net)
    for node in graph.graph.nodes:
        if node.target == "1.act":
            graph.add_submodule("new", nn.Sigmoid())
            node.target = "new"
    graph.recompile()
    return graph(X), copy.deepcopy(graph)(X)


def mapped_over_examples(net: Any) -> Any:
    return torch.func.vmap(net.eval())(X)


def ensemble(net: Any) -> Any:
    parameters, buffers = torch.func.stack_module_state([copy.deepcopy(net) for _ in range(2)])
    base = copy.deepcopy(net).to("meta")
    call = lambda p, b: torch.func.functional_call(base, (p, b), (X,))  # noqa: E731  # for vmap
    return torch.func.vmap(call)(parameters, buffers)


def weights_differentiated(net: Any) -> Any:
    head = net[2]
    weights = {name: p.detach() for name, p in head.named_parameters()}
    call = lambda w: torch.func.functional_call(head, w, (torch.ones(3, 4),))  # noqa: E731  # for jacrev
    return torch.func.jacrev(call)(weights), torch.autograd.functional.hessian(lambda x: net(x).sum(), X)


def swapped(net: Any) -> Any:
    net(X)
    torch.utils.swap_tensors(net[0].weight, nn.Parameter(torch.ones(4, 2)))
    return net(X)


def converted_by_swapping(net: Any) -> Any:
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        weight = net[0].weight
        net.double().load_state_dict({name: value + 1 for name, value in net.state_dict().items()})
        return net[0].weight is weight, net(X.double())
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)


def emptied(net: Any) -> Any:
    net = net.to("meta").to_empty(device="cpu")
    with torch.no_grad():
        for tensor in [*net.parameters(), *net.buffers()]:
            tensor.fill_(0.5)
    return net(X)


def assigned_from_meta(net: Any) -> Any:
    weights = copy.deepcopy(net.state_dict())
    net.to("meta").load_state_dict(weights, assign=True)
    return net(X), [p.requires_grad for p in net.parameters()]


def made_on_meta(net: Any) -> Any:
    net(X)  # until then, a program has no weights on any device
    with torch.device("meta"):
        other = copy.deepcopy(net)
        other.append(nn.Linear(3, 1))
    return [p.device.type for p in other.parameters()]


def norm_of_old_style(net: Any) -> Any:
    list(net.parameters())
    nn.utils.weight_norm(net[0])
    between = net(X), list(net.state_dict()), copy.deepcopy(net[1])(torch.ones(1, 4))
    nn.utils.remove_weight_norm(net[0])
    torch.manual_seed(1)
    nn.utils.remove_spectral_norm(nn.utils.spectral_norm(net[2]))
    return between, net.eval()(X), list(net.state_dict())


def copied_with_norm(net: Any) -> Any:
    list(net.parameters())
    parametrizations.weight_norm(net[0])
    other = copy.deepcopy(net)
    return other(X), list(other.state_dict()), type(other[0]).__name__


def sent_to_a_process(net: Any) -> Any:
    """As ``torch.multiprocessing`` sends it: by handles of shared memory."""
    other = pickle.loads(ForkingPickler.dumps(net.share_memory()))
    places = [a.data_ptr() == b.data_ptr() for a, b in zip(net.parameters(), other.parameters())]
    return other(X), all(p.is_shared() for p in other.parameters()), places


class Thrice:
    def __call__(self, module: nn.Module, args: Any, output: torch.Tensor) -> torch.Tensor:
        return output * 3


def copied_with_hooks(net: Any) -> Any:
    net[0].register_forward_hook(Thrice())
    return copy.deepcopy(net)(X), pickle.loads(pickle.dumps(net))(X), net(X)


def hooked_everywhere(net: Any) -> Any:
    found: list[Any] = []
    handles = [
        nn.modules.module.register_module_forward_hook(lambda m, args, out: found.append(type(m).__name__)),
        net[0].register_full_backward_pre_hook(lambda module, gradients: found.append(gradients[0].shape)),
        net.register_state_dict_pre_hook(lambda module, prefix, keep: found.append("state")),
        net.register_load_state_dict_post_hook(lambda module, keys: found.append("loaded")),
        net[2].weight.register_hook(lambda gradient: gradient * 2),
    ]
    net(X.clone().requires_grad_()).sum().backward()
    net.load_state_dict(net.state_dict())
    for handle in handles:
        handle.remove()
    return found, net[2].weight.grad


def weights_replaced(net: Any) -> Any:
    net[0].weight.data.fill_(1.0)
    net[0].requires_grad_(False)
    net[2].weight = nn.Parameter(torch.ones(3, 4))
    other = copy.deepcopy(net)
    weights = nn.utils.parameters_to_vector(net.parameters())
    nn.utils.vector_to_parameters(torch.ones_like(weights), net.parameters())
    return other(X), [p.requires_grad for p in other.parameters()], net(X)


def counted(net: Any) -> Any:
    with FlopCounterMode(display=False) as counter:
        net(X)
    return counter.get_total_flops(), sorted(counter.get_flop_counts())


def averaged_with_buffers(net: Any) -> Any:
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9), use_buffers=True
    )
    average.update_parameters(net)
    torch.optim.swa_utils.update_bn([X, X], net)
    return average(X), net(X)


def parts_reused(net: Any) -> Any:
    parts = nn.Sequential(*list(net.children())[:-1])
    table = nn.ModuleDict(dict(net.named_children()))
    return parts(X), table["0"](X), list(table.state_dict()), list(nn.ModuleList([net]).state_dict())


TOOLS = [
    dynamically_compiled,
    exported_for_any_batch,
    traced,
    graph_edited,
    mapped_over_examples,
    ensemble,
    weights_differentiated,
    swapped,
    converted_by_swapping,
    emptied,
    assigned_from_meta,
    made_on_meta,
    norm_of_old_style,
    copied_with_norm,
    sent_to_a_process,
    copied_with_hooks,
    hooked_everywhere,
    weights_replaced,
    counted,
    averaged_with_buffers,
    parts_reused,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("tool", TOOLS, ids=lambda f: f.__name__)
def test_tool_does_the_same_as_to_a_plain_network(tool, kind):
    expected = tool(plain_network())
    assert_same(tool(kind()), expected)


def supernet() -> oneshot.Supernet:
    torch.manual_seed(0)
    width = pg.oneof([4, 8], name="width")
    net = Sequential(Linear(2, width), pg.oneof([Tanh(), nn.Sigmoid()]), Linear(width, 1))
    return oneshot.supernet(net, example=X)


def decided_by_fullgraph(net: Any) -> Any:
    torch._dynamo.reset()
    return torch.compile(net, backend="aot_eager", fullgraph=True, dynamic=True)(X)


@pytest.mark.parametrize(
    "tool",
    [
        decided_by_fullgraph,
        lambda net: torch.export.export(net.eval(), (X,), strict=False).module()(X),
        lambda net: nn.DataParallel(net)(X),
        lambda net: copy.deepcopy(net)(X),
        lambda net: pickle.loads(ForkingPickler.dumps(net.share_memory()))(X),
        lambda net: torch.func.functional_call(net, dict(net.named_parameters()), (X,)),
        lambda net: torch.func.vmap(net)(X),
        lambda net: net.double()(X.double()).float(),
        lambda net: torch.optim.swa_utils.AveragedModel(net)(X),
        lambda net: nn.Sequential(net)(X),
    ],
    ids="compile export DataParallel deepcopy processes functional vmap double average Sequential".split(),
)
def test_a_super_network_with_fixed_decisions(tool):
    net = supernet()
    for decisions in ([0, 1], [1, 0]):
        net.activate(decisions)
        torch.testing.assert_close(tool(net), net.materialize(decisions).float()(X))


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        (lambda net: torch.jit.trace(net.eval(), X), "torch.jit.trace"),
        (torch.fx.symbolic_trace, "torch.fx"),
        (lambda net: torch.fx.symbolic_trace(nn.Sequential(net)), "torch.fx"),
        (torch.jit.script, "torch.jit.script"),
        (lambda net: torch.jit.script(nn.Sequential(net)), "torch.jit.script"),
    ],
    ids=["trace", "fx", "fx inside", "script", "script inside"],
)
def test_tools_that_read_the_code_take_one_network(tool, name):
    net = supernet()
    with pytest.raises(
        FieldTypeError, match=rf"{name} reads the code of one network.*materialize\(decisions"
    ):
        tool(net)
    child = net.materialize([1, 0])
    torch.testing.assert_close(tool(child)(X), child(X))


MODULE = """
import pliant as pg, torch
from torch import nn
from pliant import oneshot

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc = nn.Linear(2, width)
    def forward(self, x):
        return self.fc(x)

def nets():
    program = pg.symbolize(nn.Sequential)(pg.symbolize(Block)(3), pg.symbolize(nn.ReLU)())
    opened = oneshot.open_network(nn.Sequential(Block(3), nn.Tanh()))
    net = oneshot.supernet(pg.symbolize(nn.Sequential)(pg.symbolize(Block)(pg.oneof([2, 4]))))
    net.activate([1])
    program.append(nn.Linear(3, 2))
    return [program, opened, net, net.materialize([0])]
"""
SPAWNED = """
import sys, torch
import torch.multiprocessing as processes
import saved_networks

def work(nets, queue):
    with torch.no_grad():
        for net in nets:
            for parameter in net.parameters():
                parameter.fill_(1.0)
    queue.put("done")

if __name__ == "__main__":
    nets = torch.load("nets.pt", weights_only=False)
    x, outs = torch.load("outs.pt")
    for net, out in zip(nets, outs, strict=True):
        torch.testing.assert_close(net(x), out)
        net.share_memory()
    context = processes.get_context("spawn")
    queue = context.SimpleQueue()
    process = context.Process(target=work, args=(nets, queue))
    process.start()
    assert queue.get() == "done"
    process.join()
    assert all((parameter == 1).all() for net in nets for parameter in net.parameters())
    print("same")
"""


def test_networks_are_saved_loaded_and_shared_by_other_processes(tmp_path, monkeypatch):
    (tmp_path / "saved_networks.py").write_text(MODULE)
    (tmp_path / "load.py").write_text(SPAWNED)
    monkeypatch.syspath_prepend(tmp_path)
    import saved_networks

    nets = saved_networks.nets()
    torch.save(nets, tmp_path / "nets.pt")
    torch.save((X, [net(X) for net in nets]), tmp_path / "outs.pt")
    source = str(Path(pg.__file__).parents[1])
    ended = subprocess.run(
        [sys.executable, "load.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": source, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert ended.stdout == "same\n", ended.stderr
