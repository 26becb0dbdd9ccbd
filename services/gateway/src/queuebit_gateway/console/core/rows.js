// What a list or a timeline shows: pure functions over rows and events.

import { sum } from "./format.js";

// The row of a job after an event: the rules of the platform's views, for events that came after their answer.

const STATES = new Set(["submitted", "accepted", "rejected", "placed", "started", "dispatched", "completed", "failed", "cancelled"]);
const TIMES = { submitted: "submitted_at", accepted: "accepted_at", placed: "placed_at", started: "started_at" };
export const ENDED = new Set(["rejected", "completed", "failed", "cancelled"]);
const ORDER = ["submitted", "accepted", "placed", "dispatched", "started"];

/** `job.completed` -> `completed`, and the same of a CloudEvents type. */
export const eventName = (name) => name.replace(/^qb\./, "").replace(/\.v\d+$/, "").split(".").pop();
export const isJobEvent = (it) => it.name.startsWith("job.");

const isLater = (state, before) => ENDED.has(state) || (!ENDED.has(before) && ORDER.indexOf(state) >= ORDER.indexOf(before));

/** The row of a job after `event` (a CloudEvent); `row` is undefined for a job that is not known yet. */
export function fold(row, name, event) {
  const { data, time } = event;
  const next = row ? { ...row } : { job: data.job, state: "submitted", label: "", backend: "", reasons: [], charge: null, sealed: false };
  const what = eventName(name);
  if (STATES.has(what)) {
    if (!row || isLater(what, row.state)) next.state = what;
    if (TIMES[what]) next[TIMES[what]] = time;
    if (ENDED.has(what)) next.ended_at = time;
  }
  for (const field of ["project", "shots", "label", "backend", "user"]) if (data[field]) next[field] = data[field];
  if (data.profile) next.qubits = data.profile.qubits;
  if (what === "rejected") next.reasons = data.reasons.map((it) => it.code);
  if (what === "failed") next.reasons = [data.reason.code];
  if (what === "metered") next.charge = { amount: data.charge.amount, currency: data.charge.currency };
  if (what === "corrected" && row?.charge) next.charge = { ...row.charge, amount: sum([row.charge.amount, data.delta.amount]) };
  if (what === "sealed") next.sealed = true;
  if (next.accepted_at && next.started_at) next.queue_wait_ms = Math.max(0, Date.parse(next.started_at) - Date.parse(next.accepted_at));
  if (next.submitted_at && next.ended_at) next.end_to_end_ms = Math.max(0, Date.parse(next.ended_at) - Date.parse(next.submitted_at));
  return next;
}

/** Whether a row belongs to a list with these filters; `label` is the beginning of a label or of an id. */
export function matches(row, { state, backend, project, user, label }) {
  const one = (wanted, value) => !wanted || wanted.split(",").includes(value);
  return (
    one(state, row.state) && one(backend, row.backend) && one(project, row.project) && one(user, row.user) &&
    (!label || row.job.startsWith(label) || (row.label || "").startsWith(label))
  );
}

/** Whether a text may be the beginning of a job's id: the log is not searched for those, only what is loaded. */
export const isId = (text) => /^j[a-z2-7]{4,20}$/.test(text);

const PHASES = { submitted: "Admission", accepted: "Waits for a place", placed: "Waits for a slot", dispatched: "At the vendor", started: "Runs" };
const TONES = { submitted: "quiet", accepted: "wait", placed: "wait", dispatched: "run", started: "run" };

/** `{name, tone, from, to, open}` in milliseconds, in order; the last one is open while the job has not ended. */
export function phases(events, now) {
  const marks = [];
  for (const { name, event } of events) {
    const what = eventName(name);
    if (what in PHASES || ENDED.has(what) || what === "metered" || what === "sealed") marks.push([what, Date.parse(event.time)]);
  }
  const found = [];
  marks.forEach(([what, from], at) => {
    const next = marks[at + 1];
    const to = Math.max(from, next ? next[1] : now);
    if (what in PHASES) found.push({ name: PHASES[what], tone: TONES[what], from, to, open: !next });
    else if (ENDED.has(what)) found.push({ name: "Billed", tone: "quiet", from, to, open: !next });
    else if (what === "metered") found.push({ name: "Sealed", tone: "quiet", from, to, open: !next });
  });
  return found;
}

/** The rows `[from, to)` in sight with some around them, and the height of what is above and below. */
export function windowOf({ scrollTop, height, rowHeight, total, overscan = 12 }) {
  const from = Math.max(0, Math.min(Math.floor(scrollTop / rowHeight) - overscan, total));
  const to = Math.max(from, Math.min(total, Math.ceil((scrollTop + height) / rowHeight) + overscan));
  return { from, to, above: from * rowHeight, below: (total - to) * rowHeight };
}

/** The scroll position that brings a row into sight, or the present one where it is in sight already. */
export function scrollTo(index, { scrollTop, height, rowHeight, header = 0 }) {
  const top = index * rowHeight;
  if (top < scrollTop) return top;
  if (top + rowHeight > scrollTop + height - header) return top + rowHeight - height + header;
  return scrollTop;
}
