// Reads the OpenQASM 2 and 3 that people draw: registers, gates, measurements, barriers, resets.
// Anything else is named, not guessed: `circuit.beyond` is the first statement that is not understood.
// And works out the exact distribution of a small one, without noise: its counts with endless shots.

/** The value of a parameter such as `-pi/2`; null where it is not a constant. */
export function constant(text) {
  const tokens = text.match(/\d+\.?\d*(?:e[+-]?\d+)?|\.\d+|pi|π|tau|[-+*/()]/gi);
  if (!tokens || tokens.join("") !== text.replace(/\s/g, "")) return null;
  let at = 0;
  const atom = () => {
    const token = tokens[at++];
    if (token === "-") return -atom();
    if (token === "+") return atom();
    if (token === "(") {
      const inner = additive();
      at++;
      return inner;
    }
    return token === "pi" || token === "π" ? Math.PI : token === "tau" ? 2 * Math.PI : Number(token);
  };
  const product = () => {
    let value = atom();
    while (tokens[at] === "*" || tokens[at] === "/") value = tokens[at++] === "*" ? value * atom() : value / atom();
    return value;
  };
  const additive = () => {
    let value = product();
    while (tokens[at] === "+" || tokens[at] === "-") value = tokens[at++] === "+" ? value + product() : value - product();
    return value;
  };
  const value = additive();
  return at === tokens.length && Number.isFinite(value) ? value : null;
}

const splitTop = (text) => {
  const parts = [""];
  let depth = 0;
  for (const it of text) {
    depth += (it === "(") - (it === ")");
    if (it === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += it;
  }
  return parts.map((it) => it.trim()).filter(Boolean);
};

class Reader {
  qubits = new Map(); // register -> first index and size
  bits = new Map();
  labels = [];
  bitCount = 0;
  ops = [];
  beyond = null;

  read(source) {
    const text = source.replace(/\/\*[\s\S]*?\*\//g, " ").replace(/\/\/[^\n]*/g, "").replace(/^\s*@.*$/gm, "");
    for (const raw of text.split(";")) {
      const statement = raw.replace(/\s+/g, " ").trim();
      if (statement && !this.#statement(statement)) {
        this.beyond = statement.length > 60 ? `${statement.slice(0, 60)}…` : statement;
        break;
      }
    }
    return { labels: this.labels, bits: [...this.bits].map(([name, it]) => ({ name, ...it })), ops: this.ops, beyond: this.beyond };
  }

  #statement(text) {
    if (/^(OPENQASM|include|pragma)\b/.test(text)) return true;
    let found;
    if ((found = /^qubit(?:\[(\d+)\])? (\w+)$/.exec(text)) || (found = swap(/^qreg (\w+)\[(\d+)\]$/.exec(text)))) return this.#register(found[2], found[1]);
    if ((found = /^bit(?:\[(\d+)\])? (\w+)$/.exec(text)) || (found = swap(/^creg (\w+)\[(\d+)\]$/.exec(text)))) return this.#classical(found[2], found[1]);
    if ((found = /^bit(?:\[(\d+)\])? (\w+) ?= ?measure (.+)$/.exec(text))) return this.#classical(found[2], found[1]) && this.#measure(found[3], found[2]);
    if ((found = /^([\w[\]]+) ?= ?measure (.+)$/.exec(text))) return this.#measure(found[2], found[1]);
    if ((found = /^measure (.+?) ?-> ?(.+)$/.exec(text))) return this.#measure(found[1], found[2]);
    if ((found = /^(barrier|reset)\b ?(.*)$/.exec(text))) return this.#whole(found[1], found[2]);
    if ((found = /^([A-Za-z]\w*) ?(?:\((.*)\))? ?([\w$[\], ]+)$/.exec(text))) return this.#gate(found[1], found[2], found[3]);
    return false;
  }

  #register(name, size) {
    const n = size === undefined ? 1 : Number(size);
    if (this.labels.length + n > 2_000) return false;
    this.qubits.set(name, { start: this.labels.length, size: n });
    for (let i = 0; i < n; i++) this.labels.push(size === undefined ? name : `${name}[${i}]`);
    return true;
  }

  #classical(name, size) {
    const n = size === undefined ? 1 : Number(size);
    this.bits.set(name, { start: this.bitCount, size: n });
    this.bitCount += n;
    return true;
  }

  #find(registers, text) {
    const physical = /^\$(\d+)$/.exec(text);
    if (physical && registers === this.qubits) return [this.#physical(text)];
    const [, name, index] = /^(\w+)(?:\[(\d+)\])?$/.exec(text) || [];
    const register = registers.get(name);
    if (!register || (index !== undefined && Number(index) >= register.size)) return null;
    if (index !== undefined) return [register.start + Number(index)];
    return Array.from({ length: register.size }, (_, i) => register.start + i);
  }

  #physical(label) {
    if (!this.labels.includes(label)) this.labels.push(label);
    return this.labels.indexOf(label);
  }

  #measure(from, to) {
    const qubits = this.#find(this.qubits, from);
    const bits = this.#find(this.bits, to);
    if (!qubits || qubits.length !== bits?.length) return false;
    qubits.forEach((qubit, i) => this.ops.push({ name: "measure", qubits: [qubit], bit: bits[i], params: [] }));
    return true;
  }

  #whole(name, operands) {
    const found = operands ? splitTop(operands).map((it) => this.#find(this.qubits, it)) : [this.labels.map((_, i) => i)];
    if (found.some((it) => !it)) return false;
    const qubits = found.flat();
    if (name === "barrier") this.ops.push({ name, qubits, params: [] });
    else qubits.forEach((qubit) => this.ops.push({ name, qubits: [qubit], params: [] }));
    return true;
  }

  #gate(name, params, operands) {
    const values = params === undefined ? [] : splitTop(params);
    const found = splitTop(operands).map((it) => this.#find(this.qubits, it));
    if (!found.length || found.some((it) => !it) || /^(gate|def|if|for|while|input|output|let|const|float|int|angle|bool)$/.test(name)) return false;
    const width = Math.max(...found.map((it) => it.length));
    if (found.some((it) => it.length !== 1 && it.length !== width)) return false;
    for (let i = 0; i < width; i++) {
      this.ops.push({ name, qubits: found.map((it) => it[it.length === 1 ? 0 : i]), params: values });
    }
    return true;
  }
}

