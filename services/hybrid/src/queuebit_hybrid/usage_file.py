"""What running jobs have used so far, in files: billed if the process that ran them is lost."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from queuebit_contracts.hybrid import Chunks, HybridUsage

__all__ = ["Progress", "UsageFiles"]


class Progress(BaseModel):
    """What a job has used and written, over all attempts."""

    usage: HybridUsage = HybridUsage()
    output: Chunks = Chunks()


@dataclass(frozen=True, slots=True)
class UsageFiles:
    """One small file for each job that runs here, readable only by this service."""

    folder: Path

    def read(self, tenant: str, hybrid: str) -> Progress:
        """What is known; nothing if the job never ran here."""
        try:
            return Progress.model_validate_json(self._file(tenant, hybrid).read_bytes())
        except (FileNotFoundError, ValidationError):
            return Progress()

    def write(self, tenant: str, hybrid: str, progress: Progress) -> None:
        """Replace what is known."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._file(tenant, hybrid)
        draft = file.with_suffix(".new")
        draft.write_text(progress.model_dump_json())
        os.replace(draft, file)

    def forget(self, tenant: str, hybrid: str) -> None:
        """The job has ended, and its end says it all."""
        self._file(tenant, hybrid).unlink(missing_ok=True)

    def _file(self, tenant: str, hybrid: str) -> Path:
        return self.folder / f"{tenant}.{hybrid}.json"
