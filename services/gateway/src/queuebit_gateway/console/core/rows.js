// What a list or a timeline shows, as pure functions: rows and events; and numbers, money and times as people read them.
// Money is never a float: sums are of whole units of 10^-18.

const SCALE = 18;
const whole = new Intl.NumberFormat("en-US");

export const count = (value) => (value == null ? "–" : whole.format(value));
export const percent = (share, digits = 1) => {
  if (share == null || Number.isNaN(Number(share))) return "–";
  const value = Number(share) * 100;
  return `${value === 100 || value === 0 ? value : value.toFixed(digits)} %`;
};

/** A decimal text as an integer of 10^-18. */
export function units(text) {
  const [, sign, int, fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) || [];
  if (int === undefined || fraction.length > SCALE) throw new Error(`not an amount: ${text}`);
  const value = BigInt(int + fraction.padEnd(SCALE, "0"));
  return sign ? -value : value;
}

/** The shortest decimal text of an integer of 10^-18, with at least two places. */
export function decimal(value) {
  const digits = (value < 0n ? -value : value).toString().padStart(SCALE + 1, "0");
  const fraction = digits.slice(-SCALE).replace(/0+$/, "").padEnd(2, "0");
  return `${value < 0n ? "-" : ""}${digits.slice(0, -SCALE)}.${fraction}`;
}

export const sum = (texts) => decimal(texts.reduce((total, text) => total + units(text), 0n));

const grouped = (text) => text.replace(/^(-?)(\d+)/, (_, sign, int) => sign + whole.format(BigInt(int)));

/** A decimal of an invoice with all its digits, grouped, and at least some places; it may have more than 18 of them. */
export function exact(value, least = 2) {
  const text = typeof value === "bigint" ? decimal(value) : value;
  const [int, fraction = ""] = text.split(".");
  const places = fraction.replace(/0+$/, "").padEnd(least, "0");
  return grouped(int) + (places && `.${places}`);
}

/** An amount with all its digits: `{amount, currency}` or null. */
export const money = (it) => (it ? `${grouped(it.amount)} ${it.currency}` : "–");

/** An amount at a glance: two places, four below one unit; the exact one belongs beside it. */
export function rounded(it) {
  if (!it) return "–";
  const value = units(it.amount.replace(/(\.\d{18})\d+$/, "$1")); // amounts of invoices may have more places
  const size = value < 0n ? -value : value;
  const step = 10n ** BigInt(SCALE - (size < units("1") ? 4 : 2));
  const nearest = ((size + step / 2n) / step) * step;
  if (size > 0n && nearest === 0n) return `< 0.0001 ${it.currency}`;
  return `${value < 0n ? "-" : ""}${grouped(decimal(nearest))} ${it.currency}`;
}

/** A span of time in its two largest units, or in `most` of them. */
export function duration(ms, most = 2) {
  if (ms == null || Number.isNaN(ms)) return "–";
  if (ms < 0) return "0 ms";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const parts = [[Math.floor(seconds / 86_400), "d"], [Math.floor(seconds / 3_600) % 24, "h"], [Math.floor(seconds / 60) % 60, "min"], [seconds % 60, "s"]];
  const first = parts.findIndex(([value]) => value > 0);
  return parts.slice(first, first + most).filter(([value]) => value > 0).map(([value, unit]) => `${value} ${unit}`).join(" ");
}

export const between = (from, to) => (from && to ? Date.parse(to) - Date.parse(from) : null);

/** A moment in the reader's zone: the time today, the date before. */
export function moment(text, now = Date.now()) {
  if (!text) return "–";
  const at = new Date(text);
  const pad = (value) => String(value).padStart(2, "0");
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  if (at.toDateString() === new Date(now).toDateString()) return time;
  const date = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${date} ${time.slice(0, 5)}`;
}

export const ago = (text, now = Date.now()) => (text ? `${age(now - Date.parse(text))} ago` : "–");
/** How old something is: only the largest unit matters. */
export const age = (ms) => duration(ms < 1_000 ? 0 : Math.floor(ms / 1_000) * 1_000, 1).replace(/^0 ms$/, "0 s").replace(/\.0 s$/, " s");
export const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 }).format;
export const ppm = (value) => (value == null ? "–" : `${(value / 10_000).toFixed(2)} %`);
export const shortDigest = (text) => (text ? text.replace(/^sha256:/, "").slice(0, 12) : "–");

/** Rows as CSV; a cell that a spreadsheet would run as a formula is text. */
export function csv(columns, rows) {
  const cell = (value) => {
    const text = value == null ? "" : String(value);
    const safe = /^[=+\-@\t\r]/.test(text) && !/^-?[\d.]+$/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\n") + "\n";
}

// The row of a job after an event: the rules of the platform's views, for events that came after their answer.

const STATES = new Set(["submitted", "accepted", "rejected", "placed", "started", "dispatched", "completed", "failed", "cancelled", "expired"]);
const TIMES = { submitted: "submitted_at", accepted: "accepted_at", placed: "placed_at", started: "started_at" };
export const ENDED = new Set(["rejected", "completed", "failed", "cancelled", "expired"]);
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
  if (what === "withdrawn") {
    next.backend = "";
    if (!ENDED.has(next.state)) next.state = "accepted";
  }
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

const PHASES = { submitted: "Admission", accepted: "Waits for a place", withdrawn: "Waits for a place", placed: "Waits for a slot", dispatched: "At the vendor", started: "Runs" };
const TONES = { submitted: "quiet", accepted: "wait", withdrawn: "wait", placed: "wait", dispatched: "run", started: "run" };

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
