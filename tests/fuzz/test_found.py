"""Goal: what fuzzing found stays mended, and the line says what is wrong and where.

Method: the input that was answered wrongly, or the least of its kind, and a part of its line.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from simulator import InputError, Simulation, margin
from simulator.accounts.conditions import AccountFacts, eligibility
from simulator.accounts.rules import ModeRules
from simulator.calculator.read import read as document_of
from simulator.calculator.what_if import moved, parse
from simulator.cli.scenario import load_scenario
from simulator.errors import LONGEST, one_line
from simulator.market.manifest import manifest_path
from simulator.market.tape import SCHEMA, Kind
from simulator.population.parquet import read as population_of
from simulator.replay.importer import import_paths
from simulator.report.account import conditions_of
from simulator.report.saved import saved_frame, saved_run
from simulator.rulebook.load import load
from tests.fuzz.documents import ROOT, TINY
from tests.fuzz.samples import TABLES
from tests.fuzz.tapes import tape
from tests.fuzz.written import zipped

ZIP = zipped(TABLES[0].encode())
DIRECTORY = ZIP.rindex(b"PK\x01\x02")
"""Where the zip's own list of members begins."""


def zip_with(offset: int, value: bytes) -> bytes:
    """Return the zip with some bytes of its list of members changed."""
    at = DIRECTORY + offset
    return ZIP[:at] + value + ZIP[at + len(value) :]


FILES: list[tuple[str, bytes, str]] = [
    ("a zip whose list points elsewhere", zip_with(42, b"\x01\x00\x00\x00"), "Bad magic number"),
    ("a zip of a later version", zip_with(6, b"\xff\x00"), "zip file version 25.5"),
    ("a zip with a password", zip_with(8, b"\x01\x00"), "zip"),
    ("the separator in a line", b'1700000000003000000 {"e":\x01"x\xff"}\n', "line 1: "),
    ("a message nested deeply", b'1700000000003000000 {"e":"trade","E":' + b"[" * 9999 + b"}\n",
     "line 1: nested too deeply"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "said"), [one[1:] for one in FILES], ids=[o[0] for o in FILES])
