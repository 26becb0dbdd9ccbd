"""YAML with lines: one document, or several in a file."""

from __future__ import annotations

import pytest

from queuebit_documents.errors import BadDocuments
from queuebit_documents.yaml_text import parse_yaml, parse_yaml_all

TWO = "a: 1\n---\n# the second\nb:\n  - c: yes\n---\n"


def test_each_document_of_a_file_has_the_lines_of_its_values() -> None:
    first, second = parse_yaml_all(TWO, "two.yaml")
    assert (first.document, second.document) == ({"a": 1}, {"b": [{"c": "yes"}]})
    assert (first.line(("a",)), second.line(("b", 0, "c"))) == (1, 5)


def test_a_file_for_one_document_has_no_second() -> None:
    with pytest.raises(BadDocuments, match=r"two\.yaml:4: has a second document"):
        parse_yaml(TWO, "two.yaml")


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n---\n"])
def test_nothing_is_no_document(text: str) -> None:
    assert parse_yaml_all(text, "empty.yaml") == []


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: 1\n---\na: &x 1\n", 3), ("a: 1\n---\nb: 1\nb: 2\n", 4), ("---\n- 1\n", 2), ("a: 1\n---\nb: [\n", 4)],
)
def test_a_broken_document_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(BadDocuments) as found:
        parse_yaml_all(text, "bad.yaml")
    assert found.value.problems[0].line == line


@pytest.mark.parametrize("value", ['!!int "x"', "!!int 1.5", '!!float "abc"', "!!int 1_0", "!!float .nan"])
def test_a_tag_of_a_number_on_something_else_is_a_problem_with_its_line(value: str) -> None:
    with pytest.raises(BadDocuments, match=r"bad\.yaml:2: "):
        parse_yaml(f"a: 1\nb: {value}\n", "bad.yaml")
