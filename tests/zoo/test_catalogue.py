"""Laws of all entries of the zoo: each makes what it says, under its published name."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

import pliant as pg
from pliant import zoo
from pliant.oneshot import measure_differences
from pliant.values.errors import FieldTypeError, FieldValueError, UnknownFieldError

NAMES = zoo.list()
SPACES = [name for name in NAMES if zoo.get(name).space_name]
NETWORKS = [name for name in NAMES if zoo.get(name).network_name]
TRAINED = [name for name in SPACES if zoo.get(name).inputs and zoo.get(name).always_valid]


# Small spaces whose super-networks are compared with their networks below.
SMALL = {
    "enas/micro": {"blocks": 1, "filters": 4, "repeats": 1, "classes": 3},
    "nasbench_macro/network": {"width": 4, "classes": 3},
    "macro/multi_branch": {"length": 3, "filters": 4, "classes": 3},
    "macro/graph": {"nodes": 3, "filters": 4, "classes": 3},
    "mlp": {"max_layers": 2, "units": (4, 8), "classes": 3},
    "mlp/sequences": {"max_length": 2, "classes": 3},
    "nas_fpn": {"filters_in": (4, 6, 8), "intermediate": 0, "filters": 4, "repeats": 1},
    "spinenet": {
        "allocation": {3: 1}, "offsets": (0,), "kinds": ("residual",), "scale": 0.05, "filters": 4, "classes": 3,
    },
    "auto_deeplab": {"blocks": 1, "layers": 3, "filters": 4, "classes": 3},
}  # fmt: skip

# The tests of the super-networks of other spaces, as file and function.
COMPARED = {
    "mobilenet_v2/*": "test_mobilenet_v2.py test_super_networks_are_exact",
    "mnasnet/*": "test_mnasnet.py test_super_network_of_two_stages_is_exact",  # the whole takes minutes
    "proxylessnas/*": "test_mobile.py test_samples_train_and_supernet_computes_each_of_them",
    "fbnet/*": "test_mobile.py test_samples_train_and_supernet_computes_each_of_them",
    "tunas/*": "test_mobile.py test_samples_train_and_supernet_computes_each_of_them",
    "once_for_all": "test_once_for_all.py test_supernet_computes_each_of_its_networks_and_trains",
    "mobilenet_v3": "test_backbones.py test_supernet_computes_each_of_its_networks",
    "efficientnet": "test_backbones.py test_supernet_computes_each_of_its_networks",
    "resnet": "test_backbones.py test_supernet_computes_each_of_its_networks",
    "convnext": "test_backbones.py test_supernet_computes_each_of_its_networks",
    "darts": "test_darts.py test_super_networks_are_exact",
    "darts/two_inputs": "test_darts.py test_super_networks_are_exact",
    "nasnet": "test_nasnet.py test_super_network_is_exact",
    "amoebanet": "test_nasnet.py test_super_network_is_exact",  # the same space with fewer operations
    "enas/macro": "test_enas.py test_super_network_is_exact",
    "nasbench201/network": "test_nasbench201_network.py test_super_network_is_exact",
    "nats_bench/size": "test_nasbench201_network.py test_super_network_of_sizes_is_exact",
    "macro/chain": "test_macro.py test_chain_becomes_a_supernet",
    "mlp/shared": "test_mlp.py test_super_network_is_exact",
    "autoformer/tiny": "test_transformer.py test_super_network_is_exact",
    "language/*": "test_language.py test_super_network_is_exact",
}

# Spaces whose super-networks are not compared, and why.
LEFT_OUT = {
    "nasbench101": "data, not networks",
    "nasbench201": "data, not networks",
    "nasbench_macro": "data, not networks",
    "autoaugment": "data, not networks",
    "randaugment": "data, not networks",
    "optimizer": "data, not networks",
    "mobilenet_recipe": "data, not networks",
    "tabular": "its programs say how to train as well, so they are not modules",
    "nasbench101/network": "some of its cells are invalid, so that no super-network has all of them",
}


def run(network: torch.nn.Module, entry: zoo.Entry) -> torch.Tensor:
    """Returns the output, or the first of several, on the device without data, so that only shapes are computed."""
    out = network.to("meta")(entry.make_input(2).to("meta"))
    return out[0] if isinstance(out, list) else out


def test_names_are_listed_by_pattern():
    assert zoo.list("mobilenet_v2/s?") == ["mobilenet_v2/s1", "mobilenet_v2/s2", "mobilenet_v2/s3"]
    assert zoo.list("nothing*") == []
    assert len(set(NAMES)) == len(NAMES) > 10


def test_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(FieldValueError, match=r"no entry 'mobilenet_v2/s4'; did you mean 'mobilenet_v2/s\d'"):
        zoo.get("mobilenet_v2/s4")


def test_unknown_option_is_refused_with_those_there_are():
    with pytest.raises(UnknownFieldError, match="'darts' has no option 'widht'; did you mean 'width'"):
        zoo.get("darts").make_space(widht=4)
    with pytest.raises(UnknownFieldError, match="'mobilenet_v2/s1' has no option 'name'"):
        zoo.get("mobilenet_v2/s1").make_space(name="S2")  # the name of the entry says it


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (0, FieldValueError, "0"),
        (-1, FieldValueError, "-1"),
        (math.nan, FieldTypeError, "nan of type float"),  # as 2.5: no whole number at all
    ],
)
@pytest.mark.parametrize("option", ["classes", "filters", "repeats"])
def test_sizes_are_positive(option, value, error, shown):
    with pytest.raises(
        error,
        match=rf"make_network\({option}=\.\.\.\) takes a whole number from 1, such as {option}=\d+; got {shown}\.",
    ):
        zoo.get("nasnet").make_network(**{option: value})
    network = zoo.get("nasnet").make_network(**{"filters": 2, option: 2})  # reductions halve filters
    assert run(network, zoo.get("nasnet")).shape == (2, 2 if option == "classes" else 10)


@pytest.mark.parametrize("name", [name for name in NAMES if zoo.get(name).inputs])
def test_no_network_has_zero_classes(name):
    entry = zoo.get(name)
    makers = [entry.make_space] * bool(entry.space_name) + [entry.make_network] * bool(entry.network_name)
    for make in makers:  # the space of mobilenet_v2/s1 takes a network instead
        with pytest.raises(
            (FieldValueError, UnknownFieldError),
            match=r"classes=\.\.\.\) takes a whole number from 1|has no option 'classes'",
        ):
            make(classes=0)


def test_what_an_entry_lacks_is_refused_with_what_it_has():
    with pytest.raises(
        FieldValueError, match=r"is one network, .*`zoo.get\('mobilenet_v2'\).make_network\(\)`"
    ):
        zoo.get("mobilenet_v2").make_space()
    assert isinstance(zoo.get("mobilenet_v2").make_network(), torch.nn.Module)  # the advice
    with pytest.raises(
        FieldValueError, match=r"without a reference network\. `zoo.get\('nasbench101'\).make_space\(\)`"
    ):
        zoo.get("nasbench101").make_network()
    assert zoo.get("nasbench101").make_space() is not None


def test_size_of_continuous_decisions_and_of_a_network():
    assert zoo.get("mobilenet_recipe").size == math.inf
    assert zoo.get("mobilenet_v2").size == 1


def test_data_take_no_input():
    with pytest.raises(FieldValueError, match="the programs of 'nasbench101' are data, not networks"):
        zoo.get("nasbench101").make_input()
    assert zoo.get("darts").make_input(3).shape == (3, 3, 32, 32)


@pytest.mark.parametrize("name", NAMES)
def test_entry_says_what_it_is(name):
    entry = zoo.get(name)
    assert entry.name == name
    assert entry.title
    assert entry.paper.rstrip(".")[-4:].isdigit()  # the year
    assert entry.space_name or entry.network_name


@pytest.mark.parametrize("name", SPACES)
def test_space_has_its_size_and_samples(name):
    space = zoo.get(name).make_space()
    assert zoo.get(name).size == pg.abstract_search_space(space).size > 1
    drawn = [pg.random_sample(space, seed=seed) for seed in range(3)]
    assert not any(pg.abstract_search_space(one).points for one in drawn)
    assert not all(pg.eq(drawn[0], one) for one in drawn)


@pytest.mark.parametrize("name", TRAINED)
def test_sampled_network_gives_scores(name):
    entry = zoo.get(name)
    out = run(pg.random_sample(entry.make_space(), seed=1), entry)
    assert out.shape[0] == 2
    assert out.dim() == {"auto_deeplab": 4, "spinenet": 4, "language/decoder": 3}.get(name, 2)


@pytest.mark.parametrize("name", NETWORKS)
def test_reference_network_is_symbolic_and_runs(name):
    entry = zoo.get(name)
    network = entry.make_network()
    assert pg.eq(pg.clone(network), network)
    assert run(network, entry).shape[0] == 2


def take_step(network: torch.nn.Module, entry: zoo.Entry) -> None:
    """Trains one step on random images of 64 rows (more where their number is fixed), or random tokens or numbers."""
    torch.manual_seed(0)
    shape = (3, 64, 64) if entry.inputs[-1] == 224 and entry.module != "transformer" else entry.inputs
    batch = torch.randint(0, 200, (2, *shape)) if entry.tokens else torch.randn(2, *shape)
    optimizer = torch.optim.SGD(network.train().parameters(), 0.001)
    out = network(batch)
    loss = (out[0] if isinstance(out, list) else out).square().mean()
    loss.backward()
    before = [p.detach().clone() for p in network.parameters()]
    optimizer.step()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p).all() for p in network.parameters())
    assert not all(torch.equal(p, old) for p, old in zip(network.parameters(), before, strict=True))


@pytest.mark.parametrize("name", NETWORKS)
def test_reference_network_trains_one_step(name):
    entry = zoo.get(name)
    take_step(entry.make_network(), entry)


@pytest.mark.parametrize("name", TRAINED)
def test_sampled_network_trains_one_step(name):
    entry = zoo.get(name)
    take_step(pg.random_sample(entry.make_space(), seed=2), entry)


@pytest.mark.parametrize("name", SMALL)
def test_super_network_is_exact(name):
    entry = zoo.get(name)
    torch.manual_seed(0)
    net = pg.oneshot.supernet(entry.make_space(**SMALL[name])).double()
    x: object = torch.randn(2, *(entry.inputs if entry.inputs[-1:] == (28,) else (3, 32, 32))).double()
    if name == "nas_fpn":
        x = [torch.randn(2, wide, 16 >> i, 16 >> i).double() for i, wide in enumerate((4, 6, 8))]
    for seed in range(3):
        decisions = net.space.sample(seed)
        found = measure_differences(net, x, decisions=decisions, training=seed % 2 == 0)
        assert found.largest < 1e-10, (decisions.to_dict(), found)


def test_each_space_is_compared_with_its_super_network_or_says_why_not():
    named = [
        name for pattern in (*SMALL, *COMPARED, *LEFT_OUT) for name in zoo.list(pattern) if name in SPACES
    ]
    assert sorted(named) == sorted(SPACES)  # each once
    for where in COMPARED.values():
        file, function = where.split()
        assert f"def {function}(" in (Path(__file__).parent / file).read_text("utf-8")
