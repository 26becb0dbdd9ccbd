"""The deployment file: servers of the bus, replicas, credentials by reference and limits."""

from queuebit_deployment.document import (
    EXAMPLE,
    BusTable,
    CredentialsTable,
    Deployment,
    NodeTable,
    StreamTable,
    TenantsTable,
)
from queuebit_deployment.reading import parse_deployment
from queuebit_deployment.references import secret_at

__all__ = [
    "EXAMPLE",
    "BusTable",
    "CredentialsTable",
    "Deployment",
    "NodeTable",
    "StreamTable",
    "TenantsTable",
    "parse_deployment",
    "secret_at",
]
