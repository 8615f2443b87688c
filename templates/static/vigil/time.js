/* Countdowns and ages, kept going by the server's clock: what this machine believes the time to be
   does not count. The words are those of the `duration` filter. */
(() => {
  "use strict";

  const SECOND = 1000;
  const MINUTE = 60 * SECOND;
  const HOUR = 60 * MINUTE;
  const DAY = 24 * HOUR;
  const SOON = 10 * 60;
  let offset = 0;

  const vigil = (window.vigil = window.vigil || {});
  vigil.now = () => Date.now() + offset;
  vigil.setClock = (serverNow) => {
    if (Number.isFinite(serverNow)) {
      offset = serverNow - Date.now();
    }
  };

  const pair = (high, unit, low, lowerUnit) =>
    low ? `${high} ${unit} ${low} ${lowerUnit}` : `${high} ${unit}`;

  vigil.duration = (span) => {
    const ms = Math.max(span, 0);
    if (ms >= DAY) {
      return pair(Math.floor(ms / DAY), "d", Math.floor((ms % DAY) / HOUR), "h");
    }
    if (ms >= HOUR) {
      return pair(Math.floor(ms / HOUR), "h", Math.floor((ms % HOUR) / MINUTE), "min");
    }
    if (ms >= 10 * MINUTE) {
      return `${Math.floor(ms / MINUTE)} min`;
    }
    if (ms >= MINUTE) {
      return pair(Math.floor(ms / MINUTE), "min", Math.floor((ms % MINUTE) / SECOND), "s");
    }
    return `${Math.floor(ms / SECOND)} s`;
  };

  const write = (element, text) => {
    if (element.textContent !== text) {
      element.textContent = text;
    }
  };

  function tick() {
    const now = vigil.now();
    for (const element of document.querySelectorAll("[data-until]")) {
      const left = Date.parse(element.dataset.until) - now;
      element.toggleAttribute("data-over", left < 0);
      write(element, left < 0 ? `${vigil.duration(-left)} over` : `in ${vigil.duration(left)}`);
    }
    for (const element of document.querySelectorAll("[data-since]")) {
      write(element, vigil.duration(now - Date.parse(element.dataset.since)));
    }
    for (const element of document.querySelectorAll("[data-deadline]")) {
      const left = Date.parse(element.dataset.deadline) - now;
      const soon = Number(element.dataset.soon || SOON) * SECOND;
      const urgency = left < 0 ? "over" : left < soon ? "soon" : "calm";
      if (element.dataset.urgency !== urgency) {
        element.dataset.urgency = urgency;
      }
    }
  }
  vigil.tick = tick;

  document.addEventListener("DOMContentLoaded", () => {
    const page = document.querySelector("[data-now]");
    if (page) {
      vigil.setClock(Number(page.dataset.now));
      tick();
      setInterval(tick, SECOND);
    }
  });
})();
