// Verifies a receipt in this browser, with the platform's public keys: no server is asked.
// Ed25519 is verified here; ML-DSA by `post-quantum.js`, once a person asks.

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
const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE = "https://queuebit.dev/attestations/job/v1";
const TRUST_TYPE = "https://queuebit.dev/trust/v1";
const NOTE_ED25519 = 1;
const MOST_SIGNATURES = 32;
export const CHECKS = ["form", "statement", "subject", "checkpoint", "inclusion", "keys"];

class Invalid extends Error {}
export const require = (holds, text) => {
  if (!holds) throw new Invalid(text);
};

/** The public keys in a trust document, and its fingerprint; throws for anything else. */
export async function readTrust(content) {
  const document = JSON.parse(content);
  require(document.type === TRUST_TYPE && Array.isArray(document.keys), "this is not a trust document");
  return { origin: document.origin, keys: document.keys, fingerprint: `sha256:${hex(await sha256(utf8(canonical(document))))}` };
}

export const keysFor = (trust, purpose, algorithm = "ed25519") => trust.keys.filter((it) => it.purpose === purpose && it.algorithm === algorithm);

async function isSigned(key, message, signature) {
  const imported = await crypto.subtle.importKey("raw", unb64(key.public_key), { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

export async function statementKeyId(key) {
  const image = concat(utf8(`${key.name}\n${key.algorithm}\n`), unb64(key.public_key));
  return `${key.algorithm}:${hex(await sha256(image)).slice(0, 32)}`;
}

/** The parts of an envelope; throws unless it has the one form that the platform writes. */
function readEnvelope(text) {
  const { payload, payloadType, signatures } = JSON.parse(text);
  require(payloadType === PAYLOAD_TYPE, `the payload type is not ${PAYLOAD_TYPE}`);
  require(Array.isArray(signatures), "the envelope has no list of signatures");
  const written = { payload, payloadType, signatures: signatures.map(({ keyid, sig }) => ({ keyid, sig: b64(unb64(sig)) })) };
  require(canonical(written) === text, "the envelope is not canonical JSON, or has additional names");
  require(new Set(signatures.map((it) => it.keyid)).size === signatures.length, "a key signed the statement twice");
  return { payload: unb64(payload), signatures };
}

async function openEnvelope(text, trust) {
  const { payload, signatures } = readEnvelope(text);
  const message = concat(utf8(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `), payload);
  const found = [];
  for (const key of keysFor(trust, "statement")) {
    const id = await statementKeyId(key);
    for (const it of signatures.filter((it) => it.keyid === id)) {
      require(await isSigned(key, message, unb64(it.sig)), "the Ed25519 signature does not match: the statement was altered after signing");
      found.push(key);
    }
  }
  require(found.length > 0, `the statement has no Ed25519 signature by a key of ${trust.origin}`);
  return { payload, keys: found.slice(0, 1), message, signatures };
}

/** What a statement says; throws if it is no statement about a job. */
function readStatement(payload) {
  const statement = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  require(String(Object.keys(statement).sort()) === "_type,predicate,predicateType,subject", "the statement has missing or unexpected names");
  const known = statement._type === STATEMENT_TYPE && statement.predicateType === PREDICATE_TYPE;
  require(known && statement.predicate?.job, `it is not an in-toto statement of type ${PREDICATE_TYPE} about a job`);
  return statement;
}

async function openCheckpoint(note, trust) {
  const split = note.lastIndexOf("\n\n");
  require(split > 0 && note.endsWith("\n"), "the checkpoint is not a signed note");
  const text = note.slice(0, split + 1);
  const [origin, size, root, ...more] = text.slice(0, -1).split("\n");
  require(more.length === 0 && /^(0|[1-9]\d*)$/.test(size), "the checkpoint has another form");
  require(origin === trust.origin, `the checkpoint is of the log ${origin}, the trusted log is ${trust.origin}`);
  const lines = note.slice(split + 2, -1).split("\n").map((line) => /^— (\S+) (\S+)$/.exec(line));
  require(lines.every((it) => it && unb64(it[2]).length > 4), "the checkpoint has a line that is no signature");
  require(lines.length <= MOST_SIGNATURES, `the checkpoint has more than ${MOST_SIGNATURES} signatures`);
  const found = [];
  for (const key of keysFor(trust, "checkpoint")) {
    const image = await sha256(concat(utf8(`${key.name}\n`), Uint8Array.of(NOTE_ED25519), unb64(key.public_key)));
    for (const [, name, encoded] of lines) {
      const bytes = unb64(encoded);
      if (name !== key.name || !equal(bytes.slice(0, 4), image.slice(0, 4))) continue;
      require(await isSigned(key, utf8(text), bytes.slice(4)), "the Ed25519 signature does not match: the checkpoint was altered");
      found.push(key);
    }
  }
  require(found.length > 0, `the checkpoint has no Ed25519 signature by a key of ${trust.origin}`);
  return { size: Number(size), root: unb64(root), keys: found.slice(0, 1), lines };
}

function parse(file) {
  const content = file.at(-1) === 10 ? file.subarray(0, -1) : file; // a file of a receipt ends with a newline
  const receipt = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
  const wanted = ["checkpoint", "envelope", "inclusion", "job", "leaf_index", "tenant", "tree_size", "version"];
  require(String(Object.keys(receipt).sort()) === String(wanted), "the document has missing or unexpected names");
  require(receipt.version === 1 || receipt.version === 2, `version ${receipt.version} is not known here`);
  require(utf8(receipt.envelope).length === receipt.envelope.length, "the envelope is not ASCII");
  require(equal(utf8(canonical(receipt)), content), "it is not canonical JSON, or has additional bytes");
  return receipt;
}

/**
 * Checks in order, each `{name, ok, text}`; those after a failure are left out.
 * `job` is the expected job, `resultDigest` that of its result where it is known, `second` the module `post-quantum.js`:
 * without it, only Ed25519 is verified, and `keys` is left out, because the time of signing is in the ML-DSA signature.
 */
export async function verifyReceipt(content, trust, { job, resultDigest, second } = {}) {
  const checks = [];
  const both = (name) => `Ed25519${second ? ` and ${name}` : ""} by ${trust.origin}.`;
  let receipt, opened, statement, head;
  const steps = {
    form: async () => {
      receipt = parse(content);
      return "The receipt is complete and well formed.";
    },
    statement: async () => {
      opened = await openEnvelope(receipt.envelope, trust);
      await second?.statement(opened, trust);
      return `The statement is unaltered and signed with ${both("ML-DSA-65")}`;
    },
    subject: async () => {
      statement = readStatement(opened.payload);
      const about = statement.predicate.job;
      require(about.id === receipt.job && about.tenant === receipt.tenant, "the receipt names another job than the signed statement");
      require(!job || about.id === job, `it is the receipt of job ${about.id}, not of ${job}`);
      if (!resultDigest) return `The statement is about job ${about.id} of tenant ${about.tenant}.`;
      const expected = [{ name: "result", digest: { sha256: resultDigest.replace("sha256:", "") } }];
      require(canonical(statement.subject) === canonical(expected), "the result differs from the signed result");
      return `The statement is about job ${about.id} of tenant ${about.tenant}, and the result is the signed result.`;
    },
    checkpoint: async () => {
      head = await openCheckpoint(receipt.checkpoint, trust);
      await second?.checkpoint(head, trust);
      require(head.size === receipt.tree_size, "the proof is for another size of the log than the checkpoint");
      return `The log with ${head.size} ${head.size === 1 ? "entry" : "entries"} is signed with ${both("ML-DSA-44")}`;
    },
    inclusion: async () => {
      const entry = await sha256(receipt.version === 1 ? utf8(receipt.envelope) : opened.payload);
      const path = receipt.inclusion.map(unb64);
      const included = await verifyInclusion(await leafHash(entry), receipt.leaf_index, head.size, path, head.root);
      require(included, "the statement is not at the position in the log that the receipt gives");
      return `The statement is entry ${receipt.leaf_index} of that log: any change or removal can be detected.`;
    },
    keys: async () => {
      for (const key of [...opened.keys, ...head.keys]) {
        require(head.signedAt >= new Date(key.valid_from), `key ${key.key_id} is only valid from ${key.valid_from}`);
        require(!key.valid_until || head.signedAt <= new Date(key.valid_until), `key ${key.key_id} was replaced at ${key.valid_until}`);
      }
      return `All four keys were valid when the log was signed, at ${head.signedAt.toISOString()}.`;
    },
  };
  const wanted = second ? CHECKS : CHECKS.slice(0, -1);
  for (const name of wanted) {
    try {
      checks.push({ name, ok: true, text: await steps[name]() });
    } catch (error) {
      checks.push({ name, ok: false, text: error.message });
      break;
    }
  }
  return { valid: checks.length === wanted.length && checks.every((it) => it.ok), checks, statement };
}
