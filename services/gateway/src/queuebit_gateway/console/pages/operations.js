// What runs the jobs: what needs a person now, and each backend with its queue, its calibrations and its price.

import { html, useState } from "../vendor/htm-preact.js";
import { useData, useNow } from "../core/live.js";
import { age, ago, count, duration, eventName, isJobEvent, percent, ppm } from "../core/rows.js";
import { href } from "../core/router.js";
import { Choice, Empty, Facts, Figure, Loaded, Panel, Share, sqlText, State, Table, When } from "../ui/parts.js";
import { Bars, micro, share, Topology } from "../ui/drawings.js";

const EVERY_MS = 30_000;
const STALE_MS = 86_400_000;
const LONG_WAIT_MS = 60_000;
const OPEN = "/v1/jobs?state=submitted,accepted,placed,started,dispatched&limit=500";
const calibrated = (it) => (it.calibration_age_s == null ? html`<span class="quiet">ideal</span>` : `${age(it.calibration_age_s * 1_000)} ago`);
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
export function alertsOf({ levels, queue, backends, states, byBackend, letters }, now) {
  const found = [];
  for (const it of states) {
    const to = href(`/fleet/${it.backend}`);
    if (it.live === false) found.push({ text: `${it.backend}: its executor has not answered for ${duration(since(it.silent_since, now))}`, to });
    if (it.calibration?.reason) found.push({ text: `${it.backend}: calibrations fail since ${ago(it.calibration.failing_since, now)}: ${it.calibration.reason.text}`, to });
  }
  if (letters.length) found.push({ text: `${count(letters.length)} ${letters.length > 1 ? "messages" : "message"} of this tenant could not be handled`, to: "#dead" });
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
      <li key=${it.sequence}><${When} at=${it.at} now=${now} /><${State} state=${eventName(it.event).replace("_", " ")} />${it.job
        ? html`<a href=${href(`/jobs/${it.job}`)}><code>${it.job.slice(0, 10)}</code></a>`
        : html`<a href=${href(`/fleet/${it.backend}`)}>${it.backend}</a>`}<span><strong>${it.code}</strong> ${it.text}${it.job && it.backend ? html` <span class="quiet">on ${it.backend}</span>` : ""}</span></li>`)}</ol>`
  : html`<${Empty}>No job and no calibration failed.<//>`);

const HEALTH = new Map([[true, "answers"], [false, "no answer"]]);
const stale = (it) => it.calibration_age_s * 1_000 > STALE_MS && it.kind === "qpu";

const Backends = ({ rows, states, now }) => html`<${Table} caption="Backends" rows=${rows} rowKey=${(it) => it.backend} columns=${[
  { name: "Backend", cell: (it) => html`<a href=${href(`/fleet/${it.backend}`)}>${it.backend}</a>` },
  { name: "Executor", cell: (it) => {
    const found = states.get(it.backend);
    return html`<${State} state=${HEALTH.get(found?.live) || "not known"} />${found?.live === false && html`<br /><span class="quiet">for ${duration(since(found.silent_since, now))}</span>`}`;
  } },
  { name: "Calibrated", num: true, cell: (it) => html`<span class=${stale(it) ? "bad" : ""}>${calibrated(it)}</span>` },
  { name: "Last attempt", cell: (it) => {
    const tried = states.get(it.backend)?.calibration;
    return tried ? html`${ago(tried.attempted_at, now)}${tried.reason && html`<br /><span class="bad">${tried.reason.text}</span>`}` : "–";
  } },
]} />`;

const DeadLetters = ({ rows, now }) => (rows.length
  ? html`<${Table} caption="Dead letters" rows=${rows} rowKey=${(it) => it.id} columns=${[
      { name: "Age", cell: (it) => html`<time datetime=${it.at} title=${it.at}>${age(since(it.at, now))}</time>` },
      { name: "Reason", cell: (it) => html`<strong>${it.code}</strong> ${it.reason}` },
      { name: "Message", cell: (it) => html`<code>${it.subject}</code>${it.job && html`<br /><a href=${href(`/jobs/${it.job}`)}>its job</a>`}` },
      { name: "For", less: "wide-only", cell: (it) => it.owner },
    ]} />`
  : html`<${Empty}>Every message of this tenant was handled.<//>`);

