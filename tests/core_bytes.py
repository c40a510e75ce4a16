"""Inputs for the decoders of the core: what was written, cut, changed and lied about.

Run as a script, it goes through inputs under a limit of memory and prints what became of them, as
JSON: ``core_bytes.py 7 2000 5 begun`` goes through every fifth place of all that `planned` lists,
and 2,000 random ones of seed 7 for each decoder. The last input that was begun stands in the file
`begun`, so that what ends the process can be repeated: its decoder, its length, and its bytes.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import wfo
from wfo import _core

#: Bytes of address space: the decoders of small inputs need a small part of it.
ADDRESS_SPACE = 3 << 30
#: Bytes of the magic word and version, and of the checksum.
HEAD, SUM = 9, 8
#: Numbers of which one too many is believed: counts, lengths, and bits of floats.
EXTREMES = [
    0, 1, 2, 127, 128, 255, 256, 2**16 - 1, 2**16, 2**20, 2**20 + 1, 2**31 - 1, 2**31, 2**32 - 1,
    2**32, 2**48, 2**62, 2**63 - 1, 2**63, 2**64 - 1,
    *(struct.unpack("<Q", struct.pack("<d", x))[0] for x in (float("nan"), float("inf"), -1.0)),
]  # fmt: skip


class Decoder(NamedTuple):
    """A decoder, what was written by its encoder, and calls on what it makes of bytes."""

    written: list[bytes]
    decode: Callable[[bytes], Any]
    use: Callable[[Any], Any]


def checksum(content: bytes) -> bytes:
    """The checksum that ends encoded values: FNV-1a over words of eight bytes."""
    found = 0xCBF2_9CE4_8422_2325
    words = [int.from_bytes(content[i : i + 8], "little") for i in range(0, len(content), 8)]
    for word in [*words, len(content)]:
        found = (found ^ word) * 0x100_0000_01B3 & (1 << 64) - 1
    return found.to_bytes(8, "little")


def sealed(content: bytes) -> bytes:
    """Content with its checksum."""
    return content + checksum(content)


def spelled(number: int) -> bytes:
    """A number of seven bits a byte, as encoders write it."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def decoders() -> dict[str, Decoder]:
    """All decoders of bytes that stand in files."""
    rng = np.random.default_rng(9)

    def block(phases: int, count: int) -> list[Any]:
        money = [[rng.normal(90, 60, count).astype(np.float32) for _ in range(4)]] * phases
        trades = [[rng.integers(0, 30, count).astype(np.uint16) for _ in range(2)]] * phases
        return [(*m, *t) for m, t in zip(money, trades, strict=True)]

    gates = _core.Gates(0.2, 4.0, 3)
    beating = _core.Gates(0.2, 4.0, 3, "return", 1000.0, [0.1, float("nan")])
    four = np.arange(4, dtype=np.uint32)
    plain = [(4, 4, four), (1, 4, four)]
    table = [(2, 3, np.array([2, 0, 0, 1], dtype=np.uint32)), plain[1]]

    def statistics(of: Any, axes: list[Any], phases: int, count: int) -> Any:
        found = _core.GridStatistics(phases, of, axes, 1)
        found.add(0 if axes else None, block(phases, count))
        return found

    def use_statistics(found: Any) -> None:
        found.cells, found.alone, found.together, found.valid_phases, found.gates, len(found)
        phases = len(found.valid_phases) - 1
        found.provisional_ranks().stabilities(1, block(phases, 5))
        ranking = found.ranking()
        found.provisional_ranks().deviation(ranking)
        for phase, count in enumerate(ranking.counts):
            assert count == found.together[phase][-1]
        found.merge(_core.GridStatistics.from_bytes(found.to_bytes(), 1))
        found.add(None, block(phases, 5))

    def effects(lengths: list[int], sets: list[Any], asked: int) -> Any:
        found = _core.Effects(lengths, 1000.0, [1.0, 0.5], sets, asked, 1)
        found.add(0, block(2, int(np.prod(lengths))))
        return found

    def use_effects(found: Any) -> None:
        found.lengths, found.thresholds, found.pairs, len(found)
        found.returns()
        found.stable(0, found.thresholds[0])
        found.evaluate(block(2, 5))
        same = _core.Effects.from_bytes(found.to_bytes(), [gates], 1)
        # Together they have more combinations than the grid.
        with contextlib.suppress(wfo.InputError):
            found.merge(same)

    def sketch() -> Any:
        found = _core.Sketch(2, gates, 1, 1)
        found.add(block(2, 30))
        return found

    def use_sketch(found: Any) -> None:
        found.outcomes(found.least)
        found.add(block(2, 5))

    def profile(phases: int) -> Any:
        found = _core.Profile(phases, 1000.0, 1)
        found.add(block(phases, 20))
        return found

    def use_profile(found: Any) -> None:
        found.phases()
        found.total()
        found.add(block(len(found.phases()), 5))

    def records(data: bytes) -> Any:
        """Records are written without a checksum; here they have one, which is not looked at."""
        found = _core.Selection(ranking, gates, 1, 10, 1)
        found.add_records(np.frombuffer(data[:-SUM], dtype=np.uint8))
        return found

    counted = block(2, 60)
    whole = _core.GridStatistics(2, gates, [], 1)
    whole.add(None, counted)
    ranking = whole.ranking()
    passing = _core.SurvivorFilter([(None, gates, [(1, 0.0)])], 1).apply(0, counted)
    return {
        "GridStatistics": Decoder(
            [
                statistics(gates, plain, 2, 16).to_bytes(),
                statistics(beating, table, 2, 24).to_bytes(),
                statistics(gates, [], 1, 3000).to_bytes()[:600],
                whole.to_bytes(),
            ],
            lambda data: _core.GridStatistics.from_bytes(data, 1),
            use_statistics,
        ),
        "Effects": Decoder(
            [effects([4, 3], [gates], 1).to_bytes(), effects([2, 1, 2], [gates], 2).to_bytes()],
            lambda data: _core.Effects.from_bytes(data, [gates], 1),
            use_effects,
        ),
        "Sketch": Decoder(
            [sketch().to_bytes()],
            lambda data: _core.Sketch.from_bytes(data, 2, gates, 1),
            use_sketch,
        ),
        "Profile": Decoder(
            [profile(1).to_bytes(), profile(2).to_bytes()],
            lambda data: _core.Profile.from_bytes(data, 1),
            use_profile,
        ),
        "records": Decoder([sealed(passing.tobytes())], records, lambda found: found.finish()),
    }


