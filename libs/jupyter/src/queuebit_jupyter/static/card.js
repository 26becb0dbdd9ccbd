// Draws one job. Everything is set as text: labels and reasons come from other users.

function element(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content.filter((it) => it !== null));
  return made;
}

function head(view) {
  const state = element("span", `qb-state qb-${view.state}`, view.state);
  const receipt = element("span", "qb-receipt", view.sealed ? "✓ receipt sealed" : "receipt not sealed yet");
  receipt.classList.toggle("qb-sealed", view.sealed);
  return element("header", "", element("strong", "", view.label || "job"), state, receipt);
}

function facts(view) {
  const charge = view.charge && view.charge + (view.provisional ? ", until its usage is final" : "");
  const shown = [["Job", view.job], ["Backend", view.backend], ["Shots", view.shots.toLocaleString("en")],
    ["Project", view.project], ["Charge", charge || "not billed yet"]];
  const list = element("dl", "");
  for (const [name, value] of shown)
    if (value) list.append(element("div", "", element("dt", "", name), element("dd", "", value)));
  return list;
}

function timeline(view) {
  const list = element("ol", "qb-steps");
  list.setAttribute("aria-label", "Timeline");
  for (const step of view.steps) {
    const item = element("li", "", element("span", "", step.event), element("time", "", `${step.seconds.toFixed(2)} s`));
    item.title = step.detail;
    list.append(item);
  }
  return list;
}

function histogram(view) {
  if (view.bars.length === 0) return null;
  const body = element("tbody", "");
  const most = view.bars[0].share;
  for (const { bits, count, share } of view.bars) {
    const bar = element("div", "qb-bar");
    bar.style.width = `${(100 * share) / most}%`;
    body.append(element("tr", "", element("th", "", bits), element("td", "qb-wide", bar),
      element("td", "", count.toLocaleString("en")), element("td", "", `${(100 * share).toFixed(1)}%`)));
  }
  const more = `${view.more} more outcomes with ${view.more_shots} shots`;
  return element("table", "qb-counts", element("caption", "", view.more ? `Counts; ${more}` : "Counts"), body);
}

function draw(view) {
  const reasons = [...view.reasons, ...(view.trouble ? [view.trouble] : [])];
  const said = reasons.length ? element("p", "qb-reasons", reasons.join("; ")) : null;
  return [head(view), facts(view), said, timeline(view), histogram(view)].filter((it) => it !== null);
}

function render({ model, el }) {
  const card = element("section", "qb-card");
  card.setAttribute("aria-label", "Queuebit job");
  const update = () => card.replaceChildren(...draw(model.get("view")));
  model.on("change:view", update);
  update();
  el.append(card);
  return () => model.off("change:view", update);
}

export default { render };
