-- Lines of vendors' bills, when the newest bill of a period was imported; good are those that are equal to our charges.
CREATE OR REPLACE VIEW sli_billing_accuracy AS
SELECT
    tenant,
    '' AS project,
    '' AS workload_class,
    '' AS backend,
    vendor,
    imported_at AS at,
    accurate AS good,
    compared AS total
FROM billing_accuracy
