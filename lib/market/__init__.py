"""House prices in a market that moves: generated, declared, checked, and divided by time."""

from lib.market.columns import FEATURES, HOUSES, PERSONAL, PRICE, SOLD
from lib.market.generate import Market, simulate
from lib.market.load import california, load_table
from lib.market.scenarios import SCENARIOS, Truth
from lib.market.schema import Column, Schema
from lib.market.split import Split, split_by_time

__all__ = [
    "FEATURES",
    "HOUSES",
    "PERSONAL",
    "PRICE",
    "SCENARIOS",
    "SOLD",
    "Column",
    "Market",
    "Schema",
    "Split",
    "Truth",
    "california",
    "load_table",
    "simulate",
    "split_by_time",
]
