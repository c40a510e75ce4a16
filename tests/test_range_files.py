"""Jobs of a refinement: the job list and its range files, read back."""

from __future__ import annotations

import itertools
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from strategies import strategy as toy
from test_export import L, frame, grid_of, plateau_of, region_of

from wfo.errors import InputError, ResultsError
from wfo.strategy import Fine, Input, TradeStation, get_strategy
from wfo.tradestation import range_files
from wfo.tradestation.range_files import CONFIG, Job, JobList, read_jobs
from wfo.tradestation.ranges import PlateauRanges, config_csv, plateau_ranges

LS, HULL = get_strategy("atr_d_ls"), get_strategy("atr_d_hma_l")

RANGES = """ParameterName,Min,Max,Step
ATR_Period,10,12,1
ATR_Multiplier,3,3.5,0.25
BB_Length,20,20,1
BB_Deviation,2,2,0.25
Vol_Threshold,0.16,0.16,0.02
Min_Tightening,0.1,0.3,0.1
Scaling_Method,0,0,1
ATRBuy_Period,32,32,1
ATRBuyMultiplier,2,2,0.25
ATR_Smooth_Period,10,10,1
EquityPrice_Method,0,0,1
"""
FILE = "phase5_refine_ATR-D-v1.5-L_rank1.csv"
HEAD = "JobNum,StrategyName,StrategyFile,RangeFile,Rank,ShortEnabled,IsDualSymbol\n"
LINE = f"1,ATR-D-v1.5-L,ATR-D-v1.5-L,{FILE},1,0,0\n"


def write(folder: Path, ranges: str | bytes = RANGES, config: str | bytes = HEAD + LINE) -> Path:
    for name, text in ((FILE, ranges), (CONFIG, config)):
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def job(folder: Path, ranges: str | bytes = RANGES, config: str | bytes = HEAD + LINE) -> Job:
    (found,) = read_jobs(write(folder, ranges, config), [L, LS])
    return found


def test_a_job_enumerates_the_lattice(tmp_path: Path) -> None:
    found = job(tmp_path)
    assert (found.number, found.strategy, found.rank, found.part) == (1, L, 1, None)
    assert (found.tests, found.count, found.refused, found.notes) == (27, 27, 0, ())
    assert found.values["atr_multiplier"] == (3.0, 3.25, 3.5)
    # 0.1 + 0.1 + 0.1 in floats is not 0.3.
    assert found.values["min_tightening"] == (0.1, 0.2, 0.3)
    assert found.values["atr_period"] == (10, 11, 12)
    assert isinstance(found.values["atr_period"][0], int)
    assert found.fixed == {
        name: axis[0]
        for name, axis in found.values.items()
        if name not in {"atr_period", "atr_multiplier", "min_tightening"}
    }
    expected = list(itertools.product(*found.values.values()))
    assert found.rows().tolist() == [[float(v) for v in row] for row in expected]
    assert found.test_numbers().tolist() == list(range(1, 28))
    # min_tightening comes after the other two and so varies fastest.
    assert found.rows(0, 4)[:, [0, 1, 5]].tolist() == [
        [10, 3, 0.1],
        [10, 3, 0.2],
        [10, 3, 0.3],
        [10, 3.25, 0.1],
    ]
    assert found.rows(5, 9).tolist() == found.rows()[5:9].tolist()
    assert found.rows(26, 99).tolist() == found.rows()[26:].tolist()
    assert found.rows(30, 40).shape == (0, 11)
    grid = found.grid()
    assert grid is not None
    assert [list(grid.params(i).values()) for i in range(len(grid))] == found.rows().tolist()


def test_a_job_names_its_report(tmp_path: Path) -> None:
    found = job(tmp_path)
    assert found.report_name("SMH") == "Refinement_ATR-D-v1.5-L_rank1_SMH.csv"
    assert found.report_name("BTC/USDT") == "Refinement_ATR-D-v1.5-L_rank1_BTC%2FUSDT.csv"


def test_the_last_value_is_the_last_one_that_does_not_exceed_max(tmp_path: Path) -> None:
    found = job(tmp_path, RANGES.replace("3,3.5,0.25", "3,3.6,0.25"))
    assert found.values["atr_multiplier"] == (3.0, 3.25, 3.5)
    assert found.ranges[1].high == Decimal("3.5")
    assert found.notes == (
        (
            f"{FILE}, line 3: Max of ATR_Multiplier, 3.6, is no multiple of 0.25 above Min, 3; the"
            " last value is 3.5, as in TradeStation"
        ),
    )


