"""Change points in the quality of backends. Pure: no clock, no randomness, no input or output."""

from queuebit_drift.bayes import Bayesian
from queuebit_drift.cusum import Cusum
from queuebit_drift.detection import Change, Detector
from queuebit_drift.errors import BadSample, BadSetting, BadState
from queuebit_drift.finding import Finding
from queuebit_drift.monitor import Monitor
from queuebit_drift.noise import expected_infidelity, heavy_outcomes, hellinger_infidelity, least_infidelity
from queuebit_drift.page_hinkley import PageHinkley
from queuebit_drift.reference import Reference
from queuebit_drift.registry import DETECTORS, restored
from queuebit_drift.samples import CALIBRATIONS, QUALITY, SPEND, WAITS, Sample, Stream, Watching
from queuebit_drift.seasons import Season
from queuebit_drift.streams import CalibrationRow, JobRow, Streams, calibrations, quality, spend, success, waits
from queuebit_drift.watch import WATCHED, Watch

__all__ = [
    "CALIBRATIONS",
    "DETECTORS",
    "QUALITY",
    "SPEND",
    "WAITS",
    "WATCHED",
    "BadSample",
    "BadSetting",
    "BadState",
    "Bayesian",
    "CalibrationRow",
    "Change",
    "Cusum",
    "Detector",
    "Finding",
    "JobRow",
    "Monitor",
    "PageHinkley",
    "Reference",
    "Sample",
    "Season",
    "Stream",
    "Streams",
    "Watch",
    "Watching",
    "calibrations",
    "expected_infidelity",
    "heavy_outcomes",
    "hellinger_infidelity",
    "least_infidelity",
    "quality",
    "restored",
    "spend",
    "success",
    "waits",
]
