"""The TFRecord container: checksums and framing."""

from __future__ import annotations

import struct
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.bench import tfrecord
from pliant.bench.tfrecord import crc32c, mask_crc, read_records
from pliant.values.errors import LoadError


def slow_crc(data):
    """CRC-32C bit by bit, as its definition says."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 * (crc & 1))
    return crc ^ 0xFFFFFFFF


def frame(data):
    """A record as the container has it."""
    length = struct.pack("<Q", len(data))
    return b"".join(
        [
            length,
            struct.pack("<I", mask_crc(slow_crc(length))),
            data,
            struct.pack("<I", mask_crc(slow_crc(data))),
        ]
    )


def test_published_check_values():
    """RFC 3720, appendix B.4."""
    texts = [b"123456789", bytes(32), b"\xff" * 32, bytes(range(32)), bytes(range(31, -1, -1))]
    assert crc32c(texts) == [0xE3069283, 0x8A9136AA, 0x62A8AB43, 0x46DD794E, 0x113FDB5C]


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_checksums_of_many_are_those_of_each(texts):
    assert crc32c(texts) == [slow_crc(text) for text in texts]


def test_head_of_an_empty_record():
    """A length of 0, and the masked checksum of eight zero bytes."""
    assert frame(b"")[:12].hex() == "000000000000000029039807"


@given(st.lists(st.binary(max_size=40), max_size=12))
def test_round_trip(tmp_path_factory, records):
    file = tmp_path_factory.mktemp("records") / "a.tfrecord"
    file.write_bytes(b"".join(map(frame, records)))
    assert list(read_records(file)) == records


def test_more_than_a_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(tfrecord, "BATCH", 3)
    records = [bytes([i]) * i for i in range(10)]
    (tmp_path / "a").write_bytes(b"".join(map(frame, records)))
    assert list(read_records(tmp_path / "a")) == records


class TestDamage:
    whole = b"".join(map(frame, [b"one", b"two", b"three"]))

    def read(self, tmp_path, data):
        (tmp_path / "a.tfrecord").write_bytes(data)
        return list(read_records(tmp_path / "a.tfrecord"))

    @pytest.mark.parametrize("start", [b"PK\x03\x04 an archive, not records", b"x", b"\0" * 40])
    def test_another_file(self, tmp_path, start):
        with pytest.raises(LoadError, match=r"a\.tfrecord' is not a TFRecord file"):
            self.read(tmp_path, start)

    @pytest.mark.parametrize("cut", range(1, len(frame(b"three"))))
    def test_cut_off_anywhere(self, tmp_path, cut):
        with pytest.raises(LoadError, match="is cut off or damaged: record 2 cannot be read"):
            self.read(tmp_path, self.whole[:-cut])

    def test_every_flipped_byte_is_found(self, tmp_path):
        for i in range(len(self.whole)):
            damaged = bytearray(self.whole)
            damaged[i] ^= 0x10
            with pytest.raises(LoadError, match=r"damaged|not a TFRecord"):
                self.read(tmp_path, bytes(damaged))

    def test_the_record_is_named(self, tmp_path):
        with pytest.raises(LoadError, match=r"record 1 of .* checksum is wrong"):
            self.read(tmp_path, self.whole.replace(b"two", b"too"))


class TestBombs:
    def read(self, tmp_path, data):
        (tmp_path / "a.tfrecord").write_bytes(data)
        tracemalloc.start()
        begin = time.process_time()
        try:
            return list(read_records(tmp_path / "a.tfrecord"))
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 150 << 20
            assert time.process_time() - begin < 20

    def frames(self, *records):
        crcs = crc32c(records)
        parts = []
        for record, crc in zip(records, crcs, strict=True):
            length = struct.pack("<Q", len(record))
            parts += [length, struct.pack("<I", mask_crc(crc32c([length])[0]))]
            parts += [record, struct.pack("<I", mask_crc(crc))]
        return b"".join(parts)

    def test_one_long_record_and_many_empty_ones(self, tmp_path):
        """All were padded to the longest: 1 MB took 4 GB."""
        records = [bytes(16_000), *[b""] * 30_000, bytes(16_384)]
        assert self.read(tmp_path, self.frames(*records)) == records

    def test_records_of_all_lengths(self, tmp_path):
        records = [bytes([i % 256]) * (i * 16) for i in range(1024)]
        assert self.read(tmp_path, self.frames(*records)) == records

    @pytest.mark.parametrize("length", [(1 << 14) + 1, 1 << 28, 1 << 40, (1 << 63) - 4, (1 << 64) - 1])
    def test_lengths_that_are_not_plausible(self, tmp_path, length):
        head = struct.pack("<Q", length)
        head += struct.pack("<I", mask_crc(slow_crc(head)))
        for start in (b"", frame(b"one")):
            with pytest.raises(LoadError, match=r"is not a TFRecord file|record 1 cannot be read"):
                self.read(tmp_path, start + head + bytes(1000))