def test_flags_that_contradict_the_strategy_are_said(tmp_path: Path) -> None:
    found = job(tmp_path, config=HEAD + LINE.replace(",1,0,0\n", ",1,1,1\n"))
    assert found.notes == (
        f"{CONFIG}, line 2: ShortEnabled is 1, but atr_d_l never sells short; the strategy counts",
        (
            f"{CONFIG}, line 2: IsDualSymbol is 1, but atr_d_l never reads a second symbol; the"
            " strategy counts"
        ),
    )


def test_other_order_of_inputs_is_said(tmp_path: Path) -> None:
    head, *lines = RANGES.splitlines()
    found = job(tmp_path, "\n".join([head, *lines[::-1]]))
    assert found.rows().tolist() == job(tmp_path).rows().tolist()
    assert found.notes == (
        (
            f"{FILE}: the inputs are in another order than the strategy's; tests are numbered in"
            " the strategy's"
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + RANGES,
        RANGES.replace("\n", "\r\n"),
        RANGES.replace("\n", "\n\n"),
        RANGES.replace("ATR_Period", '"ATR_Period"'),
        RANGES.replace("\n", ",\n").replace("Step,", "Step"),
        RANGES.rstrip("\n"),
        RANGES.replace(",", " , "),
        RANGES.encode("utf-16"),
    ],
    ids=["BOM", "CRLF", "blank lines", "quotes", "comma at the end", "no end", "blanks", "UTF-16"],
)
def test_what_programs_do_to_a_range_file_does_not_matter(
    tmp_path: Path, text: str | bytes
) -> None:
    found = job(tmp_path, text)
    assert found.tests == 27
    assert found.notes == ()


def refused(folder: Path, ranges: str | bytes, config: str | bytes = HEAD + LINE) -> str:
    with pytest.raises((InputError, ResultsError)) as caught:
        read_jobs(write(folder, ranges, config), [L])
    return str(caught.value)


def _line(old: str, new: str) -> str:
    assert old in RANGES
    return RANGES.replace(old, new)


