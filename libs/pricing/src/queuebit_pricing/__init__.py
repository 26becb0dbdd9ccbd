"""Price book, quotes and charges in exact decimals."""

from queuebit_kernel.exact import plain
from queuebit_pricing.agreement_terms import Agreement, Allowance, Discount, Included, Step, Subscription, Tier
from queuebit_pricing.agreements import AgreedLine, Period, agreed, history_from
from queuebit_pricing.billing import bill
from queuebit_pricing.book import PriceBook, check, load, parse
from queuebit_pricing.changes import Change, Gap, changes, gaps
from queuebit_pricing.classical import CLASSICAL, CLASSICAL_SECOND, rate_time
from queuebit_pricing.consumed import Consumed
from queuebit_pricing.errors import BadPriceBook, BadUsage, Problem, Unpriced
from queuebit_pricing.idle import IDLE, WALL, IdleCharge, idle_charge, session_price
from queuebit_pricing.listing import Component, Credits, Duration, Listing, Minimum, Outcome, Weights
from queuebit_pricing.price import Price
from queuebit_pricing.quoting import Quote, quote
from queuebit_pricing.rating import Charge, rate
from queuebit_pricing.reserved import RESERVED, RESERVED_IDLE, ReservedCharge, reserved_charge
from queuebit_pricing.statement import UNITS, Line, Statement
from queuebit_pricing.usage import Bounds, Usage

__all__ = [
    "CLASSICAL",
    "CLASSICAL_SECOND",
    "IDLE",
    "RESERVED",
    "RESERVED_IDLE",
    "UNITS",
    "WALL",
    "AgreedLine",
    "Agreement",
    "Allowance",
    "BadPriceBook",
    "BadUsage",
    "Bounds",
    "Change",
    "Charge",
    "Component",
    "Consumed",
    "Credits",
    "Discount",
    "Duration",
    "Gap",
    "IdleCharge",
    "Included",
    "Line",
    "Listing",
    "Minimum",
    "Outcome",
    "Period",
    "Price",
    "PriceBook",
    "Problem",
    "Quote",
    "ReservedCharge",
    "Statement",
    "Step",
    "Subscription",
    "Tier",
    "Unpriced",
    "Usage",
    "Weights",
    "agreed",
    "bill",
    "changes",
    "check",
    "gaps",
    "history_from",
    "idle_charge",
    "load",
    "parse",
    "plain",
    "quote",
    "rate",
    "rate_time",
    "reserved_charge",
    "session_price",
]
