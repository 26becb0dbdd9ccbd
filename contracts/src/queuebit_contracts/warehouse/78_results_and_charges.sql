-- Charges of an hour, corrections too, beside the usable results of the hour, and their success probabilities added up.
--
-- In an hour with charges of several currencies, `currency` says so.
CREATE OR REPLACE VIEW results_and_charges AS
SELECT
    tenant, project, workload_class, backend, hour,
    sum(part) AS amount, sum(results) AS number, sum(ppm) / 1000000 AS quality,
    if(uniqExactIf(money, money != '') > 1, '(several)', max(money)) AS currency
FROM (
    SELECT
        tenant, case_project AS project, workload_class, case_backend AS backend, charge_hour AS hour,
        toString(events.currency) AS money, sum(charge) AS part, toUInt64(0) AS results, toUInt64(0) AS ppm
    FROM events FINAL
    WHERE charge_hour > toDateTime(0, 'UTC')
    GROUP BY charge_hour, tenant, case_project, workload_class, case_backend, currency
    UNION ALL
    SELECT
        tenant, case_project AS project, workload_class, case_backend AS backend, case_hour AS hour,
        '' AS money, NULL AS part, countIf(usable) AS results, sum(quality_ppm) AS ppm
    FROM events FINAL
    WHERE case_hour > toDateTime(0, 'UTC')
    GROUP BY case_hour, tenant, case_project, workload_class, case_backend
)
GROUP BY tenant, project, workload_class, backend, hour
HAVING amount IS NOT NULL OR number > 0