RANGE_FAULTS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", f"{FILE} is empty; its first line must be ParameterName,Min,Max,Step"),
    "blank": ("\n  \n", f"{FILE} is empty"),
    "headings": (
        _line("Step", "Increment"),
        f"{FILE}, line 1: the headings are 'ParameterName,Min,Max,Increment'; its first",
    ),
    "no headings": (
        RANGES.partition("\n")[2],
        f"{FILE}, line 1: the headings are 'ATR_Period,10,12,1'",
    ),
    "semicolons": (
        RANGES.replace(",", ";"),
        f"{FILE}, line 1: the headings are 'ParameterName;Min;Max;Step', with semicolons between",
    ),
    "unknown input": (
        _line("ATRBuy_Period", "ATRBuy_Perod"),
        f"{FILE}, line 9: ATR-D-v1.5-L has no input 'ATRBuy_Perod'; did you mean 'ATRBuy_Period'?",
    ),
    "twice": (
        _line("BB_Length", "ATR_Period"),
        f"{FILE}, line 4: ATR_Period is there already in line 2",
    ),
    "missing": (
        _line("BB_Length,20,20,1\n", ""),
        f"{FILE}: the line of BB_Length is missing; ATR-D-v1.5-L needs a range of each of its 11",
    ),
    "only headings": (
        "ParameterName,Min,Max,Step\n",
        f"{FILE}: lines of ATR_Period, ATR_Multiplier, BB_Length",
    ),
    "min above max": (
        _line("3,3.5,0.25", "3.5,3,0.25"),
        f"{FILE}, line 3: Min of ATR_Multiplier is 3.5, above its Max, 3",
    ),
    "step 0": (
        _line("20,20,1", "20,20,0"),
        f"{FILE}, line 4: Step of BB_Length is 0; it must be above 0, of a fixed input too",
    ),
    "step below 0": (_line("20,20,1", "20,20,-1"), f"{FILE}, line 4: Step of BB_Length is -1"),
    "text": (
        _line("3,3.5,0.25", "3,abc,0.25"),
        f"{FILE}, line 3: Max is 'abc', which is no number",
    ),
    "no value": (_line("3,3.5,0.25", "3,,0.25"), f"{FILE}, line 3: Max is empty"),
    "NaN": (_line("3,3.5,0.25", "3,NaN,0.25"), f"{FILE}, line 3: Max is 'NaN'"),
    "infinite": (_line("3,3.5,0.25", "3,inf,0.25"), f"{FILE}, line 3: Max is 'inf'"),
    "huge": (_line("3,3.5,0.25", "3,1e300,0.25"), f"{FILE}, line 3: Max is '1e300', which is no"),
    "decimal comma": (
        _line("3,3.5,0.25", "3,3,5,0,25"),
        (
            f"{FILE}, line 3: 6 fields where the headings are 4: 'ATR_Multiplier,3,3,5,0,25';"
            " numbers need decimal points"
        ),
    ),
    "quoted decimal comma": (
        _line("3,3.5,0.25", '3,"3,5",0.25'),
        f"{FILE}, line 3: Max is '3,5', which is no number; write it with a decimal point",
    ),
    "cut": (
        RANGES[: RANGES.index("0.3,0.1")],
        f"{FILE}, line 7: 3 fields where the headings are 4: 'Min_Tightening,0.1,'",
    ),
    "out of range": (
        _line("Min_Tightening,0.1,0.3,0.1", "Min_Tightening,0,0.3,0.1"),
        f"{FILE}, line 7: min_tightening = 0.0 is not allowed; it must be a number > 0 and <= 1",
    ),
    "fraction of a bar": (
        _line("10,12,1", "10,12,0.5"),
        f"{FILE}, line 2: atr_period = 10.5 is not allowed; it must be a whole number >= 1",
    ),
    "too many values": (
        _line("3,3.5,0.25", "3,30000,0.001"),
        f"{FILE}, line 3: ATR_Multiplier has more than 10,000 values from 3 to 30000 by 0.001",
    ),
    "too many tests": (
        _line("10,12,1", "1,9000,1").replace("20,20,1", "2,9000,1"),
        f"{FILE} asks for 728,919,000 tests; at most 10,000,000 will do",
    ),
    "broken quotes": (_line("ATR_Period", '"ATR_Period'), f"{FILE}, line 2: broken quotes"),
    "no text": (RANGES.encode() + b"\x00\x01", f"{FILE} is no text: it holds zero bytes"),
    "not UTF-8": (
        RANGES.encode().replace(b"BB_Length", b"BB_L\xe4nge"),
        f"{FILE}, line 4: byte 0xe4 is not UTF-8 text",
    ),
    "too long": (RANGES + "\n" * 2_000_000, f"{FILE} has 2,000,"),
    "too many lines": (RANGES + "x\n" * 10_001, f"{FILE} has more than 10,000 lines"),
}


@pytest.mark.parametrize("case", RANGE_FAULTS)
def test_faults_of_a_range_file(tmp_path: Path, case: str) -> None:
    text, message = RANGE_FAULTS[case]
    assert refused(tmp_path, text).startswith(message)


def _config(old: str, new: str) -> str:
    assert old in LINE
    return HEAD + LINE.replace(old, new)


