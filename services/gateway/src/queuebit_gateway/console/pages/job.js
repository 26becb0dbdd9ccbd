// One job: what happened, why, what it cost, and the proof.

import { html, useEffect, useMemo, useState } from "../vendor/htm-preact.js";
import { getBytes, getText, readStream, useData, useNow } from "../core/live.js";
import { between, count, decimal, duration, ENDED, eventName, money, phases, ppm, shortDigest, sum, units } from "../core/rows.js";
import { exactDistribution, MOST_QUBITS, readQasm } from "../quantum/circuit.js";
import { CircuitDrawing, Histogram, Topology } from "../ui/drawings.js";
import { Act, Copy, Empty, Facts, Failure, Loaded, Panel, saveAs, Share, sqlText, State, Sum, Table, When } from "../ui/parts.js";

const MOST_ITEMS = 100;
const isText = (payload) => /qasm/.test(payload?.media_type || "");

function useSource(submitted, id) {
  const inline = isText(submitted?.circuit) ? submitted.circuit.inline : null;
  const fetched = useData(submitted && isText(submitted.circuit) && inline == null ? `/v1/jobs/${id}/circuit` : null, { read: getText });
  return inline ?? fetched.data ?? null;
}

function Circuit({ submitted, id }) {
  const source = useSource(submitted, id);
  const circuit = useMemo(() => (source ? readQasm(source) : null), [source]);
  if (!isText(submitted.circuit)) return html`<${Empty} next=${`qb job result ${id}`}>Several circuits, or QIR: they are not drawn here.<//>`;
  if (!circuit) return html`<div class="loading"></div>`;
  return html`
    ${circuit.labels.length > 0 && !(circuit.beyond && circuit.ops.length === 0) && html`<${CircuitDrawing} circuit=${circuit} />`}
    ${circuit.beyond && html`<p class="quiet">${circuit.ops.length > 0 ? "Drawn up to" : "Not drawn, because it begins with"} <code>${circuit.beyond}</code>, which this drawing cannot show.</p>`}
    <details><summary>Source</summary><div class="source"><${Copy} text=${source} /><pre tabindex="0" role="region" aria-label="Source">${source}</pre></div></details>`;
}

function Results({ id, submitted, completed }) {
  const result = useData(`/v1/jobs/${id}/result`);
  const source = useSource(submitted, id);
  const circuit = useMemo(() => (source ? readQasm(source) : null), [source]);
  const exact = useMemo(() => (circuit ? exactDistribution(circuit) : null), [circuit]);
  return html`<${Loaded} of=${result}>${(it) => html`
    ${it.counts && html`<${Histogram} counts=${it.counts} exact=${exact} />`}
    ${it.counts && circuit && !exact && html`<p class="quiet">No exact distribution: it is worked out in this browser for up to ${MOST_QUBITS} qubits, common gates, and measurements at the end.</p>`}
    ${it.items && html`<${Table} caption="Items" rows=${it.items.slice(0, MOST_ITEMS)} rowKey=${(row) => row.number} columns=${[
      { name: "Item", num: true, key: "number" }, { name: "State", key: "state" },
      { name: "Result", cell: (row) => itemText(row) }, { name: "Reason", cell: (row) => row.reason?.text || "–" },
    ]} />`}
    ${it.items?.length > MOST_ITEMS && html`<p class="quiet">The first ${MOST_ITEMS} of ${count(it.items.length)} items.</p>`}
    ${completed && html`<p class="quiet">Digest <code>${shortDigest(completed.result.digest)}</code> <${Copy} text=${completed.result.digest} label="Copy digest" /></p>`}`}<//>`;
}

