// For those who pay: does it work, what does it cost, what is left.

import { html, useMemo } from "../vendor/htm-preact.js";
import { useData } from "../core/live.js";
import { age, count, decimal, percent, ppm, rounded, units } from "../core/format.js";
import { href } from "../core/router.js";
import { Bar, Empty, Figure, Loaded, Panel, Share, Sum, Table } from "../ui/parts.js";
import { Bars, Heat } from "../ui/charts.js";

const DAY = 86_400_000;
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
  { name: "Target", num: true, cell: (it) => percent(it.target, 2) },
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
  { name: "Calibrated", num: true, cell: (it) => (it.calibration_age_s == null ? html`<span class="quiet">ideal</span>` : `${age(it.calibration_age_s * 1_000)} ago`) },
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
