-- A login of a ClickHouse server that reads one tenant's rows: replace {tenant} and {sha256}, and run it as an administrator.
-- The embedded warehouse does not need it: it enforces the same without users of the engine.
--
-- If a table has a policy, users without a policy see no rows. Therefore the first policy of each table allows all rows for all
-- users, and the last two exclude the other tenants' rows for this user.
CREATE ROW POLICY IF NOT EXISTS everybody ON default.events USING 1 TO ALL;
CREATE ROW POLICY IF NOT EXISTS everybody ON default.otel_traces USING 1 TO ALL;
CREATE USER tenant_{tenant} IDENTIFIED WITH sha256_hash BY '{sha256}' SETTINGS PROFILE 'reads';
GRANT SELECT ON default.events TO tenant_{tenant};
GRANT SELECT ON default.otel_traces TO tenant_{tenant};
GRANT SELECT ON default.jobs TO tenant_{tenant};
GRANT SELECT ON default.charge_lines TO tenant_{tenant};
GRANT SELECT ON default.origins TO tenant_{tenant};
GRANT SELECT ON default.requests TO tenant_{tenant};
GRANT SELECT ON default.charges TO tenant_{tenant};
GRANT SELECT ON default.allocation TO tenant_{tenant};
GRANT SELECT ON default.usage TO tenant_{tenant};
GRANT SELECT ON default.job_costs TO tenant_{tenant};
GRANT SELECT ON default.circuit_costs TO tenant_{tenant};
GRANT SELECT ON default.team_costs TO tenant_{tenant};
GRANT SELECT ON default.forecasts TO tenant_{tenant};
GRANT SELECT ON default.anomalies TO tenant_{tenant};
GRANT SELECT ON default.runaways TO tenant_{tenant};
GRANT SELECT ON default.advice TO tenant_{tenant};
GRANT SELECT ON default.storage TO tenant_{tenant};
GRANT SELECT ON default.vendor_charges TO tenant_{tenant};
GRANT SELECT ON default.billing_accuracy TO tenant_{tenant};
GRANT SELECT ON default.vendor_costs TO tenant_{tenant};
GRANT SELECT ON default.backend_vendors TO tenant_{tenant};
GRANT SELECT ON default.calibrated_backends TO tenant_{tenant};
GRANT SELECT ON default.sli_success TO tenant_{tenant};
GRANT SELECT ON default.sli_queue_wait TO tenant_{tenant};
GRANT SELECT ON default.sli_end_to_end TO tenant_{tenant};
GRANT SELECT ON default.sli_completion TO tenant_{tenant};
GRANT SELECT ON default.sli_end_to_end_relative TO tenant_{tenant};
GRANT SELECT ON default.sli_plan_accuracy TO tenant_{tenant};
GRANT SELECT ON default.sli_retry TO tenant_{tenant};
GRANT SELECT ON default.sli_fallback TO tenant_{tenant};
GRANT SELECT ON default.sli_fairness TO tenant_{tenant};
GRANT SELECT ON default.sli_noisy_neighbour TO tenant_{tenant};
GRANT SELECT ON default.sli_preemption TO tenant_{tenant};
GRANT SELECT ON default.sli_vendor_error TO tenant_{tenant};
GRANT SELECT ON default.sli_billing_accuracy TO tenant_{tenant};
GRANT SELECT ON default.sli_billing_recomputation TO tenant_{tenant};
GRANT SELECT ON default.sli_provenance_completeness TO tenant_{tenant};
GRANT SELECT ON default.sli_telemetry_completeness TO tenant_{tenant};
GRANT SELECT ON default.sli_burn TO tenant_{tenant};
GRANT SELECT ON default.sli_cost_per_job TO tenant_{tenant};
GRANT SELECT ON default.results_and_charges TO tenant_{tenant};
GRANT SELECT ON default.sli_cost_per_useful_result TO tenant_{tenant};
GRANT SELECT ON default.sli_quality_per_cost TO tenant_{tenant};
GRANT SELECT ON default.sli_variance TO tenant_{tenant};
GRANT SELECT ON default.sli_drift TO tenant_{tenant};
GRANT SELECT ON default.sli_calibration_freshness TO tenant_{tenant};
GRANT SELECT ON default.sli_calibration_pass TO tenant_{tenant};
GRANT SELECT ON default.sli_probe TO tenant_{tenant};
GRANT SELECT ON default.sli_reproducibility TO tenant_{tenant};
GRANT SELECT ON default.sli_time_to_detect TO tenant_{tenant};
GRANT SELECT ON default.sli_time_to_remediate TO tenant_{tenant};
CREATE ROW POLICY only_{tenant} ON default.events AS RESTRICTIVE
    USING tenant = '{tenant}' TO tenant_{tenant};
CREATE ROW POLICY only_{tenant} ON default.otel_traces AS RESTRICTIVE
    USING SpanAttributes['queuebit.tenant'] = '{tenant}' TO tenant_{tenant};
