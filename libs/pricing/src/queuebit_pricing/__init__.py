"""Price book, quotes and charges in exact decimals."""

from queuebit_pricing.billing import bill
from queuebit_pricing.book import PriceBook, check, load, parse
from queuebit_pricing.classical import CLASSICAL, CLASSICAL_SECOND, rate_time
from queuebit_pricing.errors import BadPriceBook, Problem, Unpriced
from queuebit_pricing.exact import plain
from queuebit_pricing.idle import IDLE, IdleCharge, idle_charge
from queuebit_pricing.listing import Component, Duration, Listing, Outcome, Price, Weights
from queuebit_pricing.quoting import Quote, quote
from queuebit_pricing.rating import Charge, rate
from queuebit_pricing.statement import UNITS, Line, Statement
from queuebit_pricing.usage import Bounds, Usage

__all__ = [
    "CLASSICAL",
    "CLASSICAL_SECOND",
    "IDLE",
    "UNITS",
    "BadPriceBook",
    "Bounds",
    "Charge",
    "Component",
    "Duration",
    "IdleCharge",
    "Line",
    "Listing",
    "Outcome",
    "Price",
    "PriceBook",
    "Problem",
    "Quote",
    "Statement",
    "Unpriced",
    "Usage",
    "Weights",
    "bill",
    "check",
    "idle_charge",
    "load",
    "parse",
    "plain",
    "quote",
    "rate",
    "rate_time",
]
