// Numbers as charts, circuits as people draw them, and devices as maps. Each is SVG or a table, and has its numbers as a table too.

import { html, useMemo, useState } from "../vendor/htm-preact.js";
import { compact, count, percent } from "../core/rows.js";
import { columns } from "../quantum/circuit.js";
import { layout } from "./layout.js";
import { Choice, Table } from "./parts.js";

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

/** One bar for each of `points`: `{label, value, text}`; arrow keys go through them, as the mouse does. `scale` writes a value beside the grid. */
export function Bars({ title, summary, points, scale = compact }) {
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
  const shown = [{ name: title, cell: (it) => it.label }, { name: "", num: true, cell: (it) => it.text }];
  return html`
    <${Chart} text=${html`<span aria-live="polite">${reading}</span>`} table=${{ caption: title, columns: shown, rows: [...points].reverse() }}>
      <div class="bars" tabindex="0" role="img" aria-label="${title}. ${summary}. Arrow keys read the values." onKeyDown=${move} onPointerLeave=${() => setAt(null)} onBlur=${() => setAt(null)}>
        <div class="scale" aria-hidden="true">${lines.map((it) => html`<span style=${{ bottom: `${(100 * it) / top}%` }}>${scale(it)}</span>`)}</div>
        <svg viewBox="0 0 600 120" preserveAspectRatio="none" aria-hidden="true">
          ${lines.map((it) => html`<line x1="0" x2="600" y1=${y(it)} y2=${y(it)} />`)}
          ${points.map((it, i) => html`<g class=${i === at ? "on" : ""} onPointerEnter=${() => setAt(i)}><rect class="catch" x=${i * wide} width=${wide} height="120" />
            <rect x=${i * wide + wide * 0.15} width=${wide * 0.7} y=${y(it.value)} height=${(120 * it.value) / top} /></g>`)}
        </svg>
        <div class="ends" aria-hidden="true"><span>${points[0].label}</span><span>${points.at(-1).label}</span></div>
      </div>
    <//>`;
}

const HEAT_DAYS = 14;
const grade = (share) => (share === 1 ? 0 : share >= 0.99 ? 1 : share >= 0.95 ? 2 : share >= 0.8 ? 3 : 4);

