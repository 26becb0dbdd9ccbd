"""Which circuits a change is about, and what each is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from queuebit.errors import InvalidInput
from queuebit.program_files import BATCH, program_of
from queuebit.sources import read_source
from queuebit_ci.expected import Expected, expected_file, read_expected
from queuebit_ci.git import Base, changed_files, content_at, tracked_files
from queuebit_ci.patterns import matches
from queuebit_ci.policy import Policy
from queuebit_kernel import digest

__all__ = ["Candidate", "changed_circuits", "read_candidate", "select"]

_EXPECTED = ".expected."


@dataclass(frozen=True, slots=True)
class Candidate:
    """A circuit to check."""

    path: str
    digest: str = ""
    program: object = None
    """As the client takes it; a batch is planned, and not run."""
    before: str | None = None
    """Its source at the base; None if it is new, or there is no base."""
    expected: Expected | None = None
    fault: str = ""
    """Why it cannot be read."""

    @property
    def is_batch(self) -> bool:
        return self.path.endswith(BATCH)


def select(
    folder: Path, policy: Policy, files: Sequence[str] = (), base: Base | None = None, policy_file: str | None = None
) -> list[Candidate]:
    """The circuits to check: the given files, those that changed since the base, or all that the policy names.

    Raises:
        InvalidInput: a given file does not exist.
    """
    changed = changed_files(folder, base) if base else {}
    if files:
        if missing := [it for it in files if not (folder / it).is_file()]:
            raise InvalidInput(f"there is no file {missing[0]}")
        chosen = [Path(it).as_posix().removeprefix("./") for it in files]
    else:
        every = [it for it in _files(folder) if _is_circuit(it, policy) and (folder / it).is_file()]
        chosen = changed_circuits(every, changed, policy_file) if base else every
    return [read_candidate(folder, it, base, changed.get(it, it)) for it in dict.fromkeys(chosen)]


def changed_circuits(every: Iterable[str], changed: Mapping[str, object], policy_file: str | None) -> list[str]:
    """Circuits that changed themselves or in what is expected of them; all, if the policy changed."""
    if policy_file in changed:
        return list(every)
    expected = {it.partition(_EXPECTED)[0] for it in changed if _EXPECTED in it}
    return [it for it in every if it in changed or Path(it).with_suffix("").as_posix() in expected]


def read_candidate(folder: Path, path: str, base: Base | None = None, earlier: str | None = None) -> Candidate:
    """Read a circuit, what is expected of it, and its source at the base, where its path may have been `earlier`."""
    if not path.isprintable():  # it would change the report, or how a terminal shows it
        shown = "".join(it if it.isprintable() else "\ufffd" for it in path)
        return Candidate(shown, fault="its name has characters that cannot be shown: rename it")
    file = folder / path
    try:
        program = program_of(file)
        content = file.read_bytes() if path.endswith(BATCH) else read_source(file)
        beside = expected_file(file)
        expected = read_expected(beside) if beside else None
    except InvalidInput as error:
        return Candidate(path, fault=str(error).replace(f"{folder}/", "").removeprefix(f"{path} "))
    before = None
    if base and earlier and not path.endswith(BATCH):
        found = content_at(folder, base, earlier)
        before = found.decode(errors="replace") if found else None
    return Candidate(path, digest(content), program, before, expected)


def _is_circuit(path: str, policy: Policy) -> bool:
    return _EXPECTED not in path and any(matches(path, it) for it in policy.circuits)


def _files(folder: Path) -> list[str]:
    found = tracked_files(folder)
    if found is not None:
        return found
    inside = (it.relative_to(folder) for it in folder.rglob("*"))
    return sorted(it.as_posix() for it in inside if not any(part.startswith(".") for part in it.parts))
