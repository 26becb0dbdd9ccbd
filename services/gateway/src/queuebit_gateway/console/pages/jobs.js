// All jobs of the tenant: filters in the address, live, a window on any number of rows.

import { html, useCallback, useEffect, useMemo, useRef, useState } from "../vendor/htm-preact.js";
import { getJson, withQuery } from "../core/api.js";
import { live, useData, useLive, useNow } from "../core/live.js";
import { fold, isId, isJobEvent, matches } from "../core/rows.js";
import { ago, count, duration } from "../core/format.js";
import { go, href, setQuery } from "../core/router.js";
import { CsvButton, Empty, Failure, LongTable, Share, sqlText, State, Sum } from "../ui/parts.js";

const PAGE = 500;
const STATES = [
  ["", "All"], ["submitted,accepted,placed", "Waiting"], ["started,dispatched", "Running"],
  ["completed", "Completed"], ["failed", "Failed"], ["rejected", "Rejected"], ["cancelled", "Cancelled"],
];
const FILTERS = ["state", "backend", "project", "user", "label"];

/** The rows of a list in its order, by id, and the live events on top of them: each event counts once. */
function useJobs(filters) {
  const asked = { ...filters, label: isId(filters.label) ? "" : filters.label, limit: PAGE };
  const path = withQuery("/v1/jobs", asked);
  const store = useRef(null);
  const [view, setView] = useState({ rows: [], next: null, loading: true, problem: null });

  const take = (batch) => {
    const { rows, index, asOf } = store.current;
    const fresh = new Map();
    let changed = false;
    for (const { seq, name, event } of batch) {
      if (!isJobEvent({ name }) || seq <= asOf) continue;
      const id = event.data.job;
      const at = index.get(id);
      if (at !== undefined) {
        rows[at] = fold(rows[at], name, event);
        changed = true;
      } else if (name === "job.submitted" || fresh.has(id)) fresh.set(id, fold(fresh.get(id), name, event));
    }
    const added = [...fresh.values()].filter((it) => matches(it, filters)).reverse();
    if (added.length) {
      const all = [...added, ...rows];
      store.current = { ...store.current, rows: all, index: new Map(all.map((it, at) => [it.job, at])) };
    }
    return changed || added.length > 0;
  };
  const show = (more) => setView((before) => ({ ...before, ...more, rows: [...store.current.rows] }));

  const load = useCallback(async (cursor) => {
    if (!cursor) store.current = { rows: [], index: new Map(), asOf: -1, early: [] };
    const mine = store.current;
    try {
      await live.ready;
      const page = await getJson(cursor ? withQuery("/v1/jobs", { ...asked, after: cursor }) : path);
      if (!cursor && store.current !== mine) return;
      const { rows, index } = store.current;
      for (const row of page.data) if (!index.has(row.job)) index.set(row.job, rows.push(row) - 1);
      if (!cursor) {
        const { early } = mine;
        store.current = { rows, index, asOf: page.as_of_seq ?? -1, early: null };
        take(early);
      }
      show({ next: page.next, loading: false, problem: null });
    } catch (problem) {
      setView((before) => ({ ...before, loading: false, problem }));
    }
  }, [path]);

  useEffect(() => {
    setView((before) => ({ ...before, loading: true }));
    load(null);
  }, [load]);

  useLive((batch) => {
    if (batch === null) load(null);
    else if (store.current.early) store.current.early.push(...batch);
    else if (take(batch)) show({});
  });

  const fetching = useRef(false);
  const more = useCallback(async () => {
    if (!view.next || fetching.current) return;
    fetching.current = true;
    await load(view.next);
    fetching.current = false;
  }, [view.next, load]);
  return { ...view, more, reload: () => load(null) };
}

