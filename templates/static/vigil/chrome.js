/* The admin around the pages, made to work by keyboard and to be read aloud: its icons are words in a
   font of icons, and some of its buttons are none. */
(() => {
  "use strict";

  const SAYS = { close: "Close the menu", dock_to_right: "Menu", shield: "Dashboard" };
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

  document.addEventListener("DOMContentLoaded", () => {
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