CONFIG_FAULTS = {
    "empty": ("", f"{CONFIG} is empty; its first line must be JobNum,StrategyName"),
    "headings": (HEAD.replace("Rank", "Rang") + LINE, f"{CONFIG}, line 1: the headings are"),
    "no jobs": (HEAD, f"{CONFIG} names no jobs: no line follows its headings"),
    "no file": (
        _config("rank1.csv,1", "rank2.csv,2"),
        f"{CONFIG}, line 2: there is no range file phase5_refine_ATR-D-v1.5-L_rank2.csv in ",
    ),
    "unknown strategy": (
        _config("1,ATR-D-v1.5-L,", "1,ATR-D-v1.5-X,"),
        f"{CONFIG}, line 2: there is no strategy 'ATR-D-v1.5-X'; did you mean 'ATR-D-v1.5-L'?",
    ),
    "strategy that the run lacks": (
        _config("1,ATR-D-v1.5-L,", "1,ATR-D-v1.5-LS,"),
        (
            f"{CONFIG}, line 2: ATR-D-v1.5-LS is atr_d_ls, which this run did not search; it has"
            " ATR-D-v1.5-L"
        ),
    ),
    "other strategy's file": (
        _config(FILE, "phase5_refine_ATR-D-v1.5-LS_rank1.csv"),
        (
            f"{CONFIG}, line 2: the job is one of ATR-D-v1.5-L, but its range file"
            " phase5_refine_ATR-D-v1.5-LS_rank1.csv one of ATR-D-v1.5-LS"
        ),
    ),
    "other rank": (
        _config("csv,1,", "csv,2,"),
        f"{CONFIG}, line 2: Rank is 2, but the range file {FILE} is that of rank 1",
    ),
    "rank 0": (_config("csv,1,", "csv,0,"), f"{CONFIG}, line 2: Rank is '0'; it must be a whole"),
    "no rank": (_config("csv,1,", "csv,one,"), f"{CONFIG}, line 2: Rank is 'one'"),
    "no number": (_config("1,ATR", "x,ATR"), f"{CONFIG}, line 2: JobNum is 'x'"),
    "flag": (_config("1,0,0", "1,no,0"), f"{CONFIG}, line 2: ShortEnabled is 'no'; it must be 0"),
    "above": (
        _config(FILE, f"../{FILE}"),
        f"{CONFIG}, line 2: RangeFile '../{FILE}' must be the name of a file in the folder",
    ),
    "elsewhere": (_config(FILE, f"/etc/{FILE}"), f"{CONFIG}, line 2: RangeFile '/etc/{FILE}' must"),
    "drive": (_config(FILE, f"C:{FILE}"), f"{CONFIG}, line 2: RangeFile 'C:{FILE}' must"),
    "folder": (_config(FILE, ".."), f"{CONFIG}, line 2: RangeFile '..' must"),
    "no name": (_config(FILE, ""), f"{CONFIG}, line 2: the job names no RangeFile"),
    "long name": (
        _config(FILE, "x" * 5000),
        f"{CONFIG}, line 2: ",
    ),
    "number twice": (
        HEAD + LINE + LINE,
        f"{CONFIG}, line 3: JobNum 1 is there already in line 2; keep one of them",
    ),
    "job twice": (
        HEAD + LINE + LINE.replace("1,ATR", "2,ATR", 1),
        (
            f"{CONFIG}, line 3: the job of ATR-D-v1.5-L_rank1, which has one report, is there"
            " already in line 2"
        ),
    ),
    "few fields": (HEAD + "1,ATR-D-v1.5-L\n", f"{CONFIG}, line 2: 2 fields where the headings"),
}


@pytest.mark.parametrize("case", CONFIG_FAULTS)
def test_faults_of_a_job_list(tmp_path: Path, case: str) -> None:
    text, message = CONFIG_FAULTS[case]
    assert refused(tmp_path, RANGES, text).startswith(message)


def test_a_folder_without_a_job_list(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"there is no .*config\.csv; wfo export writes it"):
        read_jobs(tmp_path, [L])


def test_a_range_file_may_not_be_a_link_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    write(folder)
    outside = tmp_path / "outside.csv"
    os.replace(folder / FILE, outside)
    try:
        (folder / FILE).symlink_to(outside)
    except OSError as error:
        pytest.skip(f"no links here: {error}")
    with pytest.raises(InputError, match=r"line 2: the range file .* is a link to a file outside"):
        read_jobs(folder, [L])


def test_a_fault_of_one_job_leaves_the_others(tmp_path: Path) -> None:
    lost = LINE.replace("1,ATR", "2,ATR", 1).replace("rank1.csv,1", "rank2.csv,2")
    found = JobList.read(write(tmp_path, config=HEAD + lost + LINE), [L])
    assert [job.number for job in found.jobs] == [1]
    (fault,) = found.faults
    assert fault.line == 2
    assert "there is no range file phase5_refine_ATR-D-v1.5-L_rank2.csv" in fault.what


COLUMNS: dict[str, dict[str, list[Any]]] = {
    "two inputs": {"atr_period": [10, 22], "atr_multiplier": [4.0, 8.0]},
    "small steps": {"min_tightening": [0.1, 0.25, 0.4], "bb_deviation": [0.5, 1.0]},
    "parts": {"atr_period": [10, 16, 22], "atr_multiplier": [4.0, 6.0, 8.0]},
}


