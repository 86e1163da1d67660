// Undertone's tracker: which pages of a site are open, and for how many seconds somebody is there.
//
//   <script defer src="…/tracker.js" data-consent="required"></script>
//   undertone.grant()   undertone.withdraw({delete: true})   undertone.identify(token)
//
// Sends a path, a title, where the visitor came from, and durations; never a query string, never a time. Sends nothing
// where the browser says DNT or GPC, and nothing before consent where the tag says so. docs/visits.md tells the rest.
(() => {
  if (window.undertone) return;
  const tag = document.currentScript || document.querySelector('script[src*="/tracker.js"]');
  const to = new URL("v1/collect", tag.src).href;
  const mustAsk = tag.dataset.consent === "required";
  const refused = navigator.globalPrivacyControl === true || [navigator.doNotTrack, window.doNotTrack].includes("1");
  const BEAT = 30e3, AWAY = 60e3, IDLE = 18e5;
  const memory = {};
  let token = tag.dataset.userToken, view = null, timer;

  // What the browser keeps for this site; where it may not, until the page is left.
  const keep = (name, value) => {
    memory[name] = value;
    try {
      if (value === null) localStorage.removeItem("undertone." + name);
      else localStorage.setItem("undertone." + name, value);
    } catch {}
    return value;
  };
  const kept = (name) => {
    try {
      return localStorage.getItem("undertone." + name) || memory[name];
    } catch {
      return memory[name];
    }
  };
  const visitor = () =>
    kept("visitor") ||
    keep("visitor", [...crypto.getRandomValues(new Uint8Array(16))].map((b) => (b + 256).toString(16).slice(1)).join(""));
  const allowed = () => !refused && (kept("consent") ? kept("consent") === "1" : !mustAsk);

  const post = (more) => {
    const body = JSON.stringify({ v: visitor(), c: +(kept("consent") === "1"), ...more });
    if (!(navigator.sendBeacon && navigator.sendBeacon(to, body)))
      fetch(to, { method: "POST", body, keepalive: true, mode: "no-cors" }).catch(() => {});
  };

  const send = () => {
    if (!view || !allowed()) return;
    view.sent = Date.now();
    view.told = Math.round(view.engaged / 1e3);
    post({
      p: view.id, u: view.path, t: view.title, r: view.from, k: token || undefined, d: navigator.maxTouchPoints > 1 ? 1 : 0,
      a: Math.round(performance.now() - view.opened) / 1e3, e: view.told,
    });
  };

  const open = (from, wait) => {
    const now = performance.now();
    view = {
      id: Math.floor(Math.random() * 2 ** 52), path: location.pathname, title: document.title, from,
      opened: now, tick: now, input: now, engaged: 0, sent: Date.now(),
    };
    clearTimeout(timer);
    timer = setTimeout(() => { look(); send(); }, wait); // a page that is drawn by script gets its title a moment later
  };

  // Time counts while the page is visible and somebody did something within a minute.
  const look = () => {
    const now = performance.now();
    const there = document.visibilityState === "visible" && now - view.input < AWAY;
    if (there) view.engaged += Math.min(now - view.tick, 2e3);
    view.tick = now;
    if (view.path === location.pathname) view.title = document.title;
    if (there && Date.now() - view.sent >= BEAT) send();
  };

  const leave = () => { if (view) { look(); if (view.told !== Math.round(view.engaged / 1e3)) send(); } };
  const moved = () => { if (view && view.path !== location.pathname) { leave(); open("", 500); } };
  const back = () => {
    if (!view) return;
    if (Date.now() - view.sent >= IDLE) open("", 0);
    view.input = performance.now();
  };

  const start = () => { if (allowed() && !view) open(document.referrer, 0); };
  const stop = () => { clearTimeout(timer); view = null; };

  for (const name of ["pushState", "replaceState"]) {
    const original = history[name];
    history[name] = function (...values) {
      const result = original.apply(this, values);
      moved();
      return result;
    };
  }
  addEventListener("popstate", moved);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => { if (event.persisted && view) open("", 0); });
  document.addEventListener("visibilitychange", () => (document.visibilityState === "visible" ? back() : leave()));
  for (const name of ["pointerdown", "pointermove", "keydown", "scroll", "touchstart"])
    addEventListener(name, back, { passive: true, capture: true });
  setInterval(() => view && look(), 1e3);

  window.undertone = {
    grant() { keep("consent", "1"); start(); },
    withdraw(how) {
      const known = kept("visitor");
      stop();
      keep("consent", "0");
      if (known) post({ v: known, w: how && how.delete ? 2 : 1 });
      keep("visitor", null);
    },
    identify(value) { token = value; send(); },
  };
  if (document.prerendering) document.addEventListener("prerenderingchange", start, { once: true });
  else start();
})();
