// Pure modules of the console, run by node's own test runner: `node --test`, with the paths in the environment.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const console_ = process.env.CONSOLE;
const cases = JSON.parse(readFileSync(process.env.CASES, "utf8"));
const load = (name) => import(`${console_}/${name}`);
const { columns, exactDistribution, readQasm } = await load("quantum/circuit.js");
const rows = await load("core/rows.js");
const format = rows;
const { live, parseEvents, readStream } = await load("core/live.js");
const { concat, readTrust, unb64, utf8, verifyInclusion, verifyReceipt } = await load("proof/receipt.js");
const second = await load("proof/post-quantum.js");
const { spendOf, termsOf } = await load("pages/tenant.js");
const { queues } = await load("pages/operations.js");
const { asPython, owed, sections } = await load("pages/invoices.js");
const { partsOf, timeOf } = await load("pages/reservations.js");

test("amounts of invoices keep all their digits, and what is owed is what the last credit left", () => {
  assert.equal(rows.exact("1234567.5"), "1,234,567.50");
  assert.equal(rows.exact("-0.000000000000000000123"), "-0.000000000000000000123");
  assert.equal(rows.exact("640000", 0), "640,000");
  assert.equal(rows.rounded({ amount: "168.7671291666666666681234", currency: "USD" }), "168.77 USD");
  const usd = (amount) => ({ amount, currency: "USD" });
  const totals = [usd("10"), { amount: "3", currency: "EUR" }];
  assert.deepEqual(owed({ totals, credits: [] }), totals);
  const credits = [{ amount: usd("1"), left: usd("9") }, { amount: usd("4"), left: usd("5") }];
  assert.deepEqual(owed({ totals, credits }), [usd("5"), totals[1]]);
});

test("an address of the console puts no code into what is shown as Python", () => {
  assert.equal(asPython("acme-2026-11"), 'row, content = client.invoice("acme-2026-11")\nprint(content)');
  assert.equal(asPython('x")\nimport os #'), 'row, content = client.invoice("x\\")\\nimport os #")\nprint(content)');
});

test("lines of an invoice stand by period and currency, corrections after those of its own period", () => {
  const line = (period, correction, currency = "USD") => ({ period, correction, currency });
  const lines = [line("2026-10", true), line("2026-11", false, "EUR"), line("2026-11", false), line("2026-11", false), line("2026-09", true)];
  assert.deepEqual(sections(lines).map((it) => [it[0].period, it[0].currency, it.length]), [["2026-11", "EUR", 1], ["2026-11", "USD", 2], ["2026-09", "USD", 1], ["2026-10", "USD", 1]]);
});

test("inclusion proofs of every leaf of trees of many sizes, and none of a wrong one", async () => {
  for (const { leaf, index, size, proof, root } of cases.proofs) {
    const given = [unb64(leaf), index, size, proof.map(unb64), unb64(root)];
    assert.equal(await verifyInclusion(...given), true, `leaf ${index} of ${size}`);
    if (size > 1) assert.equal(await verifyInclusion(given[0], (index + 1) % size, size, given[3], given[4]), false);
    assert.equal(await verifyInclusion(given[0], index, size, [...given[3], given[0]], given[4]), false);
  }
});

test("a receipt is valid with its trust document, result and job only", async () => {
  const trust = await readTrust(cases.trust);
  assert.equal(trust.fingerprint, cases.fingerprint);
  const content = unb64(cases.receipt);
  const valid = await verifyReceipt(content, trust, { job: cases.job, resultDigest: cases.result });
  assert.deepEqual(valid.checks.filter((it) => !it.ok), []);
  assert.equal(valid.valid, true);
  const both = await verifyReceipt(content, trust, { job: cases.job, resultDigest: cases.result, second });
  assert.deepEqual(both.checks.map((it) => [it.name, it.ok]), ["form", "statement", "subject", "checkpoint", "inclusion", "keys"].map((it) => [it, true]));
  assert.match(both.checks[1].text, /signed with Ed25519 and ML-DSA-65 by/);
  assert.match(both.checks[3].text, /signed with Ed25519 and ML-DSA-44 by/);
  const newline = Uint8Array.of(10);
  assert.equal((await verifyReceipt(concat(content, newline), trust, { job: cases.job })).valid, true);
  const failed = async (...given) => (await verifyReceipt(...given)).checks.find((it) => !it.ok)?.name;
  assert.equal(await failed(concat(content, newline, newline), trust, {}), "form");
  assert.equal(await failed(content, trust, { job: "jother" }), "subject");
  assert.equal(await failed(content, trust, { job: cases.job, resultDigest: `sha256:${"0".repeat(64)}` }), "subject");
  assert.equal(await failed(content, await readTrust(cases.other)), "statement");
});

