"""`qb prices`: checks a price book, compares two editions, and shows the prices that are in force."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit_cli.output import Output
from queuebit_stack.bootstrap import default_price_book
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.stack import running_stack
from queuebit_stack.warehouse import analyst_of, records

if TYPE_CHECKING:
    from queuebit_pricing import PriceBook

__all__ = ["check", "diff", "shadow", "show"]


def check(args: Namespace, out: Output) -> Exit:
    """Check a price book; exit code 1 if it cannot be used, or has a time without a price."""
    from queuebit_pricing import BadPriceBook, gaps, load

    try:
        book = load(Path(args.file))
    except BadPriceBook as bad:
        problems = [str(it) for it in bad.problems]
        out.document({"file": args.file, "usable": False, "problems": problems, "gaps": []})
        if not out.as_json:
            raise Stop(Exit.JOB_FAILED, str(bad)) from bad
        return Exit.JOB_FAILED
    missing = [str(it) for it in gaps(book)]
    document = {"file": args.file, "usable": True, "problems": [], "gaps": missing, "digest": book.digest}
    out.document({**document, "version": book.version, "currency": book.currency})
    rows = f"{_count(len(book.prices), 'price')}, {_count(len(book.agreements), 'agreement')}"
    out.say(f"{args.file} is good: edition {book.version}, {book.currency}, {rows}")
    for it in missing:
        out.paragraph(f"gap: {it}", indent="  ")
    return Exit.JOB_FAILED if missing else Exit.DONE


def diff(args: Namespace, out: Output) -> Exit:
    """Compare two editions; exit code 5 if they differ, 3 if the new one changes what only a new id may change."""
    from queuebit_cli.render_prices import change_rows
    from queuebit_pricing import changes

    found = changes(_load(args.old), _load(args.new))
    out.rows(change_rows(found), none="nothing differs", shown=lambda rows: rows)
    refused = [it for it in found if not it.allowed]
    if refused:
        what = ", ".join(dict.fromkeys(it.row or f"the book's {it.field}" for it in refused))
        raise Stop(
            Exit.REFUSED,
            f"{args.new} edits or removes {what}: jobs are billed by the terms at which they were accepted. Put the "
            "old rows back, end them with valid_until, and add rows with new ids; another currency needs another stack",
        )
    return Exit.DIFFERS if found else Exit.DONE


def shadow(args: Namespace, out: Output) -> Exit:
    """Rate the usage of the last days by the book in force and by a draft; nothing is charged."""
    from queuebit_cli.price_shadow import BILLED
    from queuebit_cli.price_shadow import shadow as both
    from queuebit_pricing import Unpriced

    home = Home(args.home)
    own, draft = _load(str(_own(args))), _load(args.draft)
    if own.currency != draft.currency:
        raise Stop(Exit.USAGE, f"{args.draft} is in {draft.currency} and the book in force in {own.currency}")
    until = datetime.now(UTC).timestamp()
    values = {"since": f"{until - 86_400 * args.days:f}", "until": f"{until:f}"}
    try:
        found = both(records(running_stack(home), analyst_of(home), BILLED, values), own, draft)
    except Unpriced as error:
        raise Stop(Exit.REFUSED, str(error)) from error
    days = _count(args.days, "day")
    out.say(f"edition {own.version} and {draft.version}, in {own.currency}: jobs that were billed in the last {days}")
    out.rows(found, none="no job was billed", shown=lambda rows: rows)
    return Exit.DIFFERS if any(it["change"] != "0" or it["unpriced"] for it in found) else Exit.DONE


def show(args: Namespace, out: Output) -> Exit:
    """Print the prices that are valid at a time: of one backend, or all."""
    from queuebit_cli.render_prices import agreement_rows, for_people, price_rows
    from queuebit_pricing import Unpriced

    path = Path(args.book) if args.book else _own(args)
    book, at = _load(str(path)), args.at or datetime.now(UTC)
    if args.backend:
        try:
            prices = [book.price_for(args.backend, at)]
        except Unpriced as error:
            raise Stop(Exit.REFUSED, str(error)) from error
    else:
        prices = [it for it in book.prices if it.applies(at)]
    out.say(f"{path}: edition {book.version}, in {book.currency}")
    out.rows(price_rows(prices), none="no price is valid then", shown=for_people)
    if agreed := [] if args.backend else [it for it in book.agreements if it.applies(at.astimezone(UTC).date())]:
        out.say()
        out.table(agreement_rows(agreed), fit=True)
    return Exit.DONE


def _own(args: Namespace) -> Path:
    """The price book of the home, or that of a new stack."""
    home = Home(args.home)
    return home.price_book if home.price_book.exists() else default_price_book()


def _load(path: str) -> PriceBook:
    from queuebit_pricing import BadPriceBook, load

    try:
        return load(Path(path))
    except BadPriceBook as bad:
        raise Stop(Exit.USAGE, str(bad)) from bad


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
