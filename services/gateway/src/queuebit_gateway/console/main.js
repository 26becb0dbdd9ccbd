// The frame around the pages: navigation, session, keys, theme.

import { html, render, useEffect, useErrorBoundary, useRef } from "./vendor/htm-preact.js";
import { adoptToken, forgetToken, keepToken, live, token, useData, useLiveState } from "./core/live.js";
import { go, href, interceptLinks, useRoute } from "./core/router.js";
import { Dialog, Facts, Failure } from "./ui/parts.js";
import { Jobs } from "./pages/jobs.js";
import { Job } from "./pages/job.js";
import { Invoices } from "./pages/invoices.js";
import { Fleet, OnCall } from "./pages/operations.js";
import { Reservations } from "./pages/reservations.js";
import { Admin, Billing, Overview } from "./pages/tenant.js";

const PAGES = {
  overview: ["Overview", "o", Overview], oncall: ["On-call", "c", OnCall], jobs: ["Jobs", "j", Jobs],
  fleet: ["Fleet", "f", Fleet], reservations: ["Reservations", "r", Reservations], billing: ["Billing", "b", Billing], invoices: ["Invoices", "i", Invoices], admin: ["Admin", "a", Admin],
};
const KEYS = [
  ["j / k", "next, previous row"], ["Enter", "open the row"], ["/", "search jobs"], ["g then o, c, j, f, r, b, i, a", "go to a page"],
  ["t", "light or dark"], ["?", "this help"], ["Esc", "close"],
];
const LIVE = { connecting: "Connecting", live: "Live", lost: "Connection lost; trying again" };
const address = (page) => href(page === "overview" ? "/" : `/${page}`);

function toggleTheme() {
  const root = document.documentElement;
  const dark = getComputedStyle(root).colorScheme === "dark" || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("qb-theme", root.dataset.theme);
  dispatchEvent(new Event("qb-theme"));
}

/** Keys that work everywhere but in fields; `g` waits a moment for the page's letter. */
function useKeys(help) {
  useEffect(() => {
    let leading = -Infinity;
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest?.("input, select, textarea")) {
        if (event.key === "Escape") event.target.blur();
        return;
      }
      const to = performance.now() - leading < 1_200 && Object.keys(PAGES).find((it) => PAGES[it][1] === event.key);
      leading = -Infinity;
      if (to) {
        go(address(to));
        event.stopImmediatePropagation();
      } else if (event.key === "g") leading = performance.now();
      else if (event.key === "t") toggleTheme();
      else if (event.key === "?") help.current.showModal();
      else if (event.key === "/") {
        event.preventDefault();
        const search = document.querySelector("[data-search]");
        if (search) search.focus();
        else {
          go(href("/jobs"));
          requestAnimationFrame(() => document.querySelector("[data-search]")?.focus());
        }
      }
    };
    addEventListener("keydown", press, true);
    return () => removeEventListener("keydown", press, true);
  }, []);
}

function SignIn({ problem }) {
  const enter = (event) => {
    event.preventDefault();
    keepToken(new FormData(event.target).get("token"));
    location.reload();
  };
  return html`
    <main class="signin" id="main"><h1>Queuebit</h1>
      ${problem && token() && html`<${Failure} problem=${problem} />`}
      <p>Open the console with a token of your own:</p><pre>qb console</pre>
      <form onSubmit=${enter}><label for="token">Or paste one, from <code>qb token</code></label>
        <input id="token" name="token" type="password" autocomplete="off" spellcheck="false" required /><button>Open</button></form>
      <p class="quiet">This tab keeps it until it is closed. It is in no cookie and in no address.</p>
    </main>`;
}

/** A page; an error in it is shown and not a blank. */
function Page({ View, ...given }) {
  const [error] = useErrorBoundary((it) => console.error(it));
  if (error) return html`<${Failure} problem=${{ message: `This page has an error: ${error.message}`, reasons: [] }} retry=${() => location.reload()} />`;
  return html`<${View} ...${given} />`;
}

function App() {
  const { page, id, query } = useRoute();
  const who = useData("/v1/me");
  const state = useLiveState();
  const help = useRef(null);
  const main = useRef(null);
  useKeys(help);
  const [name, , View] = page === "jobs" && id ? [id.slice(0, 10), "", Job] : page === "invoices" && id ? [id, "", Invoices] : PAGES[page] || ["Not found", "", null];

  useEffect(() => {
    document.title = `${name} · Queuebit`;
    main.current?.focus({ preventScroll: true });
  }, [page, id]);
  const me = who.data;

  if (who.problem?.status === 401) return html`<${SignIn} problem=${who.problem} />`;
  if (who.problem && !me) return html`<main class="signin" id="main"><h1>Queuebit</h1><${Failure} problem=${who.problem} retry=${who.reload} /></main>`;
  if (!me) return html`<div class="loading" aria-busy="true"></div>`;
  return html`
    <a class="skip" href="#main">Skip to the page</a>
    <nav aria-label="Pages">
      <a class="brand" href=${href("/")}><img src="/console/icon.svg" alt="" width="20" height="20" />Queuebit</a>
      <ul>${Object.entries(PAGES).map(([key, [title]]) => html`<li><a href=${address(key)} aria-current=${key === page ? "page" : undefined}>${title}</a></li>`)}</ul>
      <div class="who">
        <p class="live ${state}" role="status"><i aria-hidden="true"></i>${LIVE[state]}</p>
        <p title="Tenant, user and role"><strong>${me.tenant}</strong> / ${me.user}<br /><span class="quiet">${me.role}</span></p>
        <div><button class="plain" onClick=${toggleTheme}>Theme</button><button class="plain" onClick=${() => help.current.showModal()}>Keys</button>
          ${token() && html`<button class="plain" onClick=${() => { forgetToken(); location.reload(); }}>Sign out</button>`}</div>
      </div>
    </nav>
    <main id="main" ref=${main} tabindex="-1">
      ${View ? html`<${Page} View=${View} key=${page + id} id=${id} query=${query} me=${me} />` : html`<div class="head"><h1>There is no such page</h1></div><p><a href=${href("/")}>Overview</a></p>`}
    </main>
    <${Dialog} of=${help} label="Keys" tools=${html`<h2>Keys</h2>`}><${Facts} of=${KEYS.map(([key, what]) => [html`<kbd>${key}</kbd>`, what])} /><//>`;
}

adoptToken();
live.start(); // beside the question who asks
document.addEventListener("click", interceptLinks);
render(html`<${App} />`, document.getElementById("app"));
