"""Download files of Binance's public archive, verified and resumable.

The archive's layout (README of binance/binance-public-data)::

    spot / {daily | monthly} / KIND / SYMBOL / SYMBOL - KIND - DATE.zip
    futures / {um | cm} / {daily | monthly} / KIND / SYMBOL / SYMBOL - KIND - DATE.zip

Klines have ``SYMBOL/INTERVAL/SYMBOL-INTERVAL-DATE.zip`` below their kind.  Beside each zip stands
``.zip.CHECKSUM``, a line of its sha256 and name.  The same folders are made locally, because the
four kinds of klines are told apart by nothing else.
"""

from __future__ import annotations

import calendar
import hashlib
import http.client
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from simulator.errors import InputError
from simulator.replay.source import kind_name

BASE_URL = "https://data.binance.vision/data"
"""Binance's public market data archive."""

MARKETS = ("spot", "um", "cm")
"""Markets whose files can be fetched."""

SPOT_KINDS = ("trades", "aggTrades", "klines")

KLINE_KINDS = ("klines", "markPriceKlines", "indexPriceKlines", "premiumIndexKlines")

DAILY_ONLY = ("bookTicker", "bookDepth", "liquidationSnapshot")

MONTHLY_ONLY = ("fundingRate",)

INTERVALS = (
    *("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h"),
    *("4h", "6h", "8h", "12h", "1d", "3d", "1w", "1mo"),
)

RETRIED = (408, 418, 425, 429, 500, 502, 503, 504)
"""Statuses that may go away by themselves."""

CHUNK_BYTES = 2**20

SPAN_DAYS = 366 * 20
"""Longest span in one go; the archive begins in 2017."""

YEARS = (2009, 2100)
"""Years of days that can be asked for: other archives of this layout may go further back."""

