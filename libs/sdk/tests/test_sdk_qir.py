"""QIR and Q#: which bytes are sent for what a caller gives, and as what."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from queuebit import Batch, InvalidInput
from queuebit.programs import content_of
from queuebit.qsharp import ask, compiled, entry_expression
from queuebit.sources import read_source
from queuebit_contracts.program import PROGRAM, QIR_BITCODE, QIR_TEXT, read_program
from queuebit_contracts.wire import Payload
from queuebit_runtime.payloads import describe

EXAMPLES = Path(__file__).parents[3] / "examples" / "qir"
TEXT = EXAMPLES / "asymmetric.ll"
BITCODE = b"BC\xc0\xde" + bytes(range(200, 256))


class Store:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    async def store(self, content: bytes, media_type: str) -> Payload:
        self.kept.append(content)
        return describe(content, media_type).model_copy(update={"inline": None})


class Compiled:
    """What `qsharp.compile` returns: the protocol of azure-quantum."""

    def _repr_qir_(self, **words: object) -> bytes:
        return TEXT.read_bytes()


@pytest.mark.parametrize("given", [TEXT, TEXT.read_text(), TEXT.read_bytes(), Compiled()])
async def test_qir_is_sent_as_it_is(given: object) -> None:
    assert await content_of(Store(), given) == (TEXT.read_bytes(), QIR_TEXT)  # type: ignore[arg-type]  # a store of one method


async def test_bitcode_is_never_inside_of_an_event(tmp_path: Path) -> None:
    (tmp_path / "a.bc").write_bytes(BITCODE)
    content, media_type = await content_of(Store(), tmp_path / "a.bc")  # type: ignore[arg-type]  # as above
    assert (content, media_type) == (BITCODE, QIR_BITCODE)
    assert describe(content, media_type).inline is None


async def test_a_batch_stores_its_bitcode_and_carries_its_text() -> None:
    store = Store()
    content, media_type = await content_of(store, Batch([TEXT, BITCODE]))  # type: ignore[arg-type]  # as above
    program = read_program(content)
    assert media_type == PROGRAM
    assert [(it.media_type, it.inline is None) for it in program.circuits] == [(QIR_TEXT, False), (QIR_BITCODE, True)]
    assert store.kept == [BITCODE]


@pytest.mark.parametrize("name", ["prog.ll", "prog.bc", "prog.qs"])
def test_a_name_of_a_file_is_no_source(name: str) -> None:
    with pytest.raises(InvalidInput, match=rf"give Path\('{name}'\)"):
        read_source(name)


@pytest.mark.parametrize(
    ("source", "entry"),
    [
        ("operation Main() : Result { }", "Main()"),
        ("@EntryPoint()\noperation Run() : Unit { }\noperation Main() : Unit { }", "Run()"),
        ("namespace A.B {\n  @EntryPoint(Base)\n  operation Run() : Unit { } }", "A.B.Run()"),
        ("// @EntryPoint() operation Old() {}\noperation Main() : Unit { }", "Main()"),
        ("namespace A { function F() : Int { 1 } }\nnamespace B { operation Main() : Unit { } }", "B.Main()"),
    ],
)
def test_the_entry_point_is_found(source: str, entry: str) -> None:
    assert entry_expression(Path("a.qs"), source) == entry


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("operation Run() : Unit { }", "a.qs has no entry point: mark an operation with @EntryPoint"),
        ("operation Main(n : Int) : Unit { }", "the entry point Main of a.qs takes arguments"),
    ],
)
def test_a_file_without_an_entry_point_is_refused(source: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        entry_expression(Path("a.qs"), source)


def test_q_sharp_is_compiled_to_the_base_profile() -> None:
    content = read_source(EXAMPLES / "asymmetric.qs")
    assert b'"qir_profiles"="base_profile"' in content
    assert b"__quantum__rt__tuple_record_output" in content


def test_what_the_compiler_refuses_is_in_its_words(tmp_path: Path) -> None:
    dynamic = "operation Main() : Result { use q = Qubit(); if M(q) == One { X(q); } MResetZ(q) }"
    with pytest.raises(InvalidInput, match="cannot be compiled to the base profile of QIR"):
        compiled(tmp_path / "a.qs", dynamic.encode())


def test_without_the_compiler_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "qdk", None)
    with pytest.raises(InvalidInput, match="pip install qdk"):
        compiled(tmp_path / "a.qs", b"operation Main() : Result { use q = Qubit(); MResetZ(q) } // not installed")


def test_the_compiler_reports_its_use_to_no_other_party(monkeypatch: pytest.MonkeyPatch) -> None:
    real, given = subprocess.run, {}

    def started(command: list[str], **options: Any) -> CompletedProcess[str]:  # the options of subprocess.run
        given.update(options["env"])
        return CompletedProcess(command, 0, "{}", "")

    for name in [it for it in os.environ if "TELEMETRY" in it]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(subprocess, "run", started)
    ask()
    code = "import qdk.telemetry; print(qdk.telemetry.TELEMETRY_ENABLED)"
    assert real([sys.executable, "-c", code], env=given, capture_output=True, text=True).stdout.strip() == "False"


def test_no_object_of_the_compiler_is_left_in_the_calling_process() -> None:
    code = (
        "import sys; from pathlib import Path; from queuebit.sources import read_source\n"
        f"read_source(Path({str(EXAMPLES / 'asymmetric.qs')!r})); print('qdk' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_a_compiler_that_fails_is_an_error_with_its_last_line() -> None:
    with pytest.raises(InvalidInput, match=r"the package qdk cannot be used here: AttributeError.*'Warp'"):
        ask(language="qsharp", source="", profile="Warp", entry="")


def test_what_a_program_prints_is_not_taken_for_the_answer(tmp_path: Path) -> None:
    loud = b'operation Main() : Result { Message("{}"); use q = Qubit(); MResetZ(q) }\nMessage("{}");'
    assert b"base_profile" in compiled(tmp_path / "a.qs", loud)
