-- The vendor of each backend, as its newest registration says it. Rows are the platform's: their tenant is empty.
CREATE OR REPLACE VIEW backend_vendors AS
SELECT
    tenant,
    backend,
    JSONExtractString(data, 'vendor') AS vendor
FROM events
WHERE about_backend = 1 AND type = 'qb.backend.registered.v1'
ORDER BY seq DESC
LIMIT 1 BY tenant, backend
