"""Reads TFRecord files without TensorFlow: framing and checksums.

A record is: its length (8 bytes, little-endian), the masked CRC-32C of those (4 bytes), the data, the masked
CRC-32C of the data (4 bytes).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np

from pliant.values.errors import LoadError

BATCH = 4096
PADDED = 1 << 22  # bytes of records that are padded to one length
MAX_LENGTH = 1 << 14
"""The longest plausible record; a longer one means that the file is something else."""


def _make_table() -> list[int]:
    """Returns the remainder of every byte by the Castagnoli polynomial, reflected: 0x82F63B78."""
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


TABLE = np.array(_make_table(), dtype=np.uint32)


def crc32c(records: Sequence[bytes]) -> list[int]:
    """Returns the CRC-32C of each of many byte strings, vectorized over the strings.

    >>> [hex(crc) for crc in crc32c([b"123456789", b""])]
    ['0xe3069283', '0x0']
    """
    order = sorted(range(len(records)), key=lambda i: -len(records[i]))
    result = [0] * len(order)
    while order:
        count = max(1, PADDED // max(1, len(records[order[0]])))
        some, order = order[:count], order[count:]
        for i, value in zip(some, _crc32c([records[i] for i in some])):
            result[i] = value
    return result


def _crc32c(records: list[bytes]) -> list[int]:
    """Returns the CRC-32C of byte strings, the longest first."""
    lengths = np.array([len(record) for record in records])
    longest = int(lengths[0])
    padded = b"".join([record.ljust(longest, b"\0") for record in records])
    columns = np.frombuffer(padded, dtype=np.uint8).reshape(len(records), longest).T.copy()
    crc = np.full(len(records), 0xFFFFFFFF, dtype=np.uint32)
    ends = np.searchsorted(-lengths, -np.arange(longest), side="left")  # how many are longer than a column
    for column, end in zip(columns, ends.tolist()):
        head = crc[:end]
        crc[:end] = TABLE[(head ^ column[:end]) & 0xFF] ^ (head >> 8)
    return [int(value) for value in crc ^ np.uint32(0xFFFFFFFF)]


def mask_crc(crc: int) -> int:
    """Returns a CRC as the container stores it.

    >>> hex(mask_crc(0))
    '0xa282ead8'
    """
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def read_records(file: str | os.PathLike[str]) -> Iterator[bytes]:
    """Yields the data of all records of a file; raises LoadError where it is cut off, damaged, or no TFRecord file."""
    name = os.fspath(file)
    with open(file, "rb") as stream:
        start = 0
        while frames := _read_batch(stream, name, start):
            data = [frame[:-4] for frame in frames]
            for i, (crc, frame) in enumerate(zip(crc32c(data), frames)):
                if struct.unpack("<I", frame[-4:])[0] != mask_crc(crc):
                    raise LoadError(
                        f"record {start + i} of {name!r} is damaged: its checksum is wrong. Copy or download the file again."
                    )
            yield from data
            start += len(frames)


def _read_batch(stream: BinaryIO, name: str, start: int) -> list[bytes]:
    """Returns the data of the next records, each followed by its checksum."""
    heads: list[bytes] = []
    frames: list[bytes] = []
    is_broken = False
    while len(frames) < BATCH and (head := stream.read(12)):
        length = struct.unpack("<Q", head[:8])[0] if len(head) == 12 else -1
        frame = stream.read(length + 4) if 0 <= length <= MAX_LENGTH else b""
        if len(frame) != length + 4:
            is_broken = True
            break
        heads.append(head)
        frames.append(frame)
    for i, (crc, head) in enumerate(zip(crc32c([head[:8] for head in heads]), heads)):
        if struct.unpack("<I", head[8:])[0] != mask_crc(crc):
            raise _broken(name, start + i)
    if is_broken:
        raise _broken(name, start + len(frames))
    return frames


def _broken(name: str, record: int) -> LoadError:
    if record == 0:
        return LoadError(f"{name!r} is not a TFRecord file: its first record cannot be read.")
    return LoadError(
        f"{name!r} is cut off or damaged: record {record} cannot be read. Copy or download the file again."
    )
