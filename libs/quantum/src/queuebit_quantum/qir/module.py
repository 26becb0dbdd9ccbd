"""Reads the structure of an LLVM module: its functions, and the attributes of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from queuebit_quantum.qir.tokens import Text, Token

__all__ = ["Function", "entry_point", "matching"]

_ENTRY = frozenset({"entry_point", "EntryPoint"})
_VERSIONS = frozenset({"1", "2"})
_BRACKETS = {"(": ")", "{": "}", "[": "]", "<": ">"}
_CLOSING = frozenset(_BRACKETS.values())
_STARTS = frozenset({"define", "declare", "attributes", "source_filename"})
"""Words that begin a statement in any place outside of brackets."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function with its body."""

    name: Token
    parameters: bool
    """Whether it has any."""
    groups: tuple[str, ...]
    """Names of its attribute groups, such as `#0`."""
    attributes: Mapping[str, str]
    begin: int
    """The number of the first token of the body."""
    end: int
    """The number of the bracket that ends the body."""


@dataclass(slots=True)
class _Module:
    functions: list[Function] = field(default_factory=list)
    groups: dict[str, dict[str, str]] = field(default_factory=dict)

    def is_entry(self, function: Function) -> bool:
        """Whether a program starts with the function."""
        owned = (function.attributes, *(self.groups.get(it, {}) for it in dict.fromkeys(function.groups)))
        return any(name in attributes for attributes in owned for name in _ENTRY)


def entry_point(text: Text) -> Function:
    """Find the function that a module starts with; its attributes include those of its groups.

    Raises:
        CircuitError: the module has none or several, is of an unknown version of QIR, or is no module.
    """
    module = _read(text)
    found = [it for it in module.functions if module.is_entry(it)]
    if not found:
        at = module.functions[0].name if module.functions else text.tokens[0]
        expected = 'one function with the attribute "entry_point"'
        raise text.error(at, "the module has no entry point", expected, "header")
    if len(found) > 1:
        raise text.error(found[1].name, "the module has several entry points", "one entry point")
    if found[0].parameters:
        raise text.error(found[0].name, "the entry point has parameters, and a job gives no values for them", "none")
    attributes = dict(found[0].attributes)
    for group in dict.fromkeys(found[0].groups):
        attributes |= module.groups.get(group, {})
    return replace(found[0], attributes=attributes)


def matching(text: Text, at: int) -> int:
    """The number of the bracket that closes the one at `at`; raises `CircuitError` if there is none."""
    opening = text.tokens[at]
    closing = _BRACKETS[opening.text]
    depth = 0
    for number in range(at, len(text.tokens)):
        token = text.tokens[number]
        if token.kind == "symbol":
            depth += (token.text == opening.text) - (token.text == closing)
            if not depth:
                return number
    raise text.error(opening, f"the bracket {opening.text} is not closed", closing, "syntax")


def _read(text: Text) -> _Module:
    module, tokens, at = _Module(), text.tokens, 0
    while tokens[at].kind:
        match tokens[at]:
            case Token("word", "define"):
                function = _function(text, at)
                module.functions.append(function)
                at = function.end + 1
            case Token("word", "attributes"):
                end = _statement(text, at)
                module.groups[tokens[at + 1].text] = _attributes(tokens[at + 2 : end])
                at = end
            case Token("word", "module"):
                raise text.error(tokens[at], "assembly of a processor is not supported", "calls of QIR instructions")
            case _:
                end = _statement(text, at)
                _check_version(text, tokens[at:end])
                at = end
    return module


def _statement(text: Text, at: int) -> int:
    """The number of the first token after a statement: outside of brackets, it begins a line or can only be a start."""
    depth = 0
    while (token := text.tokens[at]).kind:
        if token.kind == "symbol":
            depth += (token.text in _BRACKETS) - (token.text in _CLOSING)
        at += 1
        following = text.tokens[at]
        if depth <= 0 and (following.first or (following.kind == "word" and following.text in _STARTS)):
            break
    return at


def _function(text: Text, at: int) -> Function:
    tokens, start = text.tokens, text.tokens[at]
    while tokens[at].kind not in ("global", ""):
        at += 1
    if not tokens[at].kind or tokens[at + 1].text != "(":
        raise text.error(start, "the function has no name, or no parameters", "define TYPE @NAME() { … }", "syntax")
    closing = matching(text, at + 1)
    opening = closing
    while tokens[opening].text != "{":
        if not tokens[opening].kind:
            raise text.error(start, "the function has no body", "{", "syntax")
        opening += 1
    header = tokens[closing:opening]
    groups = tuple(it.text for it in header if it.kind == "group")
    return Function(tokens[at], closing > at + 2, groups, _attributes(header), opening + 1, matching(text, opening))


def _attributes(tokens: Sequence[Token]) -> dict[str, str]:
    """Attributes that are strings: `"key"` or `"key"="value"`."""
    found = {}
    for number, token in enumerate(tokens):
        if token.kind != "string" or (number and tokens[number - 1].text == "="):
            continue
        match tokens[number + 1 : number + 3]:
            case [Token(_, "="), Token("string") as value]:
                found[token.name] = value.name
            case _:
                found[token.name] = ""
    return found


def _check_version(text: Text, statement: Sequence[Token]) -> None:
    """Refuse a module flag with an unknown major version of QIR."""
    if len(statement) > 2 and any(it.name == "qir_major_version" for it in statement):
        version = statement[-2]
        if version.text not in _VERSIONS:
            raise text.error(version, f"version {version.text:.20} of QIR is not known", "version 1 or 2", "header")
