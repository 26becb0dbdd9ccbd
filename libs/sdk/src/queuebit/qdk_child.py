"""Microsoft's Q# compiler and resource estimator, in a process of their own; `qsharp.ask` starts this file.

Objects of `qdk`'s interpreter may be freed only by the thread that made them, and Python's garbage collector runs in
any thread. A process that ends after one question keeps this away from the calling program.

The question is a JSON object on standard input: `source`, `language` (`qsharp` or `openqasm`), `profile`, `entry`, and
`models` with `budget` if estimates are wanted instead of QIR. The answer is one on standard output: `qir`, or `counts`
and `estimates`, or `refused` with the compiler's message.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import Any

__all__: list[str] = []


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    import qdk
    from qdk.qsharp import QSharpError

    context: Any = qdk.Context(target_profile=getattr(qdk.TargetProfile, question["profile"]))
    try:
        if question["language"] == "openqasm":
            from qdk.openqasm import ProgramType

            context.import_openqasm(question["source"], name="program", program_type=ProgramType.File)
        else:
            context.eval(question["source"])
        if "models" not in question:
            return {"qir": str(context.compile(question["entry"]))}
        counts = context.logical_counts(question["entry"])
    except QSharpError as error:
        return {"refused": str(error)}
    return {
        "counts": dict(counts),
        "estimates": [_estimate(counts, it, question["budget"]) for it in question["models"]],
    }


def _estimate(counts: Any, wanted: dict[str, str], budget: float) -> dict[str, Any]:
    from qdk.estimator import EstimatorError

    model = {"qubitParams": {"name": wanted["model"]}, "qecScheme": {"name": wanted["code"]}, "errorBudget": budget}
    try:
        found = counts.estimate(model)
    except EstimatorError as error:
        return {"failure": str(error)}
    return {it: found[it] for it in ("physicalCounts", "logicalQubit")}


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # qdk announces a successor, which has no models with these names
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a program's own messages do not mix with the answer
    json.dump(_answer(json.load(sys.stdin)), answer)
    answer.close()
