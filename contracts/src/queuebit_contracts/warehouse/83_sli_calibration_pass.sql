-- Calibrations that were read and are within the specification, of all facts about reading one. The rows are the platform's:
-- their tenant is empty.
--
-- The specification is what the newest registration of the backend states: how large the medians of its calibrations may be. A
-- median that is not known is not within it. A backend without one has the limits of the fleet document: how large errors of qubits
-- and couplers may be, and how many must be good. A calibration is not within these if its backend is isolated for its elements when
-- the next one is read, or now: so the one that is the reason, and all others but the one with which it is readmitted. Of a backend
-- that the fleet service does not isolate, what can be read passes. A calibration that was published again, as after a restart of its
-- executor, is one case; a failure is stated once, until an attempt succeeds or fails for another reason.
CREATE OR REPLACE VIEW sli_calibration_pass AS
WITH
isolations AS (
    SELECT CAST((groupArray(found.backend), groupArray(found.facts)), 'Map(String, Array(Tuple(UInt64, Bool)))')
    FROM (
        SELECT
            toString(it.backend) AS backend,
            groupArray((it.seq, it.type = 'qb.backend.isolated.v1'
                AND JSONExtractString(it.data, 'reason', 'code') = 'elements')) AS facts
        FROM events AS it
        WHERE it.about_backend = 1 AND it.type IN ('qb.backend.isolated.v1', 'qb.backend.readmitted.v1')
        GROUP BY backend
    ) AS found
),
stated AS (
    SELECT
        backend,
        JSONExtractString(data, 'vendor') AS vendor,
        JSONExtract(data, 'specification', 'median_two_qubit_error_ppm', 'Nullable(Int64)') AS two_qubit,
        JSONExtract(data, 'specification', 'median_readout_error_ppm', 'Nullable(Int64)') AS readout
    FROM events
    WHERE about_backend = 1 AND type = 'qb.backend.registered.v1'
    ORDER BY seq DESC
    LIMIT 1 BY backend
),
attempts AS (
    SELECT
        tenant,
        backend,
        min(least(event_time, stored_at)) AS at,
        min(seq) AS first,
        countIf(type = 'qb.backend.calibrated.v1') > 0 AS passed,
        JSONExtract(argMin(data, seq), 'median_two_qubit_error_ppm', 'Nullable(Int64)') AS two_qubit,
        JSONExtract(argMin(data, seq), 'median_readout_error_ppm', 'Nullable(Int64)') AS readout,
        if(type = 'qb.backend.calibrated.v1', concat(JSONExtractString(data, 'digest'), JSONExtractString(data, 'calibrated_at')), event_id) AS attempt
    FROM events
    WHERE about_backend = 1 AND type IN ('qb.backend.calibrated.v1', 'qb.backend.calibration_failed.v1')
    GROUP BY tenant, backend, type, attempt
),
followed AS (
    SELECT *, leadInFrame(first, 1, toUInt64(-1)) OVER (
        PARTITION BY tenant, backend, passed ORDER BY first
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS next
    FROM attempts
)
SELECT
    it.tenant AS tenant,
    '' AS project,
    '' AS workload_class,
    it.backend AS backend,
    what.vendor AS vendor,
    it.at AS at,
    toUInt64(it.passed AND if(
        what.two_qubit IS NOT NULL OR what.readout IS NOT NULL,
        ifNull(it.two_qubit <= what.two_qubit, what.two_qubit IS NULL)
            AND ifNull(it.readout <= what.readout, what.readout IS NULL),
        NOT arrayReverseSort(arrayFilter(
            fact -> fact.1 < it.next, (SELECT * FROM isolations)[toString(it.backend)]))[1].2)) AS good,
    toUInt64(1) AS total
FROM followed AS it
LEFT ANY JOIN stated AS what ON what.backend = it.backend
