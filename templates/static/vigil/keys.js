/* Keyboard shortcuts. An element offers one by data-key, and names it by data-key-label; `?` lists
   them. They never fire while somebody types, and each browser can turn them off (WCAG 2.1.4). */
(() => {
  "use strict";

  const PLACES = { d: "/", i: "/incidents/incident/", r: "/incidents/alertreceipt/" };
  const OFF = "vigil:shortcuts-off";
  const PRESSED = "[type=checkbox], [type=radio], [type=button], [type=submit]";
  let afterG = 0;

  function isTyping(target) {
    return target.isContentEditable || target.matches(`textarea, select, input:not(${PRESSED})`);
  }

  const isOff = () => localStorage.getItem(OFF) === "1";

  function step(by) {
    const links = [...document.querySelectorAll("[data-row]")];
    if (!links.length) {
      return;
    }
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + by, 0), links.length - 1);
    links[next].focus();
    links[next].scrollIntoView({ block: "nearest" });
  }

  function help() {
    const dialog = document.getElementById("shortcuts");
    const list = document.getElementById("shortcuts-list");
    list.querySelectorAll("[data-here]").forEach((line) => line.remove());
    const offered = [...document.querySelectorAll("[data-key-label]")].filter((each) => each.checkVisibility());
    for (const element of offered.reverse()) {
      const line = document.createElement("div");
      line.dataset.here = "";
      const term = document.createElement("dt");
      const key = document.createElement("kbd");
      key.textContent = element.dataset.key;
      term.append(key);
      const meaning = document.createElement("dd");
      meaning.textContent = element.dataset.keyLabel;
      line.append(term, meaning);
      list.prepend(line);
    }
    document.getElementById("shortcuts-on").checked = !isOff();
    dialog.showModal();
  }

  function act(key) {
    const element = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!element || !element.checkVisibility()) {
      return false;
    }
    if (element.matches("textarea, input")) {
      element.focus();
    } else {
      element.click();
    }
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (isTyping(event.target) || document.querySelector("dialog[open]")) {
      if (event.key === "Escape" && event.target.matches("#note_text")) {
        event.target.blur();
      }
      return;
    }
    const { key } = event;
    if (key === "?" && document.getElementById("shortcuts")) {
      event.preventDefault();
      help();
      return;
    }
    if (isOff()) {
      return;
    }
    if (Date.now() - afterG < 1500 && PLACES[key]) {
      event.preventDefault();
      window.location.assign(PLACES[key]);
    } else if (key === "g") {
      afterG = Date.now();
      return;
    } else if (key === "j" || key === "k") {
      event.preventDefault();
      step(key === "j" ? 1 : -1);
    } else if (key === "/" && document.getElementById("id_q")) {
      event.preventDefault();
      document.getElementById("id_q").focus();
    } else if (key.length === 1 && act(key)) {
      event.preventDefault();
    }
    afterG = 0;
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest('[data-key="?"]')) {
      help();
    }
  });

  document.addEventListener("change", (event) => {
    if (event.target.id === "shortcuts-on") {
      localStorage.setItem(OFF, event.target.checked ? "0" : "1");
    }
  });
})();