def test_market_files(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "BTCUSDT-x.csv"
    path.write_bytes(data)
    with pytest.raises(InputError, match=said) as caught:
        import_paths([path], tmp_path / "out.parquet", market="um")
    assert "BTCUSDT-x.csv" in str(caught.value)


ROWS: list[tuple[str, int, int, str]] = [
    ("kind", 4, 99, "row 4, kind: 99 is no kind of row"),
    ("kind", 4, 0, "row 4, kind: 0 is no kind of row"),
    ("instrument", 2, 7, "row 2, instrument: 7 of the manifest's 1 is none"),
    ("side", 1, 5, "row 1, side: 5 must be 1, -1 or 0"),
    ("price", 1, -5, "row 1, price: -5 must be between 0 and"),
    ("quantity", 1, -1, "row 1, quantity: -1 must be between 0 and"),
    ("quantity", 1, 2**62, "row 1, quantity: 4611686018427387904 must be between 0 and"),
    ("time_ns", 3, 5, "row 3, time_ns: 5 is before the row above"),
    ("time_ns", -1, 2**63 - 1, "time_ns: 9223372036854775807 is no time before 2103"),
    ("receive_ns", 0, -1, "row 0, receive_ns: -1 is no time before 2103"),
    ("time_ns", 0, 2**63 - 1, "row 0, time_ns: 9223372036854775807 is no time before 2103"),
]


def written_tape(folder: Path, change: Callable[[Any, Any], None]) -> Path:
    columns, manifest = deepcopy(tape())
    change(columns, manifest)
    path = folder / "tape.parquet"
    pl.DataFrame(columns, schema=SCHEMA).write_parquet(path)
    manifest_path(path).write_text(json.dumps(manifest))
    return path


@pytest.mark.parametrize(("column", "row", "value", "said"), ROWS)
def test_rows_of_tapes(tmp_path: Path, column: str, row: int, value: int, said: str) -> None:
    assert min(Kind) == 1

    def change(columns: Any, manifest: Any) -> None:
        columns[column][row] = value

    path = written_tape(tmp_path, change)
    with pytest.raises(InputError, match=said):
        Simulation(data=path, mode="unified", strategies=[], deposits={"USDT": 10}).run()


MANIFESTS: list[tuple[str, Any, str]] = [
    ("tick", "1e999999999", "instruments.0.tick: Input should be less than or equal to"),
    ("tick", "0.000000015", "instruments.0: tick: must be a multiple of 0.00000001"),
    ("lot", 0, "instruments.0.lot: Input should be greater than or equal to"),
    ("lot", "NaN", "instruments.0.lot: Input should be a finite number"),
    ("symbol", "BTCUSDT_999999", "instruments.0: 999999 is no day of the calendar"),
    ("max_quantity", 1e300, "instruments.0.max_quantity: "),
]


@pytest.mark.parametrize(("key", "value", "said"), MANIFESTS)
def test_manifests(tmp_path: Path, key: str, value: Any, said: str) -> None:
    path = written_tape(tmp_path, lambda _, made: made["instruments"][0].update({key: value}))
    with pytest.raises(InputError, match=r"tape\.manifest\.json: field") as caught:
        Simulation(data=path, mode="unified", strategies=[], deposits={"USDT": 10})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"min_notional": "92233720368.6"}, "min_notional 92233720368.6: is 9.22e[+]18 units"),
        ({"min_quantity": 10**18}, "min_quantity 1000000000000000000 in lots of 0.001: is 1e"),
        ({"contract_size": 10**18}, "contract size 1000000000000000000: is "),
        ({"lot": 10**9, "contract_size": 10**9}, "contract size 1000000000: is "),
    ],
)
def test_terms_beyond_the_engine_s_columns(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = written_tape(tmp_path, lambda _, made: made["instruments"][0].update(changes))
    with pytest.raises(InputError, match=f"^um:BTCUSDT: .*{said}"):
        Simulation(data=path, mode="unified", strategies=[], deposits={"USDT": 10})


def test_a_largest_order_beyond_any_is_none(tmp_path: Path) -> None:
    change = {"max_quantity": 10**18, "lot": "1e-8"}
    path = written_tape(tmp_path, lambda _, made: made["instruments"][0].update(change))
    with pytest.raises(InputError, match="must be a multiple"):
        Simulation(data=path, mode="unified", strategies=[], deposits={"USDT": 10})


@pytest.mark.parametrize(
    ("moves", "said"),
    [
        ("BTC=1e999999999", "must be 0 or of a size from"),
        ("rate=1e9", "a rate lies from -1 to 10"),
        ("+999999999999d", "time may move by 36,525 days"),
    ],
)
def test_what_ifs(moves: str, said: str) -> None:
    document = document_of(ROOT / "docs" / "examples" / "all-products.yaml")
    with pytest.raises(InputError, match=said):
        margin(moved(document, parse(moves)))


def test_an_option_that_never_ends() -> None:
    with pytest.raises(InputError, match=r"instruments\.X\.expiry: must be an instant from 1970"):
        document_of({"instruments": {"X": {"expiry": "9999-01-01"}}})


RULES: list[tuple[str, str]] = [
    ("scenario.credit_rate = 1e999999999", "at most 40 digits"),
    ('scenario.credit_rate = "1/1e999999999"', "at most 40 digits"),
    ("scenario.credit_rate = 1e-999999999", "at most 40 digits"),
    ("a = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
    ("a = " + "9" * 5000, "not valid TOML"),
    ("scenario.grid_steps = 1001", "grid_steps: input should be less than or equal to 1000"),
    (
        "scenario.components.scan_risk.steps = 9223372036854775808",
        "scenario.components.scan_risk.steps: input should be less than or equal to 1000",
    ),
    ("\ufeffa = 1", "unknown key"),
]


@pytest.mark.parametrize(("text", "said"), RULES, ids=[text[:30] for text, _ in RULES])
def test_rulebooks(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('extends = "textbook"\n' * (text[0] != "\ufeff") + text + "\n")
    if text[0] == "\ufeff":
        path.write_text("\ufeff" + 'extends = "textbook"\na = 1\n')
    with pytest.raises(InputError, match=said) as caught:
        load(path)
    assert "mine.toml" in str(caught.value)


def test_a_list_of_instruments_holds_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        TINY.replace('instruments = ["um:BTCUSDT"]\nfutures', "instruments = [[1]]\nfutures")
    )
    with pytest.raises(InputError, match=r"people 1 \(retail\): instruments: must be names"):
        load_scenario(str(path))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("leverage = {5 = 0.3,", f"leverage = {{5 = 1{'0' * 400},", "share of 5 must lie between"),
        ('lot = "0.001"', 'lot = "1e30"', "lot: Input should be less than or equal to"),
        ("deposits]", 'deposits]\n[[variants]]\nname = "x"\npeople.retail = 5\n[deposits]', ""),
    ],
)
def test_scenarios(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TINY.replace(old, new))
    with pytest.raises(InputError, match=rf"scenario mine\.toml: .*{said}"):
        load_scenario(str(path))


