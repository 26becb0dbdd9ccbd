"""Reads the deployment file that `QUEUEBIT_DEPLOYMENT` names, and the secrets to which it refers.

What only a deployment needs is imported where there is one: most services have none, and Vault's part is large.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from queuebit_contracts.topology import Topology
from queuebit_runtime.secrets import read_secret

if TYPE_CHECKING:
    from queuebit_deployment import Deployment

__all__ = ["VARIABLE", "deployment_in", "read_deployment", "secret_of", "sized"]

VARIABLE: Final = "QUEUEBIT_DEPLOYMENT"
"""The variable with the path of the deployment file."""


def deployment_in(environment: Mapping[str, str]) -> Deployment | None:
    """The deployment that the environment names; None if it names none.

    Raises:
        OSError: the file cannot be read.
        BadDocuments: the file breaks its rules.
    """
    return read_deployment(Path(path)) if (path := environment.get(VARIABLE)) else None


def read_deployment(path: Path) -> Deployment:
    """Read a deployment file; raises as `deployment_in`."""
    from queuebit_deployment import parse_deployment

    return parse_deployment(path.read_text(encoding="utf-8", errors="replace"), str(path))


def secret_of(reference: str, user: str, environment: Mapping[str, str] = os.environ) -> str:
    """The secret to which a deployment refers, for one user.

    Raises:
        OSError: its file cannot be read, or other accounts can read it too; or Vault does not answer.
        ValueError: there is no such secret, or the reference is none.
    """
    from queuebit_deployment import secret_at

    def read_vault(place: str) -> str:
        from queuebit_secrets import vault_secret

        return vault_secret(place, environment)

    return secret_at(
        reference,
        user,
        environment=environment,
        read_file=lambda path: read_secret(Path(path)),
        read_vault=read_vault,
    )


def sized(wanted: Topology, deployment: Deployment) -> Topology:
    """The topology with the sizes of streams and buckets that a deployment chooses."""
    sizes = {name: {"max_bytes": it.max_bytes} for name, it in deployment.stream.items()}
    return wanted.model_copy(
        update={
            "stream": {name: it.model_copy(update=sizes.get(name)) for name, it in wanted.stream.items()},
            "bucket": {name: it.model_copy(update=sizes.get(name)) for name, it in wanted.bucket.items()},
        }
    )
