-- What was accepted: one row a job, with the sizes that its hold pays for and the backends that it may run on.
CREATE OR REPLACE VIEW requests AS
WITH
    JSONExtract(data, 'Tuple(
        circuit String, shots UInt64, profile Tuple(shots Nullable(UInt64), qubits UInt32),
        candidates Array(Tuple(backend String, price String, hold String, qpu_us UInt64, esp_ppm Nullable(UInt32))))')
        AS content,
    argMin(content, seq) AS said
SELECT
    tenant,
    job AS id,
    said.circuit AS circuit,
    ifNull(said.profile.shots, said.shots) AS shots,
    said.profile.qubits AS qubits,
    said.candidates AS candidates
FROM events
WHERE type = 'qb.job.accepted.v1'
GROUP BY tenant, job
