// A tenant's invoices, with the budgets beside them; and one invoice with its lines.

import { html, useState } from "../vendor/htm-preact.js";
import { getBytes, getJson, useData } from "../core/live.js";
import { count, decimal, exact, units } from "../core/rows.js";
import { href } from "../core/router.js";
import { Empty, Facts, Failure, Loaded, Panel, saveAs, Share, Sum, Table } from "../ui/parts.js";
import { Budgets, moved } from "./tenant.js";

const isInvoice = (it) => it.name.startsWith("invoice.") || moved(it);
const FORMS = [["pdf", "PDF", ".pdf", "application/pdf"], ["csv", "CSV", ".csv", "text/csv"], ["json", "JSON", ".json", "application/json"], ["focus", "FOCUS", "-focus.csv", "text/csv"]];
const dayOf = (text) => text?.slice(0, 10);
const lastDay = (end) => dayOf(new Date(Date.parse(end) - 86_400_000).toISOString());

/** What is still owed of an invoice, one amount a currency: a credit says what it left. */
export function owed(invoice) {
  return invoice.totals.map((total) => {
    const given = invoice.credits.filter((it) => it.amount.currency === total.currency);
    return given.length ? given[given.length - 1].left : total;
  });
}

/** What is owed has all its digits: it is rounded to a millionth already. */
const Owed = ({ of }) => (of ? html`<span class="num">${exact(of.amount)} ${of.currency}</span>` : "–");
const Amounts = ({ of }) => (of.length ? of.map((it) => html`<div><${Owed} of=${it} /></div>`) : html`<span class="quiet">nothing</span>`);
const isReduced = (it) => it.credits.length > 0;

