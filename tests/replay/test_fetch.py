"""Downloads against a local server that serves the archive's layout, with faults on demand.

Method: the server logs every request; a script by path gives the faults, each used once.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import simulator.cli.fetch as command
from simulator.errors import InputError
from simulator.replay.fetch import BASE_URL, Archive, Fetched, Request

DAY = "futures/um/daily/trades/BTCUSDT/BTCUSDT-trades-2024-01-{:02}.zip"
MONTH = "futures/um/monthly/trades/BTCUSDT/BTCUSDT-trades-2024-{:02}.zip"

PATIENCE = 300.0
"""Seconds without an answer that end a download: a machine with much other work is no fault."""


class Mirror(ThreadingHTTPServer):
    """Serves ``files`` below ``/data``, with Range; ``faults`` are used up one by one, by path.

    A fault is a status, ``"cut"`` (half of the transfer), ``"spoil"`` (a wrong byte) or
    ``"no range"`` (the whole file, whatever was asked for).
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[int | str]] = defaultdict(list)
        self.log: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/data"

    def publish(self, path: str, content: bytes) -> None:
        self.files[path] = content
        name = path.rsplit("/", 1)[1]
        line = f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        self.files[f"{path}.CHECKSUM"] = line.encode()

    def downloads(self) -> list[tuple[str, str | None]]:
        return [entry for entry in self.log if not entry[0].endswith("CHECKSUM")]


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        path = self.path.removeprefix("/data/")
        wanted = self.headers.get("Range")
        self.server.log.append((path, wanted))
        faults = self.server.faults[path]
        fault = faults.pop(0) if faults else None
        content = self.server.files.get(path)
        if isinstance(fault, int) or content is None:
            self.send_error(fault if isinstance(fault, int) else 404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        start = 0 if fault == "no range" else start
        if start and start >= len(content):
            self.send_error(416)
            return
        body = content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault == "cut":
            body = body[: len(body) // 2]
        elif fault == "spoil":
            body = bytes([body[0] ^ 255]) + body[1:]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    for name in ("no_proxy", "NO_PROXY"):  # of a machine that reaches the world through one
        monkeypatch.setenv(name, "*")
    server = Mirror()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def content(seed: int) -> bytes:
    return bytes((seed * at) % 251 for at in range(5000))


def request(start: str, end: str, kind: str = "trades", **more: object) -> Request:
    days = date.fromisoformat(start), date.fromisoformat(end)
    return Request("BTCUSDT", "um", kind, *days, **more)  # type: ignore[arg-type]


def fetch(mirror: Mirror, out: Path, wanted: Request) -> list[Fetched]:
    archive = Archive(mirror.url, attempts=3, pause=0.001, timeout=PATIENCE)
    return list(archive.fetch(wanted, out, lambda name, there, total: None))


def one_day(mirror: Mirror, out: Path) -> Fetched:
    (outcome,) = fetch(mirror, out, request("2024-01-01", "2024-01-01"))
    return outcome


PATHS = """
    market kind               interval when        path
    spot   trades             -        2024-01-31  spot/daily/trades/S/S-trades-2024-01-31.zip
    spot   aggTrades          -        2024-01     spot/monthly/aggTrades/S/S-aggTrades-2024-01.zip
    spot   klines             1s       2024-01-31  spot/daily/klines/S/1s/S-1s-2024-01-31.zip
    um     markPriceKlines    1m       2024-01     futures/um/monthly/markPriceKlines/S/1m/S-1m-2024-01.zip
    cm     premiumIndexKlines 5m       2024-01-31  futures/cm/daily/premiumIndexKlines/S/5m/S-5m-2024-01-31.zip
    um     fundingRate        -        2024-01     futures/um/monthly/fundingRate/S/S-fundingRate-2024-01.zip
    cm     bookDepth          -        2024-01-31  futures/cm/daily/bookDepth/S/S-bookDepth-2024-01-31.zip
"""  # noqa: E501 - paths are as long as they are


@pytest.mark.parametrize("row", [line.split() for line in PATHS.strip().splitlines()[1:]])
def test_path(row: list[str]) -> None:
    market, kind, interval, when, path = row
    day = date(2024, 1, 1)
    wanted = Request("s", market, kind, day, day, None if interval == "-" else interval)
    assert wanted.file(when) == path


def test_whole_months_come_by_the_month() -> None:
    periods = list(request("2023-12-31", "2024-03-01").periods())
    assert [when for when, _ in periods] == ["2023-12-31", "2024-01", "2024-02", "2024-03-01"]
    assert [len(days) for _, days in periods] == [0, 31, 29, 0]
    depth = request("2024-02-01", "2024-02-29", "bookDepth").periods()
    assert [when for when, _ in depth] == [f"2024-02-{day:02}" for day in range(1, 30)]
    for wanted in (
        request("2023-12-31", "2024-01-02", "fundingRate"),
        request("2023-12-31", "2024-01-02", monthly=True),
    ):
        assert list(wanted.periods()) == [("2023-12", []), ("2024-01", [])]


def test_files_appear_verified_and_are_not_fetched_twice(mirror: Mirror, tmp_path: Path) -> None:
    for day in (1, 2):
        mirror.publish(DAY.format(day), content(day))
    wanted = request("2024-01-01", "2024-01-02")
    assert [one.state for one in fetch(mirror, tmp_path, wanted)] == ["fetched", "fetched"]
    assert (tmp_path / DAY.format(2)).read_bytes() == content(2)
    assert not list(tmp_path.rglob("*.part"))
    (tmp_path / DAY.format(1)).write_bytes(b"damaged since")
    mirror.log.clear()
    assert [one.state for one in fetch(mirror, tmp_path, wanted)] == ["fetched", "present"]
    assert mirror.downloads() == [(DAY.format(1), None)]
    assert (tmp_path / DAY.format(1)).read_bytes() == content(1)


def test_cut_transfer_goes_on_where_it_ended(mirror: Mirror, tmp_path: Path) -> None:
    file = DAY.format(1)
    mirror.publish(file, content(1))
    mirror.faults[file] = ["cut", "cut"]
    assert one_day(mirror, tmp_path).state == "fetched"
    assert mirror.downloads() == [(file, None), (file, "bytes=2500-"), (file, "bytes=3750-")]
    assert (tmp_path / file).read_bytes() == content(1)


def test_part_of_an_earlier_run_is_used(mirror: Mirror, tmp_path: Path) -> None:
    file = DAY.format(1)
    mirror.publish(file, content(1))
    part = tmp_path / f"{file}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(content(1)[:4000])
    assert one_day(mirror, tmp_path).state == "fetched"
    assert mirror.downloads() == [(file, "bytes=4000-")]
    # a part that is complete already, and one of another file
    for there in (content(1), content(2)[:100], content(2) + b"more"):
        (tmp_path / file).unlink()
        part.write_bytes(there)
        assert one_day(mirror, tmp_path).state == "fetched"
        assert (tmp_path / file).read_bytes() == content(1)


def test_server_without_range_sends_all_again(mirror: Mirror, tmp_path: Path) -> None:
    file = DAY.format(1)
    mirror.publish(file, content(1))
    mirror.faults[file] = ["cut", "no range"]
    assert one_day(mirror, tmp_path).state == "fetched"
    assert (tmp_path / file).read_bytes() == content(1)


def test_spoilt_transfer_is_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    file = DAY.format(1)
    mirror.publish(file, content(1))
    mirror.faults[file] = ["spoil"]
    assert one_day(mirror, tmp_path).state == "fetched"
    assert mirror.downloads() == [(file, None), (file, None)]
    assert (tmp_path / file).read_bytes() == content(1)


def test_wrong_checksum_fails_and_leaves_no_file(mirror: Mirror, tmp_path: Path) -> None:
    file = DAY.format(1)
    mirror.publish(file, content(1))
    mirror.files[file] = content(2)
    outcome = one_day(mirror, tmp_path)
    assert (outcome.state, outcome.reason) == ("failed", "its sha256 is not the published one")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    mirror.files[f"{file}.CHECKSUM"] = b"<html>"
    assert "CHECKSUM holds no sha256" in one_day(mirror, tmp_path).reason


def test_busy_server_is_asked_again(mirror: Mirror, tmp_path: Path) -> None:
    file = DAY.format(1)
    mirror.publish(file, content(1))
    mirror.faults[f"{file}.CHECKSUM"] = [503]
    mirror.faults[file] = [429]
    assert one_day(mirror, tmp_path).state == "fetched"
    mirror.faults[f"{file}.CHECKSUM"] = [503] * 3
    assert one_day(mirror, tmp_path).reason == "HTTP 503 Service Unavailable"
    mirror.log.clear()
    mirror.faults[f"{file}.CHECKSUM"] = [403]
    assert one_day(mirror, tmp_path).reason == "HTTP 403 Forbidden"
    assert len(mirror.log) == 1


def test_server_that_is_not_there_fails_with_its_reason(mirror: Mirror, tmp_path: Path) -> None:
    with socket.socket() as bound:  # nobody listens there, and nobody else can meanwhile
        bound.bind(("127.0.0.1", 0))
        place = f"http://127.0.0.1:{bound.getsockname()[1]}/data"
        nowhere = Archive(place, attempts=2, pause=0.001, timeout=PATIENCE)
        wanted = request("2024-01-01", "2024-01-01")
        (outcome,) = nowhere.fetch(wanted, tmp_path, lambda name, there, total: None)
    assert outcome.state == "failed"
    assert "refused" in outcome.reason


def test_month_that_is_not_there_comes_by_days(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(MONTH.format(1), content(3))
    for day in range(1, 29):
        mirror.publish(MONTH.format(2)[:-4].replace("monthly", "daily") + f"-{day:02}.zip", b"x")
    outcomes = fetch(mirror, tmp_path, request("2024-01-01", "2024-02-29"))
    states = {one.when: one.state for one in outcomes}
    assert states.pop("2024-01") == "fetched"
    assert states.pop("2024-02-29") == "missing"
    assert set(states.values()) == {"fetched"}
    assert len(states) == 28


WRONG = [
    (dict(market="futures"), "--market futures: must be spot, um or cm"),
    (dict(market="spot", kind="fundingRate"), "spot has only trades, aggTrades, klines"),
    (dict(kind="klines"), "--kind klines needs --interval, one of 1s"),
    (dict(kind="klines", interval="7m"), "--kind klines needs --interval, one of 1s"),
    (dict(interval="1m"), "--interval is for klines, not for trades"),
    (dict(kind="candles"), "--kind candles: must be one of"),
    (dict(kind="bookDepth", monthly=True), "bookDepth is published by the day only"),
    (dict(symbol="../etc"), "is no symbol; it must be like BTCUSDT"),
    (dict(end=date(2023, 1, 1)), "must be 0 to 20 years apart"),
    (dict(end=date(9999, 12, 31)), "must be 0 to 20 years apart"),
    (dict(start=date(9990, 1, 1), end=date(9999, 12, 31)), "must lie from 2009 to 2100"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_wrong_request(change: dict[str, object], message: str) -> None:
    day = date(2024, 1, 1)
    right = dict(symbol="BTCUSDT", market="um", kind="trades", start=day, end=day)
    with pytest.raises(InputError, match=message):
        Request(**(right | change))  # type: ignore[arg-type]


def test_base_url() -> None:
    assert BASE_URL == "https://data.binance.vision/data"
    for url in ("file:///etc", "data.binance.vision", "ftp://x/y", "http://"):
        with pytest.raises(InputError, match="must begin with http"):
            Archive(url)
    with pytest.raises(InputError, match="Invalid IPv6 URL"):
        Archive("http://[x")


def test_out_that_cannot_be_written(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        one_day(mirror, tmp_path / "file")


def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(command.fetch)
    return made


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app(), list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_command_names_missing_days_and_exits_with_1(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(DAY.format(1), content(1))
    span = ["BTCUSDT", "--market", "um", "--kind", "trades", "--from", "2024-01-01", "--to"]
    where = ["--out", str(tmp_path), "--base-url", mirror.url]
    code, out, _ = run(*span, "2024-01-01", *where)
    assert (code, out.strip()) == (0, f"{tmp_path / DAY.format(1)} (fetched)")
    code, out, err = run(*span, "2024-01-03", *where)
    assert code == 1
    assert out.strip() == f"{tmp_path / DAY.format(1)} (present)"
    assert "um:BTCUSDT trades 2024-01-02 is not in the archive" in err
    assert "um:BTCUSDT trades 2024-01-03 is not in the archive" in err
    code, out, _ = run(*span, "2024-01-02", "--json", *where)
    assert code == 1
    assert [one["state"] for one in json.loads(out)["files"]] == ["present", "missing"]


def test_command_refuses_a_wrong_day() -> None:
    arguments = ["BTCUSDT", "--from", "1.1.2024", "--to", "2024-01-02"]
    result = CliRunner().invoke(app(), arguments)
    assert isinstance(result.exception, InputError)
    assert "--from 1.1.2024: must be a day such as 2024-01-31" in str(result.exception)
