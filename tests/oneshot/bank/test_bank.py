"""The weight bank: what is transferred, memory, rewards, processes that are killed, damage, and bad input."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import pliant as pg
from pliant.oneshot.bank import WeightBank, pair_layers
from pliant.oneshot.bank.files import MARK, locate
from pliant.values.errors import FieldTypeError, FieldValueError, LoadError
from pliant.zoo.mlp_vocabulary import Vocabulary

HAMMER = Path(__file__).with_name("hammer.py")


def make(*units, inputs=4, seed=0, act=nn.ReLU):
    torch.manual_seed(seed)
    layers = []
    for wide in units[:-1]:
        layers += [nn.Linear(inputs, wide), act()]
        inputs = wide
    return nn.Sequential(*layers, nn.Linear(inputs, units[-1]))


def weights(network):
    return [one.clone() for one in network.state_dict().values()]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def file_of(bank):
    return next(bank.folder.glob("??/*.weights"))


@pytest.fixture
def bank(tmp_path):
    return WeightBank(tmp_path / "bank")


# ---------------------------------------------------------------------- pairs


def test_pairs_of_the_walk_through():
    first, second = make(16, 32, 10), make(64, 32, 10)
    shared = set(pair_layers(first).values()) & set(pair_layers(second).values())
    assert shared == {("Linear 32 ReLU()", "Linear(32, 10)")}


def test_the_activation_belongs_to_the_layer():
    assert pair_layers(make(8, 3)) != pair_layers(make(8, 3, act=nn.Tanh))
    assert (
        pair_layers(nn.Sequential(nn.Linear(4, 8), nn.ELU(0.5)))[(0).__str__()][1]
        == "Linear(4, 8) ELU(alpha=0.5)"
    )


def test_dropout_and_containers_are_left_out_and_flatten_is_not():
    plain = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    nested = nn.Sequential(
        nn.Sequential(nn.Dropout(), nn.Linear(4, 8)),
        nn.Sequential(nn.ReLU(), nn.Dropout(0.3)),
        nn.Identity(),
        nn.Linear(8, 3),
    )
    assert list(pair_layers(plain).values()) == list(pair_layers(nested).values())
    assert list(pair_layers(nested)) == ["0.1", "3"]
    flat = pair_layers(nn.Sequential(nn.Flatten(), *plain))
    assert list(flat.values()) == [("flatten", "Linear(4, 8) ReLU()"), ("Linear 8 ReLU()", "Linear(8, 3)")]


def test_symbolic_networks_have_the_pairs_of_ordinary_ones():
    symbolic = [pg.symbolize(kind) for kind in (nn.Sequential, nn.Linear, nn.ReLU)]
    network = symbolic[0](symbolic[1](4, 8), symbolic[2](), symbolic[1](8, 3))
    assert pair_layers(network) == pair_layers(make(8, 3))


def test_one_layer_alone_and_none():
    assert pair_layers(nn.Linear(4, 8)) == {"": ("input", "Linear(4, 8)")}
    assert pair_layers(nn.Sequential(nn.Flatten(), nn.ReLU())) == {}


# ---------------------------------------------------------------------- transfer


@pytest.mark.parametrize("place", ["folder", "memory"])
def test_only_equal_pairs_are_transferred(tmp_path, place):
    bank = WeightBank(tmp_path / "bank" if place == "folder" else None)
    first, second = make(16, 32, 10, seed=1), make(64, 32, 10, seed=2)
    before = weights(second)
    assert bank.load_into(second) == []
    assert bank.store(first) == ["0", "2", "4"]
    assert len(bank) == 3
    assert bank.load_into(second) == ["4"]
    after = weights(second)
    assert same(after[:4], before[:4])
    assert same(after[4:], weights(first)[4:])


def test_a_space_of_the_walk_through(bank):
    vocabulary = Vocabulary(3)
    first = vocabulary.make_network([7, 11, 30], inputs=9)
    second = vocabulary.make_network([15, 29, 11, 30], inputs=9)
    bank.store(first)
    assert bank.load_into(second) == ["body.6"]
    assert torch.equal(first.body[5].weight, second.body[6].weight)


def test_the_last_of_equal_pairs_wins_and_both_receive_it(bank):
    network = make(8, 8, 8, 3, seed=1)
    assert bank.store(network) == ["0", "2", "4", "6"]
    assert len(bank) == 3
    other = make(8, 8, 8, 3, seed=2)
    assert bank.load_into(other) == ["0", "2", "4", "6"]
    assert torch.equal(other[2].weight, network[4].weight)
    assert torch.equal(other[4].weight, network[4].weight)


def test_layers_of_other_kinds_with_buffers(bank):
    def images(seed):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16, 2, bias=False),
            nn.LayerNorm(2),
        )

    first, second = images(1), images(2)
    first(torch.randn(8, 3, 4, 4))  # changes the statistics
    bank.store(first)
    assert bank.load_into(second) == ["0", "1", "4", "5"]
    assert same(weights(first), weights(second))
    assert second[1].num_batches_tracked.item() == 1


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16]),
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.booleans(),
)
def test_files_keep_every_bit(tmp_path_factory, dtype, units, in_memory):
    bank = WeightBank(tmp_path_factory.mktemp("bank"), memory_bytes=10**6 if in_memory else 0)
    network = make(*units, inputs=units[0] + 1).to(dtype)  # no two layers have one key
    other = make(*units, inputs=units[0] + 1, seed=1).to(dtype)
    bank.store(network)
    bank.load_into(other)
    if len(set(pair_layers(network).values())) == len(units):
        assert same(weights(network), weights(other))


def test_a_transfer_keeps_gradients_and_parameters(bank):
    bank.store(make(8, 3, seed=1))
    network = make(8, 3, seed=2)
    parameters = list(network.parameters())
    optimizer = torch.optim.SGD(parameters, 0.1)
    assert len(bank.load_into(network)) == 2
    assert all(
        one is two and one.requires_grad for one, two in zip(parameters, network.parameters(), strict=True)
    )
    network(torch.ones(2, 4)).sum().backward()
    before = weights(network)
    optimizer.step()
    assert not same(before, weights(network))
    stored = make(8, 3, seed=3)
    bank.load_into(stored)
    assert same(before, weights(stored))  # training did not change what is stored


# ---------------------------------------------------------------------- rewards, divergence


def test_with_rewards_the_best_network_is_kept(bank):
    good, bad, plain = make(8, 3, seed=1), make(8, 3, seed=2), make(8, 3, seed=3)
    assert bank.store(good, 0.9) == ["0", "2"]
    assert bank.store(bad, 0.5) == []
    assert bank.store(make(8, 3, seed=1), 0.9) == ["0", "2"]  # equal: the last one
    network = make(8, 3, seed=4)
    WeightBank(bank.folder).load_into(network)
    assert same(weights(network), weights(good))
    assert bank.store(plain) == ["0", "2"]  # without a reward it replaces
    assert bank.store(bad, 0.5) == ["0", "2"]


def test_weights_that_are_not_finite_are_not_stored(bank):
    network = make(8, 3)
    with torch.no_grad():
        network[0].weight[0, 0] = torch.nan
        network[2].weight.fill_(3e38)  # finite, though their sum is not
    assert bank.store(network) == ["2"]
    assert bank.load_into(make(8, 3, seed=1)) == ["2"]


# ---------------------------------------------------------------------- memory and files


def test_memory_is_bounded_and_the_rest_comes_from_disk(tmp_path):
    size = (4 * 8 + 8 + 8 * 3 + 3) * 4  # bytes of a network
    bank = WeightBank(tmp_path / "bank", memory_bytes=3 * size)
    networks = [nn.Sequential(*make(8, 3, seed=i), nn.Softplus(i + 1)) for i in range(10)]
    shown = [nn.Sequential(nn.Linear(4, 8), nn.Hardtanh(-i - 1, 1), nn.Linear(8, 3)) for i in range(10)]
    for network in [*networks, *shown]:
        bank.store(network)
        assert bank.used_bytes <= 3 * size
    for network in shown:
        copied = copy.deepcopy(network)
        nn.init.zeros_(copied[0].weight)
        assert bank.load_into(copied) == ["0", "2"]
        assert same(weights(copied), weights(network))
        assert bank.used_bytes <= 3 * size


def test_the_least_recently_used_leaves_memory_first():
    def layer(i):
        return nn.Sequential(nn.Linear(4, 8), nn.Hardtanh(-i - 1, 1))

    bank = WeightBank(memory_bytes=2 * 160)
    first, second, third = layer(0), layer(1), layer(2)
    bank.store(first)
    bank.store(second)
    assert bank.load_into(layer(0)) == ["0"]
    bank.store(third)
    assert [bank.load_into(layer(i)) for i in range(3)] == [["0"], [], ["0"]]
    assert bank.used_bytes == 320


def test_another_bank_sees_what_was_stored_at_once(bank):
    other, network = WeightBank(bank.folder), make(8, 3, seed=9)
    for seed in range(3):
        bank.store(make(8, 3, seed=seed))
        assert len(other.load_into(network)) == 2
        assert same(weights(network), weights(make(8, 3, seed=seed)))


def test_a_bank_that_is_opened_again_has_everything(bank):
    bank.store(make(8, 3, seed=5))
    network = make(8, 3)
    assert WeightBank(bank.folder).load_into(network) == ["0", "2"]
    assert same(weights(network), weights(make(8, 3, seed=5)))


def test_a_bank_is_sent_to_another_process(bank):
    bank.store(make(8, 3))
    sent = pickle.loads(pickle.dumps(bank))
    assert (sent.folder, sent.memory_bytes, sent.pairs) == (bank.folder, bank.memory_bytes, pair_layers)
    assert sent.load_into(make(8, 3)) == ["0", "2"]
    with pytest.raises(FieldTypeError, match=r"in memory belongs to one process.*`WeightBank\('weights'\)`"):
        pickle.dumps(WeightBank())


def test_clear_deletes_weights_and_leftovers(bank):
    bank.store(make(8, 3))
    leftover = file_of(bank).parent / ".x.weights.aa.tmp"
    leftover.write_bytes(b"half")
    bank.clear()
    assert len(bank) == bank.used_bytes == 0
    assert not leftover.exists()
    assert bank.load_into(make(8, 3)) == []
    assert len(bank.store(make(8, 3))) == 2


def test_threads(bank):
    faults = []

    def work(number):
        try:
            for step in range(30):
                network = make(8, 8, 3)
                with torch.no_grad():
                    for parameter in network.parameters():
                        parameter.fill_(100 * number + step)
                bank.store(network)
                for name in bank.load_into(network):
                    layer = network.get_submodule(name)
                    assert len(torch.cat([layer.weight.reshape(-1), layer.bias]).unique()) == 1
        except BaseException as error:  # noqa: BLE001 - shown below
            faults.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


# ---------------------------------------------------------------------- processes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that fork")
def test_processes_store_and_fetch_at_once_and_are_killed(bank):
    command = [sys.executable, str(HAMMER), str(bank.folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    counts = [int(line.split()[1]) for line in done.stdout.splitlines()]
    assert len(counts) == 3
    assert min(counts) > 0
    assert len(bank) == 3
    assert WeightBank(bank.folder).load_into(make(128, 64, 3, inputs=64)) == ["0", "2", "4"]


# ---------------------------------------------------------------------- damage


def flip(data):
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        flip,
        lambda data: data + b"\0",
        lambda data: b"PK" + data[2:],
        lambda data: pickle.dumps({"weight": [1.0]}),
        lambda data: data[: len(MARK)] + b"0" * 64 + data[len(MARK) + 64 :],
    ],
    ids=["empty", "half", "one bit", "longer", "another start", "pickle", "checksum"],
)
def test_damaged_files_are_refused_and_nothing_changes(bank, damage):
    bank.store(make(8, 3))
    file = file_of(bank)
    file.write_bytes(damage(file.read_bytes()))
    network = make(8, 3, seed=1)
    before = weights(network)
    with pytest.raises(
        LoadError, match=r"\.weights' is damaged, or does not hold the weights of .*Delete this file"
    ):
        WeightBank(bank.folder).load_into(network)
    assert same(before, weights(network))
    file.unlink()  # the remedy
    assert len(bank.load_into(network)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"key": ["input", "Linear(5, 8)"]},
        {"tensors": [["weight", "float128", [8, 4]]]},
        {"tensors": [["weight", "float32", [-1, 4]]]},
        {"tensors": [["weight", "float32", [10**9, 10**9]]]},
        {"tensors": 3},
        {"reward": "high"},
    ],
    ids=["another key", "type", "negative", "huge", "number", "reward"],
)
def test_headers_that_do_not_fit_are_refused(tmp_path, change):
    bank = WeightBank(tmp_path)
    network = nn.Linear(4, 8)
    bank.store(network)
    file = locate(tmp_path, ("input", "Linear(4, 8)"))
    content = file.read_bytes()[len(MARK) + 65 :]
    header, numbers = content.split(b"\n", 1)
    content = json.dumps({**json.loads(header), **change}).encode() + b"\n" + numbers
    file.write_bytes(MARK + hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
    with pytest.raises(LoadError, match="does not hold the weights of"):
        bank.load_into(network)


def test_files_run_nothing(bank, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "run"),)

    bank.store(make(8, 3))
    file_of(bank).write_bytes(MARK + pickle.dumps(Evil()))
    with pytest.raises(LoadError, match="is damaged"):
        bank.load_into(make(8, 3))
    assert not (tmp_path / "run").exists()


# ---------------------------------------------------------------------- bad input


def test_a_folder_of_another_network_type_is_refused(bank):
    """With keys that do not tell shapes apart, as in the walk-through."""

    def units_only(network):
        return {name: ("any",) for name, _ in network.named_modules() if name}

    rough = WeightBank(bank.folder, pairs=units_only)
    rough.store(nn.Sequential(nn.Linear(4, 8)))
    network = nn.Sequential(nn.Linear(5, 8))
    before = weights(network)
    message = r"'0' has weight float32\[8, 5\], bias float32\[8\], and WeightBank\(.*\) has weight float32\[8, 4\].*Nothing was copied"
    with pytest.raises(FieldValueError, match=message):
        rough.load_into(network)
    with pytest.raises(
        FieldValueError, match=r"has weight float32\[8, 4\], and .* has weight float32\[8, 4\], bias"
    ):
        rough.load_into(nn.Sequential(nn.Linear(4, 8, bias=False)))
    assert same(before, weights(network))
    assert WeightBank(bank.folder).load_into(network) == []  # the remedy: keys that differ


def test_other_types_of_numbers_are_refused(bank):
    bank.store(make(8, 3))
    with pytest.raises(
        FieldValueError, match=r"float64\[8, 4\].*float32\[8, 4\].*keys differ where shapes or types differ"
    ):
        bank.load_into(make(8, 3).double())


@pytest.mark.parametrize("method", ["load_into", "store"])
def test_what_is_not_a_network_is_refused(bank, method):
    with pytest.raises(FieldTypeError, match=r"takes a network, a torch.nn.Module; got 'net' of type str"):
        getattr(bank, method)("net")
    with pytest.raises(
        FieldTypeError, match=r"the layer '0' has no sizes or values yet.*Call the network once on a batch"
    ):
        getattr(bank, method)(nn.Sequential(nn.LazyLinear(3)))
    with pytest.raises(FieldTypeError, match="the layer '' has no sizes or values yet"):
        getattr(bank, method)(nn.Linear(2, 2, device="meta"))


def test_lazy_layers_work_after_one_batch(bank):
    network = nn.Sequential(nn.LazyLinear(3))
    network(torch.ones(1, 4))
    assert bank.store(network) == ["0"]
    assert bank.load_into(nn.Sequential(nn.Linear(4, 3))) == ["0"]


@pytest.mark.parametrize(
    ("reward", "error"),
    [("good", FieldTypeError), (float("nan"), FieldValueError), (float("inf"), FieldValueError)],
)
def test_rewards_that_are_not_numbers_are_refused(bank, reward, error):
    with pytest.raises(error, match=r"a reward is a finite number, or None; got .*Leave it out"):
        bank.store(make(8, 3), reward)
    assert len(bank) == 0


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        (
            lambda network: {"0": "text"},
            FieldTypeError,
            "is a tuple of texts.*got 'text' of type str. Convert its parts",
        ),
        (lambda network: {"0": (4, 8)}, FieldTypeError, r"is a tuple of texts.*got \(4, 8\)"),
        (lambda network: {"0": ()}, FieldTypeError, r"is a tuple of texts.*got \(\)"),
        (
            lambda network: {"9": ("a",)},
            FieldValueError,
            r"name the layer '9', which the network does not have. Its layers are '', '0'",
        ),
    ],
    ids=["text", "numbers", "empty", "unknown layer"],
)
@pytest.mark.parametrize("place", ["folder", "memory"])
def test_keys_that_are_not_keys_are_refused(tmp_path, keys, error, message, place):
    bank = WeightBank(tmp_path if place == "folder" else None, pairs=keys)
    with pytest.raises(error, match=message):
        bank.store(make(8, 3))


def test_keys_cannot_lead_out_of_the_folder(tmp_path):
    bank = WeightBank(tmp_path / "a" / "bank", pairs=lambda network: {"0": ("../../../out", "/etc/x\0")})
    bank.store(make(8, 3))
    assert {file.parent.parent for file in tmp_path.rglob("*.weights")} == {tmp_path / "a" / "bank"}


def test_folders_that_are_no_bank_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(
        LoadError,
        match=r"is not a weight bank, and holds other files, such as 'notes.txt'. Give a new or an empty",
    ):
        WeightBank(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(LoadError, match=r"cannot be a weight bank: .*Give a folder that you may write"):
        WeightBank(tmp_path / "notes.txt")
    WeightBank(tmp_path / "new" / "inner")  # the remedy
    for content in ("{", '{"format": "pliant weight bank", "version": 2}', "[" * 10**5):
        (tmp_path / "new" / "inner" / "bank.json").write_text(content)
        with pytest.raises(
            LoadError, match=r"bank.json' is damaged or of another version; this release reads version 1"
        ):
            WeightBank(tmp_path / "new" / "inner")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"memory_bytes": -1}, FieldValueError, "takes a number of bytes, at least 0; got -1"),
        ({"memory_bytes": "1 GB"}, FieldTypeError, "takes a number of bytes, at least 0; got '1 GB'"),
        ({"pairs": "pairs"}, FieldTypeError, "takes a function from a network to keys by layer.*got 'pairs'"),
    ],
    ids=["negative", "text", "pairs"],
)
def test_wrong_options_are_refused(tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        WeightBank(tmp_path / "bank", **options)
    assert not (tmp_path / "bank").exists()


def test_a_folder_that_cannot_be_written_keeps_the_old_weights(bank, monkeypatch):
    bank.store(make(8, 3, seed=1))

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pliant.oneshot.bank.files.write_atomically", full)
    with pytest.raises(
        LoadError,
        match=r"layer '0' cannot be written to .*No space left on device. The old ones are unchanged",
    ):
        bank.store(make(8, 3, seed=2))
    network = make(8, 3)
    assert len(bank.load_into(network)) == 2
    assert same(weights(network), weights(make(8, 3, seed=1)))
