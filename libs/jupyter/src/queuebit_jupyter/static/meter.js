// Draws what the jobs of a notebook cost.

function text(name, className, content) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = content;
  return made;
}

function draw(view) {
  const sum = view.totals.join(" + ") + (view.cap ? ` of ${view.cap}` : "");
  const jobs = `${view.jobs} ${view.jobs === 1 ? "job" : "jobs"}, ${view.unbilled} not billed yet`;
  const shown = [text("strong", "", "Cost of this notebook"), text("span", "qb-sum", sum), text("span", "qb-quiet", jobs)];
  if (view.share !== null) {
    const gauge = document.createElement("meter");
    gauge.value = Math.min(view.share, 1);
    gauge.setAttribute("aria-label", "Share of the cap");
    shown.push(gauge);
  }
  return shown;
}

function render({ model, el }) {
  const meter = text("section", "qb-card qb-meter", "");
  meter.setAttribute("aria-label", "Cost of this notebook");
  const update = () => meter.replaceChildren(...draw(model.get("view")));
  model.on("change:view", update);
  update();
  el.append(meter);
  return () => model.off("change:view", update);
}

export default { render };
