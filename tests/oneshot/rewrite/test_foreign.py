"""Ordinary networks as symbolic programs; the test networks have the style of torchvision and are not symbolized."""

import copy
import pickle
import subprocess
import sys
import textwrap

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import supernet
from pliant.oneshot.channels.propagation import follow
from pliant.oneshot.exactness import measure_differences
from pliant.oneshot.rewrite.foreign import open_kernel, open_network
from pliant.values.errors import FieldValueError


class BasicBlock(nn.Module):
    def __init__(self, inplanes, planes, stride=1, downsample=None):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, layers, planes, classes=10):
        super().__init__()
        self.inplanes = planes[0]
        self.conv1 = nn.Conv2d(3, self.inplanes, 3, stride=1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        for i, (n, width) in enumerate(zip(layers, planes)):
            setattr(self, f"layer{i + 1}", self._make_layer(width, n, 1 if i == 0 else 2))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(planes[-1], classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")

    def _make_layer(self, planes, blocks, stride):
        downsample = None
        if stride != 1 or self.inplanes != planes:
            downsample = nn.Sequential(
                nn.Conv2d(self.inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
            )
        layers = [BasicBlock(self.inplanes, planes, stride, downsample)]
        self.inplanes = planes
        layers += [BasicBlock(planes, planes) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        i = 1
        while hasattr(self, f"layer{i}"):
            x = getattr(self, f"layer{i}")(x)
            i += 1
        return self.fc(torch.flatten(self.avgpool(x), 1))


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)

    def forward(self, x):
        return x * self.fc2(self.fc1(self.avgpool(x)).relu()).sigmoid()


class InvertedResidual(nn.Module):
    def __init__(self, inp, oup, stride, expand):
        super().__init__()
        hidden = inp * expand
        self.use_res_connect = stride == 1 and inp == oup
        self.conv = nn.Sequential(
            nn.Sequential(nn.Conv2d(inp, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6()),
            nn.Sequential(
                nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),
                nn.BatchNorm2d(hidden),
                nn.ReLU6(),
            ),
            SqueezeExcitation(hidden, 4),
            nn.Conv2d(hidden, oup, 1, bias=False),
            nn.BatchNorm2d(oup),
        )

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), InvertedResidual(8, 8, 1, 2), InvertedResidual(8, 12, 2, 3), InvertedResidual(12, 12, 1, 3)
        )  # fmt: skip
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(12, 5))

    def forward(self, x):
        return self.classifier(self.features(x).mean([2, 3]))


X = torch.randn(2, 3, 12, 12)


