"""When a backend is taken out of service, whole or in part, and when it returns: pure rules, without input or output.

`elements` judges the qubits and couplers of a calibration, `freshness` its age, `failures` the ends of jobs, `breaker`
what follows for the backend, `calibration` plans its windows for calibrations, and `document` holds the limits.
"""

from queuebit_isolation.breaker import Breaker, Change, Finding, Proof, Status, decide
from queuebit_isolation.calibration import CalibrationRule, Period, next_due, place, wished
from queuebit_isolation.document import EXAMPLE, FleetDocument, Limits, LimitsTable, RecalibrationHook, parse_fleet
from queuebit_isolation.elements import Element, Elements, Figures, OverLimit, judge, least_qubits, read_figures
from queuebit_isolation.failures import Failures, Outcome
from queuebit_isolation.freshness import overdue_after_us

__all__ = [
    "EXAMPLE",
    "Breaker",
    "CalibrationRule",
    "Change",
    "Element",
    "Elements",
    "Failures",
    "Figures",
    "Finding",
    "FleetDocument",
    "Limits",
    "LimitsTable",
    "Outcome",
    "OverLimit",
    "Period",
    "Proof",
    "RecalibrationHook",
    "Status",
    "decide",
    "judge",
    "least_qubits",
    "next_due",
    "overdue_after_us",
    "parse_fleet",
    "place",
    "read_figures",
    "wished",
]
