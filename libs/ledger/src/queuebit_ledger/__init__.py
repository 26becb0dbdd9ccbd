"""Double entry over the facts of accounts. Every transaction sums to zero; balances are folded from the log."""

from queuebit_ledger.credits import Credit, burn, expiring
from queuebit_ledger.ledger import FACTS, Ledger
from queuebit_ledger.transactions import BOOKS, Book, Posting, Transaction, Unbalanced, sums
from queuebit_ledger.windows import Spending, count_day, first_day, period_of

__all__ = [
    "BOOKS",
    "FACTS",
    "Book",
    "Credit",
    "Ledger",
    "Posting",
    "Spending",
    "Transaction",
    "Unbalanced",
    "burn",
    "count_day",
    "expiring",
    "first_day",
    "period_of",
    "sums",
]
