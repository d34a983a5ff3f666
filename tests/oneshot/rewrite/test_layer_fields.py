"""Arguments of layers that are read from their attributes, and the parts of networks with unusual names."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations, weight_norm

import pliant as pg
from pliant.oneshot.rewrite.foreign import open_network
from pliant.oneshot.rewrite.layer_fields import add_fields, read_fields, read_settings

LAYERS = [
    nn.Linear(3, 4, bias=False), nn.Bilinear(2, 3, 4), nn.Conv1d(2, 4, 3, padding="same"), nn.Conv2d(2, 4, (3, 5), stride=2, groups=2),
    nn.ConvTranspose2d(2, 4, 3, output_padding=1, stride=2), nn.BatchNorm2d(4, momentum=None), nn.BatchNorm1d(4, affine=False),
    nn.InstanceNorm2d(4), nn.GroupNorm(2, 4), nn.LayerNorm((4, 5)), nn.LayerNorm(4, bias=False), nn.RMSNorm(4), nn.PReLU(3),
    nn.Embedding(5, 4, padding_idx=1, max_norm=2.0), nn.EmbeddingBag(5, 4, mode="sum"), nn.LSTM(3, 4, 2, proj_size=2, bidirectional=True),
    nn.GRU(3, 4, batch_first=True, dropout=0.0), nn.RNN(3, 4, nonlinearity="relu", bias=False), nn.Hardtanh(-2, 2), nn.Dropout(0.3),
    nn.MultiheadAttention(4, 2, bias=False, kdim=3), nn.Softmax(1), nn.Upsample(scale_factor=2), nn.PixelShuffle(2), nn.LocalResponseNorm(2),
    nn.AdaptiveAvgPool2d((None, 2)), nn.LeakyReLU(0.2), nn.Threshold(0.1, 2), nn.CosineSimilarity(), nn.Unfold(2), nn.ReflectionPad2d(1),
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_layers_of_torch(layer):
    found = read_fields(layer)
    assert found is not None
    cls, arguments = found
    made = cls(**arguments)
    assert repr(made) == repr(layer)
    assert {n: t.shape for n, t in made.state_dict().items()} == {
        n: t.shape for n, t in layer.state_dict().items()
    }


class Conv1D(nn.Module):
    """The layer of GPT-2: (output, input) features, and the weight the other way round."""

    def __init__(self, nf, nx):
        super().__init__()
        self.nf, self.nx = nf, nx
        self.weight, self.bias = nn.Parameter(torch.randn(nx, nf)), nn.Parameter(torch.zeros(nf))

    def forward(self, x):
        return x @ self.weight + self.bias


class RootMeanSquare(nn.Module):
    """A norm whose width is not an attribute, and whose ``eps`` has another name."""

    def __init__(self, hidden_size, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.variance_epsilon = eps

    def forward(self, x):
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


class Doubled(nn.Module):
    """An attribute with the name of an argument that does not hold it."""

    def __init__(self, width):
        super().__init__()
        self.width = 2 * width
        self.weight = nn.Parameter(torch.ones(self.width))

    def forward(self, x):
        return x * self.weight


class Hidden(nn.Module):
    """An argument that no attribute tells."""

    def __init__(self, width, scale=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width) * scale)
        self.power = int(scale)

    def forward(self, x):
        return x * self.weight**self.power


def test_layers_of_others():
    assert read_fields(Conv1D(4, 3)) == (Conv1D, {"nf": 4, "nx": 3})
    assert read_fields(RootMeanSquare(4, 1e-3)) == (RootMeanSquare, {"hidden_size": 4, "eps": 1e-3})
    assert read_fields(Hidden(3)) == (Hidden, {"width": 3})
    for layer in (Doubled(2), Hidden(3, 2.0)):
        assert read_fields(layer) is None
    program = open_network(nn.Sequential(Conv1D(4, 3), RootMeanSquare(4)))
    narrow = program.clone().rebind({"layers[0].nf": 2, "layers[1].hidden_size": 2})
    assert narrow(torch.ones(1, 3)).shape == (1, 2)


@pytest.mark.parametrize("wrap", [weight_norm, parametrizations.weight_norm, parametrizations.orthogonal])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_layers_with_computed_weights_are_copied_whole(wrap):
    layer = wrap(nn.Linear(3, 4))
    assert read_fields(layer) is None
    program = open_network(nn.Sequential(layer))
    x = torch.randn(2, layer.in_features)
    assert torch.equal(program(x), layer(x))
    assert list(program[0].state_dict()) == list(layer.state_dict())


def test_a_reader_of_ones_own():
    assert read_fields(Doubled(2)) is None
    with pytest.raises(TypeError, match=r"add_fields takes a class of modules, such as nn\.Conv2d; got 3"):
        add_fields(3)
    with pytest.raises(
        TypeError, match=r"a reader is a function \(layer\) -> dict of arguments; got 'width'"
    ):
        add_fields(Doubled, "width")

    class Mine(Doubled):
        pass

    add_fields(Mine, lambda layer: {"width": len(layer.weight) // 2})
    program = open_network(nn.Sequential(Mine(2)))
    assert program.rebind({"layers[0].width": 1})(torch.ones(1, 2)).shape == (1, 2)


class Attention(nn.Module):
    """Self-attention whose sizes are plain attributes, with BERT's names."""

    def __init__(self, width=8, num_heads=2):
        super().__init__()
        self.num_heads, self.head_dim = num_heads, width // num_heads
        self.query, self.key, self.value = (
            nn.Linear(width, width),
            nn.Linear(width, width),
            nn.Linear(width, width),
        )

    def forward(self, x):
        q, k, v = (
            layer(x).unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        return nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def test_plain_attributes_are_settings():
    network, x = Attention(), torch.randn(2, 3, 8)
    assert read_settings(network) == {"num_heads": 2, "head_dim": 4}
    program = open_network(network)
    assert torch.equal(program(x), network(x))
    four = program.clone().rebind(num_heads=4, head_dim=2)
    other = Attention(8, 4)
    other.load_state_dict(network.state_dict())
    assert torch.equal(four(x), other(x))
    heads = pg.oneof([1, 2, 4], name="heads")
    net = pg.oneshot.supernet(
        pg.symbolize(nn.Sequential)(
            program.clone().rebind(num_heads=heads, head_dim=pg.oneof([8, 4, 2], name="dim"))
        )
    )
    net.activate([1, 1])
    assert torch.equal(net(x), network(x))


class Counts(nn.Module):
    """A setting that changes while the network runs."""

    def __init__(self):
        super().__init__()
        self.steps, self.layer = 0, nn.Linear(2, 2)

    def forward(self, x):
        self.steps += 1
        return self.layer(x)


def test_settings_that_change_while_a_network_runs():
    program = open_network(nn.Sequential(Counts()))
    for _ in range(3):
        program(torch.ones(1, 2))
    assert program[0].steps == 3


class Tree(nn.Module):
    """Children with any names, called in turn."""

    def __init__(self, names):
        super().__init__()
        for name in names:
            self.add_module(name, nn.Linear(2, 2))

    def forward(self, x):
        for name in self._modules:
            x = getattr(self, name)(x)
        return x


NAMES = ["self", "cls", "opened", "opened_", "layers", "query", "clone", "rebind", "save", "seal", "to_json", "class", "def", "node", "given",
         "args", "kwargs", "name", "value", "module", "base", "fields", "_node", "conv-1", "0", "1", "a b", "über", "sym_path", "is_partial"]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
def test_children_with_any_names(names):
    torch.manual_seed(0)
    network, x = Tree(names), torch.randn(3, 2)
    program = open_network(network)
    assert torch.equal(program(x), network(x))
    assert list(program.state_dict()) == list(network.state_dict())
    assert torch.equal(pg.clone(program)(x), network(x))
    linear = [path for path, value in pg.query(program, lambda v: isinstance(v, nn.Linear)).items()]
    assert len(linear) == len(names)
    for path in linear:
        changed = pg.rebind(pg.clone(program), {f"{path}.bias": False})
        assert len(changed.state_dict()) == 2 * len(names) - 1


def test_a_symbolized_class_with_a_layer_named_as_a_method():
    cls = pg.symbolize(Attention)
    network = cls(8, pg.oneof([2, 4]))
    assert list(network.query("num_heads")) == ["num_heads"]  # not built yet: the method
    made = pg.materialize(network, [0])
    assert made(torch.randn(2, 3, 8)).shape == (2, 3, 8)
    assert isinstance(made.query, nn.Linear)
    assert list(pg.query(made, "num_heads")) == ["num_heads"]
