"""Queuebit from Amazon Braket: a device that runs circuits of its SDK, and OpenQASM 3 with its pragmas."""

from queuebit_braket.device import QueuebitDevice
from queuebit_braket.results import TaskResult
from queuebit_braket.tasks import QueuebitTask, QueuebitTaskBatch
from queuebit_braket.tracking import Tracker

__all__ = ["QueuebitDevice", "QueuebitTask", "QueuebitTaskBatch", "TaskResult", "Tracker"]
