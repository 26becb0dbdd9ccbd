"""Records in the formats that systems for security events (SIEM) read: JSON lines, syslog (RFC 5424), Splunk HEC."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Final

from queuebit_audit_trail.records import Record

__all__ = ["hec_event", "json_line", "syslog_frame", "syslog_message"]

_FACILITY: Final = 13
"""Log audit (RFC 5424, section 6.2.1)."""
_SEVERITIES: Final = {"refused": 4, "failed": 4, "requested": 6, "done": 5}
"""By outcome: warning, informational, notice."""
_SD_ID: Final = "audit@32473"
"""The name of the structured data. 32473 is the enterprise number for documentation (RFC 5612): we have no number."""
_BOM: Final = b"\xef\xbb\xbf"


def json_line(record: Record) -> bytes:
    """One line of JSON, with its end."""
    return json.dumps(record.document(), ensure_ascii=False).encode() + b"\n"


def syslog_message(record: Record, host: str) -> bytes:
    """One message of RFC 5424: all fields of the record as structured data, and a sentence in UTF-8.

    Args:
        record: the record.
        host: the name of the machine that sends, at most 255 printable ASCII characters.
    """
    severity = _SEVERITIES.get(record.outcome, 5)
    head = (
        f"<{_FACILITY * 8 + severity}>1 {record.stored_at} {_name(host, 255)} queuebit {_name(record.service, 128)} "
        f"{_name(record.action, 32)}"
    )
    data = " ".join(f'{name}="{_escaped(str(value))}"' for name, value in record.document().items())
    words = f"{record.actor}: {record.action} {record.object}: {record.outcome}"
    return f"{head} [{_SD_ID} {data}] ".encode() + _BOM + _on_one_line(words).encode()


def syslog_frame(message: bytes) -> bytes:
    """The message with its length before it (RFC 6587, octet counting), so that it may have any content."""
    return b"%d %b" % (len(message), message)


def hec_event(record: Record, host: str) -> bytes:
    """One event for the HTTP event collector of Splunk."""
    document = {
        "time": f"{datetime.fromisoformat(record.stored_at).timestamp():.6f}",
        "host": host,
        "source": "queuebit",
        "sourcetype": "queuebit:audit",
        "event": record.document(),
        "fields": {"sequence": str(record.sequence), "action": record.action, "outcome": record.outcome},
    }
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def _name(text: str, most: int) -> str:
    """A field of the head: printable ASCII without spaces, `-` if there is none."""
    return re.sub(r"[^\x21-\x7e]", "_", text)[:most] or "-"


def _escaped(text: str) -> str:
    """The value of a parameter: `\\`, `"` and `]` are escaped (RFC 5424, section 6.3.3)."""
    return re.sub(r'(["\\\]])', r"\\\1", _on_one_line(text))


def _on_one_line(text: str) -> str:
    """Without control characters: some receivers end a message at a line break."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text)
