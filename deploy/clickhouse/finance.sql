-- A login of a ClickHouse server for finance, which reads the rows of some tenants and writes nothing. Replace {name}, {sha256} and
-- {tenants} (such as 'acme', 'beta'), and run it as an administrator. The embedded warehouse does not need it: `qb tenant finance add`.
--
-- Views read with the rights of who asks, so that the policy of `events` holds below them. If a table has a policy, users without a
-- policy see no rows. Therefore the first policy of each table allows all rows for all users.
CREATE ROW POLICY IF NOT EXISTS everybody ON default.events USING 1 TO ALL;
CREATE ROW POLICY IF NOT EXISTS everybody ON default.otel_traces USING 1 TO ALL;
CREATE USER finance_{name} IDENTIFIED WITH sha256_hash BY '{sha256}' SETTINGS PROFILE 'reads';
GRANT SELECT ON default.events TO finance_{name};
GRANT SELECT ON default.otel_traces TO finance_{name};
GRANT SELECT ON default.jobs TO finance_{name};
GRANT SELECT ON default.charge_lines TO finance_{name};
GRANT SELECT ON default.origins TO finance_{name};
GRANT SELECT ON default.requests TO finance_{name};
GRANT SELECT ON default.charges TO finance_{name};
GRANT SELECT ON default.allocation TO finance_{name};
GRANT SELECT ON default.usage TO finance_{name};
GRANT SELECT ON default.job_costs TO finance_{name};
GRANT SELECT ON default.circuit_costs TO finance_{name};
GRANT SELECT ON default.team_costs TO finance_{name};
GRANT SELECT ON default.forecasts TO finance_{name};
GRANT SELECT ON default.anomalies TO finance_{name};
GRANT SELECT ON default.runaways TO finance_{name};
GRANT SELECT ON default.advice TO finance_{name};
GRANT SELECT ON default.storage TO finance_{name};
GRANT SELECT ON default.vendor_charges TO finance_{name};
GRANT SELECT ON default.billing_accuracy TO finance_{name};
GRANT SELECT ON default.vendor_costs TO finance_{name};
GRANT SELECT ON default.backend_vendors TO finance_{name};
GRANT SELECT ON default.calibrated_backends TO finance_{name};
GRANT SELECT ON default.sli_success TO finance_{name};
GRANT SELECT ON default.sli_queue_wait TO finance_{name};
GRANT SELECT ON default.sli_end_to_end TO finance_{name};
GRANT SELECT ON default.sli_completion TO finance_{name};
GRANT SELECT ON default.sli_end_to_end_relative TO finance_{name};
GRANT SELECT ON default.sli_plan_accuracy TO finance_{name};
GRANT SELECT ON default.sli_retry TO finance_{name};
GRANT SELECT ON default.sli_fallback TO finance_{name};
GRANT SELECT ON default.sli_fairness TO finance_{name};
GRANT SELECT ON default.sli_noisy_neighbour TO finance_{name};
GRANT SELECT ON default.sli_preemption TO finance_{name};
GRANT SELECT ON default.sli_vendor_error TO finance_{name};
GRANT SELECT ON default.sli_billing_accuracy TO finance_{name};
GRANT SELECT ON default.sli_billing_recomputation TO finance_{name};
GRANT SELECT ON default.sli_provenance_completeness TO finance_{name};
GRANT SELECT ON default.sli_telemetry_completeness TO finance_{name};
GRANT SELECT ON default.sli_burn TO finance_{name};
GRANT SELECT ON default.sli_cost_per_job TO finance_{name};
GRANT SELECT ON default.results_and_charges TO finance_{name};
GRANT SELECT ON default.sli_cost_per_useful_result TO finance_{name};
GRANT SELECT ON default.sli_quality_per_cost TO finance_{name};
GRANT SELECT ON default.sli_variance TO finance_{name};
GRANT SELECT ON default.sli_drift TO finance_{name};
GRANT SELECT ON default.sli_calibration_freshness TO finance_{name};
GRANT SELECT ON default.sli_calibration_pass TO finance_{name};
GRANT SELECT ON default.sli_probe TO finance_{name};
GRANT SELECT ON default.sli_reproducibility TO finance_{name};
GRANT SELECT ON default.sli_time_to_detect TO finance_{name};
GRANT SELECT ON default.sli_time_to_remediate TO finance_{name};
CREATE ROW POLICY only_finance_{name} ON default.events AS RESTRICTIVE
    USING tenant IN ({tenants}) TO finance_{name};
CREATE ROW POLICY only_finance_{name} ON default.otel_traces AS RESTRICTIVE
    USING SpanAttributes['queuebit.tenant'] IN ({tenants}) TO finance_{name};