const swap = (found) => found && [found[0], found[2], found[1]];

export const readQasm = (source) => new Reader().read(source);

/** The column of each operation, as early as its qubits are free; and how many columns there are. */
export function columns(circuit) {
  const free = circuit.labels.map(() => 0);
  const at = circuit.ops.map(({ qubits }) => {
    const low = Math.min(...qubits);
    const high = Math.max(...qubits);
    let column = 0;
    for (let wire = low; wire <= high; wire++) column = Math.max(column, free[wire]);
    for (let wire = low; wire <= high; wire++) free[wire] = column + 1;
    return column;
  });
  return { at, total: Math.max(0, ...free) };
}

export const MOST_QUBITS = 10;
const R = Math.SQRT1_2;
const e = (angle) => [Math.cos(angle), Math.sin(angle)];
const u = (theta, phi, lambda) => {
  const c = Math.cos(theta / 2);
  const s = Math.sin(theta / 2);
  return [[c, 0], e(lambda).map((it) => -it * s), e(phi).map((it) => it * s), e(phi + lambda).map((it) => it * c)];
};
const phase = (angle) => [[1, 0], [0, 0], [0, 0], e(angle)];
const rx = (angle) => u(angle, -Math.PI / 2, Math.PI / 2);
const ry = (angle) => u(angle, 0, 0);
const rz = (angle) => [e(-angle / 2), [0, 0], [0, 0], e(angle / 2)];
const X = [[0, 0], [1, 0], [1, 0], [0, 0]];
const Y = [[0, 0], [0, -1], [0, 1], [0, 0]];
const H = [[R, 0], [R, 0], [R, 0], [-R, 0]];

