/* The quick entry's list of commands, and the pins of a timeline. */
(() => {
  "use strict";

  const field = () => document.getElementById("note_text");
  const list = () => document.getElementById("note-commands");
  const shown = () => [...list().children].filter((option) => !option.hidden);
  const chosen = () => list().querySelector("[aria-selected=true]");

  // Only while the name itself is typed: what follows is the person's own.
  function begun() {
    const typed = /^\/([a-z-]*)$/i.exec(field().value);
    return typed && field().selectionStart === field().value.length ? typed[1].toLowerCase() : null;
  }

  function choose(option) {
    for (const each of list().children) {
      each.setAttribute("aria-selected", String(each === option));
    }
    if (option) {
      field().setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      field().removeAttribute("aria-activedescendant");
    }
  }

  function close() {
    list().hidden = true;
    choose(null);
    document.getElementById("note-commands-count").textContent = "";
  }

  function offer() {
    const name = begun();
    if (name === null) {
      close();
      return;
    }
    for (const option of list().children) {
      option.hidden = !option.dataset.command.startsWith(name);
    }
    const { length } = shown();
    if (!length) {
      close();
      return;
    }
    list().hidden = false;
    choose(null);
    document.getElementById("note-commands-count").textContent = `${length} ${length === 1 ? "command" : "commands"}, arrow keys choose`;
  }

  function take(option) {
    field().value = `/${option.dataset.command} `;
    close();
    field().focus();
    field().dispatchEvent(new Event("input", { bubbles: true }));
  }

  document.addEventListener("input", (event) => {
    if (event.target.id === "note_text") {
      offer();
    }
  });

  // Before the shortcuts see it: Escape closes the list, and leaves the field alone.
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.target.id !== "note_text" || list().hidden || event.isComposing) {
        return;
      }
      const options = shown();
      const at = options.indexOf(chosen());
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        const by = event.key === "ArrowDown" ? 1 : -1;
        const next = at < 0 && by < 0 ? options.length - 1 : (at + by + options.length) % options.length;
        choose(options[next]);
      } else if (event.key === "Escape") {
        close();
        event.stopPropagation();
      } else if ((event.key === "Enter" || event.key === "Tab") && at >= 0 && !event.ctrlKey && !event.metaKey) {
        take(options[at]);
      } else {
        return;
      }
      event.preventDefault();
    },
    true,
  );

  document.addEventListener("mousedown", (event) => {
    const option = event.target.closest("#note-commands [role=option]");
    if (option) {
      event.preventDefault();
      take(option);
    }
  });

  document.addEventListener("focusout", (event) => {
    if (event.target.id === "note_text") {
      close();
    }
  });

  // What is pinned is told by the list of pins: older entries do not come again for it.
  function mark() {
    for (const link of document.querySelectorAll("[data-pin]")) {
      link.hidden = Boolean(document.getElementById(`pin-${link.dataset.pin}`));
    }
  }

  document.addEventListener("htmx:afterSwap", mark);

  // Unfold writes the name of a chosen file into a text field of its own forms, which is not here.
  document.addEventListener("change", (event) => event.target.matches(".v-files") && event.stopPropagation(), true);
})();