def planned(written: bytes, step: int) -> Iterator[bytes]:
    """Bytes cut at every place, and extreme numbers, as words and spelled, in each `step`th one."""
    content = written[:-SUM]
    for end in range(len(written)):
        yield written[:end]
    for end in range(len(content)):
        yield sealed(content[:end])
    for at in range(0, len(content), step):
        for number in EXTREMES:
            yield sealed(content[:at] + number.to_bytes(8, "little") + content[at + 8 :])
            yield sealed(content[:at] + spelled(number) + content[at + 1 :])


def mutated(random_: random.Random, written: list[bytes]) -> bytes:
    """Bytes with some random changes, mostly with a checksum that says that they are whole."""
    content = bytearray(random_.choice(written)[:-SUM])
    for _ in range(random_.randint(1, 4)):
        first = min(HEAD, len(content)) if random_.random() < 0.95 else 0
        at = random_.randrange(first, len(content) + 1)
        kind = random_.randrange(7)
        if kind == 0:
            del content[at:]
        elif kind == 1 and at < len(content):
            content[at] ^= 1 << random_.randrange(8)
        elif kind == 2:
            content[at : at + 8] = random_.choice(EXTREMES).to_bytes(8, "little")
        elif kind == 3:
            content[at : at + random_.randrange(3)] = spelled(random_.choice(EXTREMES))
        elif kind == 4:
            content[at : at + 16] = random_.choice([1 << 127, (1 << 128) - 1, 0]).to_bytes(16)
        elif kind == 5:
            content[at:at] = random_.randbytes(random_.randint(1, 12))
        else:
            other = random_.choice(written)
            start = random_.randrange(len(other))
            content[at : at + random_.randrange(20)] = other[start : start + random_.randrange(40)]
    end = checksum(bytes(content)) if random_.random() < 0.9 else random_.randbytes(SUM)
    return bytes(content) + end


def check_line(error: wfo.InputError) -> None:
    """An error says something, in one line."""
    said = str(error)
    assert said, "it says nothing"
    assert "\n" not in said, said


def outcome(decoder: Decoder, data: bytes) -> str:
    """What became of bytes: refused, or read; else an error of this harness."""
    try:
        found = decoder.decode(data)
    except wfo.InputError as error:
        check_line(error)
        return "refused"
    if hasattr(found, "to_bytes"):
        assert found.to_bytes() == data, "what was read is written the same"
    try:
        decoder.use(found)
    except wfo.InputError as error:
        check_line(error)
        return "read, and cannot be used on"
    return "read"


def main() -> None:
    """Go through inputs."""
    seed, count, step = map(int, sys.argv[1:4])
    begun = os.open(sys.argv[4], os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0))
    try:
        import resource
    except ImportError:  # The system does not limit memory.
        pass
    else:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    found: dict[str, Counter[str]] = {}
    slowest = 0.0
    for name, decoder in decoders().items():
        counts = found.setdefault(name, Counter())
        generator = random.Random(f"{seed}/{name}")
        plan = (data for written in decoder.written for data in planned(written, step))
        chosen = (mutated(generator, decoder.written) for _ in range(count))
        for data in itertools.chain(decoder.written, plan, chosen):
            os.lseek(begun, 0, os.SEEK_SET)
            os.write(begun, f"{name} {len(data)}\n".encode() + data)
            start = time.perf_counter()
            counts[outcome(decoder, data)] += 1
            slowest = max(slowest, time.perf_counter() - start)
    print(json.dumps({"outcomes": found, "slowest": slowest}))


if __name__ == "__main__":
    main()
