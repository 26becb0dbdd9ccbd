"""I2 for invoices: each is computed again from the log, by code of its own, and must have the same bytes.

The usage of tenants with invoices is read a second time: before their first invoice is read, nothing says whose usage
will be needed, and keeping all of it would take a long log's worth of memory.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from queuebit_audit.sources import Bus
from queuebit_audit.tenant_usage import USAGE_FACTS, TenantUsage
from queuebit_billing import (
    AgreementLine,
    Bounds,
    Document,
    Earlier,
    Heading,
    agreement_lines,
    build,
    faults,
    read,
)
from queuebit_contracts.invoice import MAX_DOCUMENT_BYTES, Invoice, InvoiceCredited, InvoiceIssued
from queuebit_contracts.wildcards import every
from queuebit_kernel import Malformed
from queuebit_kernel.exact import difference
from queuebit_pricing import PriceBook
from queuebit_runtime.payloads import Missing, PayloadStore
from queuebit_runtime.view import View

__all__ = ["Recomputed", "invoice_faults", "invoices_recompute"]

_ZERO = Decimal(0)


class Recomputed(NamedTuple):
    """What came of computing invoices again."""

    faults: list[tuple[str, str]]
    """The number of each that differs, and how."""
    other_terms: list[str]
    """Those whose lines of agreements were only checked to balance: the price book has changed, and gives others."""


async def invoices_recompute(
    bus: Bus, facts: Sequence[InvoiceIssued | InvoiceCredited], store: PayloadStore, book: PriceBook
) -> Recomputed:
    """Compute every invoice again.

    Raises:
        Unavailable: the log or the payload store does not answer.
    """
    by_tenant: dict[str, list[InvoiceIssued | InvoiceCredited]] = defaultdict(list)
    for fact in facts:
        by_tenant[fact.data.tenant].append(fact)
    found = Recomputed([], [])
    for tenant, own in sorted(by_tenant.items()):
        documents = dict[str, bytes | str]()
        for it in (it.data for it in own if isinstance(it, InvoiceIssued)):
            try:
                documents[it.number] = await store.get(tenant, it.document, limit=MAX_DOCUMENT_BYTES)
            except Missing as missing:
                documents[it.number] = f"its document is lost: {missing}".removesuffix(": submit it again")
        usage = await _usage_of(bus, tenant)
        await asyncio.to_thread(_add_faults, found, own, documents, usage, book)
    return found


def _add_faults(
    found: Recomputed,
    facts: Sequence[InvoiceIssued | InvoiceCredited],
    documents: Mapping[str, bytes | str],
    usage: TenantUsage,
    book: PriceBook,
) -> None:
    found.faults.extend(invoice_faults(facts, documents, usage, book, found.other_terms))


def invoice_faults(
    facts: Sequence[InvoiceIssued | InvoiceCredited],
    documents: Mapping[str, bytes | str],
    usage: TenantUsage,
    book: PriceBook,
    other_terms: list[str],
) -> Iterator[tuple[str, str]]:
    """What is wrong with the invoices of one tenant: number of the invoice, and what.

    Args:
        facts: in the order of the log.
        documents: by number of the invoice: its document, or why it cannot be read.
        usage: of the tenant.
        book: has the agreements of today.
        other_terms: gets the numbers of `Recomputed.other_terms`.
    """
    earlier: list[Invoice] = []
    good: list[Document] = []
    for it in (it.data for it in facts if isinstance(it, InvoiceIssued)):
        if it.serial != len(earlier) + 1 or (earlier and (it.start != earlier[-1].end or it.cut < earlier[-1].cut)):
            yield (
                it.number,
                "it does not follow the invoice before: usage is left out, or is on two of them",
            )
        content = documents[it.number]
        if isinstance(content, str):
            yield it.number, content
        else:
            try:
                document = read(content)
            except Malformed as error:
                yield it.number, str(error)
            else:
                again = _recomputed(it, document, earlier, good, usage, book)
                if again.agreed != document.agreed and document.price_book != book.digest:
                    other_terms.append(it.number)
                    again = _recomputed(it, document, earlier, good, usage, None)
                yield from ((it.number, text) for text in _differences(it, document, again))
                good.append(document)
        earlier.append(it)
    for it in earlier:
        yield from ((it.number, text) for text in _credit_faults(it, facts))


def _recomputed(
    fact: Invoice,
    document: Document,
    earlier: Sequence[Invoice],
    documents: Sequence[Document],
    usage: TenantUsage,
    book: PriceBook | None,
) -> Document:
    """The document that follows from the log; without a book, with the lines of agreements that it has."""
    bounds = Bounds(fact.tenant, fact.period, fact.cut, tuple(Earlier(it.period, it.end, it.cut) for it in earlier))
    found = usage.within(bounds)
    agreements: Sequence[AgreementLine] = document.agreed
    if book is not None:
        agreements = agreement_lines(bounds, found, book, lambda since: usage.daily(bounds, since), documents)
    heading = Heading(document.seller, document.buyer, document.terms)
    return build(bounds, found, agreements, document.price_book, heading)


def _differences(fact: Invoice, document: Document, again: Document) -> Iterator[str]:
    yield from faults(document)
    if [(it.currency, Decimal(it.amount)) for it in fact.totals] != [
        (it.currency, Decimal(it.total)) for it in document.totals
    ]:
        yield "the fact states other totals than its document"
    if again == document and again.to_bytes() == document.to_bytes():
        return
    for name in ("lines", "agreed", "totals"):
        ours, theirs = set(getattr(again, name)), set(getattr(document, name))
        for it in sorted(ours ^ theirs, key=str)[:3]:
            which = "the log gives, and it does not have" if it in ours else "it has, and the log does not give"
            yield f"of its {name} {which}: {it.model_dump_json()}"
    for name in ("number", "serial", "start", "end", "cut", "previous", "facts"):
        if getattr(again, name) != getattr(document, name):
            yield f"its {name} is {getattr(document, name)}, and by the log {getattr(again, name)}"


def _credit_faults(invoice: Invoice, facts: Sequence[InvoiceIssued | InvoiceCredited]) -> Iterator[str]:
    left = {it.currency: it.money.amount for it in invoice.totals}
    given = [it.data for it in facts if isinstance(it, InvoiceCredited) and it.data.invoice == invoice.number]
    for place, it in enumerate(given, start=1):
        amount = it.amount.money
        left[amount.currency] = difference(left.get(amount.currency, _ZERO), amount.amount)
        if it.revision != place or amount.amount <= 0 or left[amount.currency] < 0:
            yield f"credit {it.number} of {amount} is more than was left, or is not the next one"
        elif it.left.money.amount != left[amount.currency]:
            yield f"credit {it.number} says that {it.left.money} is left, and {left[amount.currency]} is"


async def _usage_of(bus: Bus, tenant: str) -> TenantUsage:
    usage = TenantUsage()
    view = View(bus, "operator", [every(it, tenant=tenant) for it in USAGE_FACTS], usage.take)
    loop = asyncio.get_running_loop()
    following, complete = loop.create_task(view.run()), loop.create_task(view.caught_up.wait())
    try:
        await asyncio.wait({following, complete}, return_when=asyncio.FIRST_COMPLETED)
        if not complete.done():
            await following
    finally:
        following.cancel()
        complete.cancel()
        await asyncio.gather(following, complete, return_exceptions=True)
    return usage
