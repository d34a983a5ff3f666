"""The law of counting: equal to PyTorch's counters and to a real run, whatever was counted before."""

import copy
import enum
import gc
import threading
import weakref

import pytest
import torch
from torch import nn
from torch.nn.utils import prune
from torch.utils.flop_counter import FlopCounterMode

import pliant as pg
from pliant import zoo
from pliant.cost import Costs, count, counting
from pliant.cost.counting import _run_copy
from pliant.cost.memo import MAX_ENTRIES, MEMO, Memo
from pliant.values.errors import FieldTypeError, FieldValueError, IncompleteError
from pliant.zoo import mobilenet_v2

X = torch.zeros(2, 3, 16, 16)


def count_by_torch(network, *inputs):
    network = copy.deepcopy(network).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*inputs)
    return counter.get_total_flops() // 2


def run_for_real(network, *inputs):
    """The same bookkeeping on a real run: no tensors without data, no memo."""
    return _run_copy(network, None, inputs, {}, None)


def check(make, *inputs, fused=False):
    """Counts a network in each state: unknown, known, realized, in training mode.

    ``fused``: real kernels keep other tensors than those that PyTorch has for ``meta``.
    """
    real = pg.realize(make())
    MEMO.clear()
    wanted = count(make(), *inputs)
    found = run_for_real(real, *inputs)
    assert (found.parameters, found.multiply_adds) == (wanted.parameters, wanted.multiply_adds)
    assert fused or found == wanted
    network = make()
    was_realized = pg.is_realized(network)
    assert count(network, *inputs) == wanted
    assert pg.is_realized(network) == was_realized
    modes = [m.training for m in real.modules()]
    for memo_is_empty in (True, False):
        if memo_is_empty:
            MEMO.clear()
        assert count(real, *inputs) == count(real.eval(), *inputs) == wanted
        real.train()
    assert [m.training for m in real.modules()] == modes
    assert all("forward" not in m.__dict__ for m in real.modules())
    return wanted


# ------------------------------------------------------------------ the zoo

NETWORKS = [name for name in zoo.list() if zoo.get(name).network_name and zoo.get(name).inputs]
SPACES = [
    name
    for name in zoo.list()
    if zoo.get(name).space_name and zoo.get(name).inputs and zoo.get(name).always_valid
]


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_the_zoo(name):
    entry = zoo.get(name)
    network, x = entry.make_network(), entry.make_input()
    found = count(network, x)
    assert found == count(network, x)
    real = pg.realize(network)
    assert found == count(real, x)
    assert found.parameters == sum(p.numel() for p in real.parameters())
    with torch.device("meta"):
        on_meta = pg.realize(pg.clone(network))
    assert found.multiply_adds == count_by_torch(on_meta, x.to("meta"))


@pytest.mark.parametrize("name", SPACES)
def test_samples_of_the_zoo(name):
    entry = zoo.get(name)
    space, x = entry.make_space(), entry.make_input()
    seeds = pg.abstract_search_space(space)
    for seed in range(2):
        program = pg.materialize(space, seeds.sample(seed))
        found = count(program, x)
        assert not pg.is_realized(program)
        with torch.device("meta"):
            real = pg.realize(pg.clone(program))
        assert found.parameters == sum(p.numel() for p in real.parameters())
        assert found.multiply_adds == count_by_torch(real, x.to("meta"))


def test_published_figures():
    x = torch.zeros(1, 3, 224, 224)
    found = count(zoo.get("mobilenet_v2").make_network(), x)
    assert (found.parameters, found.multiply_adds) == (3_504_872, 300_774_272)
    batch = count(zoo.get("mobilenet_v2").make_network(), x.expand(4, -1, -1, -1).contiguous())
    assert batch == Costs(3_504_872, 4 * 300_774_272, 4 * found.peak_bytes)
    assert count(zoo.get("mnasnet/mnasnet_a1").make_network(), x).multiply_adds == 311_579_072


