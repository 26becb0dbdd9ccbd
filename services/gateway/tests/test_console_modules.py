"""Pure modules of the console under node: receipts that the platform issued, circuits by Qiskit, money, rows."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

import queuebit_contracts
import queuebit_gateway
from queuebit_proof import JobRecord, KeyRing, TileLog, build_statement, entry_of, issue, seal, sign_checkpoint
from queuebit_proof.merkle import Tree, leaf_hash

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None, reason="needs node, which runs the console's modules outside of a browser"
)

HERE = Path(__file__).parent
EXAMPLES = Path(queuebit_contracts.__file__).parents[2] / "examples"
BEGIN = datetime(2026, 11, 20, 8, tzinfo=UTC)
RESULT = "sha256:" + "ab" * 32
LIFE = ("submitted.v1", "accepted.v1", "placed.v1", "started.v1", "completed.v1", "metered.v1", "sealed.v2")


def test_the_modules_do_what_the_platform_does(tmp_path: Path) -> None:
    cases = tmp_path / "cases.json"
    cases.write_text(json.dumps({**receipt(tmp_path), **history(), "proofs": proofs(), "circuits": circuits()}))
    console = Path(queuebit_gateway.__file__).parent / "console"
    ran = subprocess.run(
        ["node", "--test", "--test-reporter=tap", HERE / "console" / "modules.test.mjs"],
        env={**os.environ, "CONSOLE": str(console), "CASES": str(cases)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4_000:] + ran.stderr[-1_000:]
    assert "# pass 9" in ran.stdout


def b64(content: bytes) -> str:
    return b64encode(content).decode()


def receipt(folder: Path) -> dict[str, object]:
    """A receipt in a log of seven, and the bytes of it that only ML-DSA covers."""
    ring = KeyRing.open(folder / "keys", "queuebit.example/log", BEGIN)
    other = KeyRing.open(folder / "other", "queuebit.example/log", BEGIN)
    record = JobRecord(
        tenant="acme", project="main", job="j1", outcome="completed", request_digest=RESULT, software="queuebit",
        submitted_at=BEGIN, accepted_at=BEGIN, finished_at=BEGIN, actor="ann", result_digest=RESULT, shots=1,
    )  # fmt: skip
    statement = build_statement(record, salt=bytes(16))
    envelope, log = seal(statement, ring), TileLog(folder / "log")
    log.append([sha256(bytes([it])).digest() for it in range(4)])
    index = log.append([entry_of(statement)])
    log.append([sha256(bytes([it])).digest() for it in range(4, 6)])
    checkpoint = sign_checkpoint(log.head(ring.origin), ring, BEGIN + timedelta(seconds=1))
    content = issue(envelope, leaf_index=index, inclusion=log.inclusion(index), checkpoint=checkpoint)
    signature = json.dumps(json.dumps(json.loads(envelope)["signatures"][1], separators=(",", ":")))[1:-1].encode()
    line = json.dumps(checkpoint.splitlines()[-1], ensure_ascii=False)[1:-1].encode()
    begins = [(content.index(it), content.index(it) + len(it)) for it in (signature, line)]
    return {
        "receipt": b64(content),
        "unchecked": begins,
        "job": "j1",
        "result": RESULT,
        "trust": ring.trust.to_bytes().decode(),
        "fingerprint": ring.trust.fingerprint(),
        "other": other.trust.to_bytes().decode(),
    }


def proofs() -> list[dict[str, object]]:
    """The proof of each leaf of trees of 1 to 33 leaves."""
    found: list[dict[str, object]] = []
    for size in (1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33):
        leaves = [leaf_hash(bytes([it])) for it in range(size)]
        tree = Tree()
        tree.extend(leaves)
        root = b64(tree.root())
        for index, leaf in enumerate(leaves):
            proof = [b64(it) for it in tree.inclusion(index)]
            found.append({"leaf": b64(leaf), "index": index, "size": size, "proof": proof, "root": root})
    return found


def circuits() -> list[dict[str, object]]:
    """Random circuits of every gate that the console knows, with their distribution by Qiskit."""
    from qiskit import QuantumCircuit, qasm2
    from qiskit.quantum_info import Statevector

    one = ("id", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "sxdg")
    two = ("cx", "cy", "cz", "ch", "csx", "swap")
    dice, found = random.Random(7), []
    for _ in range(12):
        circuit = QuantumCircuit(4)
        for _ in range(60):
            a, b, c = dice.sample(range(4), 3)
            angle = dice.uniform(-3, 3)
            match dice.randrange(6):
                case 0:
                    getattr(circuit, dice.choice(one))(a)
                case 1:
                    getattr(circuit, dice.choice(("rx", "ry", "rz", "p")))(angle, a)
                case 2:
                    circuit.u(angle, angle / 2, -angle, a)
                case 3:
                    getattr(circuit, dice.choice(two))(a, b)
                case 4:
                    getattr(circuit, dice.choice(("cp", "crx", "cry", "crz", "rzz")))(angle, a, b)
                case _:
                    getattr(circuit, dice.choice(("ccx", "cswap")))(a, b, c)
        shares = Statevector(circuit).probabilities_dict()
        circuit.measure_all()
        known = {bits: float(share) for bits, share in shares.items() if share > 1e-12}
        found.append({"source": qasm2.dumps(circuit), "shares": known})
    return found


def history() -> dict[str, object]:
    """The golden events of one job's life, a second apart."""
    events: list[dict[str, object]] = []
    for number, kind in enumerate(LIFE):
        (first, *_) = sorted((EXAMPLES / f"qb.job.{kind}").glob("*.json"))
        event = json.loads(first.read_text())
        event["time"] = (BEGIN + timedelta(seconds=number)).isoformat()
        events.append({"seq": number, "name": f"job.{kind.split('.')[0]}", "event": event})
    metered = json.loads(json.dumps(events[5]["event"]))["data"]
    charge = {name: metered["charge"][name] for name in ("amount", "currency")}
    return {
        "history": events,
        "charge": charge,
        "backend": json.loads(json.dumps(events[4]["event"]))["data"]["backend"],
    }
