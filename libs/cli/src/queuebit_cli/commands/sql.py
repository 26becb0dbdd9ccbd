"""`qb sql`: streams the answer of ClickHouse; nothing is rounded, left out, or buffered as a whole."""

from __future__ import annotations

import sys
from argparse import Namespace
from codecs import iterdecode
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain, islice

from queuebit.credentials import find
from queuebit.text import visible
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.stack import running_stack
from queuebit_stack.warehouse import analyst_of, asking, in_short, member
from queuebit_stack.warehouse_text import TEXT, lines_of, text_table

__all__ = ["aligned", "sql"]

_JSON = "JSONEachRow"
_SETTINGS = {
    "output_format_json_array_of_rows": "1",
    "output_format_json_quote_decimals": "1",
    "output_format_json_quote_64bit_integers": "0",
    "output_format_json_quote_denormals": "1",
}
_SAMPLE = 500
"""Rows that set the width of columns; a wider cell further down moves the rest of its line."""


def sql(args: Namespace, out: Output) -> Exit:
    """Run a query as analyst, or as a tenant's user on the rows of that tenant."""
    home = Home(args.home)
    stack = running_stack(home)
    as_member = args.tenant is not None or args.user is not None
    login = member(find(home.root, args.tenant, args.user)) if as_member else analyst_of(home)
    wanted = _JSON if out.as_json else TEXT
    try:
        with ExitStack() as opened:
            with Progress(out.as_json, "asking the warehouse"):
                answer = opened.enter_context(asking(stack, login, args.query, wanted, _SETTINGS))
            if answer.status != 200:
                raise Stop(Exit.REFUSED, in_short(b"".join(answer.chunks).decode(errors="replace")))
            if answer.format == TEXT:
                out.stream(aligned(lines_of(answer.chunks), out))
            else:  # JSON, or the query's own format
                _pass_on(answer.chunks)
    except KeyboardInterrupt:
        raise Stop(Exit.INTERRUPTED, "interrupted; the warehouse cancels the query") from None
    return Exit.DONE


def aligned(lines: Iterator[str], out: Output) -> Iterator[str]:
    """A table from the lines of an answer in the format `TEXT`."""
    table = text_table(lines)
    sample = list(islice(table.rows, _SAMPLE))
    widths = [max(map(len, column)) for column in zip(table.names, *sample, strict=True)]
    yield out.paint(_line(table.names, widths, table.numbers), "bold")
    for row in chain(sample, table.rows):
        yield _line(row, widths, table.numbers)


def _line(cells: list[str], widths: list[int], right: list[bool]) -> str:
    padded = map(lambda cell, width, number: cell.rjust(width) if number else cell.ljust(width), cells, widths, right)
    return "  ".join(padded).rstrip()


def _pass_on(chunks: Iterable[bytes]) -> None:
    """Print bytes unchanged; on a terminal, escape control characters."""
    try:
        if sys.stdout.isatty():
            for text in iterdecode(chunks, "utf-8", "replace"):
                print(visible(text), end="")
        else:
            for chunk in chunks:
                sys.stdout.buffer.write(chunk)
    finally:
        sys.stdout.flush()
