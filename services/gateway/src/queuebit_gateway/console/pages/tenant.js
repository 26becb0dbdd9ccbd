// A tenant's money: what was agreed, is held, was charged, is left, and where it went. And its limits, projects, users and keys.

import { html } from "../vendor/htm-preact.js";
import { useData } from "../core/live.js";
import { count, decimal, percent, units } from "../core/format.js";
import { href, setQuery } from "../core/router.js";
import { Bar, Choice, Copy, CsvButton, Empty, Facts, Loaded, Panel, Share, Sum, Table } from "../ui/parts.js";

const BY = [["project", "Project"], ["user", "User"], ["backend", "Backend"], ["tag", "Tag"], ["day", "Day"]];
const moved = (it) => ["job.accepted", "job.metered", "job.corrected"].includes(it.name);
const ratio = (part, all) => (units(all) > 0n ? Number((units(part) * 10_000n) / units(all)) / 10_000 : 0);

function Budgets({ rows }) {
  const cell = (field) => (it) => html`<${Sum} of=${it[field]} />`;
  return html`<${Table} caption="Budgets" rows=${rows} rowKey=${(it) => it.kind + it.name + it.limit.currency} columns=${[
    { name: "Account", cell: (it) => html`${it.name} <span class="quiet">${it.kind}</span>` },
    { name: "Budget", num: true, less: "wide-only", cell: cell("limit") }, { name: "Held", num: true, less: "wide-only", cell: cell("held") }, { name: "Charged", num: true, cell: cell("spent") },
    { name: "Left", num: true, cell: (it) => html`<strong class=${ratio(it.left.amount, it.limit.amount) < 0.1 ? "bad" : ""}>${cell("left")(it)}</strong>` },
    { name: "Used", cell: (it) => {
      const used = 1 - ratio(it.left.amount, it.limit.amount);
      return html`<span class="used"><${Bar} share=${used} tone=${used > 0.9 ? "bad" : "run"} label="share used" />${percent(used, 0)}</span>`;
    } },
  ]} />`;
}

export function Billing({ query }) {
  const by = BY.some(([key]) => key === query.by) ? query.by : "project";
  const budgets = useData("/v1/budgets", { on: moved });
  const activity = useData(`/v1/activity?by=${by}`, { on: moved });
  const rows = [...(activity.data?.data || [])].sort((a, b) => (by === "day" ? b.day.localeCompare(a.day) : compare(b.charge, a.charge)));
  const total = rows.filter((it) => it.charge).reduce((found, it) => found + units(it.charge.amount), 0n);
  const columns = [
    { key: by, name: BY.find(([key]) => key === by)[1], cell: (it) => (by === "day" ? it.day.slice(0, 10) : ["project", "user", "backend"].includes(by) && it[by] ? html`<a href=${href("/jobs", { [by]: it[by] })}>${it[by]}</a>` : it[by] || html`<span class="quiet">none</span>`) },
    { key: "jobs", name: "Jobs", num: true, cell: (it) => count(it.jobs) },
    { key: "completed", name: "Completed", num: true, cell: (it) => count(it.completed) },
    { key: "failed", name: "Failed", num: true, cell: (it) => count(it.failed) },
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
      <${Panel} title="Charges" hint="Last 30 days" wide tools=${html`<${Choice} name="by" label="Group by" options=${BY} value=${by} onChange=${(value) => setQuery({ by: value })} /><${CsvButton} name="charges-by-${by}" columns=${columns.slice(0, -1)} rows=${() => rows} />`}>
        <${Loaded} of=${activity}>${() => (rows.length ? html`<${Table} caption="Charges by ${by}" rows=${rows} rowKey=${(it) => `${it[by]}${it.charge?.currency}`} columns=${columns} />` : html`<${Empty} next="qb submit bell.qasm --wait">Nothing was charged yet.<//>`)}<//><//>
    </div>`;
}

const compare = (a, b) => {
  const [left, right] = [a ? units(a.amount) : -1n, b ? units(b.amount) : -1n];
  return left < right ? -1 : left > right ? 1 : 0;
};

const WHAT = { viewer: "reads jobs, bills and receipts", member: "submits and cancels jobs, too", admin: "submits and cancels jobs, and reads users and keys" };

export function Admin({ me }) {
  const tenant = useData("/v1/tenant", { on: (it) => it.name.startsWith("tenant.") });
  return html`
    <div class="head"><h1>Admin</h1><div class="tools"><${Share} path="/v1/tenant" python=${"print(client.credential.tenant, client.credential.user)"} sql="SELECT event_time, type, data FROM events\nWHERE type LIKE 'qb.tenant.%' ORDER BY seq" /></div></div>
    <div class="grid">
      <${Panel} title="You"><${Facts} of=${[["User", me.user], ["Tenant", me.tenant], ["Role", html`${me.role} <span class="quiet">${WHAT[me.role] || ""}</span>`], ["Token until", me.expires_at || undefined]]} /><//>
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
    </div>
    <p class="quiet">Users, roles and limits change with <code>qb tenant</code> or <code>qb apply</code>.</p>`;
}