/** `rows` of `/v1/activity?by=hour`. */
export function Heat({ rows }) {
  const byHour = new Map(rows.map((it) => [it.hour.slice(0, 13), it]));
  const days = Array.from({ length: HEAT_DAYS }, (_, i) => new Date(Date.now() - (HEAT_DAYS - 1 - i) * 86_400_000).toISOString().slice(0, 10));
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
  const shown = [
    { name: "Bits", cell: (it) => html`<code>${it.bits}</code>` },
    { name: "Shots", num: true, cell: (it) => count(it.count) },
    { name: "Share", num: true, cell: (it) => percent(it.share) },
    ...(exact ? [{ name: "Exact", num: true, cell: (it) => percent(it.exact) }] : []),
  ];
  const text = `${count(rows.length)} outcomes of ${count(shots)} shots${exact ? ` · ${percent(distance)} total variation from the exact distribution` : ""}`;
  return html`
    <${Chart} text=${html`<span>${text}</span>`} table=${{ caption: "Counts", columns: shown, rows }}>
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

export const share = (value) => (value == null ? "–" : `${(value * 100).toFixed(2)} %`);
export const micro = (value) => (value == null ? "–" : `${(value * 1e6).toFixed(0)} µs`);
const BY = [
  ["gate", "Two-qubit error"], ["readout", "Readout error"], ["t1", "T1"], ["t2", "T2"],
];
const QUBIT = { readout: ["readout_error", share, false], t1: ["t1_s", micro, true], t2: ["t2_s", micro, true] };
const STEPS = 5;

/** The fifth of each value, 0 best: ranks show what to avoid even beside a huge outlier. */
function quintiles(values, high) {
  const sorted = values.filter((it) => it != null).sort((a, b) => (high ? b - a : a - b));
  return (value) => (value == null ? "none" : Math.min(STEPS - 1, Math.floor((sorted.indexOf(value) / sorted.length) * STEPS)));
}

/** `used`: the operations of a job as `[gate, [qubits], count]`: its qubits get a ring. */
export function Topology({ calibration, used = [] }) {
  const [by, setBy] = useState("gate");
  const { qubits, couplers } = calibration;
  const edges = useMemo(() => unique(couplers), [couplers]);
  const { points, width, height } = useMemo(() => layout(qubits.length, edges.map((it) => it.qubits)), [qubits.length, edges]);
  const taken = new Set(used.flatMap(([, at]) => at));
  const tall = height > width;
  const unit = 26;
  const place = ([x, y]) => (tall ? [y * unit + 20, x * unit + 20] : [x * unit + 20, y * unit + 20]);
  const [w, h] = tall ? [height, width] : [width, height];
  const [field, show, high] = QUBIT[by] || [];
  const rank = by === "gate" ? quintiles(edges.map((it) => it.error)) : quintiles(qubits.map((it) => it[field]), high);
  const rows = by === "gate" ? edges : qubits.map((it, i) => ({ ...it, qubit: i }));
  const shown = by === "gate"
    ? [{ name: "Qubits", cell: (it) => it.qubits.join("–") }, { name: "Gate", key: "gate" }, { name: "Error", num: true, cell: (it) => share(it.error) }]
    : [{ name: "Qubit", num: true, key: "qubit" }, { name: BY.find(([key]) => key === by)[1], num: true, cell: (it) => show(it[field]) }];
  return html`
    <${Chart} text=${html`<${Choice} name="colour-by" label="Colour by" options=${BY} value=${by} onChange=${setBy} />`} table=${{ caption: `Calibration by ${by}`, columns: shown, rows }}>
      <svg class="topology" viewBox="0 0 ${w * unit + 40} ${h * unit + 40}" role="img" aria-label="${qubits.length} qubits and ${edges.length} couplers; the table has the numbers">
        ${edges.map((it) => {
          const [[x1, y1], [x2, y2]] = it.qubits.map((q) => place(points[q]));
          return html`<line x1=${x1} y1=${y1} x2=${x2} y2=${y2} class=${by === "gate" ? `r${rank(it.error)}` : undefined}><title>${it.gate} ${it.qubits.join("–")}: ${share(it.error)}</title></line>`;
        })}
        ${qubits.map((it, i) => {
          const [x, y] = place(points[i]);
          return html`<g class="qubit ${by === "gate" ? "" : `ranked r${rank(it[field])}`} ${taken.has(i) ? "taken" : ""}"><circle cx=${x} cy=${y} r="8" /><text x=${x} y=${y + 2.5}>${i}</text>
            <title>qubit ${i}: readout error ${share(it.readout_error)}, T1 ${micro(it.t1_s)}, T2 ${micro(it.t2_s)}</title></g>`;
        })}
      </svg>
      <div class="legend ranks"><span class="quiet">best fifth</span>${Array.from({ length: STEPS }, (_, i) => html`<i class="r${i}" aria-hidden="true"></i>`)}<span class="quiet">worst fifth</span>
        ${taken.size > 0 && html`<span class="key ring"><i aria-hidden="true"></i>used by this job</span>`}</div>
    <//>`;
}

/** One coupler for each pair; of two directions the better one. */
function unique(couplers) {
  const found = new Map();
  for (const it of couplers) {
    const key = [...it.qubits].sort((a, b) => a - b).join();
    if (!found.has(key) || it.error < found.get(key).error) found.set(key, it);
  }
  return [...found.values()];
}

const COLUMN = 46;
const WIRE = 34;
const LEFT = 58;
const MOST_WIRES = 32;
const MOST_COLUMNS = 120;
const CONTROLS = { cx: 1, CX: 1, cy: 1, cz: 1, ch: 1, cp: 1, cu1: 1, cphase: 1, crx: 1, cry: 1, crz: 1, csx: 1, ccx: 2, ccz: 2, cswap: 1 };
const TARGET = { cx: "⊕", CX: "⊕", ccx: "⊕", cz: "●", ccz: "●" };
const short = (text) => (text.length > 7 ? `${text.slice(0, 6)}…` : text);
const parameter = (text) => text.replace(/\bpi\b/g, "π").replace(/(\d+\.\d{2})\d+/g, "$1").replace(/\s/g, "");