function itemText(row) {
  const estimate = (it) => `${it.value.toFixed(4)}${it.stderr == null ? "" : ` ± ${it.stderr.toFixed(4)}`}`;
  const heaviest = (weights, text) => Object.entries(weights).sort((a, b) => b[1] - a[1]).slice(0, 3).map(([key, n]) => `${key}: ${text(n)}`);
  const asked = (it) => [...(it.values || []).map(estimate), ...heaviest(Object.fromEntries(Object.entries(it.shares || {}).map(([bits, share]) => [bits, share.value])), (n) => n.toFixed(4)), ...(it.samples || []).flatMap((shots) => heaviest(shots, count))];
  if (row.results) return row.results.map((it) => `${it.of} ${asked(it).join(", ")}`).join(" · ");
  if (row.expectations) return row.expectations.map((it) => `${it.observable || "value"} ${estimate(it)}`).join(" · ");
  return heaviest(row.counts || {}, count).join(", ") || "–";
}

function PlanAndOutcome({ of }) {
  const { accepted, placed, completed, metered } = of;
  const backend = placed?.backend;
  const plan = accepted.candidates.find((it) => it.backend === backend) || accepted.candidates[0];
  const made = completed?.compilation;
  const expected = placed?.scores?.find((it) => it.backend === backend)?.expected_ms;
  const took = completed && between(completed.accepted_at, metered?.ended_at);
  const held = accepted.hold;
  const rows = [
    ["Cost", `up to ${money({ amount: plan.hold ?? held.amount, currency: held.currency })}`, metered ? money(metered.charge) : "–"],
    ["Time on the backend", duration(plan.qpu_us == null ? null : plan.qpu_us / 1_000), completed ? duration(completed.usage.qpu_us / 1_000) : "–"],
    ["Accepted to ended", duration(expected), duration(took)],
    ["Expected success", ppm(plan.esp_ppm), ppm(made?.esp_ppm)],
    ["Depth, as written and as compiled", count(accepted.profile?.depth), count(made?.depth)],
    ["Two-qubit gates, as written and as compiled", count(accepted.profile?.two_qubit_gates), count(made?.two_qubit_gates)],
  ].filter(([, a, b]) => a !== "–" || b !== "–");
  return html`<${Table} caption="Plan and outcome" rows=${rows} rowKey=${([name]) => name} columns=${[
    { name: "", cell: ([name]) => name }, { name: "Plan", num: true, cell: ([, a]) => a }, { name: "Outcome", num: true, cell: ([, , b]) => b },
  ]} />`;
}

function Bill({ metered, corrected }) {
  const { charge, hold } = metered;
  const lines = [...(charge.lines || []), ...corrected.flatMap((it) => it.delta.lines || [])];
  const total = sum([charge.amount, ...corrected.map((it) => it.delta.amount)]);
  const currency = charge.currency;
  return html`
    ${lines.length > 0 && html`<${Table} caption="Lines of the bill" rows=${lines} columns=${[
      { name: "Price", key: "price" },
      { name: "Consumed", num: true, cell: (it) => html`${it.consumed}<br /><span class="quiet">${it.unit}</span>` },
      { name: "Billed", num: true, less: "wide-only", key: "billed" }, { name: "Unit price", num: true, key: "unit_price" },
      { name: "Amount", num: true, cell: (it) => money({ amount: it.amount, currency }) },
    ]} />`}
    <${Facts} of=${[
      ["Charged", html`<strong class="num">${money({ amount: total, currency })}</strong>${metered.final === false ? " until its usage is final" : ""}`],
      ["Held before", hold && money(hold)], ["Released", hold && money({ amount: decimal(units(hold.amount) - units(total)), currency: hold.currency })],
      ["Credits", charge.jbu && `${charge.jbu} jbu`],
    ]} />`;
}

function Compiled({ accepted, backend, completed }) {
  const candidate = accepted.candidates.find((it) => it.backend === backend);
  const text = candidate?.operations?.inline;
  const used = useMemo(() => (text ? JSON.parse(text) : []), [text]);
  const calibration = useData(used.length ? `/v1/backends/${backend}/calibration` : null);
  if (!used.length) return null;
  const made = completed?.compilation;
  return html`
    <${Panel} title="Compiled circuit" hint=${made ? `${made.compiler}, seed ${made.seed}` : "As it was compiled for the plan"}>
      ${calibration.data && html`<${Topology} calibration=${calibration.data.calibration} used=${used} />`}
      <details open=${!calibration.data}><summary>Operations on the device</summary>
        <${Table} caption="Operations on the device" rows=${used} columns=${[
          { name: "Gate", cell: ([gate]) => html`<code>${gate}</code>` }, { name: "Device qubits", cell: ([, qubits]) => qubits.join(", ") }, { name: "Times", num: true, cell: ([, , times]) => count(times) },
        ]} /></details>
    <//>`;
}

