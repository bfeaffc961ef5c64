"""Right market data, small: a table of every layout, recordings of every kind of message."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tests.replay import streams_kit as kit

T = 1704067200000
"""2024-01-01 00:00:00 in ms."""

TABLES = (
    f"id,price,qty,quoteQty,time,isBuyerMaker,isBestMatch\n5,42000.1,0.005,210.0005,{T},True,True\n"
    f"6,42000.2,1,42000.2,{T + 1},False,True\n7,42000.3,2,1,{T + 5},True,True\n",
    f"5,42000.1,0.005,210.0005,{T},true\n6,42000.2,1,42000.2,{T + 1},false\n",
    f"agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
    f"5,42000.1,0.005,8,9,{T},true\n6,42000.2,1,10,10,{T + 1},false\n",
    "".join(
        f"{T + at * 60_000},1.5,2.5,1.0,2.0,10,{T + at * 60_000 + 59_999},20,3,5,10,0\n"
        for at in range(4)
    ),
    f"open_time,open,high,low,close,volume,close_time,count\n{T},1,2,0.5,1.5,10,{T + 59999},3\n"
    f"{T + 60000},1.5,2,0.5,1,10,{T + 119999},3\n",
    f"update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n"
    f"1,99,5,101,6,{T},{T}\n2,100,5,101,6,{T + 3},{T + 4}\n",
    "timestamp,percentage,depth,notional\n2024-01-01 00:00:07,-5,100.5,1000\n"
    "2024-01-01 00:00:07,5,90.5,1000\n2024-01-01 00:00:37,-5,80,900\n",
    f"calc_time,funding_interval_hours,last_funding_rate\n{T},8,0.0001\n"
    f"{T + 28_800_000},8,-0.0002\n",
    f"{T},BUY,LIMIT,IOC,0.014,42000.1,42001.2,FILLED,0.014,0.014\n"
    f"{T + 9},SELL,LIMIT,IOC,0.5,42000.1,42001.2,FILLED,0.5,0.5\n",
    "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
    f"binance-futures,BTCUSDT,{T}000,{T}100,7,buy,42000.1,0.005\n"
    f"binance-futures,BTCUSDT,{T}200,{T}300,8,sell,42000.2,1\n",
    "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
    f"binance-futures,BTCUSDT,{T}000,{T}100,5,101,99,6\nbinance-futures,BTCUSDT,{T}200,{T}300,5,101,100,6\n",
    "id,timestamp,exchange.timestamp,price,volume,action,direction\n"
    f"7,{T},{T},236.5,100000000,created,bid\n8,{T + 5},{T},236.6,50000000,created,ask\n"
    f"7,{T + 9},{T},236.5,50000000,changed,bid\n9,{T + 9},{T},236.5,50000000,deleted,ask\n"
    f"8,{T + 20},{T},236.6,0,deleted,ask\n",
    "timestamp,open,high,low,close,volume\n2024-01-01 00:00:00,1,2,0.5,1.5,10\n"
    "2024-01-01T00:01:00Z,1.5,2,0.5,1.5,10\n2024-01-01,1,2,0.5,1.5,10\n",
)
"""One table of every layout that is told by its columns."""

COLUMNS = (
    (
        "trades",
        "time=ts,price=px,quantity=qty,side=s,id=i",
        f"i,px,qty,s,ts\n7,42000.1,1,buy,{T}\n8,42000.2,2,sell,{T + 1}\n",
    ),
    (
        "trades",
        "time=1,id=2,price=3,quantity=4,side=5",
        f"{T},7,42000.1,0.005,b\n{T + 1},8,42000.2,1,s\n",
    ),
    (
        "orders",
        "time=t,id=i,price=p,quantity=q,side=s,action=a",
        f"t,i,p,q,s,a\n{T},7,100.5,9,bid,Created\n{T + 1},8,101,4,sell,add\n"
        f"{T + 2},7,100.5,6,b,changed\n{T + 3},8,,1,,trade\n{T + 4},7,,,,done\n",
    ),
    (
        "klines",
        "time=t,open=o,high=h,low=l,close=c,volume=v",
        "t,o,h,l,c,v\n1704067200.5,1,2,0.5,1.5,10\n1704067260.5,1.5,2,0.5,1,10\n",
    ),
    (
        "bookTicker",
        "time=t,bid_price=b,bid_quantity=B,ask_price=a,ask_quantity=A,id=u",
        f"t,b,B,a,A,u\n{T},99,5,101,6,1\n{T + 1},100,5,101,6,2\n",
    ),
    ("fundingRate", "time=t,price=r", f"t,r\n{T},0.0001\n{T + 28_800_000},-0.0002\n"),
    ("markPriceKlines", "time=t,price=r", f"t,r\n{T},42000\n{T + 1000},42001.5\n"),
    (
        "premiumIndexKlines",
        "time=t,open=o,high=h,low=l,close=c",
        f"t,o,h,l,c\n{T},-1,2,-1,0\n{T + 60_000},0,0,0,0\n",
    ),
    ("bookDepth", "time=t,percentage=p,quantity=q", f"t,p,q\n{T},-1,5\n{T},1,5\n"),
    ("liquidationSnapshot", "time=t,side=s,price=p,quantity=q", f"t,s,p,q\n{T},BUY,42000,1\n"),
)
"""Kind, column map and text of tables whose columns the user names."""


def _message(at: int, message: dict[str, Any], stream: str = "x") -> str:
    return kit.line(message, at, stream)


def _futures() -> list[str]:
    """Return lines of depth, a quote and trades of a USD-M contract."""
    return [
        kit.snapshot(0, 10, [("99.0", "5"), ("98.5", "1")], [("101.0", "6")]),
        kit.depth(1, 9, 11, 8, [("99.5", "1")], [("101.0", "0")]),
        kit.depth(2, 12, 13, 11, [("99.5", "0")], [("101.5", "2")]),
        kit.quote(3, 13, ("99.0", "5"), ("101.5", "2")),
        kit.trade(4, 100),
        kit.trade(5, 101, "100.5", "0.5"),
        kit.depth(6, 14, 15, 13, [("99.5", "3")], []),
    ]


def _spot() -> list[str]:
    """Return lines of a spot pair, a partial book among them."""
    return [
        kit.snapshot(0, 10, [("99.0", "5")], [("101.0", "6")]),
        kit.depth(1, 9, 11, None, [("99.5", "1")], []),
        kit.quote(2, 11, ("99.5", "1"), ("101.0", "6"), futures=False),
        _message(
            3,
            {
                "e": "aggTrade",
                "E": kit.T0 + 3,
                "s": "BTCUSDT",
                "a": 5,
                "p": "1.0",
                "q": "2",
                "m": True,
                "M": True,
            },
        ),
        _message(
            3, {"lastUpdateId": 12, "bids": [["99", "1"]], "asks": [["101", "2"]]}, "btcusdt@depth5"
        ),
    ]


def _marks() -> list[str]:
    """Return lines of marks, a liquidation, a futures' partial book and a list of marks."""
    return [
        _message(
            at,
            {
                "e": "markPriceUpdate",
                "E": kit.T0 + at * 1000,
                "s": "BTCUSDT",
                "p": "100.1",
                "i": "100.2",
                "r": "0.0001",
                "T": kit.T0 + 8000 * (1 + at // 3),
            },
        )
        for at in range(5)
    ] + [
        _message(
            6,
            {
                "e": "forceOrder",
                "E": kit.T0 + 6000,
                "o": {"s": "BTCUSDT", "S": "SELL", "q": "1", "p": "99", "ap": "99.5", "z": "1"},
            },
        ),
        _message(
            7,
            {
                "e": "depthUpdate",
                "E": kit.T0 + 7000,
                "s": "BTCUSDT",
                "U": 1,
                "u": 2,
                "pu": 0,
                "b": [["99", "1"]],
                "a": [["101", "2"]],
            },
            "btcusdt@depth5@100ms",
        ),
        f"{kit.T0 + 8000}000000 "
        + json.dumps([{"e": "markPriceUpdate", "E": kit.T0 + 8000, "s": "ETHUSDT", "p": "3"}]),
    ]


@cache
def recordings() -> tuple[bytes, ...]:
    """Return recordings that hold every kind of message, and short ones of one or two kinds."""
    futures, spot, marks = _futures(), _spot(), _marks()
    whole = (futures, spot, marks, futures + marks)
    # Each kind costs some milliseconds, so most inputs are of few.
    short = (futures[:3], futures[4:6], spot[:2], spot[3:4], marks[:2], marks[5:6], marks[6:7])
    parts = (*whole, *short)
    return tuple(("\n".join(lines) + "\n").encode() for lines in parts)
