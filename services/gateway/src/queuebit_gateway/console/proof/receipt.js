// Verifies a receipt in this browser, with the platform's public keys: no server is asked.
// WebCrypto has Ed25519 and not ML-DSA, so of each pair of signatures one is checked here; `qb receipt verify` checks both.

const text = new TextEncoder();

export const utf8 = (value) => text.encode(value);
export const concat = (...parts) => {
  const joined = new Uint8Array(parts.reduce((size, it) => size + it.length, 0));
  let at = 0;
  for (const it of parts) {
    joined.set(it, at);
    at += it.length;
  }
  return joined;
};
export const hex = (bytes) => Array.from(bytes, (it) => it.toString(16).padStart(2, "0")).join("");
export const equal = (left, right) => left.length === right.length && left.every((it, at) => it === right[at]);
export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

export const b64 = (bytes) => btoa(Array.from(bytes, (it) => String.fromCharCode(it)).join(""));

/** Decode only what `b64` writes: no spaces, no unused trailing bits. */
export function unb64(encoded) {
  const bytes = Uint8Array.from(atob(encoded), (it) => it.charCodeAt(0));
  if (b64(bytes) !== encoded) throw new Error("base64 is not in canonical form");
  return bytes;
}

/** JSON with sorted names and no spaces: the form that digests are taken of. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value && typeof value === "object") {
    return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export const leafHash = (entry) => sha256(concat(LEAF, entry));
const nodeHash = (left, right) => sha256(concat(NODE, left, right));

/** Whether the proof connects the leaf hash at `index` with the root of a tree of `size` leaves. */
export async function verifyInclusion(leaf, index, size, proof, root) {
  if (!(Number.isSafeInteger(index) && index >= 0 && index < size) || proof.some((it) => it.length !== 32)) return false;
  let node = BigInt(index);
  let last = BigInt(size) - 1n;
  let current = leaf;
  for (const sibling of proof) {
    if (last === 0n) return false;
    if (node & 1n || node === last) {
      current = await nodeHash(sibling, current);
      while (!(node & 1n) && node) {
        node >>= 1n;
        last >>= 1n;
      }
    } else current = await nodeHash(current, sibling);
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n && equal(current, root);
}

const PAYLOAD_TYPE = "application/vnd.in-toto+json";
const TRUST_TYPE = "https://queuebit.dev/trust/v1";
const NOTE_ED25519 = 1;
export const CHECKS = ["form", "statement", "subject", "checkpoint", "inclusion", "keys"];

class Invalid extends Error {}
const require = (holds, text) => {
  if (!holds) throw new Invalid(text);
};

/** The public keys in a trust document, and its fingerprint; throws for anything else. */
export async function readTrust(content) {
  const document = JSON.parse(content);
  require(document.type === TRUST_TYPE && Array.isArray(document.keys), "this is not a trust document");
  return { origin: document.origin, keys: document.keys, fingerprint: `sha256:${hex(await sha256(utf8(canonical(document))))}` };
}

const keysFor = (trust, purpose) => trust.keys.filter((it) => it.purpose === purpose && it.algorithm === "ed25519");

async function isSigned(key, message, signature) {
  const imported = await crypto.subtle.importKey("raw", unb64(key.public_key), { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

async function statementKeyId(key) {
  const image = concat(utf8(`${key.name}\n${key.algorithm}\n`), unb64(key.public_key));
  return `${key.algorithm}:${hex(await sha256(image)).slice(0, 32)}`;
}

async function openEnvelope(text, trust) {
  const envelope = JSON.parse(text);
  require(envelope.payloadType === PAYLOAD_TYPE, `the payload type is not ${PAYLOAD_TYPE}`);
  const payload = unb64(envelope.payload);
  const message = concat(utf8(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `), payload);
  for (const key of keysFor(trust, "statement")) {
    const id = await statementKeyId(key);
    const found = envelope.signatures.find((it) => it.keyid === id);
    if (!found) continue;
    require(await isSigned(key, message, unb64(found.sig)), "the Ed25519 signature does not match: the statement was altered after signing");
    return { payload, key };
  }
  throw new Invalid(`the statement has no Ed25519 signature by a key of ${trust.origin}`);
}

async function openCheckpoint(note, trust) {
  const split = note.lastIndexOf("\n\n");
  require(split > 0 && note.endsWith("\n"), "the checkpoint is not a signed note");
  const text = note.slice(0, split + 1);
  const [origin, size, root, ...more] = text.slice(0, -1).split("\n");
  require(more.length === 0 && /^(0|[1-9]\d*)$/.test(size), "the checkpoint has another form");
  require(origin === trust.origin, `the checkpoint is of the log ${origin}, the trusted log is ${trust.origin}`);
  const lines = note.slice(split + 2, -1).split("\n").map((line) => /^— (\S+) (\S+)$/.exec(line));
  require(lines.every(Boolean), "the checkpoint has a line that is no signature");
  for (const key of keysFor(trust, "checkpoint")) {
    const image = await sha256(concat(utf8(`${key.name}\n`), Uint8Array.of(NOTE_ED25519), unb64(key.public_key)));
    for (const [, name, encoded] of lines) {
      const bytes = unb64(encoded);
      if (name !== key.name || !equal(bytes.slice(0, 4), image.slice(0, 4))) continue;
      require(await isSigned(key, utf8(text), bytes.slice(4)), "the Ed25519 signature does not match: the checkpoint was altered");
      return { size: Number(size), root: unb64(root), signedAt: signedAt(lines, key), key };
    }
  }
  throw new Invalid(`the checkpoint has no Ed25519 signature by a key of ${trust.origin}`);
}

/** The time in the cosignature beside the Ed25519 signature; that cosignature itself is ML-DSA and not checked here. */
function signedAt(lines, key) {
  const stamped = lines.map(([, name, encoded]) => ({ name, bytes: unb64(encoded) })).find((it) => it.name === key.name && it.bytes.length > 1_000);
  if (!stamped) return null;
  const seconds = stamped.bytes.slice(4, 12).reduce((value, it) => value * 256 + it, 0);
  return new Date(seconds * 1_000);
}

function parse(file) {
  const content = file.at(-1) === 10 ? file.subarray(0, -1) : file; // a file of a receipt ends with a newline
  const receipt = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
  const wanted = ["checkpoint", "envelope", "inclusion", "job", "leaf_index", "tenant", "tree_size", "version"];
  require(String(Object.keys(receipt).sort()) === String(wanted), "the document has missing or unexpected names");
  require(receipt.version === 1 || receipt.version === 2, `version ${receipt.version} is not known here`);
  require(equal(utf8(canonical(receipt)), content), "it is not canonical JSON, or has additional bytes");
  return receipt;
}

/**
 * Six checks in order, each `{name, ok, text}`; those after a failure are left out.
 * `job` is the expected job, `result` the bytes of its result where they are known.
 */
export async function verifyReceipt(content, trust, { job, resultDigest } = {}) {
  const checks = [];
  let receipt, opened, statement, head;
  const steps = {
    form: async () => {
      receipt = parse(content);
      return "The receipt is complete and well formed.";
    },
    statement: async () => {
      opened = await openEnvelope(receipt.envelope, trust);
      return `The statement is unaltered and signed with Ed25519 by ${trust.origin}.`;
    },
    subject: async () => {
      statement = JSON.parse(new TextDecoder().decode(opened.payload));
      const about = statement.predicate.job;
      require(about.id === receipt.job && about.tenant === receipt.tenant, "the receipt names another job than the signed statement");
      require(!job || about.id === job, `it is the receipt of job ${about.id}, not of ${job}`);
      if (!resultDigest) return `The statement is about job ${about.id} of tenant ${about.tenant}.`;
      const signed = statement.subject.find((it) => it.name === "result")?.digest.sha256;
      require(signed === resultDigest.replace("sha256:", ""), "the result differs from the signed result");
      return `The statement is about job ${about.id} of tenant ${about.tenant}, and the result is the signed result.`;
    },
    checkpoint: async () => {
      head = await openCheckpoint(receipt.checkpoint, trust);
      require(head.size === receipt.tree_size, "the proof is for another size of the log than the checkpoint");
      return `The log with ${head.size} ${head.size === 1 ? "entry" : "entries"} is signed with Ed25519 by ${trust.origin}.`;
    },
    inclusion: async () => {
      const entry = await sha256(receipt.version === 1 ? utf8(receipt.envelope) : opened.payload);
      const path = receipt.inclusion.map(unb64);
      const included = await verifyInclusion(await leafHash(entry), receipt.leaf_index, head.size, path, head.root);
      require(included, "the statement is not at the position in the log that the receipt gives");
      return `The statement is entry ${receipt.leaf_index} of that log: any change or removal can be detected.`;
    },
    keys: async () => {
      for (const key of [opened.key, head.key]) {
        require(!head.signedAt || head.signedAt >= new Date(key.valid_from), `key ${key.key_id} is only valid from ${key.valid_from}`);
      }
      return "The keys were valid when the log was signed.";
    },
  };
  for (const name of CHECKS) {
    try {
      checks.push({ name, ok: true, text: await steps[name]() });
    } catch (error) {
      checks.push({ name, ok: false, text: error.message });
      break;
    }
  }
  return { valid: checks.length === CHECKS.length && checks.every((it) => it.ok), checks, statement };
}