function Provenance({ of }) {
  const { submitted, accepted, placed, completed, sealed } = of;
  const digest = (value) => value && html`<code title=${value}>${shortDigest(value)}</code> <${Copy} text=${value} />`;
  return html`<${Facts} of=${[
    ["Circuit", digest(submitted?.circuit?.digest)], ["Key of the submission", submitted?.key && html`<code>${submitted.key}</code>`],
    ["Signed by", submitted?.proof && html`<code title=${submitted.proof.key}>${submitted.proof.key.slice(0, 12)}…</code>`],
    ["Delegation", submitted?.proof?.delegation], ["Price book", digest(accepted?.price_book)], ["Policy of placement", placed?.policy], ["Decision", digest(placed?.decision?.digest || placed?.snapshot)],
    ["Calibration", digest(completed?.calibration)], ["Compiler", completed?.compilation?.compiler], ["Seed", accepted?.seed],
    ["Result", digest(completed?.result?.digest)], ["Statement", digest(sealed?.statement)],
  ]} />`;
}

const TRUST_KEY = "qb-trust";

/** What verifies receipts: loaded with the first receipt that is shown. */
const verifier = () => import("../proof/receipt.js");

/** The trust document: your own file where you gave one, otherwise the platform's, remembered from the first time. */
async function trusted() {
  const own = localStorage.getItem(TRUST_KEY);
  if (own) return JSON.parse(own);
  const found = { from: "the platform, when this browser first asked", content: await getText("/v1/trust") };
  localStorage.setItem(TRUST_KEY, JSON.stringify(found));
  return found;
}

function ReceiptPanel({ id, resultDigest }) {
  const [state, setState] = useState({});
  const check = async (both) => {
    try {
      if (!globalThis.crypto?.subtle) throw new Error("This browser checks signatures only on https or on this machine's own address.");
      const [content, given] = await Promise.all([getBytes(`/v1/jobs/${id}/receipt`), trusted()]);
      const { readTrust, verifyReceipt } = await verifier();
      const trust = await readTrust(given.content);
      const second = both && (await import("../proof/post-quantum.js"));
      setState({ content, trust, both, from: given.from, ...(await verifyReceipt(content, trust, { job: id, resultDigest, second })) });
    } catch (problem) {
      setState({ problem: Object.assign(problem, { reasons: problem.reasons || [] }) });
    }
  };
  useEffect(() => {
    check();
  }, [id, resultDigest]);

  const choose = async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    try {
      const content = await file.text();
      await (await verifier()).readTrust(content);
      localStorage.setItem(TRUST_KEY, JSON.stringify({ from: `your file ${file.name}`, content }));
      await check();
    } catch (problem) {
      setState((before) => ({ ...before, problem: Object.assign(problem, { reasons: [] }) }));
    }
  };
  const { checks, valid, trust, from, content, problem, both } = state;
  return html`
    ${problem && html`<${Failure} problem=${problem} retry=${() => check(both)} />`}
    ${checks && html`
      <p class="verdict ${valid ? "good" : "bad"}" role="status">${valid ? (both ? "Valid" : "Valid so far") : "Not valid"}</p>
      <ol class="checks">${checks.map((it) => html`<li class=${it.ok ? "good" : "bad"}><strong>${it.name}</strong> ${it.text}</li>`)}</ol>`}
    ${trust && html`<p class="quiet">Keys of <strong>${trust.origin}</strong> from ${from}, fingerprint <code title=${trust.fingerprint}>${trust.fingerprint.slice(7, 23)}</code>: compare it with one that you got another way.</p>`}
    <div class="tools left">
      ${valid && !both && html`<button onClick=${() => check(true)}>Verify both signatures</button>`}
      ${content && html`<button onClick=${() => saveAs(`${id}.receipt.json`, "application/json", content)}>Save receipt</button>`}
      ${trust && html`<button onClick=${() => { localStorage.removeItem(TRUST_KEY); check(); }}>Forget these keys</button>`}
      <label class="file">Use my trust.json<input type="file" accept="application/json,.json" onChange=${choose} /></label>
    </div>`;
}

