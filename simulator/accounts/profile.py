"""What a user says of an account's owner, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from typing import Any

from simulator.accounts.rules import KYC_LEVELS, AccountProfile
from simulator.errors import InputError


def profile_of(given: AccountProfile | Mapping[str, Any] | None) -> AccountProfile:
    """Return a profile; what is not given has the default.

    Raises ``InputError`` for a field that there is not and for a value that cannot be.

    >>> profile_of({"kyc": "basic", "futures_volume": "12000.5"}).futures_volume
    Decimal('12000.5')
    """
    if given is None:
        return AccountProfile()
    if isinstance(given, AccountProfile):
        given = {field.name: getattr(given, field.name) for field in fields(AccountProfile)}
    if not isinstance(given, Mapping):
        raise InputError(f"profile {given!r}: must be a mapping, such as {{'kyc': 'advanced'}}")
    known = [field.name for field in fields(AccountProfile)]
    for name in given:
        if name not in known:
            raise InputError(f"profile {name}: unknown; there are {', '.join(known)}")
    plain = AccountProfile()
    kyc = given.get("kyc", plain.kyc)
    if kyc not in KYC_LEVELS:
        raise InputError(f"profile kyc {kyc!r}: must be one of {', '.join(KYC_LEVELS)}")
    return AccountProfile(
        kyc=kyc,
        age_days=_count("age_days", given.get("age_days", plain.age_days)),
        futures_trades=_count("futures_trades", given.get("futures_trades", plain.futures_trades)),
        futures_volume=_amount("futures_volume", given.get("futures_volume", plain.futures_volume)),
    )


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**9:
        raise InputError(f"profile {name} {value!r}: must be a whole number from 0 on")
    return value


def _amount(name: str, value: object) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(value, bool) or not amount.is_finite() or not 0 <= amount < 10**18:
        raise InputError(f"profile {name} {value!r}: must be a number from 0 on, in USDT")
    return amount
