"""What steps returned, in files: one for each step, named by its key."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from queuebit.errors import InvalidInput
from queuebit.step_values import decoded, encoded
from queuebit_kernel import digest

__all__ = ["NOT_STORED", "StepStore", "step_key"]

NOT_STORED: Final = object()
"""Stands for the value of a step that did not return yet."""

_logger = logging.getLogger("queuebit")


def step_key(workflow: str, step: str, version: str, inputs: Mapping[str, Any]) -> str:
    """The key of a step: a SHA-256 of these.

    Args:
        workflow: its name.
        step: its name.
        version: of the step.
        inputs: JSON by name.
    """
    document = {"workflow": workflow, "step": step, "version": version, "inputs": inputs}
    return sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class StepStore:
    """A folder with a JSON file for each step that returned. A file that is lost or damaged costs time alone."""

    folder: Path

    def read(self, key: str) -> Any:
        """What the step with this key returned, or `NOT_STORED`; so, with a warning, if its file is damaged."""
        path = self._path(key)
        try:
            document = json.loads(path.read_bytes())
            if document["digest"] != digest(_written(document["value"])):
                raise ValueError("it was changed")
            return decoded(document["value"])
        except FileNotFoundError:
            return NOT_STORED
        except (ImportError, KeyError, TypeError, ValueError) as error:
            _logger.warning("%s is not used, and its step runs again: %s", path, error)
            return NOT_STORED

    def write(self, key: str, step: str, value: Any) -> Any:
        """Store what a step returned, and return it as `read` will, so that a first run sees what a later one sees.

        Raises:
            InvalidInput: it is no plain value, or the folder cannot be written.
        """
        document = encoded(value, f"what step {step} returns")
        content = _written({"step": step, "digest": digest(_written(document)), "value": document})
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
                file.write(content)
            os.replace(file.name, self._path(key))
        except OSError as error:
            raise InvalidInput(f"{self.folder} cannot be written: {error.strerror}; give Workflow(store=)") from error
        return decoded(document)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def _written(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