def test_equal_to_the_super_network():
    space = mobilenet_v2.make_space(
        "S3", mobilenet_v2.make_network(5, blocks=((1, 8, 1, 1), (6, 16, 2, 2)), filters=(8, 32))
    )
    net = pg.oneshot.supernet(space)
    x = torch.zeros(1, 3, 32, 32)
    adds, parameters = pg.oneshot.MultiplyAdds(net, x), pg.oneshot.Parameters(net)
    for seed in range(6):
        decisions = net.space.sample(seed)
        found = count(net.materialize(decisions), x)
        assert (found.multiply_adds, found.parameters) == (adds(decisions), parameters(decisions))


# ------------------------------------------------------------------ layers

Sequential, Linear, Conv2d, BatchNorm2d, ReLU, Flatten, LazyConv2d, LazyLinear, LSTM, Attention = map(
    pg.symbolize,
    (
        nn.Sequential, nn.Linear, nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Flatten, nn.LazyConv2d, nn.LazyLinear,
        nn.LSTM, nn.MultiheadAttention,
    ),
)  # fmt: skip

LAYERS = {
    "convolution": (lambda: nn.Conv2d(3, 6, 3, 2, 2, dilation=2, groups=3), X),
    "circular": (lambda: nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), X),
    "same": (lambda: nn.Conv2d(3, 4, 3, padding="same"), X),
    "one image": (lambda: nn.Conv2d(3, 6, 3), X[0]),
    "half": (lambda: nn.Conv2d(3, 4, 3).half(), X.half()),
    "channels last": (lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)), X.to(memory_format=torch.channels_last)),
    "transposed": (lambda: nn.ConvTranspose2d(3, 4, 3, 2), X),
    "convolution 1": (lambda: nn.Conv1d(3, 4, 3), torch.zeros(2, 3, 9)),
    "convolution 3": (lambda: nn.Conv3d(3, 4, 3), torch.zeros(1, 3, 5, 5, 5)),
    "linear": (lambda: nn.Linear(16, 5), X),
    "embedding": (lambda: nn.Embedding(7, 3), torch.zeros(2, 4, dtype=torch.long)),
    "batch norm": (lambda: nn.BatchNorm2d(3), X),
    "batch norm 1": (lambda: nn.BatchNorm1d(3), torch.zeros(2, 3, 4)),
    "layer norm": (lambda: nn.LayerNorm(16), X),
    "group norm": (lambda: nn.GroupNorm(3, 3), X),
    "inplace": (lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.Dropout()), X),
    "gelu": (nn.GELU, X),
    "pooling": (lambda: nn.Sequential(nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(3), nn.Flatten()), X),
    "cell": (lambda: nn.LSTMCell(4, 6), torch.zeros(2, 4)),
    "symbolic": (lambda: Sequential(Conv2d(3, 8, 3), BatchNorm2d(8), ReLU(inplace=True), Flatten(), Linear(1568, 5)), X),
    "lazy": (lambda: Sequential(LazyConv2d(8, 3), ReLU(), Flatten(), LazyLinear(5)), X),
}  # fmt: skip


@pytest.mark.parametrize(("make", "x"), LAYERS.values(), ids=LAYERS)
def test_layers(make, x):
    check(make, x)