export function OnCall({ me }) {
  const now = useNow(1_000);
  const open = useData(OPEN, { on: isJobEvent });
  const incidents = useData("/v1/incidents", { every: EVERY_MS, on: (it) => ["failed", "rejected"].includes(eventName(it.name)) });
  const dead = useData(me.role === "admin" ? "/v1/dead-letters" : null, { every: EVERY_MS });
  const slo = useData("/v1/slo", { on: (it) => it.name === "job.sealed" });
  const byBackend = useData("/v1/activity?by=backend&days=1", { on: (it) => it.name === "job.metered" });
  const backends = useData("/v1/backends", { every: EVERY_MS });
  const status = useData("/v1/backends:status", { every: EVERY_MS / 6 });
  const states = status.data?.data || [];

  const rows = open.data?.data || [];
  const queue = queues(rows, now);
  const waiting = rows.filter((it) => !["started", "dispatched"].includes(it.state));
  const running = rows.length - waiting.length;
  const oldest = Math.max(0, ...waiting.map((it) => since(it.submitted_at, now)));
  const alerts = alertsOf({
    levels: slo.data?.data || [], queue, backends: backends.data?.data, states, byBackend: byBackend.data?.data || [], letters: dead.data?.data || [],
  }, now);
  const silent = states.filter((it) => it.live === false).length;
  const many = open.data?.next ? "+" : "";
  return html`
    <div class="head"><h1>On-call</h1><div class="tools">
      <${Share} path=${OPEN} python=${"for job in client.jobs(limit=500):\n    if job[\"ended_at\"] is None:\n        print(job)"}
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
      <${Figure} name="Executors that answer" value=${states.length ? `${count(states.length - silent)} of ${count(states.length)}` : "–"} note="asked every 2 s" tone=${silent ? "bad" : ""} />
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
      <${Panel} title="Backends"><${Loaded} of=${backends}>${({ data }) => html`<${Backends} rows=${data} states=${new Map(states.map((it) => [it.backend, it]))} now=${now} />`}<//><//>
      <${Panel} title="Incidents" hint="Failed jobs and calibrations, by the time at which they failed" wide>
        <${Loaded} of=${incidents}>${(it) => html`<${Incidents} rows=${it.data} now=${now} />`}<//><//>
      <${Panel} title="Dead letters" id="dead" hint="Messages that no service could handle" wide>
        ${me.role === "admin" ? html`<${Loaded} of=${dead}>${(it) => html`<${DeadLetters} rows=${it.data} now=${now} />`}<//>` : html`<${Empty}>Dead letters are shown to admins; you are a ${me.role}.<//>`}
        <p class="quiet">Those of other tenants and of the platform are the operator's: <code>qb doctor</code>.</p><//>
    </div>`;
}

const MEASURES = [["two_qubit_error", "Two-qubit error", share], ["readout_error", "Readout error", share], ["t1_s", "T1", micro], ["t2_s", "T2", micro]];

/** What changed most since the calibration before, in words. */
const drifted = (it) => it.drift.map(({ what, on, before, after }) => {
  const [, name, show] = MEASURES.find(([key]) => key === what) || [0, what, share];
  return `${name} ${on}: ${show(before)} → ${show(after)}`;
}).join(" · ");

function History({ backend }) {
  const [by, setBy] = useState(MEASURES[0][0]);
  const found = useData(`/v1/backends/${backend}/calibrations`, { every: EVERY_MS });
  return html`<${Loaded} of=${found}>${({ data }) => {
    const [, name, show] = MEASURES.find(([key]) => key === by);
    const points = [...data].reverse().map((it) => ({ label: it.calibrated_at.slice(0, 16).replace("T", " "), value: it.medians?.[by] || 0, text: show(it.medians?.[by]) }));
    const [newest, before] = data.map((it) => it.medians?.[by]);
    const change = before ? ` · ${newest < before ? "−" : "+"}${percent(Math.abs(newest / before - 1))} since the one before` : "";
    return html`
      <${Choice} name="measure" label="Show" options=${MEASURES} value=${by} onChange=${setBy} />
      ${points.length > 1 ? html`<${Bars} title="${name}, median" points=${points} scale=${show} summary="${show(newest)}${change}" />` : html`<p>${show(newest)}, the only calibration so far</p>`}
      <${Table} caption="Drift from one calibration to the next" rows=${data.slice(0, 10)} rowKey=${(it) => it.sequence} columns=${[
        { name: "Calibrated", cell: (it) => html`<${When} at=${it.calibrated_at} />` },
        { name: "Changed most since the one before", cell: (it) => drifted(it) || html`<span class="quiet">${it === data.at(-1) ? "the first" : "nothing"}</span>` },
      ]} />`;
  }}<//>`;
}

