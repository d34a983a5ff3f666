"""The super-network as an ordinary module: stored, copied, moved, trained; and what it says to bad input."""

import copy
import io
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import supernet
from pliant.oneshot.exactness import measure_differences

one = pg.oneof
Linear, Conv2d, Sequential, ReLU, Identity, BatchNorm2d, LazyConv2d, LazyLinear, LazyBatchNorm2d, Flatten = map(
    pg.symbolize,
    (
        nn.Linear, nn.Conv2d, nn.Sequential, nn.ReLU, nn.Identity, nn.BatchNorm2d, nn.LazyConv2d, nn.LazyLinear,
        nn.LazyBatchNorm2d, nn.Flatten,
    ),
)  # fmt: skip
X = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def space():
    """Choices, sizes and layers that learn their width."""
    return Sequential(
        Conv2d(3, one([4, 6]), one([1, 3]), padding="same"),
        LazyBatchNorm2d(),
        one([ReLU(), Sequential(LazyConv2d(one([2, 5]), 1), LazyBatchNorm2d())]),
        Flatten(),
        LazyLinear(3),
    )


def train(net, steps=3):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for seed in range(steps):
        net.activate(net.space.sample(seed))
        optimizer.zero_grad()
        net(X.to(next(net.parameters()).dtype)).square().mean().backward()
        optimizer.step()
    return net


class TestAsAnOrdinaryModule:
    def test_state_goes_into_a_new_one(self):
        old, new = train(supernet(space(), example=X)), supernet(space(), example=X)
        new.load_state_dict(old.state_dict())
        for seed in range(6):
            decisions = old.space.sample(seed)
            old.activate(decisions), new.activate(decisions)
            assert torch.equal(old.eval()(X), new.eval()(X))

    @pytest.mark.parametrize("way", ["deepcopy", "pickle"])
    def test_copies(self, way):
        old = train(supernet(space(), example=X))
        old.activate([1, 1, 1, 0])
        if way == "deepcopy":
            new = copy.deepcopy(old)
        else:
            file = io.BytesIO()
            torch.save(old, file)
            file.seek(0)
            new = torch.load(file, weights_only=False)
        assert new.decisions.values == (1, 1, 1, 0)
        assert torch.equal(old.eval()(X), new.eval()(X))
        train(new)
        for seed in range(6):
            assert measure_differences(new, X, decisions=new.space.sample(seed)).largest < 1e-5

    def test_it_learns(self):
        torch.manual_seed(0)
        net = supernet(space(), example=X)
        before = {name: p.detach().clone() for name, p in net.named_parameters()}
        train(net, 8)
        assert all(not torch.equal(p, before[name]) for name, p in net.named_parameters())

    def test_types(self):
        net = supernet(space(), example=X)
        for dtype in (torch.float64, torch.bfloat16):
            net.to(dtype)
            net.activate([0, 1, 1, 1])
            assert net(X.to(dtype)).dtype is dtype
            assert net.materialize()(X.to(dtype)).dtype is dtype

    def test_autocast(self):
        net = supernet(space(), example=X)
        net.activate([1, 0, 1, 0])
        child = net.materialize()
        with torch.autocast("cpu", torch.bfloat16):
            assert net(X).dtype is torch.bfloat16
            assert torch.equal(net(X), child(X))
        net(X).sum().backward()
        assert all(p.grad is None or p.grad.dtype is torch.float32 for p in net.parameters())

    def test_channels_last(self):
        net = supernet(space(), example=X).double()
        x = X.double().to(memory_format=torch.channels_last)
        net.to(memory_format=torch.channels_last)
        for seed in range(4):
            assert measure_differences(net, x, decisions=net.space.sample(seed)).largest < 1e-10

    def test_functional_call(self):
        net = supernet(Sequential(Linear(3, one([2, 4])), ReLU()))
        net.activate([1])
        zeros = {name: torch.zeros_like(p) for name, p in net.named_parameters()}
        assert torch.func.functional_call(net, zeros, torch.ones(1, 3)).count_nonzero() == 0
        assert net(torch.ones(1, 3)).count_nonzero() > 0

    def test_distributed(self, tmp_path):
        """Two processes on half a batch each take the step that one takes on the whole."""
        processes = 2
        script = tmp_path / "train.py"
        script.write_text(textwrap.dedent(DISTRIBUTED))
        command = [sys.executable, str(script), str(tmp_path / "store"), str(processes)]
        running = [subprocess.Popen([*command, str(rank)]) for rank in range(processes)]
        assert [process.wait(timeout=240) for process in running] == [0] * processes


DISTRIBUTED = """
    import sys
    import torch
    import torch.distributed as dist
    from torch import nn
    from torch.nn.parallel import DistributedDataParallel
    import pliant as pg

    torch.set_num_threads(1)
    path, processes, rank = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    dist.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=processes)
    Linear, Sequential, ReLU, Tanh = map(pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU, nn.Tanh))

    def make():
        torch.manual_seed(0)
        width = pg.oneof([4, 8], name="w")
        head = pg.oneof([Linear(width, 3), Sequential(Linear(width, 2), Tanh(), Linear(2, 3))])
        return pg.oneshot.supernet(pg.symbolize(Body)([Linear(5, width), ReLU(), head])).double()

    class Body(nn.Sequential):
        def __init__(self, layers):
            super().__init__(*layers)

    alone, net = make(), make()
    wrapped = DistributedDataParallel(net, find_unused_parameters=True)
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(1)).double()
    for module, owner, batch in ((alone, alone, x), (wrapped, net, x.chunk(processes)[rank])):
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        for seed in range(4):
            owner.activate(owner.space.sample(seed))
            optimizer.zero_grad()
            module(batch).square().mean().backward()
            optimizer.step()
    assert all(torch.allclose(a, b) for a, b in zip(alone.parameters(), net.parameters()))
    dist.destroy_process_group()
"""