function Mark({ op, x, wire }) {
  const y = (at) => WIRE / 2 + at * WIRE + 8;
  const low = Math.min(...op.qubits);
  const high = Math.max(...op.qubits);
  const line = low !== high && html`<line class="link" x1=${x} x2=${x} y1=${y(low)} y2=${y(high)} />`;
  if (op.name === "barrier") return html`<line class="barrier" x1=${x} x2=${x} y1=${y(low) - 15} y2=${y(high) + 15} />`;
  if (op.name === "measure") return html`
    <g class="measure"><rect x=${x - 15} y=${y(low) - 13} width="30" height="26" rx="3" /><path d="M${x - 8} ${y(low) + 6}a8 8 0 0 1 16 0M${x} ${y(low) + 6}l6 -11" /></g>`;
  const controls = CONTROLS[op.name] || 0;
  const name = op.name === "swap" ? "×" : op.name.slice(controls);
  return html`<g class="gate">${line}${op.qubits.map((qubit, at) => {
    if (at < controls) return html`<circle class="control" cx=${x} cy=${y(qubit)} r="4" />`;
    if (TARGET[op.name] === "●") return html`<circle class="control" cx=${x} cy=${y(qubit)} r="4" />`;
    if (TARGET[op.name]) return html`<g class="not"><circle cx=${x} cy=${y(qubit)} r="9" /><path d="M${x - 9} ${y(qubit)}h18M${x} ${y(qubit) - 9}v18" /></g>`;
    const below = op.params.length > 0;
    return html`<g><rect x=${x - 19} y=${y(qubit) - 13} width="38" height="26" rx="3" />
      <text x=${x} y=${y(qubit) + (below ? -1 : 4)}>${short(name)}</text>${below && html`<text class="small" x=${x} y=${y(qubit) + 9}>${short(op.params.map(parameter).join(","))}</text>`}</g>`;
  })}<title>${op.name}${op.params.length ? `(${op.params.join(", ")})` : ""} on ${op.qubits.map(wire).join(", ")}</title></g>`;
}

export function CircuitDrawing({ circuit }) {
  const { at, total } = columns(circuit);
  const wires = Math.min(circuit.labels.length, MOST_WIRES);
  const shown = circuit.ops.map((op, i) => [op, at[i]]).filter(([op, column]) => column < MOST_COLUMNS && Math.max(...op.qubits) < wires);
  const width = LEFT + Math.min(total, MOST_COLUMNS) * COLUMN + 12;
  const height = wires * WIRE + 16;
  const cut = [wires < circuit.labels.length && `${circuit.labels.length - wires} more qubits`, total > MOST_COLUMNS && `${total - MOST_COLUMNS} more columns`].filter(Boolean);
  return html`
    <div class="scroll circuit" tabindex="0" role="region" aria-label="Circuit drawing">
      <svg width=${width} height=${height} role="img" aria-label="${circuit.labels.length} qubits, ${circuit.ops.length} operations, ${total} columns">
        ${circuit.labels.slice(0, wires).map((label, i) => html`<g><text class="wire" x="50" y=${WIRE / 2 + i * WIRE + 12}>${label}</text>
          <line class="wire" x1=${LEFT} x2=${width} y1=${WIRE / 2 + i * WIRE + 8} y2=${WIRE / 2 + i * WIRE + 8} /></g>`)}
        ${shown.map(([op, column]) => html`<${Mark} op=${op} x=${LEFT + column * COLUMN + COLUMN / 2} wire=${(it) => circuit.labels[it]} />`)}
      </svg>
    </div>
    ${cut.length > 0 && html`<p class="quiet">Not drawn: ${cut.join(" and ")}. The source has all.</p>`}`;
}
