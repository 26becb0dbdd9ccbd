// Charts as SVG and tables: each has its numbers as a table too.

import { html, useState } from "../vendor/htm-preact.js";
import { compact, count, percent } from "../core/format.js";
import { Table } from "./parts.js";

/** A chart with a sentence above it and a button that shows its numbers instead. */
export function Chart({ text, table, children }) {
  const [asTable, setAsTable] = useState(false);
  return html`
    <figure class="chart">
      <figcaption>${text}<button class="plain" aria-pressed=${asTable} onClick=${() => setAsTable(!asTable)}>${asTable ? "Chart" : "Table"}</button></figcaption>
      ${asTable ? html`<${Table} ...${table} />` : children}
    </figure>`;
}

/** A number small enough for three grid lines of round values: 1, 2 or 5 times a power of ten. */
function step(top) {
  const size = 10 ** Math.floor(Math.log10(top / 2 || 1));
  return size * [5, 2, 1].find((it) => it * size <= top / 2 || it === 1);
}

/** One bar for each of `points`: `{label, value, text}`; arrow keys go through them, as the mouse does. */
export function Bars({ title, summary, points }) {
  const [at, setAt] = useState(null);
  const top = Math.max(...points.map((it) => it.value), 0) * 1.05 || 1;
  const wide = 600 / points.length;
  const y = (value) => 120 - (120 * value) / top;
  const lines = [0, 1, 2, 3].map((it) => it * step(top)).filter((it) => it <= top);
  const move = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    setAt(Math.max(0, Math.min(points.length - 1, (at ?? (by > 0 ? -1 : points.length)) + by)));
  };
  const reading = at == null ? summary : `${points[at].label} · ${points[at].text}`;
  const columns = [{ name: title, cell: (it) => it.label }, { name: "", num: true, cell: (it) => it.text }];
  return html`
    <${Chart} text=${html`<span aria-live="polite">${reading}</span>`} table=${{ caption: title, columns, rows: [...points].reverse() }}>
      <div class="bars" tabindex="0" role="img" aria-label="${title}. ${summary}. Arrow keys read the values." onKeyDown=${move} onPointerLeave=${() => setAt(null)} onBlur=${() => setAt(null)}>
        <div class="scale" aria-hidden="true">${lines.map((it) => html`<span style=${{ bottom: `${(100 * it) / top}%` }}>${compact(it)}</span>`)}</div>
        <svg viewBox="0 0 600 120" preserveAspectRatio="none" aria-hidden="true">
          ${lines.map((it) => html`<line x1="0" x2="600" y1=${y(it)} y2=${y(it)} />`)}
          ${points.map((it, i) => html`<g class=${i === at ? "on" : ""} onPointerEnter=${() => setAt(i)}><rect class="catch" x=${i * wide} width=${wide} height="120" />
            <rect x=${i * wide + wide * 0.15} width=${wide * 0.7} y=${y(it.value)} height=${(120 * it.value) / top} /></g>`)}
        </svg>
        <div class="ends" aria-hidden="true"><span>${points[0].label}</span><span>${points.at(-1).label}</span></div>
      </div>
    <//>`;
}

const DAYS = 14;
const grade = (share) => (share === 1 ? 0 : share >= 0.99 ? 1 : share >= 0.95 ? 2 : share >= 0.8 ? 3 : 4);

/** `rows` of `/v1/activity?by=hour`. */
export function Heat({ rows }) {
  const byHour = new Map(rows.map((it) => [it.hour.slice(0, 13), it]));
  const days = Array.from({ length: DAYS }, (_, i) => new Date(Date.now() - (DAYS - 1 - i) * 86_400_000).toISOString().slice(0, 10));
  const hours = Array.from({ length: 24 }, (_, i) => String(i).padStart(2, "0"));
  const cell = (day, hour) => {
    const found = byHour.get(`${day}T${hour}`);
    const ran = found ? found.completed + found.failed : 0;
    if (!ran) return html`<td><i class="none" title="${day} ${hour}:00: no jobs ran"></i></td>`;
    const share = found.completed / ran;
    const text = `${day} ${hour}:00: ${percent(share)} of ${count(ran)}`;
    return html`<td><i class="ran r${grade(share)}" title=${text}><span class="hidden">${percent(share)} of ${count(ran)}</span></i></td>`;
  };
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="Service levels by hour">
      <table class="heat"><caption class="hidden">Share of jobs that gave a result, by day and hour</caption>
        <thead><tr><th scope="col"><span class="hidden">Day</span></th>${hours.map((it) => html`<th scope="col">${it}</th>`)}</tr></thead>
        <tbody>${days.map((day) => html`<tr><th scope="row">${day.slice(5)}</th>${hours.map((hour) => cell(day, hour))}</tr>`)}</tbody>
      </table>
    </div>
    <div class="legend">${["all", "≥ 99 %", "≥ 95 %", "≥ 80 %", "less"].map((it, i) => html`<span class="key ran r${i}"><i aria-hidden="true"></i>${it}</span>`)}<span class="key none"><i aria-hidden="true"></i>no jobs</span></div>`;
}

const MOST_BARS = 24;

/** `counts` by bit string, and `exact` probabilities or null. */
export function Histogram({ counts, exact }) {
  const shots = Object.values(counts).reduce((total, it) => total + it, 0);
  const bits = [...new Set([...Object.keys(counts), ...Object.keys(exact || {})])];
  const rows = bits.map((it) => ({ bits: it, count: counts[it] || 0, share: (counts[it] || 0) / shots, exact: exact ? exact[it] || 0 : null }));
  rows.sort((a, b) => b.count - a.count || a.bits.localeCompare(b.bits));
  const top = Math.max(...rows.map((it) => Math.max(it.share, it.exact || 0)));
  const distance = exact && rows.reduce((total, it) => total + Math.abs(it.share - it.exact), 0) / 2;
  const columns = [
    { name: "Bits", cell: (it) => html`<code>${it.bits}</code>` },
    { name: "Shots", num: true, cell: (it) => count(it.count) },
    { name: "Share", num: true, cell: (it) => percent(it.share) },
    ...(exact ? [{ name: "Exact", num: true, cell: (it) => percent(it.exact) }] : []),
  ];
  const text = `${count(rows.length)} outcomes of ${count(shots)} shots${exact ? ` · ${percent(distance)} total variation from the exact distribution` : ""}`;
  return html`
    <${Chart} text=${html`<span>${text}</span>`} table=${{ caption: "Counts", columns, rows }}>
      <div class="histogram" role="img" aria-label="Counts by bit string; the table has the numbers">
        ${rows.slice(0, MOST_BARS).map((it) => html`
          <code>${it.bits}</code>
          <svg viewBox="0 0 100 10" preserveAspectRatio="none"><rect class="count" width=${(100 * it.share) / top} height="10" />
            ${exact && html`<line class="exact" x1=${(100 * it.exact) / top} x2=${(100 * it.exact) / top} y1="-1" y2="11" />`}</svg>
          <span class="num">${count(it.count)}</span>`)}
      </div>
      <div class="legend"><span class="key run"><i aria-hidden="true"></i>measured</span>${exact && html`<span class="key thin"><i aria-hidden="true"></i>exact, without noise</span>`}
        ${rows.length > MOST_BARS && html`<span class="quiet">and ${count(rows.length - MOST_BARS)} rarer outcomes in the table</span>`}</div>
    <//>`;
}
