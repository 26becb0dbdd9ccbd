// Every view is a URL: the path says which page, the query says what it shows.

import { useEffect, useState } from "../vendor/htm-preact.js";
import { withQuery } from "./live.js";

const BASE = "/console";
const listeners = new Set();

export const href = (path, query = {}) => withQuery(BASE + path, query);

/** `{page, id, query}` of an address. */
export function parseRoute(pathname, search) {
  const [page = "", id = ""] = pathname.slice(BASE.length).split("/").filter(Boolean).map(decodeURIComponent);
  return { page: page || "overview", id, query: Object.fromEntries(new URLSearchParams(search)) };
}

export const currentRoute = () => parseRoute(location.pathname, location.search);

export function go(address, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  for (const listener of listeners) listener();
}

/** Change parts of the query; the history gets no entry for each letter of a search. */
export function setQuery(changes) {
  go(withQuery(location.pathname, { ...currentRoute().query, ...changes }), { replace: true });
}

export function useRoute() {
  const [route, setRoute] = useState(currentRoute);
  useEffect(() => {
    const changed = () => setRoute(currentRoute());
    listeners.add(changed);
    addEventListener("popstate", changed);
    return () => {
      listeners.delete(changed);
      removeEventListener("popstate", changed);
    };
  }, []);
  return route;
}

/** Follow links of the console without loading the page again. */
export function interceptLinks(event) {
  const link = event.target.closest?.("a[href]");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || link.target || link.hasAttribute("download")) return;
  const to = new URL(link.href);
  if (to.origin !== location.origin || !to.pathname.startsWith(BASE) || link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  go(to.pathname + to.search);
  scrollTo(0, 0);
}
