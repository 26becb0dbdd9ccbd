// A tenant's pages: whether it works and what it costs; where the money went; and who may do what.

import { html, useEffect, useMemo, useState } from "../vendor/htm-preact.js";
import { getJson, useData, withQuery } from "../core/live.js";
import { age, count, decimal, percent, ppm, rounded, units } from "../core/rows.js";
import { href, setQuery } from "../core/router.js";
import { Act, Bar, Choice, Copy, CsvButton, Empty, Facts, Figure, Loaded, Panel, Share, State, Sum, Table, When } from "../ui/parts.js";
import { Bars, Heat } from "../ui/drawings.js";

const DAY = 86_400_000;
const EVERY_MS = 10_000; // what no stream has
const isEnd = (it) => ["job.metered", "job.sealed", "job.corrected"].includes(it.name);
const dayOf = (time) => new Date(Math.floor(time / DAY) * DAY).toISOString().slice(0, 10);
const usual = (rows) => rows.find((it) => it.charge)?.charge.currency || "USD";

/** Spend of each of the last 30 days, its sum so far, and the line on which the mean of the last seven days goes on. */
export function spendOf(rows, now) {
  const currency = usual(rows);
  const byDay = new Map(rows.filter((it) => it.charge?.currency === currency).map((it) => [it.day.slice(0, 10), units(it.charge.amount)]));
  const days = Array.from({ length: 30 }, (_, i) => dayOf(now - (29 - i) * DAY));
  const spent = days.map((day) => byDay.get(day) || 0n);
  const total = spent.reduce((a, b) => a + b, 0n);
  const daily = spent.slice(-7).reduce((a, b) => a + b, 0n) / 7n;
  return { currency, days, spent, total: decimal(total), daily: decimal(daily), ahead: decimal(daily * 30n) };
}

function Spend({ rows }) {
  const spend = useMemo(() => spendOf(rows, Date.now()), [rows]);
  const money = (amount) => rounded({ amount, currency: spend.currency });
  const points = spend.days.map((label, i) => ({ label, value: Number(decimal(spend.spent[i])), text: money(decimal(spend.spent[i])) }));
  return html`<${Bars} title="Charges by day" points=${points} summary="${money(spend.total)} in 30 days · next 30 at the rate of the last 7: ${money(spend.ahead)}" />`;
}

const SloTable = ({ rows }) => html`<${Table} caption="Objectives" rows=${rows} rowKey=${(it) => it.name} columns=${[
  { name: "Objective", cell: (it) => html`<span class="nowrap">${it.name}</span>` },
  { name: "Promise", less: "wide-only", cell: (it) => html`<span class="quiet">${it.promise}</span>` },
  { name: "Target", num: true, less: "wide-only", cell: (it) => percent(it.target, 2) },
  { name: "Actual", num: true, cell: (it) => (it.actual == null ? "no cases" : percent(it.actual, 2)) },
  { name: "Cases", num: true, less: "wide-only", cell: (it) => html`<span class="quiet">${count(it.good)} of ${count(it.total)}</span>` },
  { name: "Error budget left", num: true, cell: (it) => html`<span class=${Number(it.budget_remaining) < 0.25 ? "bad" : ""}>${percent(it.budget_remaining, 0)}</span>
      <${Bar} share=${Number(it.budget_remaining)} tone=${Number(it.budget_remaining) < 0.25 ? "bad" : "good"} label="error budget left" />` },
]} />`;

const FleetTable = ({ rows, recent }) => html`<${Table} caption="Backends" rows=${rows} rowKey=${(it) => it.backend} columns=${[
  { name: "Backend", cell: (it) => html`<a class="nowrap" href=${href(`/fleet/${it.backend}`)}>${it.backend}</a>` },
  { name: "Success, 24 h", num: true, cell: (it) => {
    const found = recent.get(it.backend);
    const ran = found ? found.completed + found.failed : 0;
    return ran ? html`<span class=${found.failed ? "bad" : ""}>${percent(found.completed / ran)}</span> <span class="quiet">of ${count(ran)}</span>` : html`<span class="quiet">no jobs</span>`;
  } },
  { name: "Two-qubit error", num: true, cell: (it) => ppm(it.median_two_qubit_error_ppm) },
  { name: "Calibrated", num: true, less: "wide-only", cell: (it) => (it.calibration_age_s == null ? html`<span class="quiet">ideal</span>` : `${age(it.calibration_age_s * 1_000)} ago`) },
]} />`;

