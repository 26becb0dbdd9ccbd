// One job: what happened, why, what it cost, and the proof.

import { html, useEffect, useMemo, useState } from "../vendor/htm-preact.js";
import { readStream, useData, useNow } from "../core/live.js";
import { request } from "../core/api.js";
import { ENDED, eventName, phases } from "../core/rows.js";
import { between, count, duration } from "../core/format.js";
import { Copy, Empty, Facts, Failure, Loaded, Panel, Share, sqlText, State, Sum, Table, When } from "../ui/parts.js";
import { Bill, Circuit, Compiled, PlanAndOutcome, Provenance, ReceiptPanel, Results } from "./job_panels.js";

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

const WHY = { rejected: "Why it was rejected", failed: "Why it failed", cancelled: "Why it was cancelled", completed: "Why there", started: "Why there", dispatched: "Why there" };

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
      { name: "Cost rank", num: true, cell: (it) => count(it.cost_rank) },
      { name: "Expected end", num: true, cell: (it) => duration(it.expected_us == null ? null : it.expected_us / 1_000) },
      { name: "Success", num: true, cell: (it) => (it.esp_ppm == null ? "–" : `${(it.esp_ppm / 10_000).toFixed(1)} %`) },
      { name: "Why not", cell: (it) => it.reason || "–" },
    ]} />`}
    ${!last && !reasons.length && ENDED.has(job.state) && html`<p class="quiet">It ended before it had a place.</p>`}`;
}

function Cancel({ job, me }) {
  const [problem, setProblem] = useState(null);
  const [asked, setAsked] = useState(false);
  if (ENDED.has(job.state) || me.role === "viewer") return null;
  const cancel = async () => {
    setAsked(true);
    try {
      await request(`/v1/jobs/${job.job}/cancel`, { method: "POST", body: { reason: "cancelled in the console" } });
      setProblem(null);
    } catch (error) {
      setProblem(error);
      setAsked(false);
    }
  };
  return html`<button onClick=${cancel} disabled=${asked}>${asked ? "Cancelling…" : "Cancel job"}</button>${problem && html`<${Failure} problem=${problem} />`}`;
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
      <div class="tools"><${Cancel} job=${it} me=${me} />
        <${Share} path="/v1/jobs/${it.job}" python=${`job = client.job("${it.job}")\nprint(job.status())\nprint(job.result().counts)`}
          sql=${`SELECT seq, event_time, type, data FROM events\nWHERE job = ${sqlText(it.job)} ORDER BY seq`} /></div></div>
    <${Facts} of=${[
      ["Job", html`<code>${it.job}</code> <${Copy} text=${it.job} label="Copy id" />`], ["Backend", it.backend], ["Project", it.project],
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
