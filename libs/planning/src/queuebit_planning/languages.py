"""In which language a circuit is written: its content says so, and its media type follows."""

from __future__ import annotations

import re
from typing import Final

from queuebit_contracts.program import CIRCUIT, QIR_BITCODE, QIR_TEXT, QUBO

__all__ = ["is_bitcode", "is_qir", "is_qubo", "media_type_of"]

_BITCODE: Final = (b"BC\xc0\xde", b"\xde\xc0\x17\x0b")
"""The first bytes of LLVM's bitcode, and of its wrapper."""

_ASSEMBLY = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s++|;[^\n]*+)*+"
    rb"(?:source_filename\s*+=|target\s++(?:datalayout|triple)\s*+=|define\s|declare\s|module\s++asm\s"
    rb"|attributes\s++#|![\w.\"]*+\s*+="
    rb"|[%@](?:\"[^\"\n]*+\"|[-\w$.]++)\s*+=(?=[^;\n]*\b(?:type|constant|global)\b))"
)
"""How LLVM assembly begins, after comments. No program of OpenQASM begins so: it declares a name before its use."""

_PROBLEM = re.compile(rb"(?:\xef\xbb\xbf)?\s*+\{\s*+\"")
"""How a quadratic problem begins, as an object of JSON. No statement of OpenQASM is a text."""


def is_bitcode(content: bytes) -> bool:
    """Whether content is bitcode of LLVM, as QIR may be."""
    return content.startswith(_BITCODE)


def is_qir(content: bytes) -> bool:
    """Whether content is QIR, as text or as bitcode."""
    return is_bitcode(content) or _ASSEMBLY.match(content) is not None


def is_qubo(content: bytes) -> bool:
    """Whether content is a quadratic problem; what is neither this nor QIR is OpenQASM."""
    return _PROBLEM.match(content) is not None


def media_type_of(content: bytes) -> str:
    """The media type of a circuit."""
    if is_bitcode(content):
        return QIR_BITCODE
    if is_qubo(content):
        return QUBO
    return QIR_TEXT if is_qir(content) else CIRCUIT
