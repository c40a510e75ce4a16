"""Bytes that the core decodes are input: cut, changed or lied about, they are refused in one line.

No input panics, ends the process or takes memory by a number that it states: the harness
(`core_bytes`) goes through them in a process whose memory is limited.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import core_bytes
import numpy as np
import pytest
from core_bytes import HEAD, SUM, checksum, sealed, spelled

import wfo
from wfo import _core

#: Inputs of which one was found that a decoder did not stand, as the harness prints them.
SEEDS = [1, 2, 3]


def gone_through(folder: Path, seed: int, count: int, step: int) -> dict[str, Any]:
    """What became of inputs, or the last one that was begun."""
    begun = folder / "begun"
    numbers = [str(number) for number in (seed, count, step)]
    command = [sys.executable, str(Path(core_bytes.__file__)), *numbers, str(begun)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        head, _, rest = begun.read_bytes().partition(b"\n")
        name, length = head.decode().split()
        pytest.fail(f"{name} of {rest[: int(length)].hex()}:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check(found: dict[str, Any]) -> None:
    """Every decoder refuses something and reads something, and nothing takes long."""
    assert set(found["outcomes"]) == set(core_bytes.decoders())
    for name, outcomes in found["outcomes"].items():
        assert outcomes["refused"] > 0, name
        assert outcomes["read"] > 0, name
    assert found["slowest"] < 20


def test_decoders_refuse_what_was_changed(tmp_path: Path) -> None:
    check(gone_through(tmp_path, seed=1, count=40, step=53))


@pytest.mark.slow
def test_decoders_refuse_whatever_was_changed(tmp_path: Path) -> None:
    """Every place of all that was written, and other random changes."""
    check(gone_through(tmp_path, seed=1, count=0, step=1))
    for seed in SEEDS:
        check(gone_through(tmp_path, seed, count=10_000, step=1_000_000))


def test_the_checksum_of_the_harness_is_that_of_the_core() -> None:
    for name, decoder in core_bytes.decoders().items():
        whole = [data for data in decoder.written if checksum(data[:-SUM]) == data[-SUM:]]
        assert whole, name
        for data in whole:
            decoder.use(decoder.decode(data))
            if name != "records":
                with pytest.raises(wfo.InputError, match="changed or cut off"):
                    decoder.decode(data[:-1] + bytes([data[-1] ^ 1]))


def statistics_of_equal_profits(phases: int, times: int) -> bytes:
    """Grid statistics in which so many combinations have one profit in every phase."""
    count = spelled(times)
    body = struct.pack("<dd", 0.2, 4.0) + spelled(0) + spelled(0) + spelled(phases) + spelled(0)
    body += count
    gates = len(_core.GridStatistics(1, _core.Gates(0.2, 4.0), [], 1).alone[0])
    body += count * (2 * gates * phases) + spelled(0) * phases + count
    first = np.float32(1.0).view(np.uint32)
    profits = spelled(1) + spelled(int(first) * 8 + 7) + spelled(times - 8)
    written = _core.GridStatistics(1, _core.Gates(0.2, 4.0), [], 1).to_bytes()
    return sealed(written[:HEAD] + body + profits * phases)


def test_values_that_are_stated_take_no_more_memory_than_is_allowed() -> None:
    """A few bytes stand for many values: up to 2^20 are kept as they are, of more a count."""
    for times in (2**20, 2**20 + 1, 2**39):
        found = _core.GridStatistics.from_bytes(statistics_of_equal_profits(2, times), 1)
        assert found.valid_phases == [0, 0, times]
    with pytest.raises(wfo.InputError):
        _core.GridStatistics.from_bytes(statistics_of_equal_profits(2, 2**41), 1)


@pytest.mark.parametrize("count", [2**31, 2**32, 2**63, 2**64 - 1])
def test_lengths_that_lie_are_refused(count: int) -> None:
    """A word or a number in the place of the first count of each format."""
    lie = count.to_bytes(8, "little")
    gates = _core.Gates(0.2, 4.0)
    magic = {name: made.written[0][:HEAD] for name, made in core_bytes.decoders().items()}
    thresholds = struct.pack("<dd", 0.2, 4.0)
    data = sealed(
        magic["GridStatistics"] + thresholds + spelled(0) * 2 + spelled(count) + bytes(99)
    )
    with pytest.raises(wfo.InputError, match="no grid statistics"):
        _core.GridStatistics.from_bytes(data, 1)
    data = sealed(magic["Effects"] + lie * 5 + bytes(99))
    with pytest.raises(wfo.InputError, match="no sums of effects"):
        _core.Effects.from_bytes(data, [gates], 1)
    data = sealed(magic["Sketch"] + bytes([2, 1, 0, 0]) + lie + bytes(130))
    with pytest.raises(wfo.InputError, match="no sketch"):
        _core.Sketch.from_bytes(data, 2, gates, 1)
    data = sealed(magic["Profile"] + struct.pack("<d", 1000.0) + spelled(count) + bytes(99))
    with pytest.raises(wfo.InputError, match="no optimization profile"):
        _core.Profile.from_bytes(data, 1)
