// Time slots of backends: those of the tenant, when backends are taken, and what the quotas leave.

import { html, useState } from "../vendor/htm-preact.js";
import { request, useData } from "../core/live.js";
import { count, duration, money } from "../core/rows.js";
import { Act, Bar, Empty, Failure, Loaded, Panel, Share, State, Sum, Table, When } from "../ui/parts.js";

const EVERY_MS = 10_000; // slots of other tenants are in no stream
const isAbout = (it) => it.name.startsWith("reservation.");
const seconds = (value) => duration(value * 1_000);

/** What became of the time of a slot; null before its end. */
export const timeOf = (it) => (it.used_s == null ? null : [[it.used_s, "used"], [it.idle_s, "idle"], [it.unavailable_s, "not available"]]
  .filter(([value]) => value > 0).map(([value, what]) => `${seconds(value)} ${what}`).join(", ") || "no time");

/** The parts of a quota that limit something: `{what, used, most}`, with texts. */
export function partsOf(it) {
  const parts = [["active jobs", it.active_used, it.active_jobs, count], [`shots in ${it.window}`, it.shots_used, it.shots, count], [`QPU time in ${it.window}`, it.qpu_seconds_used, it.qpu_seconds, seconds],
    ["reservations", it.reservations_used, it.reservations, count], ["reserved time", it.reserved_seconds_used, it.reserved_seconds, seconds]];
  return parts.filter(([, , most]) => most != null).map(([what, used, most, text]) => ({ what, used: text(used), most: text(most), share: most ? used / most : 1 }));
}

function Slots({ rows, me, reload }) {
  const mine = (it) => me.role === "admin" || (me.role === "submitter" && it.user === me.user);
  return html`<${Table} caption="Reservations" rows=${rows} rowKey=${(it) => it.reservation} columns=${[
    { name: "Slot", cell: (it) => html`${it.label || it.backend}<br /><code class="quiet">${it.reservation.slice(0, 10)}</code>` },
    { name: "Backend", less: "wide-only", cell: (it) => html`<span class="nowrap">${it.backend}</span>` },
    { name: "From", cell: (it) => html`<${When} at=${it.starts_at} />` },
    { name: "Length", less: "wide-only", cell: (it) => seconds((Date.parse(it.ends_at) - Date.parse(it.starts_at)) / 1_000) },
    { name: "For", less: "wide-only", cell: (it) => html`${it.project}${it.users && html` <span class="quiet">${it.users.join(", ")}</span>`}` },
    { name: "Held", num: true, cell: (it) => (it.hold ? html`<${Sum} of=${it.hold} />` : "free") },
    { name: "State", cell: (it) => html`<${State} state=${it.state} />${timeOf(it) && html`<br /><span class="quiet">${timeOf(it)}</span>`}
      ${["booked", "started"].includes(it.state) && mine(it) && html`<br /><${Act} label=${it.state === "booked" ? "Cancel" : "Give back"} busy="Asking…" path="/v1/reservations/${it.reservation}:cancel" body=${{}} done=${reload} />`}` },
  ]} />`;
}

/** A form that says what a slot costs before it books it. */
function Book({ backends, projects, done }) {
  const [state, setState] = useState({});
  const ask = (dry) => async (event) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(event.target.closest("form")));
    const from = new Date(given.from);
    if (Number.isNaN(from.getTime())) return event.target.closest("form").reportValidity();
    const body = { backend: given.backend, label: given.label, project: given.project, starts_at: from.toISOString(), ends_at: new Date(from.getTime() + given.minutes * 60_000).toISOString(), dry_run: dry };
    setState({ asked: true });
    try {
      const answer = await (await request("/v1/reservations", { method: "POST", body })).json();
      setState({ said: `${dry ? "It would hold" : "Booked: it holds"} ${answer.hold ? money(answer.hold) : "nothing, it is free"}.` });
      if (!dry) done();
    } catch (problem) {
      setState({ problem });
    }
  };
  const options = (names) => names.map((it) => html`<option value=${it}>${it}</option>`);
  return html`<form class="book" onSubmit=${ask(false)}>
      <label>Backend <select name="backend">${options(backends)}</select></label>
      <label>Project <select name="project">${options(projects)}</select></label>
      <label>From <input type="datetime-local" name="from" required /></label>
      <label>Minutes <input type="number" name="minutes" min="1" max="1440" value="30" required /></label>
      <label>Name <input name="label" maxlength="200" /></label>
      <button type="button" onClick=${ask(true)} disabled=${state.asked}>What it costs</button><button disabled=${state.asked}>Book</button>
    </form>
    ${state.said && html`<p role="status">${state.said}</p>`}${state.problem && html`<${Failure} problem=${state.problem} />`}`;
}

