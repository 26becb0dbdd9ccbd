"""The credentials of AWS in `costs.toml`."""

from __future__ import annotations

from queuebit_metering.costs.config import Aws, AwsReport
from queuebit_runtime.aws_signature import AwsKeys

__all__ = ["keys_of"]


async def keys_of(settings: Aws | AwsReport) -> AwsKeys:
    """Read the keys of a section.

    Raises:
        OSError, ValueError: one of them cannot be read.
    """
    token = "" if settings.session_token is None else await settings.session_token.read()
    return AwsKeys(await settings.access_key_id.read(), await settings.secret_access_key.read(), token, settings.region)