test("no altered byte of a receipt is valid", async () => {
  const trust = await readTrust(cases.trust);
  const content = unb64(cases.receipt);
  for (let at = 0; at < content.length; at += 7) {
    const inSecond = cases.second.some(([from, to]) => at >= from && at < to);
    if (inSecond && at % 11) continue; // each of these bytes costs a signature
    const altered = content.slice();
    altered[at] ^= 1;
    assert.equal((await verifyReceipt(altered, trust, { job: cases.job, second })).valid, false, `byte ${at}`);
  }
});

test("receipts and trust documents that were altered are refused by the check that the platform's verifier names", async () => {
  for (const { name, receipt, trust, check, valid } of cases.verdicts) {
    const found = await verifyReceipt(unb64(receipt), await readTrust(trust), { job: cases.job, resultDigest: cases.result, second });
    const failed = found.checks.find((it) => !it.ok);
    assert.deepEqual([found.valid, failed?.name ?? null], [valid, check], `${name}: ${failed?.text}`);
  }
});

test("circuits are read, placed in columns and worked out", () => {
  const head = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c;';
  const bell = readQasm(`${head} h q[0]; cx q[0], q[1]; c = measure q;`);
  assert.deepEqual(columns(bell), { at: [0, 1, 2, 2], total: 3 });
  const close = (found, wanted) => {
    assert.deepEqual(Object.keys(found).sort(), Object.keys(wanted).sort());
    for (const [bits, share] of Object.entries(wanted)) assert.ok(Math.abs(found[bits] - share) < 1e-9, bits);
  };
  close(exactDistribution(bell), { "00": 0.5, 11: 0.5 });
  close(exactDistribution(readQasm("OPENQASM 2.0; qreg q[2]; creg a[1]; creg b[1]; x q[0]; ry(pi/3) q[1]; measure q[0] -> a[0]; measure q[1] -> b[0];")), { "0 1": 0.75, "1 1": 0.25 });
  for (const { source, shares } of cases.circuits) close(exactDistribution(readQasm(source)), shares);
  assert.equal(exactDistribution(readQasm(`${head} c = measure q; h q[0];`)), null);
  const beyond = readQasm(`${head} h q[0]; if (c[0]) { x q[1]; }`);
  assert.match(beyond.beyond, /^if/);
  assert.equal(exactDistribution(beyond), null);
  assert.equal(exactDistribution(readQasm(`${head} mystery q[0]; c = measure q;`)), null);
});

test("money is exact, and rounded only at a glance", () => {
  assert.equal(format.sum(["0.1", "0.2", "1000000000000000000.000000000000000001"]), "1000000000000000000.300000000000000001");
  assert.equal(format.sum(["1.5", "-0.75", "-1"]), "-0.25");
  assert.equal(format.rounded({ amount: "1234.565", currency: "USD" }), "1,234.57 USD");
  assert.equal(format.rounded({ amount: "0.00126", currency: "USD" }), "0.0013 USD");
  assert.equal(format.rounded({ amount: "0.00001", currency: "USD" }), "< 0.0001 USD");
  assert.equal(format.rounded({ amount: "-2.005", currency: "USD" }), "-2.01 USD");
  assert.throws(() => format.units("1e3"));
  assert.deepEqual([0, 999, 1_500, 59_000, 61_000, 3_600_000, 90_061_000].map((it) => format.duration(it)), ["0 ms", "999 ms", "1.5 s", "59 s", "1 min 1 s", "1 h", "1 d 1 h"]);
  assert.equal(format.csv(["a", "b"], [["=1+1", 'x"y'], ["-2.5", "1,2"]]), "a,b\n'=1+1,\"x\"\"y\"\n-2.5,\"1,2\"\n");
});

test("a stream is split at blank lines, and its unfinished rest is kept", () => {
  const { messages, rest } = parseEvents('retry: 1000\nid: 6\n\n: ping\n\nid: 7\nevent: job.completed\ndata: {"a":\ndata: 1}\n\nid: 8\nevent: job');
  assert.deepEqual(messages, [{ id: "6", event: "message", data: "" }, { id: "7", event: "job.completed", data: '{"a":\n1}' }]);
  assert.equal(rest, "id: 8\nevent: job");
});

