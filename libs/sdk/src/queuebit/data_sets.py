"""The data sets that work was made from, as `--data` and `data=` name them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import file_digest
from pathlib import Path

from queuebit.errors import InvalidInput
from queuebit.inputs import plain_name
from queuebit_contracts.admission import MOST_INPUTS, VERSION, DataSet
from queuebit_contracts.wire import DIGEST

__all__ = ["data_sets"]

_FORM = "write it as NAME@VERSION, NAME@VERSION=FILE or NAME@VERSION=sha256:DIGEST"


def data_sets(named: Sequence[str]) -> tuple[DataSet, ...]:
    """Read the names of data sets.

    Args:
        named: each as `NAME@VERSION`, with the digest of its content or the file to take it from after `=`.

    Raises:
        InvalidInput: one has another form, is named twice, or its file cannot be read.
    """
    found = tuple(map(_data_set, [named] if isinstance(named, str) else named))
    if len(found) > MOST_INPUTS:
        raise InvalidInput(f"{len(found)} data sets are too many: name at most {MOST_INPUTS}, or one list of them")
    if len({(it.name, it.version) for it in found}) < len(found):
        raise InvalidInput("a data set is named twice: name each version once")
    return found


def _data_set(text: str) -> DataSet:
    named, equals, content = text.partition("=")
    name, at, version = named.partition("@")
    if not at or not re.fullmatch(VERSION, version) or (equals and not content):
        raise InvalidInput(f"{text!r} names no version of a data set: {_FORM}")
    return DataSet(name=plain_name("data set", name), version=version, digest=_digest(content) if content else None)


def _digest(content: str) -> str:
    if re.fullmatch(DIGEST, content):
        return content
    try:
        with Path(content).open("rb") as file:
            return f"sha256:{file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise InvalidInput(f"{content} cannot be read: {error.strerror}; {_FORM}") from error
