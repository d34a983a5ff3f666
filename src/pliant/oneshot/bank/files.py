"""Files of a weight bank: the tensors of one layer, with a checksum, written atomically and read without pickle."""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, final

import torch
from torch import Tensor

from pliant.values.errors import LoadError, quote
from pliant.values.files import write_atomically

from .pairs import Pair

MARK: Final = b"pliant-weights 1 "  # then the SHA-256 of the rest in hexadecimal, a line break, a header in JSON, and the numbers
_START = len(MARK) + 65
_DTYPES = {
    str(one).removeprefix("torch."): one
    for one in (
        torch.float64,
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.uint8,
        torch.bool,
    )
}
_DAMAGES = (ValueError, TypeError, LookupError, RuntimeError, RecursionError)

Identity = tuple[int, int, int]  # inode, time and size of a file: what it was when it was read


@final
@dataclass(frozen=True, slots=True)
class Stored:
    """The weights of one layer.

    Attributes:
      tensors: by name, such as ``weight`` and ``bias``; on the CPU.
      reward: of the network that they come from; None without one.
      identity: of the file that holds them.
    """

    tensors: dict[str, Tensor]
    reward: float | None
    identity: Identity

    @property
    def nbytes(self) -> int:
        """The memory that the tensors take."""
        return sum(one.nbytes for one in self.tensors.values())


def locate(folder: Path, key: Pair) -> Path:
    """Returns the file of a key: its name is a digest, so nothing in a key can lead out of the folder."""
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()
    return folder / digest[:2] / f"{digest[2:]}.weights"


def identify(found: os.stat_result) -> Identity:
    """Returns the identity of a file from its status."""
    return found.st_ino, found.st_mtime_ns, found.st_size


def write_weights(path: Path, key: Pair, tensors: dict[str, Tensor], reward: float | None) -> Identity:
    """Writes the weights of a layer in place of those that were there, and returns the identity of the file.

    A reader, or a writer that is killed, never sees or leaves half of a file.  It is not forced to the disk, so a power failure
    may damage it, which its checksum shows.

    Raises:
      OSError: the file cannot be written; the old one is unchanged.
    """
    sizes = [[name, str(one.dtype).removeprefix("torch."), list(one.shape)] for name, one in tensors.items()]
    header = json.dumps({"key": key, "reward": reward, "tensors": sizes}).encode() + b"\n"
    parts = [header, *(one.reshape(-1).view(torch.uint8).numpy().tobytes() for one in tensors.values())]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    found: list[Identity] = []

    def write(file: BinaryIO) -> None:
        file.writelines([MARK, digest.hexdigest().encode(), b"\n", *parts])
        file.flush()
        found.append(identify(os.fstat(file.fileno())))

    try:
        write_atomically(path, write, durable=False)
    except FileNotFoundError:
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, write, durable=False)
    return found[-1]


def read_weights(path: Path, key: Pair) -> Stored | None:
    """Returns the weights of a layer; None without any.

    Raises:
      OSError: the file cannot be read.
      LoadError: it is damaged, or holds another layer.
    """
    try:
        with path.open("rb") as file:
            identity, data = identify(os.fstat(file.fileno())), bytearray(file.read())
    except FileNotFoundError:
        return None
    try:
        tensors, reward = _parse(data, key)
    except _DAMAGES as error:
        raise LoadError(
            f"{str(path)!r} is damaged, or does not hold the weights of {quote(key, 200)}: {str(error)[:120]}. Delete this file; the "
            "next network with these layers then starts without weights from the bank."
        ) from error
    return Stored(tensors, reward, identity)


def _parse(data: bytearray, key: Pair) -> tuple[dict[str, Tensor], float | None]:
    content = memoryview(data)[_START:]
    if data[: len(MARK)] != MARK:
        raise ValueError("it does not start as a file of a weight bank does")
    if hashlib.sha256(content).hexdigest().encode() + b"\n" != data[len(MARK) : _START]:
        raise ValueError("its checksum does not match its content")
    end = data.index(b"\n", _START)
    header = json.loads(data[_START:end])
    if tuple(header["key"]) != key:
        raise ValueError(f"its layers are {quote(header['key'], 100)}")
    at, tensors = end + 1, {}
    for name, dtype, shape in header["tensors"]:
        size = math.prod(shape)
        if any(one.__class__ is not int or one < 0 for one in shape):
            raise ValueError(f"{quote(name, 40)} has the shape {quote(shape)}")
        flat = torch.empty(0, dtype=_DTYPES[dtype])
        if size:
            flat = torch.frombuffer(data, dtype=_DTYPES[dtype], count=size, offset=at).clone()
        tensors[name] = flat.reshape(shape)
        at += tensors[name].nbytes
    if at != len(data):
        raise ValueError(f"it has {len(data)} bytes, and its header declares {at}")
    reward = header["reward"]
    return tensors, None if reward is None else float(reward)