class TestModulesThatReadTheirParts:
    def test_in_forward(self):
        net = supernet(Reader(Conv2d(3, one([4, 6]), 1)))
        for index in range(2):
            net.activate([index])
            assert net(X).shape[1] == (4, 6)[index]
            assert measure_differences(net, X, decisions=[index]).largest < 1e-5
        assert net.network.conv.weight.shape == (6, 3, 1, 1)
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            net.network.conv.nonsense  # noqa: B018  # asked for

    def test_in_the_constructor(self):
        net = supernet(Follower(Conv2d(3, one([4, 6]), one([1, 3]), padding="same"))).double()
        for decisions in net.space.iterate():
            assert measure_differences(net, X.double(), decisions=decisions).largest < 1e-10
        assert [p.shape[0] for p in net.parameters()] == [6, 6, 6, 6]


@pg.symbolize
class Reader(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, x):
        return self.conv(x) * self.conv.weight.sum() + self.conv.out_channels


@pg.symbolize
class Follower(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv, self.norm = conv, nn.BatchNorm2d(conv.out_channels)

    def forward(self, x):
        return self.norm(self.conv(x))


class TestBadInput:
    def test_candidates_of_different_shapes(self):
        choice = one([Conv2d(3, 4, 3), Conv2d(3, 4, 3, padding=1), ReLU()])
        with pytest.raises(
            ValueError,
            match=r"'args\[0\]' return different shapes.*\(2, 4, 4, 4\) \(candidate 0, Conv2d.*\(2, 4, 6, 6\)",
        ):
            supernet(Sequential(choice, Conv2d(4, 2, 1), Flatten(), Linear(32, 2)), example=X)
        net = supernet(Sequential(choice, Flatten()), example=X)  # what comes after takes any
        net.selection.weights["args[0]"] = torch.ones(3, requires_grad=True)
        with pytest.raises(ValueError, match=r"'args\[0\]' return different shapes.*\(2, 3, 6, 6\).*concat"):
            net(X)

    def test_a_candidate_that_does_not_run(self):
        with pytest.raises(
            ValueError,
            match=r"candidate 1 at 'args\[1\]', Conv2d\(in_channels=5.*of the shape \(2, 4, 6, 6\)",
        ):
            supernet(Sequential(Conv2d(3, 4, 1), one([Identity(), Conv2d(5, 4, 1)])), example=X)

    def test_no_example(self):
        with pytest.raises(
            ValueError, match=r"LazyConv2d at 'args\[0\]' takes its width from its input.*example="
        ):
            supernet(Sequential(LazyConv2d(4, 1), one([ReLU(), Identity()])))

    def test_an_example_that_does_not_reach_a_layer(self):
        with pytest.raises(ValueError, match=r"received no input.*reaches this layer"):
            supernet(Unused(LazyConv2d(4, 1), one([ReLU(), Identity()])), example=X)

    def test_decisions_of_another_super_network(self):
        net, other = supernet(Sequential(one([ReLU(), Identity()]))), supernet(space(), example=X)
        with pytest.raises(ValueError, match="decision"):
            net.activate(other.decisions)
        with pytest.raises(ValueError, match=r"decision|range|candidates"):
            net.activate([7])
        net.activate([1])
        assert net.decisions.values == (1,)

    def test_vectors_may_be_arrays_and_tensors(self):
        net = supernet(Sequential(Linear(2, one([2, 3])), one([ReLU(), Identity()])))
        for vector in (torch.tensor([1, 0]), np.array([1, 0]), (1, 0)):
            assert net.activate(vector).values == (1, 0)
        with pytest.raises(ValueError, match=r"1.5"):
            net.activate(torch.tensor([1.5, 0.0]))

    def test_what_is_no_module(self):
        with pytest.raises(
            ValueError,
            match=r"(?s)'the root' cannot be built with the values \{'args\[0\]': 1\}.*int is not a Module",
        ):
            supernet(Sequential(one([ReLU(), 3])))
        with pytest.raises(TypeError, match="takes a module with holes"):
            supernet(pg.Dict(a=one([1, 2])))
        with pytest.raises(TypeError, match="takes a module with holes"):
            supernet([ReLU()])

    def test_nothing_to_decide(self):
        with pytest.raises(ValueError, match=r"nothing to decide.*pg\.oneof"):
            supernet(Sequential(ReLU()))

    def test_a_size_that_a_constructor_refuses(self):
        with pytest.raises(
            ValueError,
            match=r"'args\[0\]' cannot be built with the values \{'groups': 1\}.*divisible by groups",
        ):
            supernet(Sequential(Conv2d(4, 4, 1, groups=one([1, 3]))))


@pg.symbolize
class Unused(nn.Module):
    def __init__(self, lazy, other):
        super().__init__()
        self.lazy, self.other = lazy, other

    def forward(self, x):
        return self.other(x)
