"""Drills: a log of real seals is altered in every way that we know of, and each is found and named.

An intruder without the keys alters files; an operator with the keys signs another history, and only what was issued
before shows it. The tables of docs/verify.md are these.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.trust.published import BEGIN, ORIGIN, Published, statement_of

from queuebit_cli.main import main
from queuebit_proof import KeyRing, TileLog, entry_of, issue, seal, sign_checkpoint

PAGE = (Path(__file__).parents[2] / "docs" / "verify.md").read_text()
RECORD = 34
"""Bytes of an entry in a bundle, with its length."""
BUNDLE = "tile/entries/000"

Drill = Callable[[Path, Published], None]


def edit(name: str, change: Callable[[bytes], bytes]) -> Drill:
    def drill(folder: Path, published: Published) -> None:
        path = folder / "log" / name
        path.write_bytes(change(path.read_bytes()))

    return drill


def flipped(content: bytes) -> bytes:
    return content[:30] + bytes([content[30] ^ 1]) + content[31:]


def swapped(content: bytes) -> bytes:
    return content[RECORD : 2 * RECORD] + content[:RECORD] + content[2 * RECORD :]


def truncated(folder: Path, published: Published) -> None:
    shutil.rmtree(folder / "log" / "tile" / "entries" / "001.p")


def signed_again(folder: Path, ring: KeyRing, entries: list[bytes]) -> None:
    """The operator publishes another history, with both signatures."""
    shutil.rmtree(folder / "log")
    log = TileLog(folder / "log")
    log.append(entries)
    log.write(sign_checkpoint(log.head(ORIGIN), ring, BEGIN + timedelta(minutes=3)))


def again(change: Callable[[list[bytes]], list[bytes]]) -> Drill:
    def drill(folder: Path, published: Published) -> None:
        signed_again(folder, published.ring, change([*published.entries]))

    return drill


OF_FILES: dict[str, tuple[Drill, str, str]] = {
    "flip a bit of an entry": (edit(BUNDLE, flipped), "log_corrupt", "tile/0/000 does not match its entries"),
    "flip a bit of a hash": (edit("tile/1/000.p/1", flipped), "log_corrupt", "tile/1/000.p/1 does not match"),
    "flip a bit of the head": (edit("checkpoint", flipped), "checkpoint_invalid", "signature does not match"),
    "drop an entry": (edit(BUNDLE, lambda it: it[RECORD:]), "log_corrupt", "bytes instead of"),
    "insert an entry": (edit(BUNDLE, lambda it: it[:RECORD] + it), "log_corrupt", "bytes instead of"),
    "reorder two entries": (edit(BUNDLE, swapped), "log_corrupt", "does not match its entries"),
    "truncate the log": (truncated, "log_corrupt", "cannot be read"),
    "roll back, signed again": (again(lambda it: it[:150]), "rolled_back", "had 200 entries, and now it has 150"),
    "drop an entry, signed again": (again(lambda it: it[:60] + it[61:]), "forked", "not shown to begin with the 200"),
    "insert an entry, signed again": (again(lambda it: [bytes(32), *it]), "forked", "not shown to begin with the 200"),
    "reorder entries, signed again": (again(lambda it: [it[1], it[0], *it[2:]]), "forked", "not shown to begin"),
    "fork: another end, signed again": (again(lambda it: it[:199] + it[:100]), "forked", "not shown to begin"),
}
"""What `qb checkpoint verify` with an older receipt calls each."""


@pytest.mark.parametrize("name", OF_FILES)
def test_an_altered_log_is_found_and_named(
    name: str, published: Published, auditor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drill, kind, words = OF_FILES[name]
    arguments = [
        str(auditor / "job.receipt.json"),
        "--log",
        str(auditor / "log"),
        "--trust",
        str(auditor / "trust.json"),
    ]
    assert main(["checkpoint", "verify", *arguments]) == 0
    drill(auditor, published)
    capsys.readouterr()
    assert main(["checkpoint", "verify", *arguments, "--json"]) == 1
    output = capsys.readouterr()
    found = json.loads(output.out)
    assert (found["verified"], found["fault"]) == (False, kind)
    assert words in found["text"]
    assert kind in output.err
    assert f"| {name} | `{kind}` |" in PAGE


def test_each_key_of_a_witness_must_have_cosigned(auditor: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, trust = ["--log", str(auditor / "log")], ["--trust", str(auditor / "trust.json")]
    request, answer, cosigned = (str(auditor / it) for it in ("request", "answer", "cosigned"))
    folder = auditor / "w1"
    assert main(["checkpoint", "request", *log, *trust, "--output", request]) == 0
    asked = [request, *trust, "--witness", str(folder), "--name", "witness.example.org/w1", "--output", answer]
    assert main(["checkpoint", "cosign", *asked]) == 0
    keys = ["--witnesses", str(folder / "vkeys")]
    lines = Path(answer).read_text().splitlines(keepends=True)
    for count, code in ((1, 1), (2, 0)):
        Path(answer).write_text("".join(lines[:count]))
        assert main(["checkpoint", "add", request, answer, *trust, *keys, "--output", cosigned]) == 0
        assert main(["checkpoint", "verify", *log, *trust, *keys, "--checkpoint", cosigned]) == code
    assert "witness.example.org/w1 (ml-dsa-44) did not cosign this head" in capsys.readouterr().err


def within(field: str, change: Callable[[Any], Any]) -> Callable[[bytes, Published], bytes]:
    def drill(receipt: bytes, published: Published) -> bytes:
        document = json.loads(receipt)
        document[field] = change(document[field])
        return json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()

    return drill


def amount(envelope: str) -> str:
    """One bit of the statement inside the envelope: a digit of base64."""
    at = envelope.index("payload") + 100
    return envelope[:at] + ("A" if envelope[at] != "A" else "B") + envelope[at + 1 :]


def older_head(receipt: bytes, published: Published) -> bytes:
    """A genuine head of the same log, from before the job."""
    log = TileLog(Path("unwritten"))
    log.append(published.entries[:20])
    head = sign_checkpoint(log.head(ORIGIN), published.ring, BEGIN)
    return within("checkpoint", lambda _: head)(receipt, published)


def other_keys(receipt: bytes, published: Published) -> bytes:
    """A fork by another party under the same name: another log with all of its own signatures."""
    ring = KeyRing.open(published.folder / "others", ORIGIN, BEGIN)
    log, statement = TileLog(Path("unwritten")), statement_of(41)
    index = log.append([entry_of(statement)])
    head = sign_checkpoint(log.head(ORIGIN), ring, BEGIN)
    return issue(seal(statement, ring), leaf_index=index, inclusion=log.inclusion(index), checkpoint=head)


OF_RECEIPTS: dict[str, tuple[Callable[[bytes, Published], bytes], str]] = {
    "flip a bit of the statement": (within("envelope", amount), "statement"),
    "flip a bit of the checkpoint": (within("checkpoint", lambda it: it.replace("\n200\n", "\n201\n")), "checkpoint"),
    "drop a hash of the proof": (within("inclusion", lambda it: it[1:]), "inclusion"),
    "insert a hash into the proof": (within("inclusion", lambda it: [it[0], *it]), "inclusion"),
    "reorder the proof": (within("inclusion", lambda it: it[::-1]), "inclusion"),
    "truncate the receipt": (lambda it, _: it[:-1], "form"),
    "move it to another place": (within("leaf_index", lambda it: it + 1), "inclusion"),
    "give it to another job": (within("job", lambda _: "jabcdefghijklmnopqrst"), "subject"),
    "roll back to an older head": (older_head, "inclusion"),
    "fork: a log of other keys": (other_keys, "statement"),
}
"""The check of `qb receipt verify` that each fails."""


@pytest.mark.parametrize("name", OF_RECEIPTS)
def test_an_altered_receipt_is_found_and_named(
    name: str, published: Published, auditor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drill, check = OF_RECEIPTS[name]
    path = auditor / "job.receipt.json"
    words = ["receipt", "verify", str(path), "--trust", str(auditor / "trust.json")]
    assert main(words) == 0
    path.write_bytes(drill(published.receipt, published))
    capsys.readouterr()
    assert main([*words, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["check"] == check
    assert f"| {name} | `{check}` |" in PAGE


def test_the_page_names_no_other_drill() -> None:
    rows = re.findall(r"^\| ([^|`]+) \| `\w+` \|\n", PAGE, re.MULTILINE)
    assert sorted(it for it in rows if not it.startswith("what ")) == sorted([*OF_FILES, *OF_RECEIPTS])
