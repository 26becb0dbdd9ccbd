"""Canaries of Queuebit as a provider of OpenFeature.

client = Client()
api.set_provider(CanaryProvider(client))
key = new_key()
level = api.get_client().get_integer_details("optimization-level", 1, job_context(client, key))
client.submit(circuit, key=key, compilation={"optimization_level": level.value}, tags=canary_tags(level))
"""

from queuebit_kernel import new_key
from queuebit_openfeature.jobs import canary_tags, job_context
from queuebit_openfeature.provider import CanaryProvider

__all__ = ["CanaryProvider", "canary_tags", "job_context", "new_key"]
