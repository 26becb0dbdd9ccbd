"""The grammar of `qb circuit`."""

from __future__ import annotations

from queuebit_cli.grammar import Group

__all__ = ["circuit_commands"]


def circuit_commands(circuit: Group) -> None:
    """Named circuits, from the draft to the release."""
    draft = circuit.command("draft", "named_circuits:draft", "add a version of a circuit, as a draft", client=True)
    draft.add_argument("name", metavar="NAME", help="of the circuit, such as portfolio-qaoa")
    draft.add_argument("file", metavar="FILE", help="OpenQASM, QIR (.ll, .bc) or Q# (.qs); its inputs may be open")
    draft.add_argument("--owner", metavar="U", help="the user who answers for it (you)")
    for word, text in (
        ("promote", "make a draft a canary, or release a canary"),
        ("withdraw", "end the use of a version by its name; receipts stay as they are"),
    ):
        command = circuit.command(word, f"named_circuits:{word}", text, client=True)
        command.add_argument("circuit", metavar="NAME@VERSION", help="such as portfolio-qaoa@7")
    listed = circuit.command("list", "named_circuits:list_", "list named circuits", client=True)
    listed.add_argument("--all", action="store_true", help="every version (the newest of each)")
    show = circuit.command(
        "show", "named_circuits:show", "show the versions of a circuit, or the source of one", client=True
    )
    show.add_argument("circuit", metavar="NAME", help="or NAME@7, NAME@canary or NAME@released")