const ONE = {
  id: () => phase(0), x: () => X, y: () => Y, z: () => phase(Math.PI), h: () => H,
  s: () => phase(Math.PI / 2), sdg: () => phase(-Math.PI / 2), t: () => phase(Math.PI / 4), tdg: () => phase(-Math.PI / 4),
  sx: () => [[0.5, 0.5], [0.5, -0.5], [0.5, -0.5], [0.5, 0.5]], sxdg: () => [[0.5, -0.5], [0.5, 0.5], [0.5, 0.5], [0.5, -0.5]],
  p: phase, u1: phase, phase, rx, ry, rz, u, U: u, u3: u, u2: (phi, lambda) => u(Math.PI / 2, phi, lambda),
};
/** Gate -> how many controls, and the gate that they control. */
const CONTROLLED = {
  cx: [1, "x"], CX: [1, "x"], cy: [1, "y"], cz: [1, "z"], ch: [1, "h"], cp: [1, "p"], cu1: [1, "p"], cphase: [1, "p"],
  crx: [1, "rx"], cry: [1, "ry"], crz: [1, "rz"], csx: [1, "sx"], ccx: [2, "x"], ccz: [2, "z"],
};
const COMPOSED = {
  swap: ([a, b], none) => [["cx", none, a, b], ["cx", none, b, a], ["cx", none, a, b]],
  cswap: ([c, a, b], none) => [["cx", none, b, a], ["ccx", none, c, a, b], ["cx", none, b, a]],
  rzz: ([a, b], angle) => [["cx", [], a, b], ["rz", angle, b], ["cx", [], a, b]],
};

class State {
  constructor(n) {
    this.re = new Float64Array(2 ** n);
    this.im = new Float64Array(2 ** n);
    this.re[0] = 1;
  }

  /** Apply a 2×2 matrix to `target` where all `controls` are 1. */
  apply([a, b, c, d], target, controls) {
    const bit = 1 << target;
    const mask = controls.reduce((all, it) => all | (1 << it), 0);
    const { re, im } = this;
    for (let i = 0; i < re.length; i++) {
      if (i & bit || (i & mask) !== mask) continue;
      const j = i | bit;
      const [r0, i0, r1, i1] = [re[i], im[i], re[j], im[j]];
      re[i] = a[0] * r0 - a[1] * i0 + b[0] * r1 - b[1] * i1;
      im[i] = a[0] * i0 + a[1] * r0 + b[0] * i1 + b[1] * r1;
      re[j] = c[0] * r0 - c[1] * i0 + d[0] * r1 - d[1] * i1;
      im[j] = c[0] * i0 + c[1] * r0 + d[0] * i1 + d[1] * r1;
    }
  }

  run(name, params, qubits) {
    if (COMPOSED[name]) return COMPOSED[name](qubits, params).every(([gate, given, ...at]) => this.run(gate, given, at));
    const [controls, base] = CONTROLLED[name] || [0, name];
    const gate = ONE[base];
    if (!gate || qubits.length !== controls + 1 || params.length !== gate.length || new Set(qubits).size !== qubits.length) return false;
    this.apply(gate(...params), qubits[controls], qubits.slice(0, controls));
    return true;
  }
}

/** Probability by bit string as in the counts; null where it is not known here. */
export function exactDistribution(circuit) {
  const n = circuit.labels.length;
  if (circuit.beyond || n === 0 || n > MOST_QUBITS) return null;
  const state = new State(n);
  const measured = new Map();
  for (const { name, qubits, params, bit } of circuit.ops) {
    if (name === "barrier") continue;
    if (qubits.some((it) => measured.has(it)) || name === "reset") return null;
    if (name === "measure") measured.set(qubits[0], bit);
    else {
      const values = params.map(constant);
      if (values.includes(null) || !state.run(name, values, qubits)) return null;
    }
  }
  return measured.size ? byBits(circuit, state, measured) : null;
}

function byBits(circuit, { re, im }, measured) {
  const found = new Map();
  const registers = [...circuit.bits].reverse();
  for (let i = 0; i < re.length; i++) {
    const share = re[i] ** 2 + im[i] ** 2;
    if (share < 1e-12) continue;
    const values = [];
    for (const [qubit, bit] of measured) values[bit] = (i >> qubit) & 1;
    const text = registers.map(({ start, size }) => {
      let bits = "";
      for (let at = start + size - 1; at >= start; at--) bits += values[at] ?? 0;
      return bits;
    }).join(" ");
    found.set(text, (found.get(text) || 0) + share);
  }
  return Object.fromEntries(found);
}
