// Numbers, money and times as people read them. Money is never a float: sums are of whole units of 10^-18.

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

/** An amount with all its digits: `{amount, currency}` or null. */
export const money = (it) => (it ? `${grouped(it.amount)} ${it.currency}` : "–");

/** An amount at a glance: two places, four below one unit; the exact one belongs beside it. */
export function rounded(it) {
  if (!it) return "–";
  const value = units(it.amount);
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
