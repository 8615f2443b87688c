/* The admin around the pages, made to work by keyboard and to be read aloud: its icons are words in a
   font of icons, some of its buttons are none, and its content is in no landmark. */
(() => {
  "use strict";

  const SAYS = { close: "Close the menu", dock_to_right: "Menu", search: "Search", shield: "Dashboard" };
  const PRESSED = ":is(span, div, a:not([href]))[x-on\\:click]";

  function nameOf(element) {
    return SAYS[element.textContent.trim()];
  }

  function makeButton(element) {
    element.setAttribute("role", "button");
    element.tabIndex = 0;
    const name = nameOf(element);
    if (name) {
      element.setAttribute("aria-label", name);
    }
    element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        element.click();
      }
    });
  }

  function makeMain() {
    const content = document.getElementById("content");
    if (content && !document.querySelector("main")) {
      content.setAttribute("role", "main");
    }
    // Below it, a list has its pages and how many there are.
    const below = content && content.parentElement.nextElementSibling;
    if (below) {
      below.setAttribute("role", "navigation");
      below.setAttribute("aria-label", "Pages");
    }
  }

  // What scrolls gets its landmark, always of the same name, from a script that runs before this event.
  window.addEventListener("load", () => {
    for (const landmark of document.querySelectorAll("[aria-label='scrollable content']")) {
      const isMenu = landmark.closest("#nav-sidebar, #nav-sidebar-apps");
      landmark.setAttribute("aria-label", isMenu ? "Menu" : "Filters");
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    makeMain();
    for (const element of document.querySelectorAll(PRESSED)) {
      makeButton(element);
    }
    for (const icon of document.querySelectorAll(".material-symbols-outlined:not([role])")) {
      const around = icon.closest("a, button");
      if (around && nameOf(around)) {
        around.setAttribute("aria-label", nameOf(around));
      }
      icon.setAttribute("aria-hidden", "true");
    }
  });
})();
