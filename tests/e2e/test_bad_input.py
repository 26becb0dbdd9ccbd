"""Bad input gets a clear answer, and the stack is unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from queuebit_runtime.keys import new_seed
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

QASM2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
QASM3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
MARK = "what_only_a_reader_of_the_file_can_know"


def _bomb() -> str:
    """Sixty gates, each twice the one before: 2^60 operations in two kilobytes."""
    doubled = "".join(f"gate g{n} a {{ g{n - 1} a; g{n - 1} a; }}\n" for n in range(1, 60))
    return f"{QASM2}gate g0 a {{ x a; }}\n{doubled}qreg q[1];\ncreg c[1];\ng59 q[0];\nmeasure q -> c;\n"


def _entangled(qubits: int) -> str:
    """A circuit beyond Cliffords in which distant qubits meet again and again."""
    mixed = "".join(f"t q[{n}];\nh q[{n}];\ncx q[{n}], q[{(n + 9) % qubits}];\n" for n in range(qubits))
    return f"{QASM2}qreg q[{qubits}];\ncreg c[{qubits}];\n{mixed * 8}measure q -> c;\n"


SOURCES = {
    "good": (BELL, "", ()),
    "broken2": (
        f"{QASM2}qreg q[2];\ncreg c[2];\nh q[0]\ncx q[0], q[1];\nmeasure q -> c;\n",
        "syntax",
        ("line 6, column 1", "expected ';'"),
    ),
    "broken3": (
        f"{QASM3}qubit[2] q;\nbit[2] c;\nh q[0;\nc = measure q;\n",
        "syntax",
        ("line 5, column 6", "expected"),
    ),
    "undefined": (f"{QASM2}qreg q[1];\ncreg c[1];\nfrob q[0];\nmeasure q -> c;\n", "undefined", ("line 5", "frob")),
    "bomb": (_bomb(), "too_many_operations", ("line 23, column 1", "at most 1,000,000")),
    "loop": (
        f"{QASM3}qubit q;\nbit c;\nfor uint i in [0:1000000000] {{ x q; }}\nc = measure q;\n",
        "too_many_operations",
        ("line 5",),
    ),
    "absolute": (
        'OPENQASM 2.0;\ninclude "{secret}";\nqreg q[1];\ncreg c[1];\nmeasure q -> c;\n',
        "include",
        ("line 2",),
    ),
    "relative": ('OPENQASM 3.0;\ninclude "secret.inc";\nqubit q;\nbit c;\nc = measure q;\n', "include", ("line 2",)),
    "silent": (f"{QASM2}qreg q[1];\nh q[0];\n", "no_measurement", ("add `measure`",)),
    "wide": (
        f"{QASM2}qreg q[2000];\ncreg c[2000];\nh q;\nmeasure q -> c;\n",
        "too_many_qubits",
        ("aer has 1,000 qubits", "cirq has 24"),
    ),
}
"""By name: a source, the code of the reason, and what its text says."""


@pytest.fixture(autouse=True, scope="module")
def _unharmed(stack: EmbeddedStack, circuits: Path) -> Iterator[None]:
    """Check after each test that no process ended, all are ready, and valid jobs run."""
    before = {row["service"]: (row["pid"], row["restarts"]) for row in stack.until(ready=True)}
    yield
    after = {row["service"]: (row["pid"], row["restarts"]) for row in stack.until(ready=True)}
    assert after == before
    assert stack.submit(str(circuits / "bell.qasm"))[0]["state"] == "completed"


def test_every_bad_circuit_is_refused_with_its_reason_and_a_valid_one_runs(
    stack: EmbeddedStack, tenant: str, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.inc"
    secret.write_text(f"gate {MARK} a {{ x a; }}\n")
    files = {name: tmp_path / f"{name}.qasm" for name in SOURCES}
    for name, (source, _, _) in SOURCES.items():
        files[name].write_text(source.replace("{secret}", str(secret)))
    output = stack.submit(*map(str, files.values()), "--tenant", tenant, accept=(3,))
    by_name = {Path(it["file"]).stem: it for it in output}
    assert by_name.pop("good")["state"] == "completed"
    for name, it in by_name.items():
        _, code, words = SOURCES[name]
        (reason,) = it["reasons"]
        assert (it["state"], reason["code"]) == ("rejected", code), name
        assert [word for word in words if word not in reason["text"]] == [], reason["text"]
        assert (it["charge"]["amount"], it["receipt"]["verified"]) == ("0.00", True), "a refusal is proven too"
        assert MARK not in str(it)
    (charged,) = stack.ask("charges", "--tenant", tenant)
    assert charged["amount"] == next(it["charge"]["amount"] for it in output if it["state"] == "completed")


WISHES = [
    (["--shots", "1000000000000"], "bad_shots", "at most 100,000 shots"),
    (["--backend", "emulated-ibm-torrino"], "unknown_backend", "did you mean emulated-ibm-torino"),
    (["--project", "mian"], "unknown_project", "did you mean main?"),
    (["--max-cost", "0.0000001"], "max_cost_exceeded", "raise max_cost"),
    (["--max-cost", "5 EUR"], "currency_mismatch", "prices are in USD"),
    (["--project", "poor"], "budget_exceeded", "0.0005 USD left"),
    (["--purpose", ""], "missing_metadata", "say in a few words"),
]


def test_a_bad_request_is_refused_with_its_reason(stack: EmbeddedStack, tenant: str, circuits: Path) -> None:
    stack.qb("tenant", "project", "add", tenant, "poor", "--budget", "0.0005")
    for words, code, text in WISHES:
        (output,) = stack.submit(str(circuits / "bell.qasm"), "--tenant", tenant, *words, accept=(3,))
        assert (output["state"], output["counts"]) == ("rejected", None)
        assert [(it["code"], text in it["text"]) for it in output["reasons"]] == [(code, True)], output["reasons"]


def test_all_reasons_are_reported_at_once(stack: EmbeddedStack, tenant: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.qasm"
    broken.write_text(SOURCES["broken2"][0])
    wishes = ["--shots", "1000000", "--backend", "arr", "--purpose", "", "--project", "none"]
    (output,) = stack.submit(str(broken), "--tenant", tenant, *wishes, accept=(3,))
    assert {it["code"] for it in output["reasons"]} == {
        *("bad_shots", "unknown_backend", "missing_metadata", "unknown_project", "syntax")
    }


@pytest.mark.parametrize(("qubits", "code"), [(28, "too_much_memory"), (26, "too_long")])
def test_a_simulation_beyond_the_memory_or_the_time_of_a_run_is_refused(
    stack: EmbeddedStack, tmp_path: Path, qubits: int, code: str
) -> None:
    wide = tmp_path / "wide.qasm"
    wide.write_text(_entangled(qubits))
    (output,) = stack.submit(str(wide), "--backend", "aer", accept=(3,))
    assert (output["state"], [it["code"] for it in output["reasons"]]) == ("rejected", [code]), output["reasons"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (bytes(range(256)), "is not text (byte 128)"),
        (b"OPENQASM 2.0;\0", "is a binary file"),
        (b" \n", "is empty"),
        (b"x q[0];\n" * 1_400_000, "the largest source taken is 1 MiB"),
    ],
)
def test_files_that_are_not_circuits_are_not_sent(
    stack: EmbeddedStack, tmp_path: Path, content: bytes, text: str
) -> None:
    path = tmp_path / "circuit.qasm"
    path.write_bytes(content)
    done = stack.run("submit", str(path), "--wait")
    assert (done.returncode, text in done.stderr) == (2, True), done.stderr


def test_neither_a_directory_nor_a_missing_file_is_sent(stack: EmbeddedStack, circuits: Path, tmp_path: Path) -> None:
    for path, text in ((tmp_path, "Is a directory"), (tmp_path / "none.qasm", "there is no file")):
        done = stack.run("submit", str(circuits / "bell.qasm"), str(path), "--wait")
        assert (done.returncode, text in done.stderr, done.stdout) == (2, True, ""), "all files are sent, or none"


def test_an_unknown_token_is_reported(stack: EmbeddedStack, tenant: str, circuits: Path) -> None:
    forged = stack.home / "credentials" / f"{tenant}-forger.toml"
    fields = {"url": "nats://127.0.0.1:1", "tenant": tenant, "user": "forger", "seed": new_seed(), "project": "main"}
    forged.write_text("".join(f'{name} = "{value}"\n' for name, value in fields.items()))
    forged.chmod(0o600)
    try:
        done = stack.run("submit", str(circuits / "bell.qasm"), "--tenant", tenant, "--user", "forger")
        assert (done.returncode, "rejects this token" in done.stderr) == (3, True), done.stderr
    finally:
        forged.unlink()
