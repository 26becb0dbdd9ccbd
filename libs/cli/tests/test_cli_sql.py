"""`qb sql`: exact, whole, and in no more memory than a few hundred rows need."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from queuebit_cli.commands.sql import aligned
from queuebit_cli.main import main
from queuebit_cli.output import Output
from queuebit_stack.bootstrap import bootstrap
from queuebit_stack.errors import Stop
from queuebit_stack.home import Home
from queuebit_stack.stack import CONTAINERS, Stack
from queuebit_stack.warehouse import in_short, unbroken

HEAD = ["d\te\tn\tx\ts", "Decimal(38, 18)\tString\tNullable(UInt8)\tArray(String)\tLowCardinality(Nullable(String))"]


def test_values_are_reported_as_they_came() -> None:
    rows = [r"134.82648" + "\t\t\\N\t[]\t" + r"it\'s a\\b", "123456789.125\t\t7\t['it\\'s']\ta\\tb"]
    assert list(aligned(iter([*HEAD, *rows]), Output(as_json=False))) == [
        r"            d  e     n  x          s",
        r"    134.82648     NULL  []         it's a\b",
        r"123456789.125        7  ['it\'s']  a\tb",
    ]


def test_without_rows_the_header_is_reported() -> None:
    assert list(aligned(iter(HEAD), Output(as_json=False))) == ["d  e  n  x  s"]


def test_only_the_first_rows_are_waited_for() -> None:
    def endless() -> Iterator[str]:
        yield from ["n", "UInt64"]
        number = 0
        while True:
            yield str(number)
            number += 1

    printed = aligned(endless(), Output(as_json=False))
    assert [next(printed) for _ in range(601)][-1] == "599"


def test_a_syntax_error_is_reported_without_all_that_could_stand_there() -> None:
    printed = in_short(
        "Code: 62. DB::Exception: Syntax error: failed at position 1 (SELEC): SELEC 1. Maybe you meant: SELECT. "
        "Expected one of: Query, SHOW [FULL] TABLES|CLUSTER 'name' [LIMIT expr], EXECUTE AS. (SYNTAX_ERROR) "
        "(version 26.9.2.1)\n"
    )
    assert printed.endswith("(SELEC): SELEC 1. Maybe you meant: SELECT. (SYNTAX_ERROR) (version 26.9.2.1)")
    assert printed.startswith("Code: 62.")


def test_an_unknown_table_is_reported_with_how_to_list_those_that_there_are() -> None:
    assert "`qb sql 'SHOW TABLES'` lists tables and views" in in_short(
        "Code: 60. DB::Exception: Unknown table 'jbos'. (UNKNOWN_TABLE)"
    )
    assert "otel_traces" not in in_short("Code: 47. DB::Exception: Unknown identifier 'x'. (UNKNOWN_IDENTIFIER)")


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_query_that_fails_after_its_first_rows_says_so(size: int) -> None:
    message = b"Code: 395. DB::Exception: it threw. (THROWN)\n46 cafe\r\n__exception__\r\n"
    body = b"1\n2\n\r\n__exception__\r\ncafe\r\n" + message
    chunks = iter([body[at : at + size] for at in range(0, len(body), size)])
    rows = bytearray()

    def read() -> None:
        for chunk in unbroken(chunks, "cafe"):
            rows.extend(chunk)

    with pytest.raises(Stop, match=r"^Code: 395\. DB::Exception: it threw\. \(THROWN\)$"):
        read()
    assert rows == b"1\n2\n"


class Endless(BaseHTTPRequestHandler):
    """Answers every statement with rows without end."""

    def do_POST(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        text = self.headers["X-ClickHouse-Format"] == "TabSeparatedWithNamesAndTypes"
        self.send_response(200)
        self.send_header("X-ClickHouse-Format", self.headers["X-ClickHouse-Format"])
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(b"n\nUInt64\n" if text else json.dumps(asked).encode() + b"\n")
            while True:
                self.wfile.write(b"12345\n" * 10_000)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    warehouse = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    serving = threading.Thread(target=warehouse.serve_forever)
    serving.start()
    it = Home(tmp_path / "home")
    bootstrap(it)
    Stack(CONTAINERS, {}, {"warehouse": f"http://127.0.0.1:{warehouse.server_port}"}).save(it)
    yield it.root
    warehouse.shutdown()
    serving.join()
    warehouse.server_close()


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_a_closed_pipe_ends_it_quietly(home: Path, words: list[str]) -> None:
    argv = [sys.executable, "-m", "queuebit_cli", "sql", "SELECT 1", "--home", str(home), *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asking:
        assert asking.stdout is not None
        assert asking.stderr is not None
        first = asking.stdout.readline()
        asking.stdout.close()
        assert (asking.wait(timeout=20), asking.stderr.read()) == (0, b"")
    assert json.loads(first)["output_format_json_quote_decimals"] == ["1"] if words else first.split() == [b"n"]


def test_ctrl_c_ends_it(home: Path) -> None:
    argv = [sys.executable, "-m", "queuebit_cli", "sql", "SELECT 1", "--home", str(home)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asking:
        assert asking.stdout is not None
        assert asking.stderr is not None
        asking.stdout.readline()
        os.kill(asking.pid, signal.SIGINT)
        asking.stdout.read()
        assert asking.wait(timeout=20) == 130
        assert b"interrupted" in asking.stderr.read()


def test_a_warehouse_that_is_away_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    it = Home(tmp_path / "home")
    bootstrap(it)
    Stack(CONTAINERS, {}, {"warehouse": "http://127.0.0.1:1"}).save(it)
    assert main(["sql", "SELECT 1", "--home", str(it.root)]) == 4
    assert "does not answer" in capsys.readouterr().err