@pytest.mark.parametrize(
    ("make", "inputs"),
    [
        (lambda: LSTM(4, 6, 2, bidirectional=True), [torch.zeros(7, 2, 4)]),
        (lambda: nn.GRU(4, 6), [torch.zeros(7, 2, 4)]),
        (lambda: Attention(8, 2, kdim=4, vdim=6), [torch.zeros(5, 2, 8), torch.zeros(3, 2, 4), torch.zeros(3, 2, 6)]),
        (lambda: nn.Transformer(8, 2, 1, 1, 16), [torch.zeros(4, 2, 8), torch.zeros(5, 2, 8)]),
    ],
    ids=["lstm", "gru", "attention", "transformer"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")
def test_layers_with_fused_kernels(make, inputs):
    check(make, *inputs, fused=True)


def test_lazy_layers_of_an_ordinary_network():
    network = nn.Sequential(nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(5))
    assert count(network, X).parameters == (27 * 8 + 8) + 16 + (1568 * 5 + 5)
    assert isinstance(network[0], nn.LazyConv2d)
    assert count(network, X[:, :, :8, :8]).parameters == (27 * 8 + 8) + 16 + (288 * 5 + 5)
    program = Sequential(Flatten(), LazyLinear(5))
    assert [count(program, X[..., :n]).parameters for n in (1, 2)] == [48 * 5 + 5, 96 * 5 + 5]


# ------------------------------------------------------------------ networks with a will of their own


@pg.symbolize
class Tied(nn.Module):
    """Two layers with one weight, and a part that is used twice."""

    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = first, second
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(self.first(x)))


@pg.symbolize
class Unused(nn.Module):
    def __init__(self, used, unused):
        super().__init__()
        self.used, self.unused = used, unused

    def forward(self, x):
        return self.used(x)


@pg.symbolize
class Routed(nn.Module):
    """Depends on a number, a function, and the kind of its part; multiplies outside of layers."""

    def __init__(self, part, times=1, act=torch.relu):
        super().__init__()
        self.part, self.times, self.act = part, times, act

    def forward(self, x):
        for _ in range(self.times):
            x = self.act(self.part(x))
        return x @ x.transpose(-1, -2) if isinstance(self.part, nn.Linear) else {"x": (x, x[:1])}


@pg.symbolize
class Peeking(nn.Module):
    """Reads numbers out of its weights, so it needs data."""

    def __init__(self, part):
        super().__init__()
        self.part = part
        self.rates = [x.item() for x in torch.linspace(0, 1, 3)]

    def forward(self, x):
        return self.part(x) if x.sum().item() == 0 else x


@pg.symbolize
class Remembering(nn.Module):
    """Its output depends on its calls before."""

    def __init__(self, part):
        super().__init__()
        self.part, self.calls = part, 0

    def forward(self, x):
        self.calls += 1
        return self.part(x) if self.calls == 1 else x


OWN = {
    "tied": lambda: Tied(Linear(16, 16, bias=False), Linear(16, 16, bias=False)),
    "unused": lambda: Unused(Linear(16, 4), Sequential(Linear(3, 5), Conv2d(3, 4, 3))),
    "one": lambda: Routed(Linear(16, 16)),
    "three": lambda: Routed(Linear(16, 16), 3, torch.tanh),
    "dict": lambda: Routed(Sequential(Linear(16, 16))),
    "shared": lambda: (lambda part: nn.Sequential(part, nn.ReLU(), part))(nn.Linear(16, 16)),
    "peeking": lambda: Sequential(Peeking(Linear(16, 4))),
    "remembering": lambda: (lambda part: nn.Sequential(part, part))(
        pg.realize(Remembering(nn.Linear(16, 16)))
    ),
    "real part": lambda: Unused(nn.Linear(16, 4), Linear(16, 2)),
    "reference": lambda: Routed(Sequential(pg.Ref(nn.Linear(16, 16)), Linear(16, 16)), 2),
}


@pytest.mark.parametrize("make", OWN.values(), ids=OWN)
def test_networks_of_their_own_kind(make):
    MEMO.clear()
    network = make()
    wanted = count_by_torch(pg.realize(make()), X), sum(p.numel() for p in pg.realize(make()).parameters())
    assert len({count(network, X) for _ in range(2)} | {count(pg.realize(network), X)}) == 1
    found = count(network, X)
    assert (found.multiply_adds, found.parameters) == wanted


def test_one_configuration_with_and_without_sharing():
    part = nn.Linear(16, 16)
    shared, apart = nn.Sequential(part, part), nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16))
    assert [count(n, X).parameters for n in (shared, apart, shared)] == [272, 544, 272]
    tied = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16))
    tied[1].weight = tied[0].weight
    assert count(tied, X).parameters == 288


def test_changes_of_a_known_network():
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3))
    before = count(network, X)
    handle = network[0].register_forward_hook(lambda layer, x, y: y[:, :, ::2])
    hooked = count(network, X)
    assert hooked.multiply_adds < before.multiply_adds
    handle.remove()
    assert count(network, X) == before
    network[1].stride = (2, 2)
    assert count(network, X).multiply_adds < before.multiply_adds
    network[1] = nn.Identity()
    assert count(network, X).multiply_adds == 2 * 8 * 14 * 14 * 27


