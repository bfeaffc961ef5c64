"""Hidden prices of the six instruments, every 250 ms.

For an underlying, with ``a`` the hour's activity and ``v`` a slow volatility::

    d[k+1] = (1 - pull) * d[k] + volatility * a[k] * v[k] * m[k] * z[k]      noise around the path
    U[k]   = price * path[k] * (1 + d[k])                                     the UM contract leads

``m`` makes the tails fat; ``z`` of ETH is ``correlation * z_BTC + sqrt(1 - correlation**2) *
own``.  Spot is ``U / (1 + basis)`` and CM ``spot * (1 + cm basis)``, both showing a share of each
move one step late.
"""

from __future__ import annotations

import numpy as np

from replay_data.draws import Floats, autoregressive, exponential, normals, uniforms
from replay_data.settings import HOUR_STEPS, Hour


def noise(hour: Hour, generator: np.random.Generator) -> dict[str, Floats]:
    """Return the relative noise ``d`` of each underlying around its path, ``[step + 1]``."""
    model, size = hour.model, HOUR_STEPS + 1
    swing, keep = model["volatility_swing"], model["volatility_keep"]
    slow = autoregressive(normals(generator, size), keep)
    speed = exponential(swing * slow - swing * swing / 2.0)
    tails = np.where(uniforms(generator, size) < model["tail_share"], model["tail_scale"], 1.0)
    share, scale = model["tail_share"], model["tail_scale"]
    tails = tails / np.sqrt(1.0 + share * (scale * scale - 1.0))
    common, own = normals(generator, size), normals(generator, size)
    rho = model["correlation"]
    shocks = {"BTC": common, "ETH": rho * common + np.sqrt(1.0 - rho * rho) * own}
    size_of_step = model["volatility_bp"] * 1e-4 * hour.over_time("activity") * speed * tails
    out = {}
    for base, shock in shocks.items():
        value, values = 0.0, []
        for step in (size_of_step * shock).tolist():
            values.append(value)
            value = (1.0 - hour.values["pull"]) * value + step
        out[base] = np.array(values)
    return out


def late(prices: Floats, speed: float) -> Floats:
    """Show only ``speed`` of each move at once, the rest one step later."""
    before = np.concatenate([prices[:1], prices[:-1]])
    return speed * prices + (1.0 - speed) * before


def hidden_prices(hour: Hour, generator: np.random.Generator) -> list[Floats]:
    """Return the hidden price of each instrument in quote asset, ``[instrument][step + 1]``."""
    around = noise(hour, generator)
    path, basis = hour.over_time("path"), hour.over_time("basis_bp") * 1e-4
    model, out = hour.model, []
    for listed in hour.listed:
        beta = hour.values["eth_beta"] if listed.base == "ETH" else 1.0
        leader = (
            hour.values["price"][listed.base]
            * (1.0 + (path - 1.0) * beta)
            * (1.0 + around[listed.base])
        )
        swing = autoregressive(normals(generator, HOUR_STEPS + 1), model["basis_keep"])
        own = swing * (model["basis_swing_bp"] * 1e-4) * np.sqrt(hour.over_time("activity"))
        if listed.market == "um":
            price = leader
        else:
            spot = leader / (1.0 + basis)
            ratio = hour.values["cm_basis_share"] if listed.market == "cm" else 0.0
            price = late(spot * (1.0 + ratio * basis), model[f"{listed.market}_speed"])
        out.append(price * (1.0 + own))
    return out