/** The events of a job as the log has them, oldest first; followed until the receipt is there. */
function useEvents(id) {
  const [events, setEvents] = useState([]);
  useEffect(() => {
    const stop = new AbortController();
    let all = [];
    const read = async () => {
      for (let pause = 500; !stop.signal.aborted; pause = Math.min(pause * 2, 10_000)) {
        try {
          await readStream(`/v1/jobs/${encodeURIComponent(id)}/events`, {
            signal: stop.signal, after: all.at(-1)?.seq ?? 0,
            onEvents: (batch) => {
              const fresh = batch.filter((it) => it.name !== "reset" && it.seq > (all.at(-1)?.seq ?? 0));
              if (!fresh.length) return;
              all = [...all, ...fresh];
              setEvents(all);
              if (fresh.some((it) => it.name === "job.sealed")) stop.abort();
            },
          });
        } catch {
          // an unknown job has no stream: the answer about the job itself says so
        }
        await new Promise((wake) => setTimeout(wake, pause));
      }
    };
    read();
    return () => stop.abort();
  }, [id]);
  return events;
}

function Timeline({ events, now }) {
  const parts = phases(events, now);
  if (!parts.length) return null;
  const start = parts[0].from;
  const total = Math.max(1, parts.at(-1).to - start);
  const rows = parts.map((it) => ({ ...it, took: it.to - it.from }));
  return html`
    <div class="gantt">${rows.map((it) => html`
      <div class="phase"><span>${it.name}</span>
        <svg viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label="${it.name}: ${duration(it.took)}">
          <rect class="track" width="1000" height="10" /><rect class=${it.tone} x=${(1_000 * (it.from - start)) / total} width=${Math.max(3, (1_000 * it.took) / total)} height="10" /></svg>
        <span class="num">${it.open ? html`<span class="quiet">for </span>` : ""}${duration(it.took)}</span></div>`)}
    </div>
    <details><summary>Events</summary>
      <${Table} caption="Events" rows=${events} rowKey=${(it) => it.seq} columns=${[
        { name: "Sequence", num: true, key: "seq" },
        { name: "Event", cell: (it) => eventName(it.name) },
        { name: "At", cell: (it) => html`<${When} at=${it.event.time} now=${now} />` },
        { name: "After the one before", num: true, cell: (it) => duration(between(events[events.indexOf(it) - 1]?.event.time, it.event.time)) },
        { name: "By", cell: (it) => (it.event.source || "").split("/").pop() || "–" },
      ]} />
      <details><summary>As CloudEvents</summary><pre tabindex="0" role="region" aria-label="CloudEvents">${JSON.stringify(events.map((it) => it.event), null, 1)}</pre></details>
    </details>`;
}

const WHY = { rejected: "Why it was rejected", failed: "Why it failed", cancelled: "Why it was cancelled", expired: "Why it expired", completed: "Why there", started: "Why there", dispatched: "Why there" };

function Why({ job, id, hasPlace }) {
  const explained = useData(hasPlace ? `/v1/jobs/${id}/explain` : null);
  const rows = explained.data?.data || [];
  const last = rows.at(-1);
  const reasons = job.reasons || [];
  return html`
    ${!ENDED.has(job.state) && html`<p class="why">${job.waiting || (job.state === "started" ? `It runs on ${job.backend}.` : "It waits for its turn; the reason follows in a moment.")}</p>`}
    ${reasons.map((it) => html`<p class="why bad"><strong>${it.code}</strong> ${it.text}</p>`)}
    ${last?.decided && html`<p>Placed on <strong>${last.backend}</strong> after ${duration(last.waited_ms)}: ${last.decided}.</p>`}
    ${last?.backends && html`<${Table} caption="Backends that were compared" rows=${last.backends} rowKey=${(it) => it.backend} columns=${[
      { name: "Backend", cell: (it) => html`${it.backend}${it.chosen ? html` <span class="good">chosen</span>` : ""}` },
      { name: "Cost rank", num: true, less: "wide-only", cell: (it) => count(it.cost_rank) },
      { name: "Expected end", num: true, cell: (it) => duration(it.expected_us == null ? null : it.expected_us / 1_000) },
      { name: "Success", num: true, less: "wide-only", cell: (it) => (it.esp_ppm == null ? "–" : `${(it.esp_ppm / 10_000).toFixed(1)} %`) },
      { name: "Why not", cell: (it) => it.reason || "–" },
    ]} />`}
    ${!last && !reasons.length && ENDED.has(job.state) && html`<p class="quiet">It ended before it had a place.</p>`}`;
}