const Quotas = ({ rows }) => html`<${Table} caption="Quotas" rows=${rows.flatMap((it) => partsOf(it).map((part) => ({ name: it.name, ...part })))} rowKey=${(it) => it.name + it.what} columns=${[
  { name: "Quota", key: "name" }, { name: "Limits", key: "what" }, { name: "Used", num: true, cell: (it) => `${it.used} of ${it.most}` },
  { name: "Share", less: "wide-only", cell: (it) => html`<${Bar} share=${it.share} tone=${it.share > 0.9 ? "bad" : "run"} label="share used" />` },
]} />`;

const Taken = ({ rows }) => html`<${Table} caption="When backends are taken" rows=${rows} rowKey=${(it) => it.backend + it.kind + it.starts_at} columns=${[
  { name: "Backend", cell: (it) => html`<span class="nowrap">${it.backend}</span>` }, { name: "For", cell: (it) => html`${it.kind}${it.now && html` <strong>now</strong>`}` },
  { name: "From", cell: (it) => html`<${When} at=${it.starts_at} />` }, { name: "To", cell: (it) => html`<${When} at=${it.ends_at} />` },
]} />`;

export function Reservations({ me }) {
  const slots = useData("/v1/reservations", { on: isAbout, every: EVERY_MS });
  const taken = useData("/v1/windows", { on: isAbout, every: EVERY_MS });
  const quotas = useData("/v1/quotas", { on: (it) => isAbout(it) || it.name.startsWith("job."), every: EVERY_MS });
  const backends = useData("/v1/backends");
  const tenant = useData("/v1/tenant");
  const reload = () => [slots, taken, quotas].forEach((it) => it.reload());
  return html`
    <div class="head"><h1>Reservations</h1><div class="tools"><${Share} path="/v1/reservations" python=${"for row in client.reservations():\n    print(row)"} /></div></div>
    <div class="grid">
      <${Panel} title="Reservations" hint="Ahead, or ended within a day" wide><${Loaded} of=${slots}>${({ data }) => (data.length
        ? html`<${Slots} rows=${data} me=${me} reload=${reload} />`
        : html`<${Empty} next="qb reserve book BACKEND --from +2h --for 30m">Nothing is reserved.<//>`)}<//><//>
      ${["submitter", "admin"].includes(me.role) && backends.data && tenant.data && html`<${Panel} title="Book a slot" hint="In it, only jobs of the project are placed" wide>
        <${Book} backends=${backends.data.data.map((it) => it.backend)} projects=${tenant.data.projects.map((it) => it.project)} done=${reload} /><//>`}
      <${Panel} title="When backends are taken" hint="Windows, and slots of all tenants"><${Loaded} of=${taken}>${({ data }) => (data.length
        ? html`<${Taken} rows=${data} />` : html`<${Empty}>No window is planned, and nothing is reserved.<//>`)}<//><//>
      <${Panel} title="Quotas" hint="Used, of what may be used"><${Loaded} of=${quotas}>${({ data }) => (data.length
        ? html`<${Quotas} rows=${data} />` : html`<${Empty} next="qb tenant quota ${me.tenant} tenant --active-jobs 100">The tenant has no quota.<//>`)}<//><//>
    </div>`;
}
