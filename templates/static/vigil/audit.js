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

  // Numbers the lines of a text that is edited, and goes to one: <a data-line="7">.
  for (const editor of document.querySelectorAll("textarea[data-lines]")) {
    const gutter = document.createElement("div");
    gutter.className = "au-gutter";
    gutter.setAttribute("aria-hidden", "true");
    editor.before(gutter);
    const wrong = new Map();
    for (const link of document.querySelectorAll("a[data-line][data-says]")) {
      wrong.set(Number(link.dataset.line), link.dataset.says);
    }
    const number = () => {
      const count = editor.value.split("\n").length;
      gutter.replaceChildren(...Array.from({ length: count }, (_, index) => {
        const line = document.createElement("span");
        line.textContent = `${index + 1}\n`;
        if (wrong.has(index + 1)) {
          line.className = "au-wrong";
          line.title = wrong.get(index + 1);
        }
        return line;
      }));
      follow();
    };
    const follow = () => {
      gutter.style.height = `${editor.clientHeight}px`;
      gutter.scrollTop = editor.scrollTop;
    };
    editor.addEventListener("input", number);
    editor.addEventListener("scroll", follow);
    addEventListener("resize", follow);
    number();
    for (const link of document.querySelectorAll("a[data-line]")) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        const lines = editor.value.split("\n");
        const before = lines.slice(0, link.dataset.line - 1);
        const start = before.reduce((sum, line) => sum + line.length + 1, 0);
        editor.focus();
        editor.setSelectionRange(start, start + lines[before.length].length);
        const height = editor.scrollHeight / lines.length;
        editor.scrollTop = Math.max(0, height * before.length - editor.clientHeight / 3);
      });
    }
  }
})();