export function Job({ id, me }) {
  const mine = (it) => it.event.data?.job === id;
  const job = useData(`/v1/jobs/${encodeURIComponent(id)}`, { on: mine });
  const events = useEvents(id);
  const ended = job.data && ENDED.has(job.data.state);
  const now = useNow(ended ? 60_000 : 500);
  const of = useMemo(() => Object.fromEntries(events.map((it) => [eventName(it.name), it.event.data])), [events]);
  if (job.problem?.status === 404) return html`<div class="head"><h1>There is no job ${id}</h1></div><${Empty}>Ids are in the list of <a href="/console/jobs">jobs</a>.<//>`;
  return html`<${Loaded} of=${job}>${(it) => html`
    <div class="head"><h1>${it.label || "Job"}</h1><${State} state=${it.state} />
      <div class="tools">${!ENDED.has(it.state) && ["submitter", "admin"].includes(me.role) && html`<${Act} label="Cancel job" busy="Cancelling…" path="/v1/jobs/${it.job}/cancel" body=${{ reason: "cancelled in the console" }} />`}
        <${Share} path="/v1/jobs/${it.job}" python=${`job = client.job("${it.job}")\nprint(job.status())\nprint(job.result().counts)`}
          sql=${`SELECT seq, event_time, type, data FROM events\nWHERE job = ${sqlText(it.job)} ORDER BY seq`} /></div></div>
    <${Facts} of=${[
      ["Job", html`<code>${it.job}</code> <${Copy} text=${it.job} label="Copy id" />`], ["Backend", it.backend], ["Project", it.project], ["Session", of.submitted?.session],
      ["User", (of.accepted || of.rejected)?.user], ["Shots", count(it.shots)], ["Charge", html`<${Sum} of=${it.charge} />`],
      ["Receipt", it.sealed ? html`entry ${of.sealed?.leaf_index ?? "…"} of the log` : "not issued yet"],
    ]} />
    <div class="grid">
      <div class="column">
        <${Panel} title="Timeline"><${Timeline} events=${events} now=${now} /><//>
        ${(of.completed || it.state === "completed") && html`<${Panel} title="Result"><${Results} id=${id} submitted=${of.submitted} completed=${of.completed} /><//>`}
        ${of.accepted && html`<${Panel} title="Plan and outcome"><${PlanAndOutcome} of=${of} /><//>`}
        ${of.accepted && html`<${Compiled} accepted=${of.accepted} backend=${it.backend} completed=${of.completed} />`}
      </div>
      <div class="column">
        <${Panel} title=${WHY[it.state] || "Why it waits"}><${Why} job=${it} id=${id} hasPlace=${!!of.placed} /><//>
        ${of.submitted && html`<${Panel} title="Circuit"><${Circuit} submitted=${of.submitted} id=${id} /><//>`}
        ${of.metered && html`<${Panel} title="Bill"><${Bill} metered=${of.metered} corrected=${events.filter((e) => e.name === "job.corrected").map((e) => e.event.data)} /><//>`}
        ${it.sealed && html`<${Panel} title="Receipt" hint="Checked in this browser"><${ReceiptPanel} id=${id} resultDigest=${of.completed?.result?.digest} /><//>`}
        <${Panel} title="Provenance"><${Provenance} of=${of} /><//>
      </div>
    </div>`}<//>`;
}
