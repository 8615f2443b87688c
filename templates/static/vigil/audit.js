// Small comforts of the record's pages; each of them works without.
(() => {
  "use strict";

  // Copies what an element holds: <button data-copy="#secret">.
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const source = document.querySelector(button.dataset.copy);
      const label = button.textContent;
      try {
        await navigator.clipboard.writeText(source.value ?? source.textContent);
        button.textContent = "Copied";
      } catch {
        // No clipboard outside a secure context: select it, so that the keyboard can copy.
        if (source.select) source.select();
        else getSelection().selectAllChildren(source);
        button.textContent = "Press Ctrl-C";
      }
      setTimeout(() => { button.textContent = label; }, 2000);
    });
  }

  // Offers the browser's own time zone where it is another one.
  for (const button of document.querySelectorAll("[data-zone-for]")) {
    const select = document.querySelector(button.dataset.zoneFor);
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (here && select.value !== here && [...select.options].some((option) => option.value === here)) {
      button.textContent = `Use ${here.replaceAll("_", " ")}, as this browser does`;
      button.hidden = false;
      button.addEventListener("click", () => { select.value = here; button.hidden = true; });
    }
  }

  // j and k turn pages, as in many a list.
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, select, textarea, [contenteditable]");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const link = document.querySelector(`a[data-key="${CSS.escape(event.key)}"]`);
    if (link) link.click();
  });
})();
