// For the person on call: what needs attention, what waits and for how long, what failed.

import { html } from "../vendor/htm-preact.js";
import { withQuery } from "../core/api.js";
import { useData, useNow } from "../core/live.js";
import { eventName, isJobEvent } from "../core/rows.js";
import { age, count, duration, percent } from "../core/format.js";
import { href } from "../core/router.js";
import { Empty, Figure, Loaded, Panel, Share, State, Table, When } from "../ui/parts.js";

const MOST = 500;
const STALE_MS = 86_400_000;
const LONG_WAIT_MS = 60_000;
const since = (text, now) => (text ? Math.max(0, now - Date.parse(text)) : null);

/** Depth and age of the queue of each backend, from the jobs that have not ended. */
export function queues(open, now) {
  const found = new Map();
  for (const job of open) {
    const name = job.backend || "not placed yet";
    const queue = found.get(name) || { backend: name, waiting: 0, running: 0, oldest: null };
    const runs = job.state === "started" || job.state === "dispatched";
    queue[runs ? "running" : "waiting"] += 1;
    if (!runs) queue.oldest = Math.max(queue.oldest ?? 0, since(job.submitted_at, now));
    found.set(name, queue);
  }
  return [...found.values()].sort((a, b) => b.waiting - a.waiting || a.backend.localeCompare(b.backend));
}

/** What needs a person, worst first: `{text, to}`. */
export function alertsOf({ levels, queue, backends, byBackend }) {
  const found = [];
  for (const it of levels) {
    const left = Number(it.budget_remaining);
    if (it.total > 0 && left < 0.25) found.push({ text: `${it.name}: ${percent(left, 0)} of the error budget is left (${count(it.total - it.good)} misses in 30 days)`, to: href("/") });
  }
  for (const it of byBackend) {
    const ran = it.completed + it.failed;
    if (it.failed && it.failed / ran > 0.05) found.push({ text: `${it.backend}: ${count(it.failed)} of ${count(ran)} jobs failed in the last 24 hours`, to: href("/jobs", { state: "failed", backend: it.backend }) });
  }
  for (const it of queue) if (it.oldest > LONG_WAIT_MS) found.push({ text: `${it.backend}: ${count(it.waiting)} jobs wait, the oldest for ${duration(it.oldest)}`, to: href("/jobs", { state: "submitted,accepted,placed" }) });
  if (backends && !backends.length) found.push({ text: "no executor has announced a backend", to: href("/fleet") });
  return found;
}

const Incidents = ({ rows, now }) => (rows.length
  ? html`<ol class="timeline">${rows.map((it) => html`
      <li key=${it.job}><${When} at=${it.ended_at} now=${now} /><${State} state=${it.state} /><a href=${href(`/jobs/${it.job}`)}><code>${it.job.slice(0, 10)}</code></a><span>${(it.reasons || []).join(", ") || "–"}${it.backend ? ` on ${it.backend}` : ""}</span></li>`)}</ol>`
  : html`<${Empty}>No job failed or was rejected.<//>`);