def search_resnet(network):
    """Kernel, width and depth of somebody's ResNet: all that a user writes."""
    program = open_network(network)

    def relax(k, v, p):
        if isinstance(v, nn.Conv2d) and v.sym_init_args["kernel_size"] == 3 and k.key == "conv2":
            width = v.sym_init_args["out_channels"]
            return open_kernel(v, [3, 5], name=f"kernel of {k}").rebind(
                out_channels=pg.oneof([width // 2, width])
            )
        if isinstance(v, nn.Conv2d) and k.key == "conv1":
            return v.clone().rebind(out_channels=pg.oneof([v.out_channels // 2, v.out_channels]))
        return v

    def shorten(k, v, p):
        return pg.oneof([v, nn.Identity()]) if isinstance(v, BasicBlock) and k.key != 0 else v

    return follow(program.rebind(relax), X, tie=True).rebind(shorten)


def test_as_it_is():
    torch.manual_seed(0)
    for network in (ResNet([2, 1], [8, 12]), MobileNet()):
        network.train()
        network(X)  # so that there are running statistics
        network.eval()
        program = open_network(network)
        assert torch.equal(program.eval()(X), network(X))
        assert isinstance(program, type(network))
        assert list(program.state_dict()) == list(network.state_dict())
        assert not {id(p) for p in program.parameters()} & {id(p) for p in network.parameters()}


def test_a_resnet_in_kernel_width_and_depth():
    torch.manual_seed(0)
    network = ResNet([2, 2], [8, 12]).eval()
    space = search_resnet(network)
    net = supernet(space).double()
    assert net.space.size == 2 * 4 * (1 + 4) * 2 * 4 * (1 + 4) * 2 / 2 or net.space.size > 100
    for seed in range(8):
        decisions = net.space.sample(seed)
        found = measure_differences(net, X.double(), decisions=decisions)
        assert found.largest < 1e-10, (decisions.to_dict(), found)


def test_the_largest_network_is_the_one_it_was_made_from():
    torch.manual_seed(0)
    network = ResNet([1, 2], [8, 12]).eval()
    program = open_network(network)
    space = follow(
        program.rebind(lambda k, v, p: pg.oneof([v // 2, v]) if k and k.key == "out_channels" else v),
        X,
        tie=True,
    )
    net = supernet(space).eval()
    net.activate([p.count - 1 for p in net.space.points])
    assert torch.allclose(net(X), network(X), atol=1e-5)
    assert torch.allclose(net.materialize()(X), network(X), atol=1e-5)


def test_a_mobilenet_with_squeeze_and_excitation():
    torch.manual_seed(0)
    program = open_network(MobileNet())

    def relax(k, v, p):
        if isinstance(v, nn.Conv2d) and v.sym_init_args["kernel_size"] == 3 and v.sym_init_args["groups"] > 1:
            return open_kernel(v, [3, 5, 7], name=f"kernel of {k}")
        if (
            isinstance(p, nn.Conv2d)
            and k.key == "out_channels"
            and p.kernel_size == 1
            and isinstance(p.sym_parent, nn.Sequential)
        ):
            return pg.oneof([v // 2, v])
        return v

    net = supernet(follow(program.rebind(relax), X, tie=True)).double()
    for seed in range(6):
        decisions = net.space.sample(seed)
        assert measure_differences(net, X.double(), decisions=decisions).largest < 1e-10


def test_weights_that_fit_are_kept():
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 1, bias=False))
    smaller = open_network(network).rebind({"layers[0].out_channels": 6, "layers[1].in_channels": 6})
    assert torch.equal(smaller[0].weight, network[0].weight[:6])
    assert torch.equal(smaller[1].weight, network[1].weight[:, :6])
    larger = open_network(network).rebind({"layers[0].kernel_size": 5})
    assert torch.equal(larger[0].weight[:, :, 1:4, 1:4], network[0].weight)


def test_weights_of_larger_layers_whose_parts_are_put_together():
    network = nn.Sequential(nn.MultiheadAttention(4, 2))
    larger = open_network(network).rebind({f"layers[0].{name}": 8 for name in ("embed_dim", "kdim", "vdim")})[
        0
    ]
    for part in range(3):  # query, key, value
        mine = larger.in_proj_weight[8 * part : 8 * part + 4, :4]
        assert torch.equal(mine, network[0].in_proj_weight[4 * part : 4 * part + 4])
    assert torch.equal(larger.out_proj.weight[:4, :4], network[0].out_proj.weight)


def test_a_rule_that_computes_leaves_larger_weights_as_they_are_made():
    class Mean(nn.Linear):
        pass

    pg.oneshot.add_rule(Mean, lambda layer, name, full: 0.5 * full[: getattr(layer, name).shape[0]])
    network = nn.Sequential(Mean(4, 2))
    larger = open_network(network).rebind({"layers[0].out_features": 3})[0]
    assert not torch.equal(larger.weight[:2], network[0].weight)
    assert bool(larger.weight.isfinite().all())


def test_attention_and_other_layers():
    torch.manual_seed(0)
    network = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).double()
    x = torch.randn(2, 5, 8).double()
    program = open_network(network)
    assert torch.allclose(program.eval()(x), network.eval()(x))
    opened = open_network(network.float()).rebind({"self_attn.num_heads": pg.oneof([1, 2, 4])})
    net = supernet(
        opened.rebind(
            {
                "linear1.out_features": pg.oneof([8, 16], name="w"),
                "linear2.in_features": pg.oneof([8, 16], name="w"),
            }
        )
    )
    for decisions in net.space.iterate():
        assert measure_differences(net.double(), x, decisions=decisions).largest < 1e-10


def test_what_cannot_be_opened():
    with pytest.raises(TypeError, match="takes a module; got 3"):
        open_network(3)
    with pytest.raises(ValueError, match=r"odd numbers; got \[3, 4\]"):
        open_kernel(pg.symbolize(nn.Conv2d)(3, 4, 3), [3, 4], name="k")


def test_opening_a_network_leaves_the_names_of_its_classes_alone():
    conv = pg.symbolize(nn.Conv2d)
    open_network(nn.Sequential(nn.Conv2d(3, 4, 3)))
    child = conv(3, 8, 3)
    assert pg.from_json_str(pg.to_json_str(child)) == child


def copy_by_pickle(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("way", [copy.deepcopy, copy_by_pickle])
def test_copies(way):
    torch.manual_seed(0)
    network = ResNet([1, 2], [8, 12]).eval()
    unused = way(open_network(network))
    used = open_network(network)
    assert torch.equal(used(X), network(X))
    for program in (unused, way(used)):
        assert torch.equal(program(X), network(X))
        changed = program.rebind({"conv1.bias": True})
        assert "conv1.bias" in changed.state_dict()
        assert not {id(p) for p in program.parameters()} & {id(p) for p in network.parameters()}
    assert type(way(used)) is type(used)


@pytest.mark.parametrize("way", [copy.deepcopy, copy_by_pickle])
def test_copies_of_a_super_network(way):
    torch.manual_seed(0)
    net = supernet(search_resnet(ResNet([1, 2], [8, 12]))).double()
    for seed in range(3):
        decisions = net.activate(net.space.sample(seed))
        made, child = way(net), way(net.materialize())
        assert made.decisions == decisions
        assert torch.equal(made.eval()(X.double()), net.eval()(X.double()))
        assert torch.equal(child.eval()(X.double()), net(X.double()))
        assert made.state_dict().keys() == net.state_dict().keys()
        assert measure_differences(made, X.double(), decisions=made.space.sample(seed + 1)).largest < 1e-10


def test_in_another_process_and_distributed(tmp_path):
    """A process that has opened nothing reads a super-network, and trains it in DistributedDataParallel."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.Sequential(nn.BatchNorm2d(8), nn.ReLU()), nn.Conv2d(8, 2, 1)
    )
    space = open_network(network).rebind({"layers[0].out_channels": pg.oneof([4, 8])})
    net = supernet(follow(space, X))
    net.activate([1])
    torch.save(net, tmp_path / "net.pt")
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(OTHER_PROCESS))
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, timeout=240)
    trained = torch.load(tmp_path / "trained.pt", weights_only=False)
    x = torch.ones(2, 3, 6, 6)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for index in range(2):
        net.activate([index])
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()
        assert torch.allclose(trained[index], net(x), atol=1e-6)


OTHER_PROCESS = """
    import sys
    import torch
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel

    torch.set_num_threads(1)
    folder = sys.argv[1]
    net = torch.load(f"{folder}/net.pt", weights_only=False)
    assert net.decisions.values == (1,)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=0, world_size=1)
    wrapped = DistributedDataParallel(net, find_unused_parameters=True)
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.1)
    x, found = torch.ones(2, 3, 6, 6), []
    for index in range(2):
        net.activate([index])
        optimizer.zero_grad()
        wrapped(x).square().mean().backward()
        optimizer.step()
        found.append(net(x).detach())
    torch.save(found, f"{folder}/trained.pt")
    dist.destroy_process_group()
"""


@pytest.mark.parametrize(
    "lazy", [nn.LazyLinear(3), nn.LazyBatchNorm1d(affine=False)], ids=lambda m: type(m).__name__
)
def test_a_lazy_layer_is_opened_after_its_first_input(lazy):
    net, x = nn.Sequential(nn.Identity(), nn.Sequential(lazy)).eval(), torch.ones(2, 4)
    kind = type(lazy).__name__
    with pytest.raises(
        FieldValueError,
        match=rf"weight '1\.0\.\w+' has no size yet, because its {kind} is lazy\. Run the network once on an input, `network\(example\)`",
    ):
        open_network(net)
    net(x)
    assert torch.equal(open_network(net)(x), net(x))


@pytest.mark.parametrize("protocol", [2, 5])
def test_a_pickle_has_the_weights_once(protocol):
    """Those of the module that was opened are not needed beside those of its copy."""
    network = nn.Sequential(
        nn.Linear(256, 256),
        nn.Sequential(nn.Linear(256, 256), nn.Linear(256, 256)),
        nn.Linear(256, 256, bias=False),
    )
    network[2].weight = network[0].weight  # a tie
    network.register_buffer("scale", torch.ones(1))
    x = torch.randn(2, 256)
    width = pg.oneof([128, 256], name="w")
    program = open_network(network).rebind(
        {"layers[1].layers[0].out_features": width, "layers[1].layers[1].in_features": width}
    )
    child = pg.materialize(program, [0])
    with torch.no_grad():
        child[1][0].weight.add_(1)  # trained
    size = len(pickle.dumps(child.state_dict(), protocol))
    written = pickle.dumps(child, protocol)
    assert len(written) < size + 100_000
    read = pickle.loads(written)
    assert torch.equal(read(x), child(x))
    assert read[2].weight is read[0].weight
    assert pg.eq(pg.get(read, "layers[1].layers[0].out_features"), 128)
    again = pg.clone(read)  # made of what was read: with the weights of the copy
    assert torch.equal(again(x), child(x))
    assert again[2].weight is again[0].weight
    assert again[0].weight is not read[0].weight
    assert len(pickle.dumps(read, protocol)) < size + 100_000
    assert torch.equal(child(x), read(x))
    narrow = read.rebind({"layers[1].layers[0].out_features": 32, "layers[1].layers[1].in_features": 32})
    assert narrow(x).shape == (2, 256)
