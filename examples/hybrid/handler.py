"""A serverless handler: an event that is delivered again is the same job, and is paid once.

`echo '{"id": "order-17", "circuit": "…", "shots": 100}' | python -m examples.hybrid.handler`
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

from queuebit import Client, Conflict, InvalidInput, JobFailed, Refused, StillRunning, Unreachable


def handle(event: Mapping[str, Any], client: Client, wait_s: float = 20.0) -> dict[str, Any]:
    """Run the circuit of an event; the event's id is the job's key.

    Returns a document with an HTTP status. After 202 and 503, deliver the event again: that costs nothing.
    """
    try:
        job = client.submit(event["circuit"], shots=event.get("shots", 1000), key=str(event["id"]), tags=["events"])
        result = job.result(wait_s)
    except KeyError as error:
        return {"status": 400, "detail": f"the event has no field {error}"}
    except InvalidInput as error:
        return {"status": 400, "detail": f"{error}"}
    except Conflict as error:
        return {"status": 409, "detail": f"{error}"}
    except Refused as error:
        return {"status": 422, "reasons": [it.code for it in error.reasons]}
    except JobFailed as error:
        return {"status": 500, "job": error.job, "detail": f"{error}"}
    except StillRunning:
        return {"status": 202, "job": job.id}
    except Unreachable as error:
        return {"status": 503, "detail": f"{error}"}
    return {"status": 200, "job": job.id, "counts": dict(result.counts)}


if __name__ == "__main__":
    with Client() as opened:  # in a function platform: outside of the handler, so that calls share its connection
        print(json.dumps(handle(json.load(sys.stdin), opened)))
