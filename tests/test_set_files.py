"""Set files: what is written is read back in all formats, and what is no set file is refused."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wfo
from wfo.errors import InputError
from wfo.runs.handover.parameter_set import FORMAT, ParameterSet
from wfo.runs.handover.set_file import FORMATS, set_text, write_set
from wfo.strategy import Fine, Input, Strategy, TradeStation, get_strategy
from wfo.tradestation.easylanguage import (
    params_of_inputs,
    read_inputs,
    strategies_of_inputs,
    write_comment,
    write_inputs,
)

LONG = get_strategy("atr_d_l")
PARAMS: dict[str, int | float] = {
    "atr_period": 14,
    "atr_multiplier": 6.5,
    "bb_length": 20,
    "bb_deviation": 2.0,
    "vol_threshold": 0.1,
    "min_tightening": 0.4,
    "scaling_method": 1,
    "atr_buy_period": 10,
    "atr_buy_multiplier": 1.5,
    "atr_smooth_period": 3,
    "equity_price_method": 0,
}
INPUTS = ", ".join(
    f"{LONG.tradestation.input(name).name}( {value} )"  # type: ignore[union-attr]
    for name, value in PARAMS.items()
)
WITHOUT_FIRST = INPUTS.split(", ", 1)[1]
ENDINGS = {form: endings[0] for form, endings in FORMATS.items()}


def chosen(**changed: Any) -> ParameterSet:
    """A set as a run states it."""
    stated: dict[str, Any] = {
        "symbol": "QQQ",
        "timeframe": "1day",
        "settings": wfo.Settings(slip=0.0005),
        "origin": {"run": "0" * 64, "folder": "QQQ", "candidate": 3, "of": 20},
        "windows": {"name": "default", "as_of": "2024-12-31"},
        "scores": {"phases": [{"phase": 1, "oos_return": 0.125, "valid": True}]},
        "created": "2026-11-27T02:51:58+00:00",
        "notes": ("The best of many is lucky.",),
    }
    return ParameterSet(LONG, PARAMS, **(stated | changed))


def written(path: Path, form: str, **changed: Any) -> Path:
    """A set file below a folder."""
    file = path / f"set{ENDINGS[form]}"
    file.write_text(set_text(chosen(**changed), form), "utf-8", newline="\n")
    return file


def refused(
    path: Path, text: str | bytes, name: str = "set.json", strategy: str | None = None
) -> str:
    """Why a file is not read; the message begins with its name."""
    file = path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        wfo.read_set(file, strategy=strategy)
    assert str(file) in str(caught.value)
    return str(caught.value)


# What is written


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_written_is_read_back(form: str, tmp_path: Path) -> None:
    found = wfo.read_set(written(tmp_path, form))
    assert found.to_dict() == chosen().to_dict()
    assert found.params == PARAMS
    assert [type(v) for v in found.params.values()] == [type(v) for v in PARAMS.values()]
    assert found.settings == wfo.Settings(slip=0.0005)
    assert (found.warnings, found.assumed, found.edited) == ((), (), False)
    assert found.title == "atr_d_l on QQQ 1day, candidate 3 of 20"


def _values(name: str) -> st.SearchStrategy[int | float]:
    parameter = LONG.parameter(name)
    high = min(parameter.high, 2.0**53)
    if parameter.whole:
        return st.integers(int(parameter.low), int(high))
    return st.floats(
        parameter.low, high, exclude_min=parameter.open_low, allow_nan=False, allow_infinity=False
    )


#: Texts that end comments, statements and quotes, or pass for another type.
NASTY = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=30),
    st.sampled_from(
        ("}", "{", "} inputs: X( 1 ); {", "//", '"', "'", "\n---\n", "no", "1e3", "2020-01-01",
         "\\", "\\}", "&a *a", "--- wfo parameter set ---", "\n--- wfo parameter set ---\n",
         "inputs: ATR_Period( 1 );", "\r\n", "\u2028", "\x85", "\ufeff", "\x00")
    ),
)  # fmt: skip
FIGURES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**60), 2**60), st.booleans(),
    NASTY,
)  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=10)
@given(
    params=st.fixed_dictionaries({name: _values(name) for name in LONG.names}),
    names=st.dictionaries(NASTY, FIGURES, max_size=4),
    note=NASTY,
)
def test_any_values_and_names_survive(
    form: str,
    tmp_path_factory: pytest.TempPathFactory,
    params: dict[str, int | float],
    names: dict[str, Any],
    note: str,
) -> None:
    own = ParameterSet(
        LONG, params, symbol="} {//", origin={"folder": note}, notes=(note,),
        scores=names | {"phases": [{**names, "phase": 1}]},
    )  # fmt: skip
    file = tmp_path_factory.getbasetemp() / f"any{ENDINGS[form]}"
    write_set(own, file, replace=True)
    found = wfo.read_set(file)
    assert found.to_dict() == own.to_dict()
    assert found.params == own.params
    assert not found.edited
    # Without an ending the text tells its format.
    plain = file.with_name("any")
    plain.write_bytes(file.read_bytes())
    assert wfo.read_set(plain).to_dict() == own.to_dict()


@settings(max_examples=30)
@given(text=NASTY)
def test_no_text_closes_the_comments_of_easylanguage_early(text: str) -> None:
    own = chosen(origin={"folder": text}, notes=(text, text), symbol="}{")
    lines = set_text(own, "easylanguage-inputs")
    assert lines.isascii()
    # What a compiler sees, which ends a comment at the first brace that closes.
    code, inside = "", False
    for c in lines:
        if inside:
            inside = c != "}"
        elif c == "{":
            inside = True
        else:
            assert c != "}"
            code += c
    assert not inside
    assert code.strip() == write_inputs(LONG.tradestation, PARAMS).strip()  # type: ignore[arg-type]


def test_numbers_are_written_without_exponents() -> None:
    name = "vol_threshold"
    view = LONG.tradestation
    assert view is not None
    text = write_inputs(view, {name: 1e-7, "atr_period": 14})
    assert text == "inputs:\n\tVol_Threshold( 0.0000001 ),\n\tATR_Period( 14 );\n"
    assert read_inputs(text).values == {"Vol_Threshold": Decimal("1e-7"), "ATR_Period": 14}


def test_an_input_needs_a_name_that_easylanguage_can_have() -> None:
    input_ = Input("ATR Period", Fine.of("1", "9", "1"), True)
    view = TradeStation("X", {"atr_period": input_})
    with pytest.raises(InputError, match=r"'ATR Period'.*is no name in EasyLanguage"):
        write_inputs(view, {"atr_period": 3})


def test_a_file_is_written_whole_and_replaces_none_unasked(tmp_path: Path) -> None:
    file = tmp_path / "set.json"
    wfo.write_set(chosen(), file)
    before = file.read_bytes()
    with pytest.raises(InputError, match=r"is there already; .*replace=True"):
        wfo.write_set(chosen(symbol="SPY"), str(file))
    assert file.read_bytes() == before
    wfo.write_set(chosen(symbol="SPY"), str(file), replace=True)
    assert wfo.read_set(file).symbol == "SPY"
    with pytest.raises(InputError, match="ending of json, and yaml was asked for"):
        wfo.write_set(chosen(), tmp_path / "other.json", "yaml")
    with pytest.raises(wfo.ResultsError, match="cannot write"):
        wfo.write_set(chosen(), tmp_path / "none" / "set.json")
    assert [p.name for p in tmp_path.iterdir()] == ["set.json"]


def test_a_path_may_be_text(tmp_path: Path) -> None:
    wfo.write_set(chosen(), f"{tmp_path}/set.yaml")
    assert wfo.read_set(f"{tmp_path}/set.yaml").to_dict() == chosen().to_dict()


def test_a_strategy_without_inputs_has_no_easylanguage(tmp_path: Path) -> None:
    from dataclasses import replace

    bare = replace(chosen(), strategy=_without_inputs())
    with pytest.raises(InputError, match="names no inputs in TradeStation"):
        set_text(bare, "easylanguage-inputs")
    assert "inputs" not in json.loads(set_text(bare))


def _without_inputs() -> Strategy:
    from dataclasses import replace

    return replace(LONG, tradestation=None)


# Edited files


@pytest.mark.parametrize("form", FORMATS)
def test_an_edited_file_is_read_and_says_so(form: str, tmp_path: Path) -> None:
    file = written(tmp_path, form)
    text = file.read_text("utf-8")
    before, after = ("ATR_Multiplier( 6.5 )", "ATR_Multiplier( 7 )")
    if form != "easylanguage-inputs":
        before, after = {"json": ('r": 6.5', 'r": 7'), "yaml": ("r: 6.5", "r: 7")}[form]
    assert text.count(before) == 1
    file.write_text(text.replace(before, after), "utf-8")
    found = wfo.read_set(file)
    assert found.params == PARAMS | {"atr_multiplier": 7.0}
    assert isinstance(found.params["atr_multiplier"], float)
    assert found.edited
    (warning,) = found.warnings
    assert warning.startswith(f"{file} was edited")


@pytest.mark.parametrize("form", FORMATS)
def test_another_layout_is_no_edit(form: str, tmp_path: Path) -> None:
    """Line ends, a byte order mark, blanks, the order of keys, and 2 for 2.0."""
    file = written(tmp_path, form)
    text = file.read_text("utf-8")
    if form == "json":
        text = json.dumps(dict(reversed(json.loads(text).items()))).replace(" 2.0,", " 2,")
        assert '"bb_deviation": 2,' in text
    text = text.replace("( 2.0 )", "(2)").replace(": 2.0\n", ": 2\n")
    file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    found = wfo.read_set(file)
    assert found.warnings == ()
    assert found.to_dict() == chosen().to_dict()


def test_a_file_without_a_digest_says_so(tmp_path: Path) -> None:
    data = json.loads(set_text(chosen()))
    del data["digest"]
    file = tmp_path / "set.json"
    file.write_text(json.dumps(data))
    assert "has no digest" in wfo.read_set(file).warnings[0]


def test_what_is_not_stated_is_assumed(tmp_path: Path) -> None:
    file = tmp_path / "by_hand.yaml"
    lines = [f"  {name}: {value}" for name, value in PARAMS.items()]
    file.write_text(
        "\n".join([f"format: {FORMAT}", "version: 1", "strategy: atr_d_l", "parameters:", *lines])
    )
    found = wfo.read_set(file)
    assert found.params == PARAMS
    assert found.settings is None
    assert len(found.assumed) == 3
    assert "defaults are taken" in found.assumed[0]
    file.write_text(file.read_text() + "\nsettings: {slip: 0.001}\nsymbol: QQQ\n")
    found = wfo.read_set(file)
    assert found.settings == wfo.Settings(slip=0.001)
    assert len(found.assumed) == 1


@pytest.mark.parametrize("key", ["created", "notes"])
def test_half_a_character_is_no_text(key: str, tmp_path: Path) -> None:
    data = json.loads(set_text(chosen()))
    data[key] = ["\ud800"] if key == "notes" else "\ud800"
    said = refused(tmp_path, json.dumps(data))
    assert r"'\ud800' is no text that a set file has" in said


# EasyLanguage


def test_a_source_text_of_easylanguage_is_read(tmp_path: Path) -> None:
    file = tmp_path / "ATR-D.el"
    first, rest = INPUTS.split(", ", 1)
    file.write_text(
        '{ a } // b "\n[IntrabarOrderGeneration = false]\n'
        f'Input: int {first.lower()} [DisplayName = "x, (y);"];\n'
        f'vars: Text( "inputs: Fake( 1 ); {{" );\n// inputs: Fake( 2 );\nINPUTS : {rest};\n'
        "if Close > 1 then Buy next bar at market;\n"
    )
    found = wfo.read_set(file, strategy="atr_d_l")
    assert (found.strategy.name, found.params) == ("atr_d_l", PARAMS)
    assert found.edited
    assert "has inputs alone" in found.warnings[0]
    assert len(found.assumed) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Buy next bar at market;", "there is no 'inputs:' statement"),
        ("{ never closed\ninputs: A( 1 );", "line 1: the comment that begins with {"),
        ("\n\ninputs: A( 1 ),\n a( 2 );", "line 4: the input a is there twice"),
        ("inputs: A( Close );", "line 1: 'Close' stands where the number of A"),
        ("inputs: A( 1 ) B( 2 );", "'B' stands where , must be"),
        ("inputs: A( 1 )", "ends before ,"),
        ("inputs: A( 1", "ends before )"),
        ("inputs: ;", "';' stands where the name of an input"),
        ("inputs: A( 1 + 1 );", "'+' stands where )"),
        ("inputs: A( 1e999999999 );", "is no number that A can have"),
        ("inputs: A( " + "9" * 500 + " );", "is no number that A can have"),
        ("inputs: A( 1 )[ x", "the [ behind A is not closed"),
        (f"inputs: {INPUTS}, Extra( 1 );", "ATR-D-v1.5-L has no input 'Extra'"),
        (f"inputs: {WITHOUT_FIRST};", "ATR-D-v1.5-L also has the inputs ATR_Period"),
        (f"inputs: {INPUTS.replace('( 14 )', '( 14.5 )')};", "atr_period = 14.5 is not allowed"),
        (f"inputs: {INPUTS.replace('( 14 )', '( -3 )')};", "atr_period = -3 is not allowed"),
    ],
)
def test_easylanguage_that_is_none_is_refused(text: str, message: str, tmp_path: Path) -> None:
    assert message in refused(tmp_path, text, "set.txt", "atr_d_l")


def test_strategies_of_the_same_inputs_are_told_apart_by_their_name(tmp_path: Path) -> None:
    twins: dict[str, list[str]] = {}
    for name, each in wfo.strategies().items():
        if each.tradestation is not None:
            key = ",".join(
                sorted(i.name for n, i in each.tradestation.inputs.items() if n in each.names)
            )
            twins.setdefault(key, []).append(name)
    pair = next(names for names in twins.values() if len(names) > 1)
    own = get_strategy(pair[0])
    params = {p.name: PARAMS.get(p.name, _any(own, p.name)) for p in own.parameters}
    view = own.tradestation
    assert view is not None
    text = write_inputs(view, params)
    values = read_inputs(text).values
    assert [s.name for s in strategies_of_inputs(values, list(wfo.strategies().values()))] == pair
    assert "say which is meant with --strategy" in refused(tmp_path, text, "set.txt")
    message = refused(tmp_path, "inputs: Extra( 1 );", "other.txt")
    assert "no strategy has the inputs Extra" in message
    for name in pair:
        found = wfo.read_set(tmp_path / "set.txt", strategy=name)
        assert (found.strategy.name, found.params) == (name, params)


def _any(own: Strategy, name: str) -> int | float:
    """Return a value that meets the constraints of the family."""
    slow = {"hma_slow_length": 60, "hma_fast_length": 20}
    parameter = own.parameter(name)
    low = parameter.low if math.isfinite(parameter.low) else 0
    default = slow.get(name, parameter.default)
    return parameter.check(int(low) if default is None else default)


def test_a_file_of_another_strategy_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, "json")
    with pytest.raises(InputError, match="is a set of atr_d_l, not of atr_d_ls"):
        wfo.read_set(file, strategy="atr_d_ls")
    data = json.loads(file.read_text())
    message = refused(tmp_path, json.dumps(data | {"strategy": "atr_d_ls"}))
    assert "atr_d_ls also needs short_multiplier" in message
    text = set_text(chosen(), "easylanguage-inputs").replace(
        "strategy: atr_d_l", "strategy: atr_d_ls"
    )
    assert "ATR-D-v1.5-LS also has the inputs Short_Multiplier" in refused(tmp_path, text, "a.txt")
    with pytest.raises(InputError, match="has no input 'Bogus'"):
        params_of_inputs(LONG, {"Bogus": Decimal(1)})


# What is no set file


def changed_json(**changed: Any) -> str:
    return json.dumps(json.loads(set_text(chosen())) | changed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"\xff\xfe\x00", "is no text"),
        (b"\x80\x81", "is no text"),
        ("{", "it is no JSON"),
        ("[]", "it is no set file"),
        ('"text"', "it is no set file"),
        ("null", "it is no set file"),
        ("{}", "format = None must be 'wfo parameter set'"),
        ("[" * 60_000, "within each other"),
        (changed_json(format="other"), "format = 'other'"),
        (changed_json(version=2), "version = 2 of the format is not known here, which reads 1"),
        (changed_json(version=True), "version = True"),
        (changed_json(version="1"), "version = '1'"),
        (changed_json(parametres={}), "no 'parametres'; did you mean 'parameters'?"),
        (changed_json(strategy="atr_d"), "atr_d"),
        (changed_json(strategy=7), "strategy = 7 must be text"),
        (changed_json(parameters=[]), "parameters = [] must be an object"),
        (changed_json(parameters={}), "atr_d_l also needs atr_period"),
        (
            changed_json(parameters=PARAMS | {"atr_period": 14.5}),
            "atr_period = 14.5 is not allowed; it must be a whole number",
        ),
        (
            changed_json(parameters=PARAMS | {"min_tightening": "x"}),
            "min_tightening = 'x' is not allowed; it must be a number",
        ),
        (changed_json(parameters=PARAMS | {"atr_period": True}), "atr_period = True"),
        (changed_json(parameters=PARAMS | {"atr_perod": 1}), "did you mean 'atr_period'?"),
        (changed_json(settings={"slip": 2}), "slip = 2 is not allowed"),
        (changed_json(settings={"slipp": 0}), "no setting 'slipp'; did you mean 'slip'?"),
        (changed_json(settings=[]), "settings = [] must be an object"),
        (changed_json(symbol="\n"), "symbol '\\n' cannot be stored"),
        (changed_json(symbol=" " * 4), "cannot be stored"),
        (changed_json(symbol2="SPY"), "symbol2 = 'SPY' is one too many"),
        (changed_json(timeframe="2day"), "timeframe = '2day' is unknown"),
        (changed_json(data={"symbol": "QQQ"}), "data lacks"),
        (changed_json(scores={"phases": [1]}), "phases = [1] of scores must be a list of objects"),
        (changed_json(scores={"a": [[[[[[1]]]]]]}), "scores: a"),
        (changed_json(scores={"phases": [{"phase": [1]}]}), "phase = [1] of scores"),
        (changed_json(versions={"wfo": "\x1b[2J"}), "wfo = '\\x1b[2J' of versions"),
        (changed_json(windows=7), "windows = 7 must be an object"),
        (changed_json(windows={"holdout": "1y"}), "holdout of windows"),
        (
            changed_json(
                windows={"holdout": {"symbols": ["Q"], "first": "2018-01-02", "last": "2017-12-29"}}
            ),
            "first = 2018-01-02 must not be after last = 2017-12-29",
        ),
        (
            changed_json(
                windows={"holdout": {"symbols": ["Q"], "first": "0001-01-01", "last": "2017-12-29"}}
            ),
            "first = 0001-01-01 must",
        ),
        (
            changed_json(
                windows={"holdout": {"symbols": ["Q"], "first": "2018-01-02", "last": "now"}}
            ),
            "last = 'now' must be a date",
        ),
        (changed_json(notes=[1]), "notes must be texts"),
        (changed_json(notes="x"), "notes = 'x' must be a list"),
        (changed_json().replace("6.5", "NaN"), "NaN is no number"),
        (changed_json().replace("6.5", "Infinity"), "Infinity is no number"),
        (changed_json().replace("6.5", "1e999"), "is beyond the largest number"),
        (changed_json().replace("6.5", "9" * 5000), "it is no JSON"),
        (
            changed_json().replace('"atr_period": 14', '"atr_period": 14, "atr_period": 15'),
            "'atr_period' is there twice",
        ),
        (" " * 2_500_000, "has 2,500,000 bytes; 2,097,152 are read"),
    ],
)  # fmt: skip
def test_json_that_is_no_set_is_refused(text: str | bytes, message: str, tmp_path: Path) -> None:
    assert message in refused(tmp_path, text)


BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + k)}: &{chr(98 + k)} [*{chr(97 + k)}, *{chr(97 + k)}]\n" for k in range(20)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "line 2: '*a' is an alias"),
        (
            "format: !!python/object/apply:os.system ['true']",
            "line 1: the tag '!!python/object/apply:os.system' is none",
        ),
        ("format: x\nformat: y", "'format' is there twice"),
        ("- 1", "it is no set file"),
        ("a: b: c", "it is not YAML: line 1"),
        ("[" * 1_500, "within each other"),
        ("format: wfo parameter set\n---\nformat: x", "line 2: a second document"),
        ("1: 2", "is nothing that a set file has"),
        ("a: .nan", "line 1: .nan is no number"),
        ("a: !!binary aGk=", "the tag '!!binary' is none"),
        ("a: !!set {x}", "the tag '!!set' is none"),
    ],
)
def test_yaml_that_is_no_set_is_refused(text: str, message: str, tmp_path: Path) -> None:
    assert message in refused(tmp_path, text, "set.yaml")


def test_two_sets_or_parameters_in_a_comment_of_easylanguage_are_refused(tmp_path: Path) -> None:
    text = set_text(chosen(), "easylanguage-inputs")
    block = text[text.rindex("\n{\n") :]
    assert "there in 2 comments" in refused(tmp_path, text + block, "set.txt")
    more = text.replace("symbol: QQQ\n", "symbol: QQQ\nparameters: [x]\n", 1)
    assert "'parameters' stand in the inputs: statement" in refused(tmp_path, more, "set.txt")
    assert "states nothing by name" in refused(
        tmp_path, f"inputs: {INPUTS};\n{{\n--- {FORMAT} ---\n7\n}}", "set.txt"
    )


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no set file"):
        wfo.read_set(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot be read"):
        wfo.read_set(tmp_path)


def test_comments_are_ascii_on_lines_of_their_own() -> None:
    assert write_comment("a } é\nb\x07") == "{ a ) ?\nb? }\n"


# Bars of a year


@pytest.mark.parametrize("form", FORMATS)
def test_a_year_that_was_given_is_carried(form: str, tmp_path: Path) -> None:
    assert "bars_per_year" not in set_text(chosen(), form)
    found = wfo.read_set(written(tmp_path, form, bars_per_year=313.25))
    assert (found.bars_per_year, found.warnings) == (313.25, ())


@pytest.mark.parametrize("year", ["0", "-1", "1e400", '"many"', "[252]", "true", "1e10"])
def test_a_year_that_is_none_is_refused(year: str, tmp_path: Path) -> None:
    text = set_text(chosen(bars_per_year=252.0), "json").replace("252.0", year)
    assert "bars_per_year" in refused(tmp_path, text) or year == "1e400"
