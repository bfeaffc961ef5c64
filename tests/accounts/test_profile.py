"""Goal: what a user says of an account's owner is checked at the border, with one line each.

Method: a profile of every field, the defaults, and one wrong value of each kind.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from simulator.accounts.profile import profile_of
from simulator.accounts.rules import AccountProfile
from simulator.errors import InputError


def test_nothing_given_is_an_old_advanced_account_without_experience() -> None:
    assert profile_of(None) == profile_of({}) == AccountProfile("advanced", 365, 0, Decimal(0))


def test_every_field_can_be_given() -> None:
    given = {"kyc": "basic", "age_days": 3, "futures_trades": 12, "futures_volume": 2500.5}
    assert profile_of(given) == AccountProfile("basic", 3, 12, Decimal("2500.5"))


def test_a_profile_is_checked_too() -> None:
    assert profile_of(AccountProfile("none", 0)) == AccountProfile("none", 0)
    with pytest.raises(InputError, match="profile age_days -1: must be a whole number"):
        profile_of(AccountProfile(age_days=-1))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kyc": "gold"}, "profile kyc 'gold': must be one of none, basic, advanced"),
        ({"age": 3}, "profile age: unknown; there are kyc, age_days, futures_trades"),
        ({"age_days": 1.5}, "profile age_days 1.5: must be a whole number from 0 on"),
        ({"age_days": True}, "profile age_days True: must be a whole number from 0 on"),
        ({"futures_trades": -1}, "profile futures_trades -1: must be a whole number from 0 on"),
        ({"futures_volume": "much"}, "profile futures_volume 'much': must be a number from 0 on"),
        ({"futures_volume": "nan"}, "profile futures_volume 'nan': must be a number from 0 on"),
        ({"futures_volume": -1}, "profile futures_volume -1: must be a number from 0 on"),
        ("advanced", "profile 'advanced': must be a mapping"),
    ],
)
def test_what_cannot_be_is_refused(given: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        profile_of(given)  # type: ignore[arg-type]
