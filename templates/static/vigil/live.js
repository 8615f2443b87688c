/* The htmx extension `live`: puts what a poll brings into the page without disturbing who works in
   it. Elements stay the same elements, so that focus, selection, open details and the scroll
   position survive.

   A response is a list of elements with ids. Each one replaces its namesake in the page:
   data-live          attribute by attribute, child by child
   data-live="merge"  a list that only grows: new items go to their place by data-order
   data-live="page"   where paging stands; a poll leaves it alone once the reader has paged
*/
(() => {
  "use strict";

  const RUNS = "[data-until], [data-since]";
  // What scripts and readers set, which the server knows nothing of.
  const OURS = new Set(["data-urgency", "data-over", "data-paged", "open"]);

  function morph(from, to, isTop = false) {
    if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
      from.replaceWith(to);
      return;
    }
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.data !== to.data) {
        from.data = to.data;
      }
      return;
    }
    // Somebody writes there: what others saved meanwhile is told when it is sent.
    if (from.hasAttribute("data-editing")) {
      return;
    }
    if (to.dataset.live === "page" && !isTop && from.hasAttribute("data-paged")) {
      return;
    }
    // A time that runs: its words are ours, unless it is another time.
    const runs = from.matches(RUNS) && from.getAttribute("datetime") === to.getAttribute("datetime");
    const grows = to.dataset.live === "merge";
    copyAttributes(from, to, grows);
    if (grows && !to.hasAttribute("data-new-list")) {
      merge(from, to);
    } else if (!runs) {
      morphChildren(from, to);
    }
  }

  // A list that grows keeps what a page of older items says nothing about.
  function copyAttributes(from, to, keepsOthers) {
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && !OURS.has(name) && !keepsOthers) {
        from.removeAttribute(name);
      }
    }
    for (const { name, value } of [...to.attributes]) {
      if (from.getAttribute(name) !== value && !OURS.has(name)) {
        from.setAttribute(name, value);
      }
    }
  }

  function morphChildren(from, to) {
    const known = new Map();
    for (const child of from.children) {
      if (child.id) {
        known.set(child.id, child);
      }
    }
    let here = from.firstChild;
    for (const next of [...to.childNodes]) {
      const same = next.id ? known.get(next.id) : undefined;
      if (same) {
        if (same === here) {
          here = here.nextSibling;
        } else {
          from.insertBefore(same, here);
        }
        morph(same, next);
      } else if (here && !here.id && !next.id && here.nodeName === next.nodeName) {
        const old = here;
        here = here.nextSibling;
        morph(old, next);
      } else {
        from.insertBefore(next, here);
      }
    }
    while (here) {
      const gone = here;
      here = here.nextSibling;
      gone.remove();
    }
  }

  function merge(list, incoming) {
    for (const item of [...incoming.children]) {
      const known = document.getElementById(item.id);
      if (known) {
        morph(known, item);
      } else if (!item.hasAttribute("data-only-known")) {
        const older = [...list.children].find((other) => other.dataset.order < item.dataset.order);
        list.insertBefore(item, older || null);
      }
    }
  }

  function place(fragment) {
    const focused = document.activeElement;
    const changed = [];
    for (const next of [...fragment.children]) {
      const current = next.id && document.getElementById(next.id);
      if (current) {
        morph(current, next, true);
        if (next.dataset.live === "page") {
          current.setAttribute("data-paged", "");
        }
        changed.push(current);
      }
    }
    // A row that moved has lost the focus on its way.
    if (focused && focused !== document.activeElement && focused.isConnected) {
      focused.focus({ preventScroll: true });
    }
    window.vigil.tick();
    return changed;
  }

  const connection = () => document.getElementById("connection");

  function say(text) {
    const line = connection();
    if (line && line.textContent !== text) {
      line.textContent = text;
      line.hidden = !text;
    }
  }

  // A refusal that says when to come back; empty for any other answer.
  function busy(xhr) {
    const seconds = Number(xhr.getResponseHeader("Retry-After"));
    return xhr.getResponseHeader("X-Vigil-Shed") && seconds ? `Vigil is busy. Try again in ${seconds} s.` : "";
  }

  window.vigil.say = say;
  window.vigil.busy = busy;

  let etag = "";
  let sentAt = 0;

  function isPoll(event) {
    return event.detail.elt && event.detail.elt.id === "poll";
  }

  htmx.defineExtension("live", {
    handleSwap: (style, _target, fragment) => style === "live" && place(fragment),
  });

  document.addEventListener("htmx:configRequest", (event) => {
    if (!isPoll(event)) {
      return;
    }
    sentAt = Date.now();
    if (etag) {
      event.detail.headers["If-None-Match"] = etag;
    }
    const timeline = document.querySelector("#timeline[data-newest]");
    if (timeline) {
      event.detail.parameters.since = timeline.dataset.newest;
    }
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.status === 304) {
      event.detail.shouldSwap = false;
    }
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const { xhr } = event.detail;
    if (!isPoll(event) || !xhr) {
      return;
    }
    const serverNow = Number(xhr.getResponseHeader("X-Vigil-Now") || NaN);
    window.vigil.setClock(serverNow + (Date.now() - sentAt) / 2);
    if (xhr.status === 200) {
      etag = xhr.getResponseHeader("ETag") || "";
    }
    if (xhr.status === 200 || xhr.status === 304) {
      say("");
    } else if (xhr.status === 401) {
      say("You are signed out. What you typed is kept: sign in again in another tab.");
    } else if (xhr.status === 404) {
      say("This is no longer visible to you.");
    } else if (busy(xhr)) {
      say("Vigil is busy. This page goes on by itself; what you type is kept, and urgent work comes first.");
    } else if (xhr.status) {
      say(`The server has trouble (${xhr.status}), retrying. What you type is kept.`);
    } else {
      say("Connection lost, retrying. What you type is kept.");
    }
  });

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) {
      document.body.dispatchEvent(new CustomEvent("vigil:wake"));
    }
  });
  window.addEventListener("online", () => document.body.dispatchEvent(new CustomEvent("vigil:wake")));
})();
