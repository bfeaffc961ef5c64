"""Lines of the engine's source that are made wrong on purpose, in an uncompiled copy of the tree.

Each is one edit, which the hunt must find.  A mutant whose line is not there any more is an error,
so that the list follows the engine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
KEPT = ROOT / "tests" / "simulation" / "regressions"
COPIED = ("simulator", "strategies", "replay_data", "tests")


@dataclass(frozen=True)
class Mutant:
    """``before`` stands once in ``path`` and becomes ``after``.

    ``case`` is one that was kept, in which it is found; else it is hunted for from ``seed`` on.
    """

    name: str
    path: str
    before: str
    after: str
    seed: int = 0
    case: str = ""


SETTLEMENT, VENUE = "simulator/exchange/settlement.py", "simulator/exchange/venue.py"
CLOSING, WATERFALL = "simulator/exchange/closing.py", "simulator/exchange/waterfall.py"
BOOK, LEDGER = "simulator/book/columns.py", "simulator/ledger/columns.py"

MUTANTS = (
    Mutant(
        "fee_booked_once",
        SETTLEMENT,
        "        self.ledger.post(FEE_WALLET, asset, amount)\n",
        "",
    ),
    Mutant(
        "reduce_only_ignored",
        VENUE,
        "REDUCE_ONLY_FLAG:\n            if reducible == 0:",
        "0:\n            if reducible == 0:",
    ),
    Mutant("held_not_released", SETTLEMENT, "        self.hold(slot, 0)\n", ""),
    Mutant(
        "loan_not_owed",
        LEDGER,
        "        self.owe(LOAN, lender, wallet, asset, amount)\n",
        "",
    ),
    Mutant(
        "interest_charged_twice",
        LEDGER,
        "        self.owe(INTEREST, lender, wallet, asset, -amount)\n",
        "        self.owe(INTEREST, lender, wallet, asset, -2 * amount)\n",
    ),
    Mutant(
        "filled_twice",
        SETTLEMENT,
        "                    self.apply_fill(order, price, lots, True, other == 0)\n",
        "                    self.apply_fill(order, price, lots, True, other == 0)\n"
        "                    self.apply_fill(order, price, lots, True, other == 0)\n",
    ),
    Mutant(
        "post_only_takes",
        BOOK,
        "            if time_in_force == GTX:\n                self.row(EXPIRED",
        "            if False:\n                self.row(EXPIRED",
        seed=2,
    ),
    Mutant(
        "funding_twice",
        "simulator/exchange/funding.py",
        "            paid = pays(lots)\n",
        "            paid = 2 * pays(lots)\n",
        seed=9,
    ),
    Mutant(
        "expired_contract_trades",
        VENUE,
        "        return CONTRACT_EXPIRED if self.expired[i] else 0",
        "        return 0",
    ),
    Mutant(
        "suspended_account_trades",
        VENUE,
        "            return ACCOUNT_SUSPENDED\n",
        "            pass\n",
        seed=1_796_000_000_001,
    ),
    Mutant(
        "deleveraged_on_the_wrong_side",
        WATERFALL,
        "                    and (lots > 0) != (side > 0)",
        "                    and (lots > 0) == (side > 0)",
        case="deleveraged_where_the_fund_is_dry",
    ),
    Mutant(
        "clearance_fee_doubled",
        CLOSING,
        "        fee = scaled(closed, self.fee_e8, E8)\n",
        "        fee = 2 * scaled(closed, self.fee_e8, E8)\n",
        case="liquidation_fee_in_bnb",
    ),
    Mutant(
        "clearance_fee_of_the_last_order_only",
        CLOSING,
        "        fee = scaled(closed, self.fee_e8, E8)\n",
        "        open_lots = self.ledger.quantity[account, slot]\n"
        "        fee = 0 if open_lots else scaled(closed, self.fee_e8, E8)\n",
        seed=1_796_000_000_033,
    ),
    Mutant(
        "accepted_for_what_was_trimmed",
        SETTLEMENT,
        "                lots = book.remaining(order)\n",
        "",
        case="trimmed_by_its_own_fills",
    ),
    Mutant(
        "handed_over_for_a_unit_more",
        WATERFALL,
        "            units = self.signed_units(i, lots) - share\n",
        "            units = self.signed_units(i, lots) - share + 1\n",
        case="trimmed_option_holds",
    ),
    Mutant(
        "isolated_loss_half_covered",
        SETTLEMENT,
        "                self.ledger.post(INSURANCE_WALLET, asset, balance)\n"
        "                self.ledger.post(own, asset, -balance)\n",
        "                self.ledger.post(INSURANCE_WALLET, asset, balance // 2)\n"
        "                self.ledger.post(own, asset, -(balance // 2))\n",
        case="isolated_loss_at_a_close",
    ),
    Mutant(
        "exercised_without_a_fee",
        "simulator/exchange/expiry.py",
        "        if lots <= 0 or worth <= 0:\n",
        "        if lots <= 10**15 or worth <= 0:\n",
        case="exercised_at_expiry",
    ),
    Mutant(
        "debts_swept_for_a_unit_less",
        CLOSING,
        "            self.ledger.move(INSURANCE_WALLET, wallet, asset, -units)\n",
        "            self.ledger.move(INSURANCE_WALLET, wallet, asset, -units - 1)\n",
        seed=3,
    ),
    Mutant(
        "fee_rounded_down",
        SETTLEMENT,
        "            return scaled_up(worth, rate, E8)\n",
        "            return scaled(worth, rate, E8)\n",
    ),
)


def copied(target: Path) -> None:
    """Copy the tree without compiled modules."""
    skipped = shutil.ignore_patterns("*.so", "*.c", "__pycache__", "regressions")
    for name in COPIED:
        shutil.copytree(ROOT / name, target / name, ignore=skipped)


def hunted(tree: Path, mutant: Mutant, seconds: float) -> str:
    """Hunt in a copy with a mutant; return what was found, empty where nothing was."""
    source = tree / mutant.path
    plain = source.read_text(encoding="utf-8")
    assert plain.count(mutant.before) == 1, f"{mutant.name}: {mutant.path} has no such line"
    source.write_text(plain.replace(mutant.before, mutant.after), encoding="utf-8")
    command = [sys.executable, "-m", "tests.simulation.hunt", "--no-shrink", "--stop"]
    what = ["--first", str(mutant.seed), "--seconds", str(seconds)]
    if mutant.case:
        what = ["--case", str(KEPT / f"{mutant.case}.json")]
    try:
        done = subprocess.run(
            [*command, *what],
            cwd=tree,
            env={**os.environ, "UNIMARGIN_UNCOMPILED": "1", "PYTHONPATH": str(tree)},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        source.write_text(plain, encoding="utf-8")
    assert done.returncode in (0, 1), done.stderr[-2000:]
    told = [line for line in done.stdout.splitlines() if line.startswith(("seed ", "FOUND "))]
    return told[-1] if done.returncode else ""
