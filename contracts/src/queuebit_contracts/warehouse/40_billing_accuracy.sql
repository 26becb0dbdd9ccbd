-- One row a vendor and period: how much of the newest bill of that period is equal to our charges, to the cent. The share
-- is the SLI of billing; the sums are in each currency, and nothing is converted. Every aggregate ignores repeated rows.
-- Bills are the platform's: their tenant is empty, so that row policies show them to no tenant.
CREATE OR REPLACE VIEW billing_accuracy AS
SELECT
    tenant,
    JSONExtractString(data, 'vendor') AS vendor,
    parseDateTime64BestEffort(JSONExtractString(data, 'period_start'), 6, 'UTC') AS period_start,
    parseDateTime64BestEffort(JSONExtractString(data, 'period_end'), 6, 'UTC') AS period_end,
    argMax(JSONExtractString(data, 'statement'), seq) AS statement,
    argMax(JSONExtractUInt(data, 'compared'), seq) AS compared,
    argMax(JSONExtractUInt(data, 'accurate'), seq) AS accurate,
    if(compared = 0, NULL, toDecimal64(accurate, 6) / compared) AS accuracy,
    argMax(arrayMap(
        it -> (
            JSONExtractString(it, 'kind'), JSONExtractUInt(it, 'lines'), JSONExtractUInt(it, 'charges')),
        JSONExtractArrayRaw(data, 'parts')), seq) AS parts,
    argMax(arrayMap(
        it -> (
            JSONExtractString(it, 'currency'),
            toDecimal128(JSONExtractString(it, 'billed'), 18),
            toDecimal128(JSONExtractString(it, 'own'), 18)),
        arrayFlatten(arrayMap(it -> JSONExtractArrayRaw(it, 'sums'), JSONExtractArrayRaw(data, 'parts')))), seq) AS sums,
    uniqExact(seq) AS imports,
    max(stored_at) AS imported_at
FROM events
WHERE type = 'qb.bill.imported.v1'
GROUP BY tenant, vendor, period_start, period_end
