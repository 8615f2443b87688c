/* Keeps what is typed into a form with data-draft in this browser, until the server has taken it. */
(() => {
  "use strict";

  const KEPT_FOR = 7 * 24 * 3600 * 1000;
  const TYPED = "textarea[name], input[name]:not([type=hidden], [type=file]), input[data-once], select[name]";

  function person() {
    const page = document.querySelector("[data-person]");
    return page ? page.dataset.person : "";
  }

  const keyOf = (form) => `vigil:draft:${person()}:${form.dataset.draft}`;

  function values(form) {
    const found = {};
    for (const field of form.querySelectorAll(TYPED)) {
      if (field.type === "radio") {
        if (field.checked) {
          found[field.name] = field.value;
        }
      } else {
        found[field.name] = field.type === "checkbox" ? field.checked : field.value;
      }
    }
    return found;
  }

  function keep(form) {
    // The draft of a section belongs to the text that it was started from.
    const from = form.dataset.draftsFrom;
    const draft = { at: Date.now(), values: values(form), seen: from && form.elements[from].value };
    try {
      localStorage.setItem(keyOf(form), JSON.stringify(draft));
    } catch {
      // Full or forbidden: the page itself still holds the text.
    }
  }

  function forget(form) {
    localStorage.removeItem(keyOf(form));
  }

  function restore(form) {
    let draft;
    try {
      draft = JSON.parse(localStorage.getItem(keyOf(form)) || "null");
    } catch {
      draft = null;
    }
    if (!draft) {
      return;
    }
    if (Date.now() - draft.at > KEPT_FOR) {
      forget(form);
      return;
    }
    let isDifferent = false;
    for (const field of form.querySelectorAll(TYPED)) {
      const value = draft.values[field.name];
      if (value === undefined) {
        continue;
      }
      if (field.type === "checkbox") {
        field.checked = value;
      } else if (field.type === "radio") {
        field.checked = field.value === value && !field.disabled;
      } else if (field.value !== value) {
        field.value = value;
        isDifferent = true;
      }
    }
    if (draft.seen && form.dataset.draftsFrom) {
      form.elements[form.dataset.draftsFrom].value = draft.seen;
    }
    const state = form.querySelector("[data-draft-state]");
    if (isDifferent && state) {
      const at = new Date(draft.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
      state.textContent = `Unsaved text of ${at} restored. `;
      const discard = document.createElement("button");
      discard.type = "button";
      discard.className = "v-link";
      discard.textContent = "Discard it";
      discard.addEventListener("click", () => {
        forget(form);
        const shown = form.closest("[data-editing]") && form.querySelector("[data-shown]");
        if (shown) {
          shown.click();
        } else {
          window.location.reload();
        }
      });
      state.append(discard);
    }
  }

  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-draft]");
    if (form) {
      keep(form);
    }
    event.target.removeAttribute("aria-invalid");
  });

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("form[data-draft]").forEach(restore);
  });

  // What a form with data-once sends is one thing, however often it is sent; this begins another.
  function renew(form) {
    const key = form.querySelector("[data-once]");
    if (key) {
      const bytes = crypto.getRandomValues(new Uint8Array(16));
      key.value = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    }
  }

  window.vigil.drafts = { values, keep, forget, restore, renew };
})();
