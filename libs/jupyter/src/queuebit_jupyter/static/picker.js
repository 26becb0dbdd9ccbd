// Offers backends for a circuit. Rows are radio buttons: arrow keys and screen readers work as on any page.

const SVG = "http://www.w3.org/2000/svg";
const UNIT = 16;
const EDGE = 8;
const STEPS = 5;
let pickers = 0;

function element(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

function drawn(name, attributes, title) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (title) made.append(Object.assign(document.createElementNS(SVG, "title"), { textContent: title }));
  return made;
}

const percent = (error) => (error == null ? "unknown" : `${(100 * error).toFixed(2)}%`);

/** The couplers of a device in five colours by the rank of their error, which one outlier does not change. */
function map(name, { qubits, couplers }) {
  const { points, width, height } = layout(qubits, couplers);
  const tall = height > width;
  const place = ([x, y]) => (tall ? [y, x] : [x, y]).map((it) => it * UNIT + EDGE);
  const [w, h] = (tall ? [height, width] : [width, height]).map((it) => it * UNIT + 2 * EDGE);
  const errors = couplers.map((it) => it[2]).filter((it) => it != null).sort((a, b) => a - b);
  const rank = (error) => (error == null ? "none" : Math.floor((STEPS * errors.indexOf(error)) / errors.length));
  const svg = drawn("svg", { viewBox: `0 0 ${w} ${h}`, width: w, "aria-hidden": "true" });
  for (const [a, b, error] of couplers) {
    const [[x1, y1], [x2, y2]] = [place(points[a]), place(points[b])];
    svg.append(drawn("line", { x1, y1, x2, y2, class: `qb-r${rank(error)}` }, `${a}–${b}: ${percent(error)}`));
  }
  points.forEach((point, qubit) => {
    const [cx, cy] = place(point);
    svg.append(drawn("circle", { cx, cy, r: 3.5 }, `qubit ${qubit}`));
  });
  const worst = couplers.find((it) => it[2] === errors.at(-1));
  const text = `${name}: ${qubits} qubits, ${couplers.length} couplers. Two-qubit error from ${percent(errors[0])} to `
    + `${percent(errors.at(-1))}${worst ? ` (${worst[0]}–${worst[1]})` : ""}, median ${percent(errors[errors.length >> 1])}.`;
  const legend = element("div", "qb-legend", "best fifth ");
  for (let step = 0; step < STEPS; step++) legend.append(element("i", `qb-r${step}`));
  legend.append(" worst fifth");
  legend.setAttribute("aria-hidden", "true");
  return element("figure", "", svg, legend, element("figcaption", "", text));
}

/** Arrow keys and Enter are for this element; JupyterLab would go to another cell. */
function keys(made) {
  made.dataset.lmSuppressShortcuts = "true";
  return made;
}

function row(group, value, cells, onChoose) {
  const radio = keys(Object.assign(element("input"), { type: "radio", name: group, value }));
  radio.addEventListener("change", () => onChoose(value));
  const [name, ...others] = cells;
  const head = element("th", "", element("label", "", radio, ` ${name}`));
  head.scope = "row";
  return element("tr", "", head, ...others.map((it) => element("td", "", it || "–")));
}

function table(view, group, onChoose) {
  const names = ["Backend", "Qubits", view.shots ? "Costs up to" : "Price", "Waiting", "Usual wait", "Success", "Calibrated"];
  const head = element("tr", "", ...names.map((it) => Object.assign(element("th", "", it), { scope: "col" })));
  const rows = view.rows.map((it) =>
    row(group, it.backend, [it.backend, it.qubits, it.price, it.waiting, it.wait, it.success, it.calibrated], onChoose));
  const free = row(group, "", ["Queuebit chooses"], onChoose);
  free.append(Object.assign(element("td", "", "the cheapest simulator that fits, unless the project says otherwise"), { colSpan: 6 }));
  return element("table", "qb-offers", element("thead", "", head), element("tbody", "", free, ...rows));
}

function unfit(rows) {
  const list = element("ul", "", ...rows.map((it) => element("li", "", `${it.backend}: ${it.reason}`)));
  return element("details", "", keys(element("summary", "", `${rows.length} of the backends cannot run it`)), list);
}

function said(view, choice, used) {
  if (choice !== used) return `${choice || "Free choice"} is not confirmed by the kernel: if this stays, run the cell of the picker again.`;
  if (!choice) return "Queuebit chooses for cells without --backend.";
  const kept = `“%qb_backends --use ${choice}” keeps this for a new kernel.`;
  const misfit = view.unfit.some((it) => it.backend === choice) ? ", which cannot run this circuit" : "";
  return `Cells without --backend run on ${choice}${misfit}. ${kept}`;
}

function render({ model, el }) {
  const group = `qb-backend-${++pickers}`;
  const picker = element("section", "qb-card qb-picker");
  picker.setAttribute("aria-label", "Backends");
  const line = element("p", "qb-quiet");
  line.setAttribute("role", "status");
  const place = element("div", "qb-map");
  const choose = (value) => {
    model.set("choice", value);
    model.save_changes();
  };
  const mark = () => {
    const [view, choice] = [model.get("view"), model.get("choice")];
    for (const radio of picker.querySelectorAll("input")) radio.checked = radio.value === choice;
    line.textContent = said(view, choice, model.get("used"));
    const offer = view.rows.find((it) => it.backend === choice);
    place.replaceChildren(...(offer?.map ? [map(choice, offer.map)] : []));
  };
  const draw = () => {
    const view = model.get("view");
    const of = view.shots ? `for ${view.shots.toLocaleString("en")} shots of the circuit` : "and their tariffs";
    const head = element("header", "", element("strong", "", "Backends"), element("span", "", of));
    const fields = element("fieldset", "", element("legend", "", "Where cells without --backend run"), table(view, group, choose));
    picker.replaceChildren(head, fields, line, place, ...(view.unfit.length ? [unfit(view.unfit)] : []));
    mark();
  };
  model.on("change:view", draw);
  model.on("change:choice change:used", mark);
  draw();
  el.append(picker);
  return () => {
    model.off("change:view", draw);
    model.off("change:choice change:used", mark);
  };
}

export default { render };
