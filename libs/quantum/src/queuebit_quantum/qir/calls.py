"""Reads the body of the entry point: the calls that it makes, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from queuebit_quantum.qir.instructions import feature_of
from queuebit_quantum.qir.module import Function, matching
from queuebit_quantum.qir.tokens import Text, Token

__all__ = ["Call", "calls"]

_EXPECTED = "the base profile: calls, one path, and nothing computed"
_DEBUG = "llvm.dbg."
_MARKERS = frozenset({"tail", "musttail", "notail"})
_ATTRIBUTES = frozenset({"nounwind", "willreturn", "mustprogress", "nofree", "nosync", "norecurse"})
"""Words that may follow a call."""


class Call(NamedTuple):
    """A call of a function."""

    callee: Token
    arguments: Sequence[Sequence[Token]]


@dataclass(slots=True)
class _Block:
    label: Token
    calls: list[Call] = field(default_factory=list)
    next: Token | None = None
    """The label of the block that follows; nothing after the last one."""
    ended: bool = False


def calls(text: Text, function: Function) -> Iterator[Call]:
    """The calls on the path through a function, from its first block to its `ret`.

    Raises:
        CircuitError: an instruction is not one of the base profile, or the function is not well-formed.
    """
    blocks = _Body(text, function).blocks()
    block, passed = next(iter(blocks.values())), set[str]()
    while True:
        if block.label.name in passed:
            raise text.error(block.label, "a loop while the program runs is not supported", _EXPECTED)
        passed.add(block.label.name)
        yield from block.calls
        if block.next is None:
            return
        if block.next.name not in blocks:
            raise text.error(
                block.next, f"there is no block {block.next.text:.80}", "the label of a block", "undefined"
            )
        block = blocks[block.next.name]


class _Body:
    """Reads a body from its first token to its last."""

    def __init__(self, text: Text, function: Function) -> None:
        self._text = text
        self._tokens = text.tokens
        self._function = function
        self._at = function.begin

    def blocks(self) -> dict[str, _Block]:
        first = self._tokens[self._at]
        block = _Block(first if first.kind == "label" else self._function.name)
        found = {block.label.name: block}
        self._at += first.kind == "label"
        while self._at < self._function.end:
            token = self._tokens[self._at]
            if token.kind == "label":
                self._require_end(block, token)
                if token.name in found:
                    raise self._text.error(token, f"block {token.name:.80} is defined twice", code="redefined")
                block = found[token.name] = _Block(token)
                self._at += 1
            elif block.ended:
                raise self._text.error(token, "an instruction follows the end of its block", "a label", "syntax")
            else:
                self._instruction(block, token)
        self._require_end(block, self._tokens[self._function.end])
        return found

    def _require_end(self, block: _Block, at: Token) -> None:
        if not block.ended:
            raise self._text.error(at, "the block has no end", "br or ret before it", "syntax")

    def _instruction(self, block: _Block, token: Token) -> None:
        following = self._tokens[self._at + 1 : self._at + 3]
        match token, following:
            case Token("local"), [Token(_, "="), opcode]:
                raise self._unsupported(opcode, token)
            case Token("symbol", "#"), [Token("word"), Token(_, "(")]:  # a record for debuggers
                self._at = matching(self._text, self._at + 2) + 1
            case Token("word", "br"), [Token("word", "label"), Token("local") as label]:
                block.next, block.ended = label, True
                self._at += 2
                self._skip()
            case Token("word", "ret"), [result, value]:
                self._require_success(result, value)
                block.ended = True
                self._at += 1 if result.text == "void" else 2
                self._skip()
            case Token("word", word), _ if word == "call" or (word in _MARKERS and following[0].text == "call"):
                self._at += 1 if word == "call" else 2
                call = self._call(token)
                if not call.callee.name.startswith(_DEBUG):
                    block.calls.append(call)
            case Token("word"), _:
                raise self._unsupported(token, token)
            case _:
                raise self._text.error(token, f"{token.text:.40} is no instruction", "an instruction of LLVM", "syntax")

    def _require_success(self, result: Token, value: Token) -> None:
        if result.text != "void" and value.text != "0":
            text = f"the program ends with {value.text:.40}, which stands for a failure"
            raise self._text.error(value, text, "ret void, or ret i64 0")

    def _unsupported(self, opcode: Token, at: Token) -> Exception:
        callee = ""
        if opcode.text == "call" or opcode.text in _MARKERS:
            names = (it.name for it in self._tokens[self._at : self._function.end] if it.kind == "global")
            callee = next(names, "")
        named = f"`{opcode.text:.40}{f' @{callee:.80}' if callee else ''}`"
        return self._text.error(at, f"{feature_of(opcode.text, callee)} is not supported: {named}", _EXPECTED)

    def _call(self, start: Token) -> Call:
        """Read a call from the token after the word."""
        while (callee := self._tokens[self._at]).kind != "global":
            self._at += 1
            if callee.kind == "local" and self._tokens[self._at].text == "(":
                raise self._text.error(callee, "a call of a function that is a value is not supported", _EXPECTED)
            if self._at >= self._function.end:
                raise self._text.error(start, "the call names no function", "call void @NAME(…)", "syntax")
        opening = self._at + 1
        if self._tokens[opening].text != "(":
            raise self._text.error(callee, "the call has no arguments", "(", "syntax")
        closing = matching(self._text, opening)
        if closing > self._function.end:
            raise self._text.error(callee, "the arguments of the call do not end", ")", "syntax")
        self._at = closing
        self._skip()
        return Call(callee, _parted(self._tokens[opening + 1 : closing]))

    def _skip(self) -> None:
        """Go on after what else belongs to the instruction: attributes, operand bundles and metadata."""
        self._at += 1
        while self._at < self._function.end:
            token = self._tokens[self._at]
            if token.kind in ("group", "string") or (token.kind == "word" and token.text in _ATTRIBUTES):
                self._at += 1
            elif token.text == "[":
                self._at = matching(self._text, self._at) + 1
            elif token.text == "," and self._tokens[self._at + 1].kind == "metadata":
                self._at += 3
            else:
                return


def _parted(tokens: Sequence[Token]) -> Sequence[Sequence[Token]]:
    """Arguments between commas; those inside of brackets belong to an argument."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.kind == "symbol":
            depth += (token.text in "([{<") - (token.text in ")]}>")
            if token.text == "," and not depth:
                parts.append([])
                continue
        parts[-1].append(token)
    return parts if parts[0] else []
