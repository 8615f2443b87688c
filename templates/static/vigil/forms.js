/* Dialogs and forms: a refusal goes beside what was typed and never in its place. */
(() => {
  "use strict";

  const { values, keep, forget, restore, renew } = window.vigil.drafts;
  const dialog = () => document.getElementById("dialog");

  let opener = "";

  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, target } = event.detail;
    if (target && target.id === "dialog-body" && elt.id) {
      opener = elt.id;
    }
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "dialog-body") {
      document.querySelectorAll("#dialog-body form[data-draft]").forEach(restore);
      if (!dialog().open) {
        dialog().showModal();
      }
      const first = document.querySelector("#dialog-body :is(textarea, select, input:not([type=hidden]):not(:disabled))");
      if (first) {
        first.focus();
      }
    }
  });

  // A form that came into its place on the page; others there go on being written.
  document.addEventListener("htmx:load", (event) => {
    const form = event.detail.elt.matches("[data-editing]") && event.detail.elt.querySelector("form[data-draft]");
    if (form) {
      restore(form);
      form.querySelector("textarea").focus();
    }
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const { target, xhr, successful } = event.detail;
    if (target && target.id === "dialog-body" && !successful) {
      window.vigil.say(
        window.vigil.busy(xhr) || (xhr.status ? `This could not be opened (${xhr.status}).` : "No connection to the server."),
      );
    }
  });

  function closed() {
    document.getElementById("dialog-body").replaceChildren();
    const back = document.getElementById(opener);
    if (back) {
      back.focus({ preventScroll: true });
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    if (dialog()) {
      dialog().addEventListener("close", closed);
    }
  });

  document.addEventListener("click", (event) => {
    const closer = event.target.closest("[data-close]");
    const open = closer && closer.closest("dialog[open]");
    if (open) {
      event.preventDefault();
      open.close();
    }
    const chooser = event.target.closest("[data-choose]");
    const choice = chooser && chooser.closest("form").querySelector(`[name="${chooser.dataset.choose}"][value="${chooser.dataset.value}"]:enabled`);
    if (choice) {
      choice.checked = true;
      choice.dispatchEvent(new Event("change", { bubbles: true }));
      choice.focus();
    }
    const problem = event.target.closest("[data-invalid]");
    const field = problem && document.getElementById(problem.dataset.invalid);
    if (field) {
      event.preventDefault();
      field.focus();
    }
  });

  // --- Sending ---------------------------------------------------------------------------------------

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form) {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
  });

  let sent = "";

  document.addEventListener("htmx:beforeSend", (event) => {
    const form = event.detail.elt;
    if (form.matches("form")) {
      sent = JSON.stringify(values(form));
      form.dataset.sending = "";
    }
  });

  // A refusal comes with its own fragment, whatever its status.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.getResponseHeader("X-Vigil-Fragment") === "refusal") {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, xhr } = event.detail;
    if (!elt.matches || !elt.matches("form")) {
      return;
    }
    delete elt.dataset.sending;
    const isRefused = xhr.getResponseHeader("X-Vigil-Fragment") === "refusal";
    if (isRefused && xhr.status === 422) {
      renew(elt);
      keep(elt);
    }
    if (event.detail.successful && !isRefused) {
      taken(elt);
    } else if (!isRefused && !xhr.status && elt.querySelector("[data-once]")) {
      elt.dataset.waiting = "";
      refuse(elt, "No connection. Your text is kept, and is sent once by itself when the connection is back.");
    } else if (!isRefused) {
      refuse(elt, `${answerOf(xhr.status)} Your text is kept.`);
    }
  });

  // The server knows by its key what it has got already, so sending it again is safe.
  function resend() {
    for (const form of document.querySelectorAll("form[data-waiting]:not([data-sending])")) {
      delete form.dataset.waiting;
      form.requestSubmit();
    }
  }

  window.addEventListener("online", resend);
  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, xhr } = event.detail;
    if (elt.id === "poll" && (xhr.status === 200 || xhr.status === 304)) {
      resend();
    }
  });

  // Half of a changed sentence is not sent while it is typed.
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-waiting]");
    if (form) {
      delete form.dataset.waiting;
      refuse(form, "Changed since it was sent. Your text is kept: press Add when it is complete.");
    }
  });

  // Where no answer came, it may still have arrived: only the page can tell.
  function answerOf(status) {
    if (status === 401) {
      return "You are signed out. Sign in again in another tab, then send this again.";
    }
    if (status) {
      return `The server could not take this (${status}).`;
    }
    return "No answer from the server. Look whether it went through before you send it again.";
  }

  function taken(form) {
    forget(form);
    const slot = form.querySelector("[data-refusal]");
    if (slot) {
      slot.replaceChildren();
    }
    const own = form.closest("dialog[open]");
    if (own) {
      own.close();
    } else if (form.id === "note-form" && JSON.stringify(values(form)) === sent) {
      form.reset();
      renew(form);
      form.querySelectorAll("details").forEach((part) => (part.open = false));
    } else if (form.id === "note-form") {
      renew(form);
      keep(form);
    }
  }

  function refuse(form, text) {
    const slot = form.querySelector("[data-refusal]");
    const line = document.createElement("p");
    line.className = "v-refusal";
    line.setAttribute("role", "alert");
    line.textContent = text;
    if (slot) {
      slot.replaceChildren(line);
    }
  }

  document.addEventListener("htmx:afterSwap", (event) => {
    const slot = event.detail.target;
    if (!slot.matches("[data-refusal]")) {
      return;
    }
    for (const problem of slot.querySelectorAll("[data-invalid]")) {
      const field = document.getElementById(problem.dataset.invalid);
      if (field) {
        field.setAttribute("aria-invalid", "true");
      }
    }
    const alert = slot.querySelector(".v-refusal");
    if (alert) {
      alert.focus();
    }
  });
})();
