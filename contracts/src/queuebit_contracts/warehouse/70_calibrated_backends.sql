-- The backends that were ever calibrated: their results name a calibration. Rows are the platform's, without a tenant.
--
-- Not a GROUP BY, as in `backend_vendors`; the first in the log was stored first.
CREATE OR REPLACE VIEW calibrated_backends AS
SELECT
    tenant,
    backend,
    stored_at AS since
FROM events
WHERE type = 'qb.backend.calibrated.v1'
ORDER BY seq
LIMIT 1 BY tenant, backend