export function Overview() {
  const slo = useData("/v1/slo", { on: isEnd });
  const budgets = useData("/v1/budgets", { on: isEnd });
  const byDay = useData("/v1/activity?by=day", { on: isEnd });
  const byHour = useData("/v1/activity?by=hour", { on: isEnd });
  const byBackend = useData("/v1/activity?by=backend&days=1", { on: isEnd });
  const backends = useData("/v1/backends");
  const success = slo.data?.data.find((it) => it.name === "job-success");
  const levels = slo.data?.data || [];
  const worst = levels.length ? levels.reduce((a, b) => (Number(a.budget_remaining) <= Number(b.budget_remaining) ? a : b)) : null;
  const accounts = (budgets.data?.data || []).filter((it) => it.kind === "account");
  const currency = accounts[0]?.limit.currency;
  const left = currency && decimal(accounts.filter((it) => it.limit.currency === currency).reduce((total, it) => total + units(it.left.amount), 0n));
  const today = byDay.data?.data.find((it) => it.day.slice(0, 10) === dayOf(Date.now()));
  const recent = new Map((byBackend.data?.data || []).map((it) => [it.backend, it]));
  return html`
    <div class="head"><h1>Overview</h1><div class="tools">
      <${Share} path="/v1/slo" python=${"for level in client.slo():\n    print(level)"} sql="SELECT toDate(ended_at) AS day, state, count() AS jobs, sum(charge) AS charged\nFROM jobs GROUP BY day, state ORDER BY day" /></div></div>
    <dl class="figures">
      <${Figure} name="Jobs that gave a result" value=${success?.actual == null ? "–" : percent(success.actual, 2)} note=${success ? `${count(success.good)} of ${count(success.total)} in 30 days` : ""} />
      <${Figure} name="Least error budget left" value=${worst ? percent(worst.budget_remaining, 0) : "–"} note=${worst?.name} tone=${worst && Number(worst.budget_remaining) < 0.25 ? "bad" : ""} />
      <${Figure} name="Charged today" value=${html`<${Sum} of=${today?.charge || (currency ? { amount: "0.00", currency } : null)} />`} note=${today ? `${count(today.jobs)} jobs` : "no jobs"} />
      <${Figure} name="Left in all accounts" value=${html`<${Sum} of=${left ? { amount: left, currency } : null} />`} note=${html`<a href=${href("/billing")}>by project</a>`} />
    </dl>
    <div class="grid">
      <${Panel} title="Spend" hint="Charges by day">
        <${Loaded} of=${byDay}>${(it) => html`<${Spend} rows=${it.data} />`}<//><//>
      <${Panel} title="Fleet"><${Loaded} of=${backends}>${(it) => it.data.length
        ? html`<${FleetTable} rows=${it.data} recent=${recent} />`
        : html`<${Empty} next="qb status">No executor has announced a backend.<//>`}<//><//>
      <${Panel} title="Service levels by hour" hint="Share of jobs that gave a result, last 14 days, UTC" wide>
        <${Loaded} of=${byHour}>${(it) => html`<${Heat} rows=${it.data} />`}<//><//>
      <${Panel} title="Objectives" hint="Last 30 days" wide><${Loaded} of=${slo}>${(it) => html`<${SloTable} rows=${it.data} />`}<//><//>
    </div>`;
}

const BY = [["project", "Project"], ["user", "User"], ["backend", "Backend"], ["tag", "Tag"], ["day", "Day"]];
export const moved = (it) => ["job.accepted", "job.metered", "job.corrected"].includes(it.name);
const ratio = (part, all) => (units(all) > 0n ? Number((units(part) * 10_000n) / units(all)) / 10_000 : 0);

/** Which charges a budget counts, whether it refuses jobs, and when nothing will be left. */
export function termsOf(it) {
  const since = it.since ? `${it.window}, since ${it.since}` : it.window;
  return [it.window && since, it.soft && "warns only", it.spent_by && `spent by ${it.spent_by}`].filter(Boolean).join("; ");
}

export function Budgets({ rows }) {
  const cell = (field) => (it) => html`<${Sum} of=${it[field]} />`;
  return html`<${Table} caption="Budgets" rows=${rows} rowKey=${(it) => it.kind + it.name + it.limit.currency} columns=${[
    { name: "Account", cell: (it) => html`${it.name} <span class="quiet">${it.kind}</span>` },
    { name: "Window", less: "wide-only", cell: (it) => html`<span class="quiet">${termsOf(it)}</span>` },
    { name: "Budget", num: true, less: "wide-only", cell: cell("limit") }, { name: "Held", num: true, less: "wide-only", cell: cell("held") }, { name: "Charged", num: true, cell: cell("spent") },
    { name: "Left", num: true, cell: (it) => html`<strong class=${ratio(it.left.amount, it.limit.amount) < 0.1 ? "bad" : ""}>${cell("left")(it)}</strong>` },
    { name: "Used", cell: (it) => {
      const used = 1 - ratio(it.left.amount, it.limit.amount);
      return html`<span class="used"><${Bar} share=${used} tone=${used > 0.9 ? "bad" : "run"} label="share used" />${percent(used, 0)}</span>`;
    } },
  ]} />`;
}

const Sessions = ({ rows }) => html`<${Panel} title="Open sessions" wide><${Table} caption="Open sessions" rows=${rows} rowKey=${(it) => it.session} columns=${[
  { name: "Session", cell: (it) => html`${it.label || it.session.slice(0, 10)}<br /><span class="quiet">${it.project}, ${it.backend || "any backend"}</span>` },
  ...["Cap", "Charged", "Left"].map((name) => ({ name, num: true, less: name === "Cap" ? "wide-only" : undefined, cell: (it) => html`<${Sum} of=${it[name.toLowerCase()]} />` })),
  { name: "Until", cell: (it) => html`<${When} at=${it.expires_at} />` },
]} /><//>`;

export function Billing({ query }) {
  const by = BY.some(([key]) => key === query.by) ? query.by : "project";
  const budgets = useData("/v1/budgets", { on: moved });
  const activity = useData(`/v1/activity?by=${by}`, { on: moved });
  const sessions = useData("/v1/sessions", { on: moved, every: EVERY_MS });
  const open = (sessions.data?.data || []).filter((it) => it.state === "open");
  const rows = [...(activity.data?.data || [])].sort((a, b) => (by === "day" ? b.day.localeCompare(a.day) : compare(b.charge, a.charge)));
  const total = rows.filter((it) => it.charge).reduce((found, it) => found + units(it.charge.amount), 0n);
  const columns = [
    { key: by, name: BY.find(([key]) => key === by)[1], cell: (it) => (by === "day" ? it.day.slice(0, 10) : ["project", "user", "backend"].includes(by) && it[by] ? html`<a href=${href("/jobs", { [by]: it[by] })}>${it[by]}</a>` : it[by] || html`<span class="quiet">none</span>`) },
    { key: "jobs", name: "Jobs", num: true, cell: (it) => count(it.jobs) },
    { key: "completed", name: "Completed", num: true, less: "wide-only", cell: (it) => count(it.completed) },
    { key: "failed", name: "Failed", num: true, less: "wide-only", cell: (it) => count(it.failed) },
    { key: "charge", name: "Charged", num: true, cell: (it) => html`<${Sum} of=${it.charge} />`, text: (it) => it.charge?.amount },
    { key: "share", name: "Share", cell: (it) => html`<span class="used"><${Bar} share=${it.charge && total ? ratio(it.charge.amount, decimal(total)) : 0} tone="run" label="share of all charges" />${percent(it.charge && total ? ratio(it.charge.amount, decimal(total)) : 0, 0)}</span>`, text: () => "" },
  ];
  return html`
    <div class="head"><h1>Billing</h1><div class="tools">
      <${Share} path=${`/v1/activity?by=${by}`} python=${"for row in client.balances():\n    print(row)\nfor row in client.charges():\n    print(row)"}
        sql=${by === "tag" ? null : `SELECT ${by === "day" ? "toDate(submitted_at) AS day" : by}, currency, count() AS jobs, sum(charge) AS charged\nFROM jobs GROUP BY ${by}, currency ORDER BY charged DESC`} /></div></div>
    <div class="grid">
      <${Panel} title="Budgets" hint="A job holds the most that it may cost until it is billed" wide>
        <${Loaded} of=${budgets}>${({ data }) => (data.length ? html`<${Budgets} rows=${data} />` : html`<${Empty} next="qb tenant fund TENANT PROJECT 100">No project has a budget.<//>`)}<//><//>
      ${open.length > 0 && html`<${Sessions} rows=${open} />`}
      <${Panel} title="Charges" hint="Last 30 days" wide tools=${html`<${Choice} name="by" label="Group by" options=${BY} value=${by} onChange=${(value) => setQuery({ by: value })} /><${CsvButton} name="charges-by-${by}" columns=${columns.slice(0, -1)} rows=${() => rows} />`}>
        <${Loaded} of=${activity}>${() => (rows.length ? html`<${Table} caption="Charges by ${by}" rows=${rows} rowKey=${(it) => `${it[by]}${it.charge?.currency}`} columns=${columns} />` : html`<${Empty} next="qb submit bell.qasm --wait">Nothing was charged yet.<//>`)}<//><//>
    </div>`;
}

const compare = (a, b) => {
  const [left, right] = [a ? units(a.amount) : -1n, b ? units(b.amount) : -1n];
  return left < right ? -1 : left > right ? 1 : 0;
};

const WHAT = { finance: "reads charges and invoices", viewer: "reads jobs, bills and receipts", submitter: "submits and cancels jobs, too", operator: "reads dead letters, too", auditor: "reads the audit, too", admin: "submits and cancels jobs, and reads users and keys" };

const ended = (it) => it.ended || (Date.parse(it.expires_at) < Date.now() ? "expired" : "");

function DelegatedKeys({ me }) {
  const keys = useData("/v1/delegations", { every: EVERY_MS });
  return html`<${Loaded} of=${keys}>${({ data }) => html`<${Table} caption="Delegated keys" rows=${data} rowKey=${(it) => it.delegation} columns=${[
    { name: "Acts for", cell: (it) => html`${it.user}<br /><code class="quiet">${it.delegation.slice(0, 10)}</code>` },
    { name: "Scope", cell: (it) => html`${it.scope}${it.project && html` <span class="quiet">in ${it.project}</span>`}` },
    { name: "Proved by", less: "wide-only", cell: (it) => html`${it.subject}${it.issuer && html` <span class="quiet">by ${it.issuer}</span>`}` },
    { name: "Until", cell: (it) => html`<${When} at=${it.expires_at} />` },
    { name: "State", cell: (it) => html`<${State} state=${ended(it) || "active"} />${it.delegation === me.delegation && html`<br /><span class="quiet">this tab</span>`}
      ${!ended(it) && (me.role === "admin" || it.delegation === me.delegation) && html`<br /><${Act} label="Revoke" busy="Revoking…" path="/v1/delegations/${it.delegation}:revoke" done=${keys.reload} />`}` },
  ]} />`}<//>`;
}

const ABOUT = [["", "All"], ...["roles", "keys", "policies", "configuration", "money", "results", "work", "reads", "refusals"].map((it) => [it, it[0].toUpperCase() + it.slice(1)])];
const isAudited = (it) => /^tenant\.|^job\.cancelled$|^account\.funded$/.test(it.name);
const AUDIT_SQL = `SELECT seq, stored_at, type, data FROM events
WHERE type LIKE 'qb.tenant.%' OR type LIKE 'qb.access.%' ORDER BY seq DESC`;
const jobOf = (it) => (it.object.startsWith("job ") ? it.object.slice(4) : null);

/** The audit trail of the tenant, newest first; each page begins after the last row of the one before. */
function Audit({ action, actor }) {
  const path = withQuery("/v1/audit", { action, actor });
  const first = useData(path, { on: isAudited, every: EVERY_MS });
  const [older, setOlder] = useState({ rows: [] });
  useEffect(() => setOlder({ rows: [] }), [path]);
  const next = older.rows.length ? older.next : first.data?.next;
  const more = async () => {
    const page = await getJson(withQuery("/v1/audit", { action, actor, after: next }));
    setOlder({ rows: [...older.rows, ...page.data], next: page.next });
  };
  return html`
    <${Panel} title="Audit" hint="Newest first" wide tools=${html`
      <label><span class="hidden">Actor</span><input type="search" placeholder="Actor" value=${actor} onChange=${(event) => setQuery({ actor: event.target.value })} /></label>
      <${Share} path=${path} sql=${AUDIT_SQL} />`}>
      <${Choice} name="action" label="About" options=${ABOUT} value=${action} onChange=${(value) => setQuery({ action: value })} />
      <${Loaded} of=${first}>${({ data }) => (data.length
        ? html`<${Table} caption="Audit" rows=${[...data, ...older.rows]} rowKey=${(it) => it.sequence} columns=${[
            { name: "When", cell: (it) => html`<${When} at=${it.at} />` },
            { name: "Actor", cell: (it) => html`${it.actor === it.key ? html`<code>${it.key.slice(0, 10)}…</code>` : it.actor}${it.door && html`<br /><span class="quiet">${it.door}</span>`}` },
            { name: "Action", cell: (it) => html`${it.action} ${jobOf(it) ? html`<a href=${href(`/jobs/${jobOf(it)}`)}><code>${jobOf(it).slice(0, 10)}</code></a>` : html`<strong>${it.object}</strong>`}${it.count > 1 && html` <span class="quiet">${count(it.count)} times</span>`}
              <div class="quiet">${[it.detail, it.amount, it.reason].filter(Boolean).join("; ")}</div>` },
            { name: "Outcome", less: "wide-only", cell: (it) => html`<span class=${/refused|failed/.test(it.outcome) ? "bad" : "quiet"}>${it.outcome}</span>` },
          ]} />`
        : html`<${Empty}>No such action is in the log.<//>`)}<//>
      ${next && html`<button onClick=${more}>Older</button>`}
    <//>`;
}

export function Admin({ me, query }) {
  const tenant = useData("/v1/tenant", { on: (it) => it.name.startsWith("tenant.") });
  return html`
    <div class="head"><h1>Admin</h1><div class="tools"><${Share} path="/v1/tenant" python=${"print(client.credential.tenant, client.credential.user)"} sql="SELECT event_time, type, data FROM events\nWHERE type LIKE 'qb.tenant.%' ORDER BY seq" /></div></div>
    <div class="grid">
      <${Panel} title="You"><${Facts} of=${[["User", me.user], ["Tenant", me.tenant], ["Role", html`${me.role} <span class="quiet">${WHAT[me.role] || ""}</span>`], ["Token until", me.expires_at ? html`<${When} at=${me.expires_at} />` : undefined]]} /><//>
      <${Panel} title="Limits"><${Loaded} of=${tenant}>${(it) => html`<${Facts} of=${[["Share", it.share], ["Shots a job at most", count(it.max_shots)], ["Jobs at once at most", count(it.max_active_jobs)]]} />`}<//><//>
      <${Panel} title="Projects" wide><${Loaded} of=${tenant}>${({ projects }) => (projects.length
        ? html`<${Table} caption="Projects" rows=${projects} rowKey=${(it) => it.project} columns=${[
            { name: "Project", key: "project" }, { name: "Backends", cell: (it) => it.backends.join(", ") || "all" }, { name: "Default", cell: (it) => it.default_kind || "–" },
          ]} />`
        : html`<${Empty} next="qb tenant project add ${me.tenant} NAME --budget 100">The tenant has no project.<//>`)}<//><//>
      <${Panel} title="Users" wide><${Loaded} of=${tenant}>${({ users }) => (users
        ? html`<${Table} caption="Users" rows=${users} rowKey=${(it) => it.user} columns=${[
            { name: "User", key: "user" }, { name: "Role", cell: (it) => html`<span title=${WHAT[it.role]}>${it.role}</span>` },
            { name: "Public keys", cell: (it) => it.keys.map((key) => html`<div><code title=${key}>${key.slice(0, 16)}…</code> <${Copy} text=${key} /></div>`) },
          ]} />`
        : html`<${Empty}>Users and their keys are shown to admins; you are a ${me.role}.<//>`)}<//><//>
      <${Panel} title="Delegated keys" wide><${DelegatedKeys} me=${me} /><//>
      ${["admin", "auditor"].includes(me.role) && html`<${Audit} action=${query.action || ""} actor=${query.actor || ""} />`}
    </div>
    <p class="quiet">Users, roles and limits change with <code>qb tenant</code> or <code>qb apply</code>.</p>`;
}
