-- The backends that were ever calibrated: their results name a calibration. Rows are the platform's, without a tenant.
CREATE OR REPLACE VIEW calibrated_backends AS
SELECT
    tenant,
    backend,
    stored_at AS since
FROM events
WHERE about_backend = 1 AND type = 'qb.backend.calibrated.v1'
ORDER BY seq
LIMIT 1 BY tenant, backend