test("a stream that needs a token is asked for once, and its failures have the status", async () => {
  globalThis.sessionStorage = { getItem: () => null };
  let asked = 0;
  globalThis.fetch = async () => new Response("{}", { status: (asked += 1) === 1 ? 503 : 401 });
  await assert.rejects(readStream("/v1/events", { onEvents: () => {} }), (error) => error.status === 503);
  await live.start();
  await live.ready;
  assert.equal(asked, 2);
  assert.equal(live.state, "lost");
});

test("a row after its events is the row of the list, in whatever order they come", () => {
  const row = cases.history.reduce((row, { name, event }) => rows.fold(row, name, event), undefined);
  assert.deepEqual([row.state, row.backend, row.sealed, row.charge, row.queue_wait_ms >= 0], ["completed", cases.backend, true, cases.charge, true]);
  const late = rows.fold(row, "job.started", cases.history.find((it) => it.name === "job.started").event);
  assert.equal(late.state, "completed");
  assert.equal(rows.matches(row, { state: "failed,completed", label: row.label.slice(0, 2) }), true);
  assert.equal(rows.matches(row, { state: "failed" }), false);
  assert.deepEqual(rows.phases(cases.history, 0).map((it) => it.open), Array(6).fill(false));
});

test("a job that was taken from its backend waits again", () => {
  const withdrawn = { time: "2026-11-01T09:59:00Z", data: { job: "j1", backend: "manila", reason: { code: "below_fidelity", text: "" } } };
  const again = rows.fold({ job: "j1", state: "placed", backend: "manila" }, "job.withdrawn", withdrawn);
  assert.deepEqual([again.state, again.backend], ["accepted", ""]);
  assert.equal(rows.fold({ job: "j1", state: "expired", backend: "manila" }, "job.withdrawn", withdrawn).state, "expired");
});

test("a window on 100,000 rows draws some tens", () => {
  const shown = rows.windowOf({ scrollTop: 1_600_000, height: 640, rowHeight: 32, total: 100_000 });
  assert.deepEqual([shown.to - shown.from, shown.above + shown.below + (shown.to - shown.from) * 32], [44, 3_200_000]);
  assert.deepEqual(rows.windowOf({ scrollTop: 1e9, height: 640, rowHeight: 32, total: 3 }), { from: 3, to: 3, above: 96, below: 0 });
});

test("a budget says its window, whether it only warns, and when it is spent", () => {
  assert.equal(termsOf({ window: "30d", since: "2026-11-02", soft: true, spent_by: "2026-12-03" }), "30d, since 2026-11-02; warns only; spent by 2026-12-03");
  assert.deepEqual([termsOf({ window: "lifetime", since: null, soft: false, spent_by: null }), termsOf({})], ["lifetime", ""]);
});

test("a slot says what became of its time, and a quota what it limits", () => {
  assert.deepEqual([timeOf({ used_s: null }), timeOf({ used_s: 0, idle_s: 0, unavailable_s: 0 })], [null, "no time"]);
  assert.equal(timeOf({ used_s: 90, idle_s: 0, unavailable_s: 5 }), "1 min 30 s used, 5.0 s not available");
  const quota = { active_jobs: null, shots: null, qpu_seconds: null, reservations: 0, reservations_used: 0, reserved_seconds: 7_200, reserved_seconds_used: 3_600 };
  assert.deepEqual(partsOf(quota), [
    { what: "reservations", used: "0", most: "0", share: 1 }, { what: "reserved time", used: "1 h", most: "2 h", share: 0.5 },
  ]);
});

test("spend and queues add up", () => {
  const now = Date.parse("2026-11-29T12:00:00Z");
  const spend = spendOf([{ day: "2026-11-29T00:00:00Z", charge: { amount: "7.00", currency: "EUR" } }], now);
  assert.deepEqual([spend.currency, spend.total, spend.daily, spend.ahead, spend.days.length], ["EUR", "7.00", "1.00", "30.00", 30]);
  const job = (state, backend, submitted_at) => ({ state, backend, submitted_at });
  const found = queues([job("placed", "aer", "2026-11-29T11:59:00Z"), job("started", "aer", "2026-11-29T11:00:00Z"), job("accepted", "", "2026-11-29T11:59:59Z")], now);
  assert.deepEqual(found, [
    { backend: "aer", waiting: 1, running: 1, oldest: 60_000 }, { backend: "not placed yet", waiting: 1, running: 0, oldest: 1_000 },
  ]);
});
