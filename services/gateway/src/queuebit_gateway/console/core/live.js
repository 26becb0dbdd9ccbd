// The REST surface as the console sees it: requests, of which every failure is a `Problem` with the words of the gateway;
// one stream of the tenant's events for the whole tab, which resumes after the last sequence that it saw; and answers as state
// of a view: shown at once when known, and read again when events say so.

import { useCallback, useEffect, useRef, useState } from "../vendor/htm-preact.js";

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

const SILENCE_MS = 40_000; // the gateway sends a comment every 15 s
const MOST_PENDING = 20_000; // a hidden tab draws no frames: beyond this it reloads instead

/** Split what a stream of server-sent events brought; returns the messages and the unfinished rest. */
export function parseEvents(text) {
  const blocks = text.split("\n\n");
  const rest = blocks.pop();
  const messages = [];
  for (const block of blocks) {
    const message = { id: null, event: "message", data: "" };
    for (const line of block.split("\n")) {
      const colon = line.indexOf(":");
      if (colon > 0) {
        const name = line.slice(0, colon);
        const value = line.slice(colon + 1).replace(/^ /, "");
        if (name === "data") message.data += message.data ? `\n${value}` : value;
        else if (name in message) message[name] = value;
      }
    }
    if (message.id || message.event !== "message") messages.push(message);
  }
  return { messages, rest };
}

const fromMessage = ({ id, event, data }) => ({ seq: Number(id), name: event, event: data ? JSON.parse(data) : {} });

/** Read a stream until it ends; `onEvents` gets each batch in order. */
export async function readStream(path, { signal, after, onOpen, onEvents }) {
  const resume = after == null ? {} : { "Last-Event-ID": String(after) };
  const response = await fetch(path, { signal, headers: headers({ Accept: "text/event-stream", ...resume }) });
  if (!response.ok) throw new Problem(response.status);
  onOpen?.();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const { messages, rest } = parseEvents(text + value.replaceAll("\r", ""));
    text = rest;
    onEvents(messages.map(fromMessage));
  }
}

class Live {
  state = "connecting";
  seq = null;
  #settle;
  /** Settled when the first attempt to connect has ended: what is read from then on misses no event. */
  ready = new Promise((settle) => {
    this.#settle = settle;
  });
  #listeners = new Set();
  #watchers = new Set();
  #pending = [];
  #frame = 0;

  /** Call `listener` with each batch of events, at most once a frame; `null` means: reload, events are missing. */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Call `watcher` when the state of the connection changes. */
  watch(watcher) {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  async start(path = "/v1/events") {
    for (let pause = 500; ; pause = Math.min(pause * 2, 15_000)) {
      const cut = new AbortController();
      let refused = false;
      let last = performance.now();
      const watchdog = setInterval(() => performance.now() - last > SILENCE_MS && cut.abort(), 5_000);
      try {
        await readStream(path, {
          signal: cut.signal,
          after: this.seq,
          onOpen: () => {
            this.#settle();
            if (this.state === "lost" && this.seq == null) this.#reset();
            this.#become("live");
            pause = 500;
          },
          onEvents: (events) => {
            last = performance.now();
            this.#take(events);
          },
        });
      } catch (error) {
        refused = error.status === 401 && this.seq == null; // then the page asks for a token
      }
      clearInterval(watchdog);
      this.#settle();
      this.#become("lost");
      if (refused) return;
      await new Promise((wake) => setTimeout(wake, pause * (0.75 + Math.random() / 2)));
    }
  }

  #take(events) {
    for (const it of events) {
      if (it.name === "reset") this.#reset();
      else if (it.seq > (this.seq ?? -1)) {
        this.seq = it.seq;
        if (it.name !== "message") this.#pending.push(it);
      }
    }
    if (this.#pending.length > MOST_PENDING) this.#reset();
    if (this.#pending.length && !this.#frame) this.#frame = requestAnimationFrame(() => this.#flush());
  }

  #flush() {
    this.#frame = 0;
    const batch = this.#pending;
    this.#pending = [];
    if (batch.length) for (const listener of this.#listeners) listener(batch);
  }

  #reset() {
    this.#pending = [];
    for (const listener of this.#listeners) listener(null);
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    for (const watcher of this.#watchers) watcher(state);
  }
}

export const live = new Live();

const known = new Map(); // path -> newest answer
const APART_MS = 1_000;
const ALWAYS = "/v1/me"; // asked before there is a stream

/**
 * The answer of `path`: `{data, problem, reload}`.
 * `on(event)` says whether a live event makes it out of date; it is read again at most once a second. What no event of
 * the tenant shows is read again `every` so many milliseconds.
 */
export function useData(path, { on, every, read = getJson } = {}) {
  const [state, setState] = useState({ path: null, data: undefined, problem: null });
  const test = useRef(on);
  test.current = on;

  const load = useCallback(async () => {
    if (!path) return;
    try {
      if (path !== ALWAYS) await live.ready;
      const data = await read(path);
      known.set(path, data);
      setState({ path, data, problem: null });
    } catch (problem) {
      setState((before) => ({ path, data: before.path === path ? before.data : undefined, problem }));
    }
  }, [path]);

  useEffect(() => {
    let timer = 0;
    let again = false;
    const refresh = () => {
      again = false;
      timer = setTimeout(() => {
        timer = 0;
        if (again) refresh();
      }, APART_MS);
      load();
    };
    refresh();
    const clock = every && setInterval(refresh, every);
    const stop = live.subscribe((batch) => {
      if (!test.current || !(batch === null || batch.some(test.current))) return;
      if (timer) again = true;
      else refresh();
    });
    return () => {
      stop();
      clearTimeout(timer);
      clearInterval(clock);
    };
  }, [load, every]);

  const current = state.path === path ? state : { data: known.get(path), problem: null };
  return { data: current.data, problem: current.problem, reload: load };
}

/** Call `receive` with each batch of live events while the view is shown. */
export function useLive(receive) {
  const latest = useRef(receive);
  latest.current = receive;
  useEffect(() => live.subscribe((batch) => latest.current(batch)), []);
}

export function useLiveState() {
  const [state, setState] = useState(live.state);
  useEffect(() => {
    setState(live.state);
    return live.watch(setState);
  }, []);
  return state;
}

/** The time, again every `ms`: for ages on the screen. */
export function useNow(ms = 1_000) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return now;
}
