/* Lists narrow themselves as soon as a filter is chosen. */
(() => {
  "use strict";

  // A button for that is for those without scripts.
  document.documentElement.dataset.scripted = "";

  function reveal(select) {
    for (const part of document.querySelectorAll(`[data-revealed-by="${select.id}"]`)) {
      part.hidden = part.dataset.revealedAt !== select.value;
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-reveals]").forEach(reveal);
  });

  document.addEventListener("change", (event) => {
    const select = event.target;
    if (select.matches("[data-reveals]")) {
      reveal(select);
      if (select.value === select.dataset.reveals) {
        return;
      }
    }
    const form = select.closest("form[data-autosubmit]");
    if (form && select.matches("select, [type=checkbox]")) {
      form.requestSubmit();
    }
  });
})();
