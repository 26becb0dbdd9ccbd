// All jobs of the tenant: filters in the address, live, a window on any number of rows.

import { html, useCallback, useEffect, useMemo, useRef, useState } from "../vendor/htm-preact.js";
import { getJson, live, useData, useLive, useNow, withQuery } from "../core/live.js";
import { ago, count, duration, fold, isId, isJobEvent, matches } from "../core/rows.js";
import { go, href, setQuery } from "../core/router.js";
import { CsvButton, Empty, Failure, LongTable, Share, sqlText, State, Sum } from "../ui/parts.js";

const PAGE = 500;
const STATES = [
  ["", "All"], ["submitted,accepted,placed", "Waiting"], ["started,dispatched", "Running"],
  ["completed", "Completed"], ["failed", "Failed"], ["rejected", "Rejected"], ["cancelled", "Cancelled"], ["expired", "Expired"],
];
const FILTERS = ["state", "backend", "project", "user", "label"];

/**
 * The rows of a list: `older` from pages, newest first, and `newer` from events, newest last, so that an event costs the
 * same however long the list is. `index` has the place of each id; -1 is the first of `newer`.
 */
class Rows {
  older = [];
  newer = [];
  index = new Map();
  asOf = -1; // the rows include events up to this sequence
  early = []; // events that came before the answer

  at = (i) => (i < this.newer.length ? this.newer[this.newer.length - 1 - i] : this.older[i - this.newer.length]);

  get count() {
    return this.newer.length + this.older.length;
  }

  add(page) {
    for (const row of page) if (!this.index.has(row.job)) this.index.set(row.job, this.older.push(row) - 1);
  }

  /** Fold a batch of events into the rows: each event counts once. */
  take(batch) {
    for (const { seq, name, event } of batch) {
      if (!isJobEvent({ name }) || seq <= this.asOf) continue;
      const place = this.index.get(event.data.job);
      if (place >= 0) this.older[place] = fold(this.older[place], name, event);
      else if (place < 0) this.newer[-place - 1] = fold(this.newer[-place - 1], name, event);
      else if (name === "job.submitted") this.index.set(event.data.job, -this.newer.push(fold(undefined, name, event)));
    }
  }
}

function useJobs(filters) {
  const asked = { ...filters, label: isId(filters.label) ? "" : filters.label, limit: PAGE };
  const path = withQuery("/v1/jobs", asked);
  const store = useRef(null);
  const [view, setView] = useState({ rows: new Rows(), next: null, loading: true, problem: null });
  const show = (more) => setView((before) => ({ ...before, ...more, rows: store.current }));

  const load = useCallback(async (cursor) => {
    if (!cursor) store.current = new Rows();
    const rows = store.current;
    try {
      await live.ready;
      const page = await getJson(cursor ? withQuery("/v1/jobs", { ...asked, after: cursor }) : path);
      if (store.current !== rows) return;
      rows.add(page.data);
      if (!cursor) {
        rows.asOf = page.as_of_seq ?? -1;
        rows.take(rows.early);
        rows.early = null;
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
    else {
      store.current.take(batch);
      show({});
    }
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

const SAVED = "qb-filters";
const named = (query) => [...new URLSearchParams(query).values()].map((it) => STATES.find(([value]) => value === it)?.[1] || it).join(", ");

/** Filters that this browser keeps, each as the query of its address. */
function Saved({ query }) {
  const [saved, setSaved] = useState(() => JSON.parse(localStorage.getItem(SAVED) || "[]"));
  const keep = (next) => {
    localStorage.setItem(SAVED, JSON.stringify(next));
    setSaved(next);
  };
  return html`${query && !saved.includes(query) && html`<button type="button" class="plain" onClick=${() => keep([...saved, query])}>Save</button>`}
    ${saved.map((it) => html`<span class="choice"><a href="/console/jobs?${it}" aria-current=${it === query ? "page" : undefined}>${named(it)}</a><button type="button" aria-label="Forget ${named(it)}" onClick=${() => keep(saved.filter((other) => other !== it))}>×</button></span>`)}`;
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
  const columns = columnsOf(now);
  const anyFilter = FILTERS.some((it) => filters[it]);
  const all = () => Array.from({ length: jobs.rows.count }, (_, i) => jobs.rows.at(i)).filter((it) => matches(it, filters));
  const found = anyFilter ? all() : null;
  const [total, rowAt] = found ? [found.length, (i) => found[i]] : [jobs.rows.count, jobs.rows.at];
  const conditions = Object.entries(filters).filter(([, value]) => value).map(([name, value]) =>
    name === "label" ? `startsWith(label, ${sqlText(value)})` : `${name} IN (${value.split(",").map(sqlText).join(", ")})`);
  const sql = `SELECT * FROM jobs${conditions.length ? `\nWHERE ${conditions.join("\n  AND ")}` : ""}\nORDER BY submitted_at DESC LIMIT 500`;
  return html`
    <div class="head"><h1>Jobs</h1>
      <p class="quiet">${count(total)}${jobs.next ? " and more" : ""}</p>
      <div class="tools"><${CsvButton} name="jobs" columns=${columns} rows=${all} />
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
      <${Saved} query=${withQuery("", filters).slice(1)} />
    </form>
    ${jobs.problem && html`<${Failure} problem=${jobs.problem} retry=${jobs.reload} />`}
    ${!jobs.problem && !jobs.loading && total === 0
      ? anyFilter
        ? html`<${Empty}>No job matches these filters.<//>`
        : html`<${Empty} next="qb submit bell.qasm --shots 1000 --wait">There are no jobs yet. Submit the first one:<//>`
      : html`<${LongTable} caption="Jobs, newest first" columns=${columns} total=${total} rowAt=${rowAt} rowKey=${(it) => it.job}
          rowHref=${(it) => href(`/jobs/${it.job}`)} open=${go} onEnd=${jobs.more} />`}`;
}
