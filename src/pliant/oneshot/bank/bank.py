"""``WeightBank``: weights of pairs of adjacent layers in a folder, shared by networks, processes and runs."""

from __future__ import annotations

import json
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, final

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from pliant.values.errors import FieldTypeError, FieldValueError, LoadError, check_file, quote, quote_typed
from pliant.values.files import write_atomically
from pliant.values.numbers import to_real, to_whole

from .files import Stored, identify, locate, read_weights, write_weights
from .pairs import Pair, pair_layers

_MARKER: Final = "bank.json"
_CONTENT: Final = {"format": "pliant weight bank", "version": 1}


@final
class WeightBank:
    """Trained weights of pairs of adjacent layers: a new network starts with those of networks trained before it.

    Sable, "Neural Architecture Search Part 2", 2020, section "One Shot Architectures", after the parameter sharing of Pham et
    al., ENAS, 2018: if an earlier network had a layer of 32 units with ReLU after one of 16 units with ReLU, the weights between
    them are copied into each new network that has these layers one after the other.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bank = WeightBank(f"{folder}/bank")
    ...     first = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 10))
    ...     second = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    ...     bank.store(first), bank.load_into(second), torch.equal(second[4].weight, first[4].weight)
    (['0', '2', '4'], ['4'], True)

    Storing and fetching take a time that does not depend on how many pairs are stored: each pair is a file, named by a digest.
    Memory holds the pairs that were used last, up to ``memory_bytes``; the others are read from disk when they are needed.

    Several processes may use one folder.  A file is replaced as a whole, so a reader gets the weights of one network and never a
    mixture; of two writers, the last one wins; a process that is killed leaves the old file or the new one.  A bank that is opened
    again, as by a search that is resumed, has all that was stored.  It can be sent to other processes.

    Args:
      folder: where the weights are; it is made where it does not exist.  None keeps weights in memory only, for one process: those
        beyond the limit are lost.
      memory_bytes: the limit on weights in memory.
      pairs: the key of each layer with weights, by the layer's name in ``network.named_modules()``; a key is a tuple of texts,
        equal for layers that may have each other's weights.  It must be an importable function for other processes.

    Raises:
      FieldTypeError, FieldValueError: an argument is wrong.
      LoadError: the folder is not a weight bank, or cannot be made.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        memory_bytes: int = 1 << 28,
        pairs: Callable[[nn.Module], Mapping[str, Pair]] = pair_layers,
    ) -> None:
        limit = to_whole(memory_bytes)
        if limit is None or limit < 0:
            raise (FieldTypeError if limit is None else FieldValueError)(
                f"WeightBank(memory_bytes=...) takes a number of bytes, at least 0; got {quote(memory_bytes)}."
            )
        if not callable(pairs):
            raise FieldTypeError(
                f"WeightBank(pairs=...) takes a function from a network to keys by layer, such as `pair_layers`; got {quote(pairs)}."
            )
        self.folder = None if folder is None else Path(check_file(folder, "WeightBank"))
        self.memory_bytes, self.pairs = limit, pairs
        # the file, its content and the bytes of that, last used last
        self._cache: OrderedDict[Pair, tuple[str, Stored, int]] = OrderedDict()
        self._used = 0
        self._lock = threading.Lock()
        if self.folder is not None:
            _open_folder(self.folder)

    def __repr__(self) -> str:
        return "WeightBank()" if self.folder is None else f"WeightBank({str(self.folder)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.folder is None:
            raise FieldTypeError(
                "a weight bank in memory belongs to one process, and cannot be sent to another one. Give it a folder: "
                "`WeightBank('weights')`."
            )
        return _make, (os.fspath(self.folder), self.memory_bytes, self.pairs)

    def __len__(self) -> int:
        """Returns the number of stored pairs; it lists the folder."""
        return len(self._cache) if self.folder is None else sum(1 for _ in self.folder.glob("??/*.weights"))

    @property
    def used_bytes(self) -> int:
        """The memory that weights take now."""
        return self._used

    def load_into(self, network: nn.Module) -> list[str]:
        """Copies stored weights into a network, and returns the names of the layers that received some.

        The others keep the weights that they have.  If two layers have one key, both receive the same weights.

        Raises:
          FieldTypeError: it is not a network, or has layers without sizes.
          FieldValueError: stored weights have other names, shapes or types than the layer.  The network is unchanged.
          LoadError: a file is damaged.  The network is unchanged.
        """
        copies: list[tuple[Tensor, Tensor]] = []
        loaded = []
        for name, key, own in self._layers(network):
            stored = self._fetch(key)
            if stored is None:
                continue
            tensors = stored.tensors
            if tensors.keys() != own.keys():
                raise self._differ(name, key, own, stored)
            for part, target in own.items():
                source = tensors[part]
                if source.shape != target.shape or source.dtype is not target.dtype:
                    raise self._differ(name, key, own, stored)
                copies.append((target, source))
            loaded.append(name)
        with torch.no_grad():
            for target, source in copies:
                target.copy_(source)
        return loaded

    def store(self, network: nn.Module, reward: float | None = None) -> list[str]:
        """Stores the weights of a network, and returns the names of the layers that were stored.

        They replace what is stored for the same keys.  If two layers have one key, the last one is stored.  A layer with weights
        that are not finite is left out, so that a network that diverged does not spoil others.

        Args:
          network: the trained network.
          reward: if given, a layer is stored only where the stored one has no reward or none that is higher.

        Raises:
          FieldTypeError, FieldValueError: it is not a network, has layers without sizes, or the reward is not a finite number.
          LoadError: a file cannot be written, or (with ``reward``) read.
        """
        number = to_real(reward) if reward is not None else None
        if reward is not None and (number is None or not -float("inf") < number < float("inf")):
            raise (FieldTypeError if number is None else FieldValueError)(
                f"a reward is a finite number, or None; got {quote(reward)}. Leave it out to replace what is stored."
            )
        done = []
        with torch.no_grad():
            for name, key, own in self._layers(network):
                if number is not None:
                    stored = self._fetch(key)
                    if stored is not None and stored.reward is not None and stored.reward > number:
                        continue
                tensors = {part: _copy(one) for part, one in own.items()}
                if all(map(_is_finite, tensors.values())):
                    self._write(name, key, tensors, number)
                    done.append(name)
        return done

    def clear(self) -> None:
        """Deletes all weights, and what processes that were killed left behind."""
        with self._lock:
            self._cache.clear()
            self._used = 0
        if self.folder is not None:
            for file in [*self.folder.glob("??/*.weights"), *self.folder.glob("??/.*.tmp")]:
                file.unlink(missing_ok=True)

    def _layers(self, network: nn.Module) -> list[tuple[str, Pair, dict[str, Tensor]]]:
        """Returns the layers with weights: name, key, and tensors by name."""
        if not isinstance(network, nn.Module):
            raise FieldTypeError(
                f"a weight bank takes a network, a torch.nn.Module; got {quote_typed(network)}."
            )
        found: list[tuple[str, Pair, dict[str, Tensor]]] = []
        for name, key in self.pairs(network).items():
            module = _find(network, name)
            if module is None:
                modules = [one for one, _ in network.named_modules()]
                raise FieldValueError(
                    f"the keys of WeightBank(pairs=...) name the layer {quote(name)}, which the network does not have. Its layers "
                    f"are {', '.join(map(repr, modules[:12]))}."
                )
            temporary = module._non_persistent_buffers_set
            own: dict[str, Tensor] = {
                part: one for part, one in module._parameters.items() if one is not None
            }
            own |= {
                part: one
                for part, one in module._buffers.items()
                if one is not None and part not in temporary
            }
            for one in own.values():
                if one.is_meta or is_lazy(one):
                    raise FieldTypeError(
                        f"the layer {name!r} has no sizes or values yet: {quote(module)}. Call the network once on a batch first."
                    )
            if own:
                found.append((name, key, own))
        return found

    def _fetch(self, key: Pair) -> Stored | None:
        """Returns the stored weights of a key: from memory if the file is still the one that was read."""
        with self._lock:
            known = self._cache.get(key)
            if known is not None:
                self._cache.move_to_end(key)
        if self.folder is None:
            return None if known is None else known[1]
        if known is not None:
            with suppress(OSError):
                if identify(os.stat(known[0])) == known[1].identity:
                    return known[1]
        _check_key(key)
        path = locate(self.folder, key)
        try:
            stored = read_weights(path, key)
        except OSError as error:
            raise LoadError(
                f"{str(path)!r} cannot be read: {error.strerror or error}. Give this user the right to read it, or delete it."
            ) from error
        self._remember(key, os.fspath(path), stored)
        return stored

    def _write(self, name: str, key: Pair, tensors: dict[str, Tensor], reward: float | None) -> None:
        """Writes the weights of the layer ``name`` to the folder, if any, and puts them into memory."""
        _check_key(key)
        if self.folder is None:
            self._remember(key, "", Stored(tensors, reward, (0, 0, 0)))
            return
        path = locate(self.folder, key)
        try:
            identity = write_weights(path, key, tensors, reward)
        except OSError as error:
            raise LoadError(
                f"the weights of layer {name!r} cannot be written to {str(self.folder)!r}: {error.strerror or error}. The old "
                "ones are unchanged. Free some space, or give WeightBank a folder that you may write."
            ) from error
        self._remember(key, os.fspath(path), Stored(tensors, reward, identity))

    def _remember(self, key: Pair, path: str, stored: Stored | None) -> None:
        """Puts weights into memory, or removes them, and drops those that were not used for longest."""
        with self._lock:
            before = self._cache.pop(key, None)
            if before is not None:
                self._used -= before[2]
            if stored is not None:
                size = stored.nbytes
                self._cache[key] = path, stored, size
                self._used += size
            while self._used > self.memory_bytes:
                _, (_, _, size) = self._cache.popitem(last=False)
                self._used -= size

    def _differ(self, name: str, key: Pair, own: dict[str, Tensor], stored: Stored) -> FieldValueError:
        return FieldValueError(
            f"the layer {name!r} has {_sizes(own)}, and {quote(self, 200)} has {_sizes(stored.tensors)} for its key "
            f"{quote(key, 200)}. Nothing was copied. Give networks of another kind a folder of their own, or give WeightBank(pairs=...) "
            "a function whose keys differ where shapes or types differ."
        )


def _make(folder: str, memory_bytes: int, pairs: Any) -> WeightBank:
    return WeightBank(folder, memory_bytes=memory_bytes, pairs=pairs)


def _find(network: nn.Module, name: str) -> nn.Module | None:
    """Returns a part of a network by its name in ``named_modules``; None without one.  Of a large network, it is not searched."""
    found: nn.Module | None = network
    for part in name.split(".") if name else ():
        found = None if found is None else found._modules.get(part)
    return found


def _copy(tensor: Tensor) -> Tensor:
    """Returns a contiguous copy in the memory of the processor."""
    if tensor.is_cpu:
        return tensor.clone(memory_format=torch.contiguous_format)
    return tensor.to("cpu", copy=True).contiguous()


def _is_finite(tensor: Tensor) -> bool:
    """Returns whether all numbers are finite; where the sum is, they are, and that is quicker to find."""
    return math.isfinite(tensor.sum().item()) or bool(torch.isfinite(tensor).all())


def _sizes(tensors: Mapping[str, Tensor]) -> str:
    return (
        ", ".join(f"{name} {str(one.dtype)[6:]}{list(one.shape)}" for name, one in tensors.items())
        or "no weights"
    )


def _check_key(key: object) -> None:
    if not (isinstance(key, tuple) and key and all(isinstance(one, str) for one in key)):
        raise FieldTypeError(
            f"a key of WeightBank(pairs=...) is a tuple of texts, such as ('input', 'Linear(4, 8)'); got {quote_typed(key, 120)}. "
            "Convert its parts with `str`."
        )


def _open_folder(folder: Path) -> None:
    """Makes the folder of a bank, or checks that it is one."""
    marker = folder / _MARKER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not marker.exists():
            other = next((one.name for one in folder.iterdir() if not one.name.startswith(".")), None)
            if other not in (None, _MARKER):
                raise LoadError(
                    f"{str(folder)!r} is not a weight bank, and holds other files, such as {quote(other)}. Give a new or an empty "
                    "folder."
                )
            write_atomically(marker, json.dumps(_CONTENT))
        content = json.loads(marker.read_text("utf-8"))
    except OSError as error:
        raise LoadError(
            f"{str(folder)!r} cannot be a weight bank: {error.strerror or error}. Give a folder that you may write, or one that "
            "does not exist yet."
        ) from error
    except LoadError:
        raise
    except (ValueError, RecursionError):
        content = None
    if content != _CONTENT:
        raise LoadError(
            f"{str(marker)!r} is damaged or of another version; this release reads version {_CONTENT['version']}. Give another "
            "folder, or delete this one."
        )
