"""Programs are found in files and in Python texts, and tables find their place in a document."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.collections.extraction import extract
from tests.collections.front_ends import FRONT_ENDS, is_version_2
from tests.collections.references import with_values
from tests.collections.sources import collect
from tests.collections.tables import Accepted, acceptance_table, replace_tables, verdict_table
from tests.collections.verdicts import Verdict

SOURCE = "OPENQASM 3.0;\nqubit q;\nbit c;\nc = measure q;\n"


def test_programs_of_files_and_of_texts_are_copied_once(tmp_path: Path) -> None:
    checkout, target = tmp_path / "checkout", tmp_path / "target"
    (checkout / "deep").mkdir(parents=True)
    (checkout / "deep/one.qasm3").write_text(SOURCE)
    (checkout / "copy.qasm").write_text(SOURCE)
    (checkout / "test.py").write_text(
        'a = """// first\nOPENQASM 2.0;\nqreg q[1];"""\nb = f"OPENQASM 3; qubit[{a}] q;"\nc = "OPENQASM"\n'
    )
    assert extract(checkout, target) == 2
    found = {str(it.relative_to(target)) for it in target.rglob("*.qasm")}
    assert found == {"copy.qasm", "inline/test-1.qasm"}


def test_a_collection_that_the_folder_has_is_not_copied_again(tmp_path: Path) -> None:
    folder, checkouts = tmp_path / "folder", tmp_path / "checkouts"
    (folder / "examples").mkdir(parents=True)  # else MQT Bench would write its circuits
    (checkouts / "one").mkdir(parents=True)
    (checkouts / "one/a.qasm").write_text(SOURCE)
    collect(folder, checkouts)
    (checkouts / "one/b.qasm").write_text(f"// another\n{SOURCE}")
    collect(folder, checkouts)
    assert [it.relative_to(folder) for it in folder.rglob("*.qasm")] == [Path("one/a.qasm")]


def test_the_version_is_that_of_the_header() -> None:
    assert is_version_2("// OPENQASM 3.0\n  OPENQASM 2.0;\n")
    assert not is_version_2(SOURCE)


def test_references_get_the_values_of_inputs() -> None:
    source = "OPENQASM 3.0;\ninput float[64] a; input bit[2] b;\ninput bool c;\nqubit q;\n"
    expected = 'OPENQASM 3.0;\nfloat[64] a = 0.5; bit[2] b = "11";\nbool c = true;\nqubit q;\n'
    assert with_values(source) == expected
    assert with_values("OPENQASM 2.0;\nqreg q[1];") == "OPENQASM 2.0;\nqreg q[1];"


def test_tables_replace_the_old_ones_and_need_their_marks(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    marks = [f"<!-- table {number} of make collections -->" for number in (1, 2)]
    document.write_text("\n".join(f"{mark}\nold\n{mark}" for mark in marks))
    tables = [
        verdict_table([Verdict("a/x.qasm", "same"), Verdict("b/y.qasm", "wrong")]),
        acceptance_table(
            [Accepted("a/x.qasm", 3, [*FRONT_ENDS]), Accepted("b/y.qasm", 2, []), Accepted("a/long.qasm", 3, None)]
        ),
    ]
    replace_tables(document, tables)
    text = document.read_text()
    assert "old" not in text
    assert "| a | 1 |" in text
    assert "| a | 3 | 1 | 1 | 1 | 1 | 1 | 1 | 2 |" in text, "one was compared, one not, of two files"
    document.write_text("no place")
    with pytest.raises(ValueError, match="no place for table 1"):
        replace_tables(document, tables)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_front_ends_accept_a_program_and_refuse_another(name: str, tmp_path: Path) -> None:
    if name == "pyqasm":
        pytest.importorskip("pyqasm", reason="only `make collections` installs it")
    good, bad = tmp_path / "good.qasm", tmp_path / "bad.qasm"
    good.write_text(SOURCE)
    bad.write_text("OPENQASM 3.0;\nqubit q;\nfoo q;\n")
    assert FRONT_ENDS[name](good).state == "done"
    with pytest.raises(Exception, match=r"\S"):
        FRONT_ENDS[name](bad)