def test_a_damaged_file_of_accounts_says_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    frame = pl.DataFrame({"id": range(1000), "spot.USDT": range(1000)})
    frame.write_parquet(tmp_path / "crowd.parquet", compression="uncompressed")
    whole = (tmp_path / "crowd.parquet").read_bytes()
    for at in range(4, len(whole) - 8, 37):
        (tmp_path / "crowd.parquet").write_bytes(whole[:at] + b"\xff\x7f" + whole[at + 2 :])
        with suppress(InputError):
            population_of(tmp_path / "crowd.parquet")
    assert capfd.readouterr().err == ""


def test_a_page_of_fewer_than_no_values(tmp_path: Path) -> None:
    """The library asks for 2**61 bytes, and ends the process."""
    path = tmp_path / "crowd.parquet"
    pl.DataFrame({"id": [1, 2, 3], "um.USDT": [1.0, None, 2.0]}).write_parquet(path)
    data, three = path.read_bytes(), b"\x15\x06"  # field 1 of a page's own header, 3 values
    at = data.index(three, data.index(b"\x2c", 4))
    assert population_of(path).frame.height == 3
    path.write_bytes(data[:at] + b"\x15\x6d" + data[at + 2 :])
    with pytest.raises(InputError, match=r"crowd\.parquet: .*: a page's values: -55"):
        population_of(path)


SAVED: list[tuple[str, str]] = [
    ('{"runs": [1]}', "runs must be tables"),
    ('{"runs": [{"mode": "../.."}]}', "place '../..': must be a folder beside run.json"),
    ('{"runs": [{"mode": "/etc"}]}', "must be a folder beside run.json"),
    ('{"runs": ' + "[" * 9999, "nested too deeply"),
    ("[1]", "not written by this program"),
]


@pytest.mark.parametrize(("text", "said"), SAVED, ids=[text[:20] for text, _ in SAVED])
def test_folders_of_runs(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=said):
        saved_run(tmp_path)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([None], "column x holds Null, not Float64"),
        (["a"], "column x holds String, not Float64"),
        ([1.0, None], "row 2, column x: holds no value"),
        ([1.0, 2.0, float("nan")], "row 3, column x: holds no value"),
    ],
)
def test_frames_of_runs(tmp_path: Path, values: list[Any], said: str) -> None:
    pl.DataFrame({"x": values}).write_parquet(tmp_path / "fills.parquet")
    with pytest.raises(InputError, match=said):
        saved_frame(tmp_path, "fills", {"x": pl.Float64})
    frame = saved_frame(tmp_path, "fills", {}, may_be_empty=("x",))
    assert frame.height == len(values)


def test_a_price_larger_than_any(tmp_path: Path) -> None:
    pl.DataFrame({"x": [1.0, -1e51]}).write_parquet(tmp_path / "fills.parquet")
    with pytest.raises(InputError, match="row 2, column x: larger than any run has"):
        saved_frame(tmp_path, "fills", {"x": pl.Float64})


def test_an_amount_of_many_digits_can_be_shown() -> None:
    amount = Decimal("1e300")
    facts = AccountFacts(0, "advanced", 365, Decimal(0), 0, futures_volume=amount)
    found = eligibility(ModeRules(futures_volume=Decimal(5)), facts, at_switch=False)
    have = next(one.have for one in found if one.name == "FUTURES_VOLUME")
    assert have == f"1{',000' * 100}.00 USDT in 30 days"


CONDITION = {"name": "KYC", "met": True, "have": "basic", "need": "basic", "items": []}


@pytest.mark.parametrize(
    "change", [{"items": 5}, {"items": [5]}, {"items": "x"}, {"met": 1}, {"have": None}]
)
def test_conditions_of_runs(change: dict[str, Any]) -> None:
    assert conditions_of(json.dumps([CONDITION])) == [CONDITION]
    with pytest.raises(TypeError):
        conditions_of(json.dumps([CONDITION | change]))


def test_a_line_is_one_line_whatever_it_quotes() -> None:
    said = str(InputError("a\nb\x1b[31m  c\u202e\ud800" + "x" * 5000))
    assert said.startswith(r"a b\x1b[31m c\u202e\ud800xxx")
    assert said.isprintable()
    assert len(said) == LONGEST
    assert one_line(said) == said