function Backend({ it, queue, activity }) {
  const calibration = useData(it.calibrated_at ? `/v1/backends/${it.backend}/calibration` : null);
  const days = (activity.data?.data || []).filter((row) => row.backend === it.backend).sort((a, b) => b.day.localeCompare(a.day)).slice(0, 14);
  return html`
    <div class="grid">
      <${Panel} title="Map" hint=${it.calibrated_at ? html`Calibrated <${When} at=${it.calibrated_at} />` : ""}>
        ${it.calibrated_at
          ? html`<${Loaded} of=${calibration}>${(found) => html`<${Topology} calibration=${found.calibration} />`}<//>`
          : html`<${Empty}>An ideal simulator: every qubit is joined to every other, and there is no error to draw.<//>`}
      <//>
      <${Panel} title="Facts">
        <${Facts} of=${[
          ["Vendor", it.vendor], ["Kind", it.kind], ["Qubits", count(it.qubits)], ["Shots at most", count(it.max_shots)], ["Slots", count(it.slots)],
          ["Waiting", count(queue?.waiting || 0)], ["Running", count(queue?.running || 0)], ["Oldest wait", queue?.oldest ? duration(queue.oldest) : "–"],
          ["Price", it.price], ["Two-qubit error", `${ppm(it.median_two_qubit_error_ppm)} median`], ["Readout error", `${ppm(it.median_readout_error_ppm)} median`],
          ["Calibrated", calibrated(it)], ["Can do", it.features.map((name) => name.replaceAll("_", " ")).join(", ")],
        ]} />
        <p><a href=${href("/jobs", { backend: it.backend })}>Jobs on ${it.backend}</a></p>
      <//>
      ${it.calibrated_at && html`<${Panel} title="Calibrations" hint="Medians over the device" wide><${History} backend=${it.backend} /><//>`}
      <${Panel} title="Your jobs here, by day" wide>${days.length
        ? html`<${Table} caption="Jobs by day" rows=${days} rowKey=${(row) => row.day} columns=${[
            { name: "Day", cell: (row) => row.day.slice(0, 10) }, { name: "Jobs", num: true, cell: (row) => count(row.jobs) },
            { name: "Success", num: true, cell: (row) => percent(row.completed + row.failed ? row.completed / (row.completed + row.failed) : null) },
            { name: "Wait, median", num: true, cell: (row) => duration(row.wait_p50_ms) }, { name: "Wait, 95 %", num: true, cell: (row) => duration(row.wait_p95_ms) },
          ]} />`
        : html`<${Empty} next="qb submit bell.qasm --backend ${it.backend} --wait">You have run nothing here yet.<//>`}<//>
    </div>`;
}

export function Fleet({ id }) {
  const now = useNow(2_000);
  const backends = useData("/v1/backends");
  const open = useData(OPEN, { on: isJobEvent });
  const activity = useData("/v1/activity?by=day,backend", { on: (it) => it.name === "job.metered" });
  const queue = new Map(queues(open.data?.data || [], now).map((it) => [it.backend, it]));
  const one = backends.data?.data.find((it) => it.backend === id);
  return html`
    <div class="head"><h1>${id || "Fleet"}</h1>${id && html`<a href=${href("/fleet")}>All backends</a>`}<div class="tools">
      <${Share} path=${one ? `/v1/backends/${id}` : "/v1/backends"} python=${one ? `print(client.device("${id}"))` : "for backend in client.backends():\n    print(backend)"}
        sql=${`SELECT backend, count() AS jobs, quantile(0.5)(queue_wait_ms) AS wait_ms, sum(charge) AS charged\nFROM jobs${one ? ` WHERE backend = ${sqlText(id)}` : ""} GROUP BY backend`} /></div></div>
    <${Loaded} of=${backends}>${({ data }) => {
      if (id) return one ? html`<${Backend} it=${one} queue=${queue.get(id)} activity=${activity} />` : html`<${Empty}>There is no backend ${id}.<//>`;
      if (!data.length) return html`<${Empty} next="qb status">No executor has announced a backend.<//>`;
      return html`<${Table} caption="Backends" rows=${data} rowKey=${(it) => it.backend} columns=${[
        { name: "Backend", cell: (it) => html`<a href=${href(`/fleet/${it.backend}`)}>${it.backend}</a><br /><span class="quiet">${it.vendor}, ${it.kind}</span>` },
        { name: "Qubits", num: true, less: "wide-only", cell: (it) => count(it.qubits) },
        { name: "Waiting", num: true, cell: (it) => count(queue.get(it.backend)?.waiting || 0) },
        { name: "Running", num: true, cell: (it) => html`${count(queue.get(it.backend)?.running || 0)} <span class="quiet">of ${count(it.slots)}</span>` },
        { name: "Two-qubit error", num: true, cell: (it) => ppm(it.median_two_qubit_error_ppm) },
        { name: "Readout error", num: true, less: "wide-only", cell: (it) => ppm(it.median_readout_error_ppm) },
        { name: "Calibrated", num: true, cell: calibrated },
        { name: "Price", less: "wide-only", cell: (it) => it.price },
      ]} />`;
    }}<//>`;
}
