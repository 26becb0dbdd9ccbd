// What every page is made of: small pieces, tables, and the view as code.

import { html, useCallback, useEffect, useLayoutEffect, useRef, useState } from "../vendor/htm-preact.js";
import { request } from "../core/live.js";
import { csv, moment, money, rounded, scrollTo, windowOf } from "../core/rows.js";

const TONE = {
  completed: "good", failed: "bad", rejected: "bad", "calibration failed": "bad", "no answer": "bad", answers: "good", active: "good",
  started: "run", dispatched: "run", submitted: "wait", accepted: "wait", placed: "wait",
};

/** A state as a word with a mark: colour is never the only sign. */
export const State = ({ state }) => html`<span class="state ${TONE[state] || "quiet"}"><i aria-hidden="true"></i>${state}</span>`;

/** A button that has the gateway do something, once; what it refuses stands beside it. */
export function Act({ label, busy, path, body, done }) {
  const [state, setState] = useState({});
  const act = async () => {
    setState({ asked: true });
    try {
      await request(path, { method: "POST", body });
      done?.();
    } catch (problem) {
      setState({ problem });
    }
  };
  return html`<button onClick=${act} disabled=${state.asked}>${state.asked ? busy : label}</button>${state.problem && html`<${Failure} problem=${state.problem} />`}`;
}

/** A part of a page with a heading; `tools` stand at its right. */
export const Panel = ({ title, id, hint, tools, wide, children }) => html`
  <section id=${id} class="panel ${wide ? "wide" : ""}">
    <header><h2>${title}</h2>${hint && html`<p>${hint}</p>`}${tools && html`<div class="tools">${tools}</div>`}</header>
    ${children}
  </section>`;

/** What to do next where there is nothing yet. */
export const Empty = ({ children, next }) => html`<div class="empty"><p>${children}</p>${next && html`<code>${next}</code>`}</div>`;

export const Failure = ({ problem, retry }) => html`
  <div class="failure" role="alert">
    <p><strong>${problem.message}</strong></p>
    ${problem.reasons.map((it) => html`<p>${it.message || it.text}</p>`)}
    ${problem.next && html`<p>${problem.next}</p>`}
    ${problem.request && html`<p class="quiet">Request ${problem.request}</p>`}
    ${retry && html`<button onClick=${retry}>Try again</button>`}
  </div>`;

/** The answer of `useData`, the words of its problem, or a place that keeps its height. */
export function Loaded({ of, children }) {
  if (of.data !== undefined) return children(of.data);
  if (of.problem) return html`<${Failure} problem=${of.problem} retry=${of.reload} />`;
  return html`<div class="loading" aria-busy="true"><span class="hidden">Loading</span></div>`;
}

export const When = ({ at, now }) => (at ? html`<time datetime=${at} title=${at}>${moment(at, now)}</time>` : "–");

/** An amount to cents, with all its digits on demand. */
export const Sum = ({ of }) => html`<span class="num" title=${money(of)}>${rounded(of)}</span>`;

/** A share of a whole as a bar; the number stands beside it. */
export const Bar = ({ share, tone = "", label }) => html`
  <svg class="bar ${tone}" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label=${label}>
    <rect class="track" width="100" height="6" rx="1" /><rect class="fill" width=${Math.max(0, Math.min(100, share * 100))} height="6" rx="1" />
  </svg>`;

/** A figure with its name. */
export const Figure = ({ name, value, note, tone = "" }) => html`
  <div class="figure ${tone}"><dt>${name}</dt><dd>${value}</dd>${note && html`<dd class="note">${note}</dd>`}</div>`;

export function Copy({ text, label = "Copy" }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1_500);
  };
  return html`<button class="plain" onClick=${copy} aria-live="polite">${done ? "Copied" : label}</button>`;
}

/** Rows of names and values. */
export const Facts = ({ of }) => html`
  <dl class="facts">${of.filter(([, value]) => value !== undefined).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value ?? "–"}</dd></div>`)}</dl>`;

/** Tabs over one choice; arrow keys move, as in any group of radio buttons. */
export const Choice = ({ name, label, options, value, onChange }) => html`
  <div class="choice" role="radiogroup" aria-label=${label}>
    ${options.map(([key, text]) => html`
      <label class=${key === value ? "on" : ""}><input type="radio" name=${name} checked=${key === value} onChange=${() => onChange(key)} />${text}</label>`)}
  </div>`;

/** A dialog, which a click beside it closes; `of` is a ref to it, and `tools` are what it begins with. */
export const Dialog = ({ of, label, tools, children }) => html`
  <dialog ref=${of} aria-label=${label} onClick=${(event) => event.target === of.current && of.current.close()}>
    <div class="sheet"><header>${tools}<button class="plain" onClick=${() => of.current.close()}>Close</button></header>${children}</div>
  </dialog>`;

const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;
export const sqlText = (text) => `'${String(text).replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

