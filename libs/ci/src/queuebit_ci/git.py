"""Reads a change from git."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from queuebit.errors import InvalidInput, NotFound

__all__ = ["Base", "base_of", "changed_files", "content_at", "repository_name", "tracked_files"]

_SHORT = 8


@dataclass(frozen=True, slots=True)
class Base:
    """The commit that a change started from."""

    ref: str
    commit: str

    def __str__(self) -> str:
        short = self.commit[:_SHORT]
        return short if self.commit.startswith(self.ref) else f"{self.ref} ({short})"


def base_of(folder: Path, ref: str) -> Base:
    """The newest commit that `ref` and the checked-out commit have in common.

    Raises:
        InvalidInput: there is no such commit, or the clone is too shallow to tell.
    """
    if ref.startswith("-"):
        raise InvalidInput(f"{ref!r} is not the name of a commit")
    known = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", accept=(0, 1))
    if not known:
        raise InvalidInput(f"there is no commit {ref} here: fetch it, such as with `git fetch origin {ref}`")
    common = _git(folder, "merge-base", known.decode().strip(), "HEAD", accept=(0, 1))
    if not common:
        raise InvalidInput(
            f"{ref} and HEAD have no commit in common here: a shallow clone lacks it; fetch the whole history "
            "(`git fetch --unshallow`, or fetch-depth: 0)"
        )
    return Base(ref, common.decode().split()[0])


def changed_files(folder: Path, base: Base) -> Mapping[str, str | None]:
    """Files of the working tree that differ from the base, and the path of each at the base; None for new files."""
    listed = _git(
        folder, "diff", "--name-status", "--find-renames", "--relative", "-z", "--end-of-options", base.commit
    )
    found: dict[str, str | None] = {}
    fields = iter(listed.decode(errors="surrogateescape").split("\0"))
    for state in fields:
        if not state:
            break
        before = next(fields)
        if state[0] in "RC":
            found[next(fields)] = before
        elif state[0] != "D":
            found[before] = None if state[0] == "A" else before
    new = _git(folder, "ls-files", "--others", "--exclude-standard", "-z")
    return found | {it: None for it in new.decode(errors="surrogateescape").split("\0") if it}


def content_at(folder: Path, base: Base, path: str) -> bytes | None:
    """A file as it was at the base; None if it was not there."""
    return _git(folder, "show", "--end-of-options", f"{base.commit}:./{path}", accept=(0, 128)) or None


def tracked_files(folder: Path) -> list[str] | None:
    """Files of the working tree that git does not ignore; None outside a repository."""
    try:
        listed = _git(folder, "ls-files", "--cached", "--others", "--exclude-standard", "-z", accept=(0, 128))
    except NotFound:
        return None
    inside = _git(folder, "rev-parse", "--is-inside-work-tree", accept=(0, 128)).strip() == b"true"
    return sorted({it for it in listed.decode(errors="surrogateescape").split("\0") if it}) if inside else None


def repository_name(folder: Path, environment: Mapping[str, str] = os.environ) -> str:
    """A name that is the same in every clone: that of the CI system, else of `origin`, else of the folder."""
    for name in ("GITHUB_REPOSITORY", "CI_PROJECT_PATH"):
        if environment.get(name):
            return environment[name]
    try:
        url = _git(folder, "config", "--get", "remote.origin.url", accept=(0, 1, 128)).decode().strip()
        top = _git(folder, "rev-parse", "--show-toplevel", accept=(0, 128)).decode().strip()
    except NotFound:
        url = top = ""
    path = re.sub(r"^([a-z+]+://[^/]*/|[^/]*:)", "", url).removesuffix(".git").strip("/")
    return path or Path(top or folder.resolve()).name


def _git(folder: Path, *words: str, accept: tuple[int, ...] = (0,)) -> bytes:
    """What git prints; nothing if it ends with another code than 0 that is accepted."""
    environment = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, check=False, env=environment)  # noqa: S607
    except FileNotFoundError as error:
        raise NotFound("git is not installed here: install it, or name the files to check") from error
    if done.returncode not in accept:
        text = done.stderr.decode(errors="replace").strip() or f"it ended with {done.returncode}"
        raise InvalidInput(f"`git {words[0]}` failed: {text}")
    return done.stdout if done.returncode == 0 else b""