function List() {
  const found = useData("/v1/invoices?limit=500", { on: isInvoice });
  const budgets = useData("/v1/budgets", { on: moved });
  return html`
    <div class="head"><h1>Invoices</h1><div class="tools"><${Share} path="/v1/invoices" python=${"for row in client.invoices():\n    print(row[\"number\"], row[\"totals\"])"} /></div></div>
    <div class="grid">
      <${Panel} title="Issued" hint="Newest first; an issued invoice never changes" wide>
        <${Loaded} of=${found}>${({ data }) => (data.length
          ? html`<${Table} caption="Invoices" rows=${data} rowKey=${(it) => it.number} columns=${[
              { name: "Number", cell: (it) => html`<a class="nowrap" href=${href(`/invoices/${it.number}`)}>${it.number}</a>` },
              { name: "Period", less: "wide-only", cell: (it) => html`<span class="nowrap">${it.start} to ${lastDay(it.end)}</span>` },
              { name: "Issued", cell: (it) => dayOf(it.issued_at) },
              { name: "Usage facts", num: true, less: "wide-only", cell: (it) => count(it.facts) },
              { name: "Total", num: true, cell: (it) => html`<${Amounts} of=${it.totals} />` },
              { name: "Still owed", num: true, cell: (it) => html`<strong><${Amounts} of=${owed(it)} /></strong>${isReduced(it) && html`<div class="quiet">${count(it.credits.length)} ${it.credits.length === 1 ? "credit" : "credits"}</div>`}` },
            ]} />`
          : html`<${Empty} next="qb invoice run --period 2026-11">There is no invoice yet. The operator issues them when a period has ended.<//>`)}<//><//>
      <${Panel} title="Budgets" hint="What projects have left now, at list prices" wide>
        <${Loaded} of=${budgets}>${({ data }) => (data.length ? html`<${Budgets} rows=${data} />` : html`<${Empty}>No project has a budget.<//>`)}<//><//>
    </div>`;
}

/** The file of an invoice, saved by the browser: a link could not carry the token. */
function Downloads({ number }) {
  const [state, setState] = useState({});
  const save = async ([form, , end, type]) => {
    setState({ form });
    try {
      saveAs(`${number}${end}`, type, await getBytes(`/v1/invoices/${encodeURIComponent(number)}?format=${form}`));
      setState({});
    } catch (problem) {
      setState({ problem });
    }
  };
  return html`${FORMS.map((it) => html`<button disabled=${state.form === it[0]} aria-label="Download as ${it[1]}" onClick=${() => save(it)}>${it[1]}</button>`)}
    ${state.problem && html`<${Failure} problem=${state.problem} />`}`;
}

const cut = (amount) => amount.replace(/(\.\d{18})\d+$/, "$1");
const Subtotal = ({ of }) => html`<${Sum} of=${{ amount: decimal(of.reduce((sum, it) => sum + units(cut(it.amount)), 0n)), currency: of[0].currency }} />`;

const Lines = ({ caption, rows, first, name }) => html`<${Table} caption=${caption} rows=${rows} columns=${[
  { name: first, cell: name },
  { name: "Price", less: "wide-only", cell: (it) => html`<code>${it.price || "–"}</code>` },
  { name: "Component", cell: (it) => it.component.replaceAll("_", " ") },
  { name: "Quantity", num: true, less: "wide-only", cell: (it) => exact(it.quantity, 0) },
  { name: "Unit price", num: true, less: "wide-only", cell: (it) => exact(it.unit_price) },
  { name: "Amount", num: true, cell: (it) => html`<${Sum} of=${it} />` },
]} />`;

/** Lines by what they belong to: the period of the invoice first, then corrections of each earlier one. */
export function sections(lines) {
  const groups = new Map();
  for (const it of lines) {
    const key = `${it.correction ? 1 : 0} ${it.period} ${it.currency}`;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(it);
  }
  return [...groups.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, found]) => found);
}

/** Code for one invoice. The number comes from the address of the page, which another person may have written. */
export const asPython = (number) => `row, content = client.invoice(${JSON.stringify(number)})\nprint(content)`;

function One({ id }) {
  const list = useData("/v1/invoices?limit=500", { on: isInvoice });
  const document = useData(`/v1/invoices/${encodeURIComponent(id)}`, { read: getJson });
  const row = (list.data?.data || []).find((it) => it.number === id);
  return html`
    <div class="head"><h1>${id}</h1><div class="tools"><${Downloads} number=${id} />
      <${Share} path="/v1/invoices/${id}?format=csv" python=${asPython(id)} /></div></div>
    <${Loaded} of=${document}>${(it) => html`
      <${Facts} of=${[
        ["Bill to", it.buyer?.name || it.tenant], ["From", it.seller?.name || undefined], ["Period", `${it.start} to ${lastDay(it.end)} (UTC)`],
        ["Issued", dayOf(row?.issued_at) ?? "–"], ["Serial", count(it.serial)], ["Usage facts", count(it.facts)],
      ]} />
      <div class="grid">
        <${Panel} title="Total" hint=${it.terms || undefined} wide>
          ${it.totals?.length ? html`<${Table} caption="Totals" rows=${it.totals} rowKey=${(total) => total.currency} columns=${[
            { name: "Currency", cell: (total) => total.currency },
            { name: "Usage at list prices", num: true, less: "wide-only", cell: (total) => html`<${Sum} of=${{ amount: total.usage, currency: total.currency }} />` },
            { name: "Agreements", num: true, less: "wide-only", cell: (total) => html`<${Sum} of=${{ amount: total.agreements, currency: total.currency }} />` },
            { name: "Total", num: true, cell: (total) => html`<strong><${Owed} of=${{ amount: total.total, currency: total.currency }} /></strong>` },
            { name: "Still owed", num: true, cell: (total) => html`<${Owed} of=${row ? owed(row).find((left) => left.currency === total.currency) : null} />` },
          ]} />` : html`<${Empty}>Nothing was used in this period, and nothing is owed.<//>`}<//>
        ${sections(it.lines || []).map((rows) => html`
          <${Panel} title=${rows[0].correction ? `Corrections of ${rows[0].period}` : `Usage of ${rows[0].period}`} hint=${html`<${Subtotal} of=${rows} />`} wide>
            <${Lines} caption="Lines of ${rows[0].period}" rows=${rows} first="Project" name=${(line) => line.project} /><//>`)}
        ${sections(it.agreed || []).map((rows) => html`
          <${Panel} title="Agreements of ${rows[0].period}" hint=${html`<${Subtotal} of=${rows} />`} wide>
            <${Lines} caption="Agreements of ${rows[0].period}" rows=${rows} first="Agreement" name=${(line) => html`${line.agreement} <span class="quiet">${line.kind}${line.project && `, ${line.project}`}</span>`} /><//>`)}
        ${row && isReduced(row) && html`<${Panel} title="Credits" wide><${Table} caption="Credits" rows=${row.credits} rowKey=${(given) => given.number} columns=${[
          { name: "Number", cell: (given) => given.number }, { name: "Reason", cell: (given) => given.reason },
          { name: "Credit", num: true, cell: (given) => html`<${Owed} of=${given.amount} />` }, { name: "Left", num: true, cell: (given) => html`<${Owed} of=${given.left} />` },
        ]} /><//>`}
      </div>
      <p class="quiet">Quantity times unit price is each amount, exactly; only totals are rounded, to a millionth. <code>qb invoice show ${id}</code> compares the document with its digest in the log.</p>`}<//>`;
}

export const Invoices = ({ id }) => (id ? html`<${One} id=${id} />` : html`<${List} />`);