export function OnCall() {
  const now = useNow(1_000);
  const moved = (it) => isJobEvent(it);
  const open = useData(withQuery("/v1/jobs", { state: "submitted,accepted,placed,started,dispatched", limit: MOST }), { on: moved });
  const failed = useData(withQuery("/v1/jobs", { state: "failed,rejected", limit: 50 }), { on: (it) => ["failed", "rejected"].includes(eventName(it.name)) });
  const slo = useData("/v1/slo", { on: (it) => it.name === "job.sealed" });
  const byBackend = useData("/v1/activity?by=backend&days=1", { on: (it) => it.name === "job.metered" });
  const backends = useData("/v1/backends");

  const rows = open.data?.data || [];
  const queue = queues(rows, now);
  const waiting = rows.filter((it) => !["started", "dispatched"].includes(it.state));
  const running = rows.length - waiting.length;
  const oldest = Math.max(0, ...waiting.map((it) => since(it.submitted_at, now)));
  const alerts = alertsOf({ levels: slo.data?.data || [], queue, backends: backends.data?.data, byBackend: byBackend.data?.data || [] });
  const calibrated = (backends.data?.data || []).filter((it) => it.calibration_age_s != null).sort((a, b) => b.calibration_age_s - a.calibration_age_s);
  const many = open.data?.next ? "+" : "";
  return html`
    <div class="head"><h1>On-call</h1><div class="tools">
      <${Share} path="/v1/jobs?state=submitted,accepted,placed,started,dispatched" python=${"for job in client.jobs(limit=500):\n    if job[\"ended_at\"] is None:\n        print(job)"}
        sql="SELECT backend, state, count() AS jobs, min(submitted_at) AS oldest\nFROM jobs WHERE ended_at IS NULL GROUP BY backend, state ORDER BY oldest" /></div></div>
    <section class="alerts ${alerts.length ? "bad" : "good"}" aria-label="Needs attention">
      ${alerts.length
        ? html`<ul>${alerts.map((it) => html`<li><a href=${it.to}>${it.text}</a></li>`)}</ul>`
        : html`<p>${slo.data && open.data ? "Nothing needs attention." : "Reading…"}</p>`}
    </section>
    <dl class="figures">
      <${Figure} name="Waiting" value="${count(waiting.length)}${many}" note=${waiting.length ? `oldest for ${duration(oldest)}` : "the queue is empty"} tone=${oldest > LONG_WAIT_MS ? "bad" : ""} />
      <${Figure} name="Running" value="${count(running)}${many}" note=${html`<a href=${href("/jobs", { state: "started,dispatched" })}>list</a>`} />
      <${Figure} name="Failed, 24 h" value=${count((byBackend.data?.data || []).reduce((total, it) => total + it.failed, 0))} note=${html`<a href=${href("/jobs", { state: "failed" })}>list</a>`} />
      <${Figure} name="Oldest calibration" value=${calibrated[0] ? age(calibrated[0].calibration_age_s * 1_000) : "–"} note=${calibrated[0]?.backend || "no backend with noise"} />
    </dl>
    <div class="grid">
      <${Panel} title="Queue">
        <${Loaded} of=${open}>${() => queue.length
          ? html`<${Table} caption="Queue by backend" rows=${queue} rowKey=${(it) => it.backend} columns=${[
              { name: "Backend", cell: (it) => (it.backend.includes(" ") ? html`<span class="quiet">${it.backend}</span>` : html`<a href=${href(`/fleet/${it.backend}`)}>${it.backend}</a>`) },
              { name: "Waiting", num: true, cell: (it) => count(it.waiting) }, { name: "Running", num: true, cell: (it) => count(it.running) },
              { name: "Oldest", num: true, cell: (it) => html`<span class=${it.oldest > LONG_WAIT_MS ? "bad" : ""}>${duration(it.oldest)}</span>` },
            ]} />`
          : html`<${Empty}>Nothing waits and nothing runs.<//>`}<//><//>
      <${Panel} title="Calibrations" hint="Oldest first">
        <${Loaded} of=${backends}>${() => calibrated.length
          ? html`<${Table} caption="Calibrations" rows=${calibrated} rowKey=${(it) => it.backend} columns=${[
              { name: "Backend", cell: (it) => html`<a href=${href(`/fleet/${it.backend}`)}>${it.backend}</a>` },
              { name: "Age", num: true, cell: (it) => html`<span class=${it.calibration_age_s * 1_000 > STALE_MS && it.kind === "qpu" ? "bad" : ""}>${age(it.calibration_age_s * 1_000)}</span>` },
            ]} />`
          : html`<${Empty}>No backend here has a calibration: ideal simulators need none.<//>`}<//><//>
      <${Panel} title="Incidents" hint="Failed and rejected jobs, newest first" wide>
        <${Loaded} of=${failed}>${(it) => html`<${Incidents} rows=${it.data} now=${now} />`}<//><//>
    </div>
    <p class="quiet">Dead letters and the platform's own services are the operator's: <code>qb doctor</code> and <code>qb status</code>.</p>`;
}
