"""The report as JUnit XML: a test suite for each circuit, a test case for each check."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from queuebit_ci.model import Check, Report

__all__ = ["junit"]

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold."""


def junit(report: Report) -> str:
    """The report as a document of JUnit XML."""
    suites = [(it.path, it.checks) for it in report.circuits]
    if report.checks:
        suites.append(("all circuits", report.checks))
    root = ET.Element("testsuites", _counted("queuebit", [it for _, checks in suites for it in checks]))
    for path, checks in suites:
        suite = ET.SubElement(root, "testsuite", _counted(_plain(path), checks))
        for it in checks:
            case = ET.SubElement(suite, "testcase", {"classname": _plain(path), "name": it.rule, "time": "0"})
            if it.state == "failed":
                ET.SubElement(case, "failure", {"message": _plain(it.text), "type": it.rule}).text = _plain(it.text)
            elif it.state == "skipped":
                ET.SubElement(case, "skipped", {"message": _plain(it.text)})
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _counted(name: str, checks: tuple[Check, ...] | list[Check]) -> dict[str, str]:
    states = [it.state for it in checks]
    return {
        "name": name,
        "tests": str(len(states)),
        "failures": str(states.count("failed")),
        "errors": "0",
        "skipped": str(states.count("skipped")),
    }


def _plain(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