/** `{curl, python, sql}` as one dialog; a form that is left out has no tab. */
export function Share({ path, python, sql }) {
  const dialog = useRef(null);
  const forms = [
    ["curl", `curl -H "Authorization: Bearer $QUEUEBIT_TOKEN" \\\n  ${quoted(location.origin + path)}`],
    ["Python", python && `from queuebit import Client\n\nwith Client() as client:\n    ${python.replaceAll("\n", "\n    ")}`],
    ["SQL", sql && `${sql}\n-- qb sql "…", or any ClickHouse client after qb warehouse login`],
  ].filter(([, text]) => text);
  const [shown, setShown] = useState("curl");
  const text = forms.find(([name]) => name === shown)[1];
  return html`
    <button class="plain" onClick=${() => dialog.current.showModal()}>As code</button>
    <${Dialog} of=${dialog} label="This view as code" tools=${html`
      <div class="choice" role="tablist" aria-label="Form">
        ${forms.map(([name]) => html`<button role="tab" aria-selected=${name === shown} class=${name === shown ? "on" : ""} onClick=${() => setShown(name)}>${name}</button>`)}
      </div><${Copy} text=${text} />`}>
      <pre tabindex="0" role="region" aria-label=${shown}>${text}</pre>
    <//>`;
}

const ROW = 32;
const kind = (it) => [it.num && "num", it.less].filter(Boolean).join(" ") || undefined;
const headOf = (it) => html`<th scope="col" class=${kind(it)}>${it.name}</th>`;
const cellOf = (row) => (it) => html`<td class=${kind(it)}>${it.cell ? it.cell(row) : (row[it.key] ?? "–")}</td>`;

/**
 * `columns`: `{key, name, num, less, cell(row), text(row)}`, where `less` says on which screens it is left out; `rows`: any objects.
 */
export const Table = ({ caption, columns, rows, rowKey }) => html`
  <div class="scroll" tabindex="0" role="region" aria-label=${caption}>
    <table>
      <caption class="hidden">${caption}</caption>
      <thead><tr>${columns.map(headOf)}</tr></thead>
      <tbody>${rows.map((row, at) => html`
        <tr key=${rowKey ? rowKey(row) : at}>${columns.map(cellOf(row))}</tr>`)}
      </tbody>
    </table>
  </div>`;

/** Have the browser save a file that was made here. */
export function saveAs(name, type, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** A file of the rows that `rows()` gives. */
export function CsvButton({ name, columns, rows }) {
  const save = () => {
    const text = csv(columns.map((it) => it.key), rows().map((row) => columns.map((it) => (it.text ? it.text(row) : row[it.key]))));
    saveAs(`${name}.csv`, "text/csv", text);
  };
  return html`<button class="plain" onClick=${save}>CSV</button>`;
}

/**
 * A table of any length that draws only the rows in sight. The whole row is a link for the mouse, its first cell one for
 * everyone; j, k and Enter move as in mail. `onEnd` is called when the end comes near.
 */
export function LongTable({ caption, columns, total, rowAt, rowKey, rowHref, open, onEnd }) {
  const box = useRef(null);
  const [view, setView] = useState({ scrollTop: 0, height: 600 });
  const [cursor, setCursor] = useState(-1);
  const { from, to, above, below } = windowOf({ ...view, rowHeight: ROW, total });

  const measure = useCallback(() => {
    const { scrollTop, clientHeight } = box.current;
    setView((before) => (before.scrollTop === scrollTop && before.height === clientHeight ? before : { scrollTop, height: clientHeight }));
  }, []);
  useLayoutEffect(() => {
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    if (to > total - 200) onEnd?.();
  }, [to, total, onEnd]);

  const move = (step) => {
    const next = Math.max(0, Math.min(total - 1, cursor + step));
    setCursor(next);
    box.current.scrollTop = scrollTo(next, { ...view, scrollTop: box.current.scrollTop, rowHeight: ROW, header: ROW });
  };
  const act = useRef(null);
  act.current = { j: () => move(1), k: () => move(-1), Enter: () => rowAt(cursor) && open(rowHref(rowAt(cursor))) };
  useEffect(() => {
    const press = (event) => {
      if (event.target.closest?.("input, select, textarea, button, dialog, a") || event.ctrlKey || event.metaKey || event.altKey) return;
      act.current[event.key]?.();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);

  return html`
    <div class="scroll long" ref=${box} onScroll=${measure} tabindex="0" role="region" aria-label=${caption}>
      <table aria-rowcount=${total}>
        <caption class="hidden">${caption}</caption>
        <thead><tr>${columns.map(headOf)}</tr></thead>
        <tbody>
          ${above > 0 && html`<tr class="pad" aria-hidden="true"><td colspan=${columns.length} style=${{ height: `${above}px` }}></td></tr>`}
          ${Array.from({ length: to - from }, (_, at) => rowAt(from + at)).map((row, at) => html`
            <tr key=${rowKey(row)} aria-rowindex=${from + at + 2} class=${from + at === cursor ? "cursor" : ""} aria-selected=${from + at === cursor}
                onClick=${(event) => !event.target.closest("a") && !String(getSelection()) && open(rowHref(row))}>
              ${columns.map(cellOf(row))}
            </tr>`)}
          ${below > 0 && html`<tr class="pad" aria-hidden="true"><td colspan=${columns.length} style=${{ height: `${below}px` }}></td></tr>`}
        </tbody>
      </table>
    </div>`;
}
