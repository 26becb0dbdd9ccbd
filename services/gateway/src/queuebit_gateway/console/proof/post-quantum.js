// The second signature of each pair: ML-DSA (FIPS 204). The browser verifies it where it has ML-DSA; otherwise a vendored module does.
// Loaded when a person asks for it.

import { concat, equal, keysFor, require, sha256, statementKeyId, unb64, utf8 } from "./receipt.js";

const SIGNATURE_BYTES = { "ML-DSA-44": 2_420, "ML-DSA-65": 3_309 };
const NOTE_ML_DSA_44 = 6;
const LATEST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const ALONE = "one signature alone is not enough";

async function isSigned(name, key, message, signature) {
  if (signature.length !== SIGNATURE_BYTES[name]) return false;
  try {
    const imported = await crypto.subtle.importKey("raw-public", key, { name }, false, ["verify"]);
    return await crypto.subtle.verify({ name }, imported, signature, message);
  } catch {
    // a browser without ML-DSA
    const { ml_dsa44, ml_dsa65 } = await import("../vendor/noble-ml-dsa.js");
    return (name === "ML-DSA-44" ? ml_dsa44 : ml_dsa65).verify(signature, message, key);
  }
}

/** The encoding of DSSE as ML-DSA signs it: TUF TAP 21, scheme `ml-dsa-65/1`. */
const framed = async (message) => concat(utf8("tuf"), Uint8Array.of(1), new Uint8Array(await crypto.subtle.digest("SHA-512", message)));

/** Verify the ML-DSA-65 signatures of an envelope that `receipt.js` opened, and note the key; throws with the reason otherwise. */
export async function statement(opened, trust) {
  const found = [];
  for (const key of keysFor(trust, "statement", "ml-dsa-65")) {
    const id = await statementKeyId(key);
    for (const it of opened.signatures.filter((it) => it.keyid === id)) {
      const signed = await isSigned("ML-DSA-65", unb64(key.public_key), await framed(opened.message), unb64(it.sig));
      require(signed, "the ML-DSA-65 signature does not match: the statement was altered after signing");
      found.push(key);
    }
  }
  require(found.length > 0, `the statement has no ML-DSA-65 signature by a key of ${trust.origin}: ${ALONE}`);
  opened.keys.push(found[0]);
}

const u64 = (value) => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
};
const prefixed = (text) => concat(Uint8Array.of(utf8(text).length), utf8(text));

/** The `cosigned_message` of C2SP tlog-cosignature for all leaves; `stamp` is the time as the signature has it. */
const cosigned = (name, stamp, { size, root }, origin) =>
  concat(utf8("subtree/v1\n\0"), prefixed(name), stamp, prefixed(origin), u64(0), u64(size), root);

/** Verify the ML-DSA-44 cosignatures of a checkpoint that `receipt.js` opened, and note key and time; throws otherwise. */
export async function checkpoint(head, trust) {
  const found = [];
  for (const key of keysFor(trust, "checkpoint", "ml-dsa-44")) {
    const image = await sha256(concat(utf8(`${key.name}\n`), Uint8Array.of(NOTE_ML_DSA_44), unb64(key.public_key)));
    for (const [, name, encoded] of head.lines) {
      const bytes = unb64(encoded);
      if (name !== key.name || !equal(bytes.slice(0, 4), image.slice(0, 4))) continue;
      const stamp = bytes.slice(4, 12);
      const signed = await isSigned("ML-DSA-44", unb64(key.public_key), cosigned(name, stamp, head, trust.origin), bytes.slice(12));
      require(signed, "the ML-DSA-44 signature does not match: the checkpoint was altered");
      found.push({ key, at: new Date(stamp.reduce((value, it) => value * 256 + it, 0) * 1_000) });
    }
  }
  require(found.length > 0, `the checkpoint has no ML-DSA-44 signature by a key of ${trust.origin}: ${ALONE}`);
  require(found[0].at.getTime() <= LATEST_MS, "the checkpoint claims to be signed after the year 9999");
  head.keys.push(found[0].key);
  head.signedAt = found[0].at;
}