def test_a_layer_with_a_forward_of_its_own():
    network = nn.Sequential(nn.ReLU(), nn.Conv2d(3, 8, 1))
    assert count(network, X).multiply_adds == 2 * 8 * 3 * 256
    network[0].forward = lambda x: x[:, :, ::2]
    assert count(network, X) == run_for_real(network, X)
    assert count(network, X).multiply_adds == 2 * 8 * 3 * 128


def test_sequences_of_their_own_kind():
    class Reversed(nn.Sequential):
        def __iter__(self):
            return reversed(list(self._modules.values()))

    class Skipping(nn.Sequential):
        def forward(self, x):
            return self[0](x) + self[1](x)

    MEMO.clear()
    for network in (
        Reversed(nn.Linear(8, 4), nn.Linear(16, 8)),
        Skipping(nn.Linear(16, 8), nn.Linear(16, 8)),
        nn.Sequential(nn.Identity(), nn.Dropout()),
        nn.Sequential(),
        nn.Sequential(
            nn.Linear(16, 8), nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(384, 2)), nn.ReLU(inplace=True)
        ),
    ):
        assert count(network, X) == run_for_real(network, X)
    handles = [nn.modules.module.register_module_forward_hook(lambda layer, x, y: y[..., :4])]
    try:
        MEMO.clear()
        network = nn.Sequential(nn.Linear(16, 8), nn.Linear(4, 8))
        assert count(network, X) == run_for_real(network, X)
    finally:
        handles[0].remove()
        MEMO.clear()


def test_a_sequence_counts_by_the_rule_of_the_user(monkeypatch):
    monkeypatch.setattr(
        "pliant.cost.run.find_count_rule", lambda layer: lambda part, inputs, output: output.shape[-1]
    )
    MEMO.clear()
    assert count(nn.Sequential(nn.Linear(16, 8), nn.Identity(), nn.Linear(8, 4)), X).multiply_adds == 4
    MEMO.clear()


def test_programs_leave_no_cycles():
    network = mobilenet_v2.make_network(blocks=((1, 8, 1, 1), (6, 16, 2, 2)), filters=(8, 32))
    count(network, X)
    MEMO.clear()
    gc.collect()
    gc.disable()
    try:
        count(network, X)
        assert not [
            x
            for x in gc.get_objects()
            if type(x) is nn.Conv2d and getattr(x.__dict__.get("forward"), "run", 0)
        ]
    finally:
        gc.enable()
    assert network.blocks[1].sym_parent.sym_parent is network


def test_new_rules_count_at_once():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(16))

        def forward(self, x):
            return x * self.weight

    network = nn.Sequential(nn.Linear(16, 16), Scale())
    with pytest.raises(
        FieldValueError, match=r"the Scale at '1' has weights.*@pg\.cost\.add_count_rule\(Scale\)"
    ):
        count(network, X)
    for factor in (1, 2):
        pg.cost.add_count_rule(Scale)(lambda layer, inputs, output, factor=factor: factor * output.numel())
        assert count(network, X).multiply_adds == 2 * 3 * 16 * (256 + factor * 16)


def test_refusals():
    with pytest.raises(FieldTypeError, match=r"takes a network.*got 3 of type int.*pg\.materialize"):
        count(3, X)
    space = Sequential(Linear(16, pg.oneof([2, 3])))
    with pytest.raises(IncompleteError, match="undecided holes"):
        count(space, X)
    assert count(pg.materialize(space, [1]), X).parameters == 51
    with pytest.raises(
        FieldTypeError, match=r"takes tensors.*got \[2, 16\] of type list.*`torch\.zeros\(2, 16\)`"
    ):
        count(nn.Linear(16, 2), [2, 16])
    assert count(nn.Linear(16, 2), torch.zeros(2, 16)).multiply_adds == 64
    with pytest.raises(
        pg.cost.ExampleError, match=r"does not run on inputs of float32 \(2, 3, 16, 16\): .*shapes cannot be"
    ):
        count(nn.Linear(7, 2), X)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        count(Sequential(Linear(7, 2)), X)


