"""What must be true before a version is released."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from deploy.release.members import Member

__all__ = ["faults"]

_SECTION = re.compile(r"^## \[(?P<name>[^\]]+)\](?: - (?P<day>\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)


def faults(packages: Sequence[Member], changelog: str, tags: Collection[str], changed: Sequence[str]) -> Iterator[str]:
    """What forbids the release, each with what to do.

    Args:
        packages: those that are released.
        changelog: the text of CHANGELOG.md.
        tags: of the repository.
        changed: files that differ from the commit.
    """
    versions = sorted({it.version for it in packages})
    if len(versions) > 1:
        yield f"members have several versions, {', '.join(versions)}: give all of them one"
        return
    (version,) = versions
    if f"v{version}" in tags:
        yield f"the tag v{version} exists: {version} is released, so raise the version"
    yield from _unwritten(version, changelog)
    if changed:
        yield f"{len(changed)} files differ from the commit, such as {changed[0]}: commit them"


def _unwritten(version: str, changelog: str) -> Iterator[str]:
    sections = list(_SECTION.finditer(changelog))
    if not any(it["name"] == version and it["day"] for it in sections):
        yield f"CHANGELOG.md has no section `## [{version}] - DATE`: users read there what changes for them"
    for it, following in zip(sections, [*(it.start() for it in sections[1:]), len(changelog)], strict=True):
        if it["name"] == "Unreleased" and changelog[it.end() : following].strip():
            yield f"CHANGELOG.md has lines under [Unreleased]: move them to [{version}]"