export function columnsOf(now) {
  return [
    { key: "state", name: "State", cell: (it) => html`<${State} state=${it.state} />` },
    { key: "job", name: "Job", cell: (it) => html`<a href=${href(`/jobs/${it.job}`)}><code>${it.job.slice(0, 10)}</code></a>` },
    { key: "label", name: "Label", less: "grow", cell: (it) => html`<span title=${it.label}>${it.label || "–"}</span>` },
    { key: "backend", name: "Backend", less: "wide-only", cell: (it) => it.backend || "–" },
    { key: "project", name: "Project", less: "wide-only" },
    { key: "shots", name: "Shots", num: true, less: "wide-only", cell: (it) => count(it.shots) },
    { key: "queue_wait_ms", name: "Waited", num: true, less: "wide-only", cell: (it) => duration(it.queue_wait_ms) },
    { key: "end_to_end_ms", name: "Took", num: true, less: "wide-only", cell: (it) => duration(it.end_to_end_ms) },
    { key: "charge", name: "Charge", num: true, less: "roomy-only", cell: (it) => html`<${Sum} of=${it.charge} />`, text: (it) => it.charge?.amount },
    { key: "submitted_at", name: "Submitted", num: true, cell: (it) => html`<time datetime=${it.submitted_at} title=${it.submitted_at}>${ago(it.submitted_at, now)}</time>` },
  ];
}

export function Jobs({ query }) {
  const filters = useMemo(() => Object.fromEntries(FILTERS.map((it) => [it, query[it] || ""])), FILTERS.map((it) => query[it]));
  const jobs = useJobs(filters);
  const backends = useData("/v1/backends");
  const now = useNow(5_000);
  const shown = jobs.rows.filter((it) => matches(it, filters));
  const columns = columnsOf(now);
  const anyFilter = FILTERS.some((it) => filters[it]);
  const conditions = Object.entries(filters).filter(([, value]) => value).map(([name, value]) =>
    name === "label" ? `startsWith(label, ${sqlText(value)})` : `${name} IN (${value.split(",").map(sqlText).join(", ")})`);
  const sql = `SELECT * FROM jobs${conditions.length ? `\nWHERE ${conditions.join("\n  AND ")}` : ""}\nORDER BY submitted_at DESC LIMIT 500`;
  return html`
    <div class="head"><h1>Jobs</h1>
      <p class="quiet">${count(shown.length)}${jobs.next ? " and more" : ""}</p>
      <div class="tools"><${CsvButton} name="jobs" columns=${columns} rows=${shown} />
        <${Share} path=${withQuery("/v1/jobs", { ...filters, limit: PAGE })} python=${"for job in client.jobs(limit=500):\n    print(job)"} sql=${sql} /></div>
    </div>
    <form class="filters" role="search" onSubmit=${(event) => { event.preventDefault(); if (filters.label.length === 21 && isId(filters.label)) go(href(`/jobs/${filters.label}`)); }}>
      <label class="search"><span class="hidden">Search by label or id</span>
        <input type="search" data-search placeholder="Label or id" value=${filters.label} onInput=${(event) => setQuery({ label: event.target.value })} /></label>
      <label><span class="hidden">State</span>
        <select value=${filters.state} onChange=${(event) => setQuery({ state: event.target.value })}>${STATES.map(([value, name]) => html`<option value=${value}>${value ? name : "Any state"}</option>`)}</select></label>
      <label><span class="hidden">Backend</span>
        <select value=${filters.backend} onChange=${(event) => setQuery({ backend: event.target.value })}>
          <option value="">Any backend</option>${(backends.data?.data || []).map((it) => html`<option value=${it.backend}>${it.backend}</option>`)}</select></label>
      ${anyFilter && html`<button type="button" class="plain" onClick=${() => setQuery(Object.fromEntries(FILTERS.map((it) => [it, ""])))}>Clear</button>`}
    </form>
    ${jobs.problem && html`<${Failure} problem=${jobs.problem} retry=${jobs.reload} />`}
    ${!jobs.problem && !jobs.loading && shown.length === 0
      ? anyFilter
        ? html`<${Empty}>No job matches these filters.<//>`
        : html`<${Empty} next="qb submit bell.qasm --shots 1000 --wait">There are no jobs yet. Submit the first one:<//>`
      : html`<${LongTable} caption="Jobs, newest first" columns=${columns} rows=${shown} rowKey=${(it) => it.job}
          rowHref=${(it) => href(`/jobs/${it.job}`)} open=${go} onEnd=${jobs.more} />`}`;
}
