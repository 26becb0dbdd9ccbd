-- Everything that was charged, with who caused it: one row a line of a bill, and of a correction the difference.
CREATE OR REPLACE VIEW charges AS
WITH arrayFirst(it -> it.backend = bill.backend, request.candidates).qpu_us AS run_us
SELECT
    bill.seq AS seq,
    bill.event_id AS event_id,
    bill.kind AS kind,
    bill.stored_at AS stored_at,
    bill.event_time AS event_time,
    toDate(bill.event_time) AS day,
    bill.ended_at AS ended_at,
    bill.tenant AS tenant,
    bill.project AS project,
    origin.user AS user,
    origin.tags AS tags,
    origin.session AS session,
    bill.id AS id,
    origin.label AS label,
    request.circuit AS circuit,
    if(bill.backend = '', origin.session_backend, bill.backend) AS backend,
    bill.state AS state,
    bill.revision AS revision,
    bill.provisional AS provisional,
    bill.price AS price,
    bill.component AS component,
    bill.unit AS unit,
    multiIf(
        bill.kind != 'job' OR request.circuit = '', NULL,
        bill.component = 'task', toDecimal128(1, 18),
        bill.component = 'shot', toDecimal128(request.shots, 18),
        bill.component = 'second', toDecimal128(run_us, 18) / 1000000,
        bill.component = 'qubit_second', toDecimal128(run_us * request.qubits, 18) / 1000000,
        NULL) AS requested,
    bill.consumed AS consumed,
    bill.billed AS billed,
    bill.unbilled AS unbilled,
    bill.unit_price AS unit_price,
    bill.amount AS amount,
    bill.currency AS currency,
    bill.credits AS credits,
    bill.credit_unit AS credit_unit
FROM charge_lines AS bill
LEFT ANY JOIN origins AS origin ON origin.tenant = bill.tenant AND origin.id = bill.id
LEFT ANY JOIN requests AS request ON request.tenant = bill.tenant AND request.id = bill.id