def test_nothing_is_kept_alive():
    def make():
        class Local(nn.Module):
            def __init__(self, part):
                super().__init__()
                self.part = part

            def forward(self, x):
                return self.part(x)

        symbolic = pg.symbolize(Local)
        networks = [Local(nn.Linear(16, 4)), symbolic(Linear(16, 5))]
        for network in networks:
            count(network, X)
        return [weakref.ref(x) for x in (*networks, Local)]

    found = make()
    gc.collect()
    assert [ref() for ref in found] == [None, None, None]


def test_memo_is_bounded():
    memo = Memo()
    for i in range(MAX_ENTRIES + 5):
        memo.put(i, i)
    assert len(memo) <= MAX_ENTRIES
    assert memo.get(MAX_ENTRIES + 4) == MAX_ENTRIES + 4


def test_random_numbers_and_state_are_unchanged():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(768, 2))
    state, seed = copy.deepcopy(network.state_dict()), torch.get_rng_state()
    count(network, X)
    count(Sequential(Flatten(), Linear(768, 9)), X)
    count(OWN["peeking"](), X)
    assert torch.equal(torch.get_rng_state(), seed)
    assert all(torch.equal(a, b) for a, b in zip(network.state_dict().values(), state.values()))


def test_threads():
    def make(i):
        return Sequential(Linear(16, i), ReLU(), Linear(i, 16))

    MEMO.clear()
    found = {}
    threads = [
        threading.Thread(target=lambda k=k: found.update({(k, i): count(make(i), X) for i in range(1, 12)}))
        for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for (_, i), costs in found.items():
        assert (costs.parameters, costs.multiply_adds) == (16 * i + i + 16 * i + 16, 96 * 32 * i)
    assert len(found) == 44


class Holding(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.part, self.value = nn.Linear(16, 4), value

    def forward(self, x):
        return self.part(x)


class Number(enum.IntEnum):
    ONE = 1


LOOP: list = []
LOOP.append(LOOP)
VALUES = [
    Number.ONE,
    slice(1, 2),
    LOOP,
    {1: 2},
    torch.zeros(3),
    object(),
    lambda: LOOP,
    {1, 2},
    float("nan"),
    True,
]


@pytest.mark.parametrize("number", range(len(VALUES)))
def test_any_attribute(number):
    for _ in range(2):
        assert count(Holding(VALUES[number]), X) == count(Holding(1), X)


@pytest.mark.parametrize(
    "change",
    [
        lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
        nn.utils.parametrizations.weight_norm,
        nn.utils.parametrizations.spectral_norm,
        lambda layer: layer.requires_grad_(False),
        lambda layer: layer.to("meta"),
        nn.DataParallel,
        lambda layer: torch.jit.trace(layer, X),
    ],
    ids=["prune", "weight_norm", "spectral_norm", "frozen", "meta", "data_parallel", "traced"],
)
@pytest.mark.filterwarnings("ignore:.*torch.jit.trace:DeprecationWarning")
def test_changed_layers(change):
    network = nn.Sequential(change(nn.Linear(16, 4)))
    for _ in range(2):
        found = count(network, X)
        assert found.multiply_adds == 96 * 16 * 4
        assert found.parameters == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("realize", [False, True], ids=["program", "real"])
def test_what_is_known_does_not_run(monkeypatch, realize):
    network = mobilenet_v2.make_network(blocks=((1, 8, 1, 1), (6, 16, 2, 2)), filters=(8, 32))
    network = pg.realize(network) if realize else network
    MEMO.clear()
    wanted = count(network, X)

    def refuse(*args, **fields):
        raise AssertionError("a known network runs")

    monkeypatch.setattr(counting, "Run", refuse)
    assert count(network, X) == wanted


def test_known_layers_of_a_new_network_do_not_run():
    blocks = ((1, 8, 1, 1), (6, 16, 2, 2))
    network = mobilenet_v2.make_network(blocks=blocks, filters=(8, 32))
    count(network, X)
    size = len(MEMO)
    count(pg.clone(network, override={"blocks[1].layers[1].is_first": True}), X)
    assert len(MEMO) - size == 3  # the layer, its block and the network
