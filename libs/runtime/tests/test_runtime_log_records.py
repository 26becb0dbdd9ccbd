"""Lines of the log: text or JSON, with the ids of the message that is handled."""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime

import orjson
import pytest

from queuebit_runtime.delivery import Delivered, current
from queuebit_runtime.log_records import CountRecords, KeepRecords, LogSettings, context_of_record, write_logs
from queuebit_runtime.metrics import Metrics
from queuebit_runtime.tracing import Tracing
from queuebit_testing.build import submitted

LOG = logging.getLogger("queuebit_runtime.test")


def handled(body: bytes, subject: str = "qb.job.acme.j1.submitted") -> Delivered:
    return Delivered("broker-submitted", subject, 7, 1, False, body)


def test_a_record_outside_a_message_belongs_to_nothing() -> None:
    assert context_of_record() == {}


def test_a_record_has_the_ids_of_its_message_and_of_its_trace() -> None:
    event = submitted("k").model_copy(update={"provenanceid": "sha256:abc"})
    token = current.set(handled(event.to_bytes()))
    try:
        with Tracing("broker").span("decide", f"00-{5:032x}-{6:016x}-01"):
            found = context_of_record()
    finally:
        current.reset(token)
    assert found.pop("span_id") != f"{6:016x}"
    assert found == {
        "trace_id": f"{5:032x}",
        "durable": "broker-submitted",
        "tenant": "acme",
        "job": "j1",
        "provenance_id": "sha256:abc",
    }


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b'{"provenanceid": "a\nb"}', b'{"provenanceid": "\xc3\xa4"}', b'{"provenanceid": 3}']
)
def test_what_a_sender_wrote_is_no_provenance_id_unless_it_has_the_form_of_one(body: bytes) -> None:
    token = current.set(handled(body, "qb.backend.aer.calibrated"))
    try:
        assert context_of_record() == {"durable": "broker-submitted"}
    finally:
        current.reset(token)


def test_a_line_of_json_is_one_object_whatever_the_message_holds(capsys: pytest.CaptureFixture[str]) -> None:
    write_logs(LogSettings(format="json"), "broker")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        LOG.exception("an \x1b[31m%s\n\ud83d", "error")
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert (found["level"], found["service"], found["logger"]) == ("ERROR", "broker", "queuebit_runtime.test")
    assert found["message"].startswith("an \x1b[31merror\n")
    assert "ValueError: two\nlines" in found["exception"]
    assert datetime.fromisoformat(found["time"]).tzinfo is not None
    assert re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}", line[:60]), "`qb logs` sorts by it"


def test_text_is_the_default_and_a_level_hides_what_is_below(capsys: pytest.CaptureFixture[str]) -> None:
    write_logs(LogSettings(level="WARNING"), "broker")
    LOG.info("quiet")
    LOG.warning("loud")
    assert re.fullmatch(r"[-\d]+ [\d:,]+ WARNING queuebit_runtime.test: loud\n", capsys.readouterr().err)


def test_records_are_counted_by_level() -> None:
    metrics = Metrics("broker")
    write_logs(LogSettings(), "broker", CountRecords(metrics))
    LOG.warning("one")
    LOG.warning("two")
    (counter,) = metrics
    assert counter.series == {("warning",): 2}


def record(level: int, text: str, at: float) -> logging.LogRecord:
    made = LOG.makeRecord(LOG.name, level, __file__, 1, text, (), None)
    made.created = at
    return made


def test_all_warnings_are_kept_and_of_the_others_some_each_second() -> None:
    kept = KeepRecords("broker")
    for number in range(100):
        kept.handle(record(logging.INFO, f"info {number}", 1_000_000.0))
        kept.handle(record(logging.WARNING, f"warning {number}", 1_000_000.0))
    kept.handle(record(logging.INFO, "later", 1_000_001.0))
    rows: list[dict[str, object]] = []
    while more := kept.take():
        assert len(more) <= 50
        rows += more
    found = [str(it["Body"]) for it in rows]
    assert sum(it.startswith("warning") for it in found) == 100
    assert sum(it.startswith("info") for it in found) == 20
    assert found[-1] == "later"
    assert kept.take() == []


def test_the_longest_message_fits_on_the_bus_whatever_it_holds() -> None:
    kept = KeepRecords("broker")
    for number in range(50):
        kept.handle(record(logging.ERROR, "\x00" * 100_000, float(number)))
    assert len(orjson.dumps(kept.take())) < 900_000


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\U0001f600", "\n", '"', "\u2028"])
def test_a_batch_fits_a_message_whatever_its_texts_hold(character: str) -> None:
    kept, log = KeepRecords("broker"), logging.getLogger("queuebit_runtime.test_batch")
    log.propagate = False
    log.addHandler(kept)
    try:
        for _ in range(50):
            try:
                raise ValueError(character * 5000)
            except ValueError:
                log.exception("%s", character * 5000)
    finally:
        log.removeHandler(kept)
    rows = kept.take()
    assert len(rows) == 50
    assert len(orjson.dumps(rows)) < 1_000_000
