// Who asks, and requests to the REST surface. Every failure is a `Problem` with the words of the gateway.

const KEY = "qb-token"; // kept for this tab only: in no cookie, and in no address

/** Move `#token=…` from the address into the tab's storage. */
export function adoptToken(location = window.location, storage = sessionStorage) {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  storage.setItem(KEY, given);
  history.replaceState(null, "", location.pathname + location.search);
}

export const token = () => sessionStorage.getItem(KEY);
export const keepToken = (value) => sessionStorage.setItem(KEY, value.trim());
export const forgetToken = () => sessionStorage.removeItem(KEY);

/** An answer in `application/problem+json`, or no answer at all (`status` 0). */
export class Problem extends Error {
  constructor(status, body = {}) {
    super(body.detail || body.title || `the gateway answered ${status}`);
    this.status = status;
    this.code = body.code || "";
    this.reasons = body.reasons || [];
    this.next = body.next_step || "";
    this.request = body.request_id || "";
  }
}

export function headers(more = {}) {
  const held = token();
  return held ? { ...more, Authorization: `Bearer ${held}` } : more;
}

/** The response to a request; throws a `Problem` unless it succeeded. */
export async function request(path, { method = "GET", body, signal, accept = "application/json" } = {}) {
  const options = { method, signal, headers: headers({ Accept: accept }) };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { title: "The gateway does not answer.", next_step: "Run `qb status`; this page tries again." });
  }
  if (response.ok) return response;
  throw new Problem(response.status, await response.json().catch(() => ({})));
}

export const getJson = async (path, options) => (await request(path, options)).json();
export const getText = async (path, options) => (await request(path, options)).text();
export const getBytes = async (path, options) => new Uint8Array(await (await request(path, options)).arrayBuffer());

/** `path` with those parameters that have a value. */
export function withQuery(path, parameters) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "" && value != null));
  return query.size ? `${path}?${query}` : path;
}
