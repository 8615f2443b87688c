/* Lists narrow themselves as soon as a filter is chosen; one box checks all of a name. */
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
    if (select.matches("[data-checks]")) {
      for (const box of select.form.querySelectorAll(`[name="${select.dataset.checks}"]`)) {
        box.checked = select.checked;
      }
    }
    const form = select.closest("form[data-autosubmit]");
    if (form && select.matches("select, [type=checkbox]")) {
      form.requestSubmit();
    }
  });
})();
