-- Runs of probes, at their finding: good if nothing is wrong with the backend as far as the run can say.
--
-- A run that was refused for its cost is no case, and neither is an old job of a tenant that has no result when it is run
-- again: its circuit may be why. The rows are the platform's: their tenant is empty.
CREATE OR REPLACE VIEW sli_probe AS
SELECT
    it.tenant AS tenant,
    '' AS project,
    '' AS workload_class,
    it.backend AS backend,
    whose.vendor AS vendor,
    least(it.event_time, it.stored_at) AS at,
    toUInt64(JSONExtractString(it.data, 'state') NOT IN ('below', 'failed')) AS good,
    toUInt64(1) AS total,
    JSONExtractString(it.data, 'probe') AS probe,
    JSONExtractString(it.data, 'state') AS state,
    if(JSONHas(it.data, 'fidelity_ppm'), JSONExtractUInt(it.data, 'fidelity_ppm') / 1000000, NULL) AS value
FROM events AS it FINAL
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.backend
WHERE it.type = 'qb.probe.judged.v1'
    AND JSONExtractString(it.data, 'state') != 'skipped'
    AND NOT (JSONExtractString(it.data, 'kind') = 'rerun' AND JSONExtractString(it.data, 'state') = 'failed')
