"""Pure modules of the console under node: receipts that the platform issued, circuits by Qiskit, money, rows."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest

import queuebit_contracts
import queuebit_gateway
from queuebit_proof import KeyRing
from queuebit_proof.merkle import Tree, leaf_hash

from .receipts import BEGIN, issued, verdicts

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None, reason="needs node, which runs the console's modules outside of a browser"
)

HERE = Path(__file__).parent
EXAMPLES = Path(queuebit_contracts.__file__).parents[2] / "examples"
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
    assert "# pass 17" in ran.stdout


def b64(content: bytes) -> str:
    return b64encode(content).decode()


def receipt(folder: Path) -> dict[str, object]:
    """A receipt in a log of seven, the bytes of it that only ML-DSA covers, and altered ones with their verdicts."""
    of = issued(folder, "j1", RESULT)
    other = KeyRing.open(folder / "other", "queuebit.example/log", BEGIN)
    signature = json.dumps(json.dumps(json.loads(of.document["envelope"])["signatures"][1], separators=(",", ":")))[
        1:-1
    ].encode()
    line = json.dumps(of.document["checkpoint"].splitlines()[-1], ensure_ascii=False)[1:-1].encode()
    begins = [(of.receipt.index(it), of.receipt.index(it) + len(it)) for it in (signature, line)]
    judged = [
        {
            "name": it.name,
            "receipt": b64(it.receipt),
            "trust": it.trust.decode(),
            "check": it.check,
            "valid": not it.check,
        }
        for it in verdicts(of)
    ]
    assert sum(not it["check"] for it in judged) == 1
    assert len(judged) == 26
    return {
        "receipt": b64(of.receipt),
        "second": begins,
        "verdicts": judged,
        "job": "j1",
        "result": RESULT,
        "trust": of.trust.to_bytes().decode(),
        "fingerprint": of.trust.fingerprint(),
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
        folder = EXAMPLES / f"qb.job.{kind}"
        usual = folder / "bell-on-torino.json"
        event = json.loads((usual if usual.exists() else min(folder.glob("*.json"))).read_text())
        event["time"] = (BEGIN + timedelta(seconds=number)).isoformat()
        events.append({"seq": number, "name": f"job.{kind.split('.')[0]}", "event": event})
    metered = json.loads(json.dumps(events[5]["event"]))["data"]
    charge = {name: metered["charge"][name] for name in ("amount", "currency")}
    return {
        "history": events,
        "charge": charge,
        "backend": json.loads(json.dumps(events[4]["event"]))["data"]["backend"],
    }
