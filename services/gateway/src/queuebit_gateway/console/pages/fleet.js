// The backends: what they are, how good they are today, what waits, what they cost.

import { html } from "../vendor/htm-preact.js";
import { useData, useNow } from "../core/live.js";
import { isJobEvent } from "../core/rows.js";
import { age, count, duration, percent, ppm } from "../core/format.js";
import { href } from "../core/router.js";
import { Empty, Facts, Loaded, Panel, Share, sqlText, Table, When } from "../ui/parts.js";
import { Topology } from "../ui/drawings.js";
import { queues } from "./oncall.js";

const OPEN = "/v1/jobs?state=submitted,accepted,placed,started,dispatched&limit=500";
const calibrated = (it) => (it.calibration_age_s == null ? html`<span class="quiet">ideal</span>` : `${age(it.calibration_age_s * 1_000)} ago`);

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