Report = Callable[[str, int, int], None]
"""Progress: name of the file, bytes there, bytes in all (0: not known yet)."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to download: both days are included.  Raises `InputError` where it makes no sense."""

    symbol: str
    market: str
    kind: str
    start: date
    end: date
    interval: str | None = None
    monthly: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", kind_name(self.kind))
        object.__setattr__(self, "symbol", self.symbol.upper())
        if not re.fullmatch(r"\w+", self.symbol):
            raise InputError(f"{self.symbol!r} is no symbol; it must be like BTCUSDT")
        if self.market not in MARKETS:
            raise InputError(f"--market {self.market}: must be spot, um or cm")
        if self.market == "spot" and self.kind not in SPOT_KINDS:
            raise InputError(f"--kind {self.kind}: spot has only {', '.join(SPOT_KINDS)}")
        if self.kind in KLINE_KINDS and self.interval not in INTERVALS:
            raise InputError(f"--kind {self.kind} needs --interval, one of {', '.join(INTERVALS)}")
        if self.kind not in KLINE_KINDS and self.interval is not None:
            raise InputError(f"--interval is for klines, not for {self.kind}")
        if self.monthly and self.kind in DAILY_ONLY:
            raise InputError(f"--monthly: {self.kind} is published by the day only")
        if not 0 <= (self.end - self.start).days <= SPAN_DAYS:
            raise InputError(f"--from {self.start} --to {self.end}: must be 0 to 20 years apart")
        if not YEARS[0] <= self.start.year <= self.end.year <= YEARS[1]:
            raise InputError(
                f"--from {self.start} --to {self.end}: must lie from {YEARS[0]} to {YEARS[1]}"
            )

    def file(self, when: str) -> str:
        """Return the archive's path of a day's (``2024-01-31``) or a month's (``2024-01``) file."""
        root = self.market if self.market == "spot" else f"futures/{self.market}"
        period = "monthly" if len(when) == 7 else "daily"
        folder = f"{root}/{period}/{self.kind}/{self.symbol}"
        if self.interval is None:
            return f"{folder}/{self.symbol}-{self.kind}-{when}.zip"
        return f"{folder}/{self.interval}/{self.symbol}-{self.interval}-{when}.zip"

    def periods(self) -> Iterator[tuple[str, list[str]]]:
        """Yield ``(day or month, days instead)`` in order of time.

        A month stands for its days where all of them are wanted; if it is not there, they are.
        """
        day = self.start
        while day <= self.end:
            month = f"{day:%Y-%m}"
            last = day.replace(day=calendar.monthrange(day.year, day.month)[1])
            whole = day.day == 1 and last <= self.end
            by_month = self.monthly or self.kind in MONTHLY_ONLY
            stop = min(last, self.end)
            days = [str(day + timedelta(n)) for n in range((stop - day).days + 1)]
            if by_month:
                yield month, []
            elif whole and self.kind not in DAILY_ONLY:
                yield month, days
            else:
                yield from ((one, []) for one in days)
            day = stop + timedelta(1)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one file: ``state`` is ``fetched``, ``present``, ``missing`` or ``failed``.

    ``present`` files were there and had the right checksum.  ``reason`` says why one failed.
    """

    when: str
    path: Path
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Archive:
    """The archive at ``base_url``, and how patient to be with it (times in seconds)."""

    base_url: str = BASE_URL
    attempts: int = 5
    pause: float = 1.0
    timeout: float = 30.0

    def __post_init__(self) -> None:
        try:
            parts = urllib.parse.urlsplit(self.base_url)
        except ValueError as error:
            raise InputError(f"--base-url {self.base_url}: {error}") from None
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InputError(f"--base-url {self.base_url}: must begin with http:// or https://")

    def fetch(self, request: Request, out: Path, report: Report) -> Iterator[Fetched]:
        """Download what is wanted below ``out``; yields what became of each file."""
        for when, instead in request.periods():
            outcome = self.fetch_file(request.file(when), when, out, report)
            if outcome.state == "missing" and instead:
                for day in instead:
                    yield self.fetch_file(request.file(day), day, out, report)
            else:
                yield outcome

    def fetch_file(self, file: str, when: str, out: Path, report: Report) -> Fetched:
        """Download one file, resuming its ``.part``; it appears only when its checksum is right."""
        target = out / file
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--out {out}: cannot be written: {error}") from None
        reason = ""
        for attempt in range(self.attempts):
            if attempt:
                time.sleep(self.pause * 2 ** (attempt - 1))
            try:
                wanted = self._checksum(file)
                if target.is_file() and sha256(target) == wanted:
                    return Fetched(when, target, "present")
                part = target.with_name(f"{target.name}.part")
                self._download(file, part, report)
                if sha256(part) == wanted:
                    part.replace(target)
                    return Fetched(when, target, "fetched")
                part.unlink()
                reason = "its sha256 is not the published one"
            except urllib.error.HTTPError as error:
                error.close()
                if error.code == 404:
                    return Fetched(when, target, "missing")
                reason = f"HTTP {error.code} {error.reason}"
                if error.code not in RETRIED:
                    break
            except (OSError, http.client.HTTPException, ValueError) as error:
                # URLError, which wraps the reason, and timeouts are OSErrors; a host's name that
                # is none, or a length that is no number, is a ValueError
                reason = str(getattr(error, "reason", error)) or type(error).__name__
        return Fetched(when, target, "failed", reason)

    def _checksum(self, file: str) -> str:
        with self._open(f"{file}.CHECKSUM") as answer:
            text = answer.read(4096).decode("ascii", errors="replace")
        found = re.match(r"\s*([0-9a-fA-F]{64})\b", text)
        if not found:
            raise http.client.HTTPException(f"its CHECKSUM holds no sha256: {text[:40]!r}")
        return found[1].lower()

    def _download(self, file: str, part: Path, report: Report) -> None:
        """Bring ``part`` to full length; raises where the transfer ends early, to be resumed."""
        there = part.stat().st_size if part.is_file() else 0
        try:
            answer = self._open(file, there)
        except urllib.error.HTTPError as error:
            if error.code != 416 or not there:
                raise
            # nothing is left to send, or the part is longer than the file: the checksum decides
            error.close()
            return
        with answer, part.open("ab" if answer.status == 206 else "wb") as sink:
            there = there if answer.status == 206 else 0
            length = answer.headers.get("Content-Length", "")
            total = there + int(length) if length.isdecimal() and length.isascii() else 0
            report(part.name.removesuffix(".part"), there, total)
            while chunk := answer.read(CHUNK_BYTES):
                sink.write(chunk)
                there += len(chunk)
                report(part.name.removesuffix(".part"), there, total)
        if total and there < total:
            raise http.client.HTTPException(f"the transfer ended at {there} of {total} bytes")

    def _open(self, file: str, start: int = 0) -> http.client.HTTPResponse:
        url = f"{self.base_url.rstrip('/')}/{urllib.parse.quote(file)}"
        headers = {"User-Agent": "unimargin", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        request = urllib.request.Request(url, headers=headers)
        answer = urllib.request.urlopen(  # nosec B310 # __post_init__ takes http and https alone
            request, timeout=self.timeout
        )
        assert isinstance(answer, http.client.HTTPResponse)
        return answer


def sha256(path: Path) -> str:
    """Return a file's sha256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