@pytest.mark.parametrize("case", COLUMNS)
def test_exported_ranges_come_back(tmp_path: Path, case: str) -> None:
    columns = COLUMNS[case]
    # Repeated, so that the best tenth, which no range is narrowed beside, is everywhere.
    rows = list(itertools.product(*columns.values())) * 20
    candidates = frame(**{n: [row[at] for row in rows] for at, n in enumerate(columns)})
    grid, plateau = grid_of(candidates), plateau_of(candidates)
    most = 20 if case == "parts" else 100_000
    region = region_of(grid, plateau, {})
    pieces = plateau_ranges(plateau, region, candidates, grid, max_tests=most)
    assert (len(pieces) > 1) == (case == "parts")
    for piece in pieces:
        (tmp_path / piece.file_name).write_text(piece.to_csv())
    (tmp_path / CONFIG).write_text(config_csv(pieces))
    jobs = read_jobs(tmp_path, [L])
    assert len(jobs) == len(pieces)
    for found, piece in zip(jobs, pieces, strict=True):
        product = 1
        for low, high, step in (map(Decimal, line.split(",")[1:]) for line in _lines(piece)):
            product *= len(range(int((high - low) / step) + 1))
        assert len(found.rows()) == found.count == found.tests == piece.tests == product
        assert len(np.unique(found.rows(), axis=0)) == product
        assert (found.ranges, found.rank, found.notes) == (piece.ranges, piece.rank, ())
        assert found.part == (piece.part if piece.parts > 1 else None)
        assert found.range_file == piece.file_name
        assert found.report_name("QQQ") == piece.file_name.replace(
            "phase5_refine", "Refinement"
        ).replace(".csv", "_QQQ.csv")


def _lines(piece: PlateauRanges) -> list[str]:
    return piece.to_csv().splitlines()[1:]


def test_tests_that_constraints_refuse_are_numbered_and_left_out(tmp_path: Path) -> None:
    file = FILE.replace("-v1.5", "-HMA-v1.5")
    hull = "HMA_Fast_Length,40,60,10\nHMA_Slow_Length,40,60,10\n"
    (tmp_path / file).write_text(RANGES + hull)
    (tmp_path / CONFIG).write_text(HEAD + f"1,ATR-D-HMA-v1.5-L,ATR-D-HMA-v1.5-L,{file},1,0,0\n")
    (found,) = read_jobs(tmp_path, [L, HULL])
    # Of (40, 50, 60) x (40, 50, 60) three pairs have fast < slow.
    assert (found.tests, found.count, found.refused) == (243, 81, 162)
    assert found.grid() is None
    assert found.test_numbers(0, 5).tolist() == [2, 3, 6, 11, 12]
    assert found.rows(0, 3)[:, -2:].tolist() == [[40, 50], [40, 60], [50, 60]]
    every = list(itertools.product(*found.values.values()))
    kept = [(n, list(row)) for n, row in enumerate(every, 1) if row[-2] < row[-1]]
    assert found.test_numbers().tolist() == [n for n, _ in kept]
    assert found.rows().tolist() == [row for _, row in kept]


def test_constrained_parameters_need_not_follow_each_other(tmp_path: Path) -> None:
    fine = Fine.of("0", "100", "1")
    inputs = {name: Input(name.upper(), fine, True) for name in ("fast", "mode", "slow")}
    own = toy(
        "fast",
        "mode",
        "slow",
        constraints=("fast < slow",),
        tradestation=TradeStation("Toy", inputs),
    )
    (tmp_path / "toy.csv").write_text(
        "ParameterName,Min,Max,Step\nFAST,1,3,1\nMODE,0,1,1\nSLOW,2,3,1\n"
    )
    (tmp_path / CONFIG).write_text(HEAD + "7,Toy,Toy,toy.csv,3,0,0\n")
    (found,) = read_jobs(tmp_path, [own])
    assert (found.number, found.rank, found.part) == (7, 3, None)
    assert (found.tests, found.refused) == (12, 6)
    assert found.rows().tolist() == [
        [1, 0, 2],
        [1, 0, 3],
        [1, 1, 2],
        [1, 1, 3],
        [2, 0, 3],
        [2, 1, 3],
    ]
    assert found.test_numbers().tolist() == [1, 2, 3, 4, 6, 8]


def test_limits_are_what_the_messages_say() -> None:
    assert range_files.MOST_TESTS == 10_000_000
