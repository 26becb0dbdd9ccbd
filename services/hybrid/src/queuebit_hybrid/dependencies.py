"""The dependencies that a Python file declares (PEP 723), compared with what is installed here: pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from queuebit_hybrid.errors import Refusal

__all__ = ["require_installed"]

_BLOCK: Final = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
"""From PEP 723."""


def require_installed(source: str, installed: Mapping[str, str], python: str) -> None:
    """Check what a file declares against what is installed.

    Args:
        source: the file.
        installed: versions, by canonical name.
        python: the version of Python.

    Raises:
        Refusal: the declaration is wrong, or asks for what is not installed; the text names it all.
    """
    declared = _metadata(source)
    missing = [text for text in _texts(declared.get("dependencies", [])) if not _is_met(text, installed)]
    wanted = declared.get("requires-python", "")
    try:
        fits = SpecifierSet(str(wanted)).contains(python, prereleases=True)
    except InvalidSpecifier as error:
        raise _wrong(f"requires-python = {wanted!r} is no version range") from error
    if missing:
        names = ", ".join(sorted(installed)[:40])
        raise Refusal(
            "dependency_missing",
            f"{', '.join(missing)[:120]} is not installed here: an operator can install it for the hybrid service; "
            f"there are {names}"[:480],
        )
    if not fits:
        raise Refusal("python_version", f"it requires Python {wanted}, and {python} runs here: widen requires-python")


def _metadata(source: str) -> Mapping[str, object]:
    found = [it for it in _BLOCK.finditer(source.replace("\r\n", "\n")) if it["type"] == "script"]
    if not found:
        return {}
    if len(found) > 1:
        raise _wrong("there are several blocks `# /// script`")
    lines = found[0]["content"].splitlines()
    try:
        return tomllib.loads("\n".join(line[2:] if line.startswith("# ") else line[1:] for line in lines))
    except tomllib.TOMLDecodeError as error:
        raise _wrong(f"the block `# /// script` is no TOML: {error}") from error


def _texts(declared: object) -> list[str]:
    if not isinstance(declared, list) or not all(isinstance(it, str) for it in declared):
        raise _wrong("dependencies is no list of texts")
    return declared


def _is_met(text: str, installed: Mapping[str, str]) -> bool:
    try:
        wanted = Requirement(text)
    except InvalidRequirement as error:
        raise _wrong(f"{text[:80]!r} is no requirement") from error
    if wanted.marker is not None and not wanted.marker.evaluate():
        return True
    version = installed.get(canonicalize_name(wanted.name))
    return version is not None and wanted.url is None and wanted.specifier.contains(version, prereleases=True)


def _wrong(text: str) -> Refusal:
    return Refusal("bad_dependencies", f'{text}: write it as PEP 723 says, such as `# dependencies = ["numpy"]`')
