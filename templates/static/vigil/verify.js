/* Proves an event in the reader's own browser, and says in words what was proven. What it believes of
   the server is nothing but what it can recompute. */
(() => {
  "use strict";

  const panel = document.getElementById("verify");
  if (!panel) {
    return;
  }
  const { hex, equal, leafHash, rootFromPath, parseProof, parseCheckpoint, parseKey, isSigned, treeReader } =
    window.vigil.proof;
  const steps = document.getElementById("verify-steps");
  const verdict = document.getElementById("verify-verdict");
  const pin = document.getElementById("verify-pin");
  const { number, entry: entryUrl, proof: proofUrl, key: served } = panel.dataset;
  const KEY = "vigil:pinned-key";
  const seenUnder = (origin) => `vigil:seen:${origin}`;

  /* What stops it: the step that failed, in words for people. */
  class Broken extends Error {}
  class Later extends Error {}

  function say(kind, title, words) {
    const line = document.createElement("li");
    line.className = `au-step au-step-${kind}`;
    const mark = document.createElement("strong");
    mark.textContent = `${{ ok: "Proven", bad: "Failed", open: "Not proven" }[kind]}: ${title}`;
    const text = document.createElement("span");
    text.textContent = words;
    line.append(mark, " ", text);
    steps.append(line);
  }

  function conclude(kind, words) {
    verdict.className = `au-notice au-${kind}`;
    verdict.textContent = words;
    verdict.hidden = false;
  }

  async function load(url, kind) {
    const response = await fetch(url, { cache: "no-store" });
    if (response.status === 409) {
      throw new Later();
    }
    if (!response.ok) {
      throw new Broken(`the server answered ${response.status} when asked for the ${kind}`);
    }
    return new Uint8Array(await response.arrayBuffer());
  }

  const decoded = (bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const grouped = (count) => count.toLocaleString("en").replaceAll(",", "\u202f");
  const short = (bytes) => `${hex(bytes).slice(0, 16)}…`;

  async function step(title, work) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Later)) {
        say("bad", title, `${error.message}.`.replace("..", "."));
      }
      throw error;
    }
  }

  async function theEntry() {
    return step("what this page shows is the entry", async () => {
      const bytes = await load(entryUrl, "entry");
      const entry = JSON.parse(decoded(bytes));
      const shown = JSON.parse(document.getElementById("entry").textContent);
      if (String(entry.id) !== number || JSON.stringify(entry) !== JSON.stringify(shown)) {
        throw new Broken("the entry that the server hands out is another one than this page shows");
      }
      const leaf = await leafHash(bytes);
      say("ok", "what this page shows is the entry", `Its ${grouped(bytes.length)} bytes hash to ${hex(leaf)}.`);
      return leaf;
    });
  }

  async function thePlace(leaf) {
    return step("the entry is in the log", async () => {
      const { index, path, checkpoint: note } = parseProof(decoded(await load(proofUrl, "proof")));
      const checkpoint = parseCheckpoint(note);
      const root = await rootFromPath(leaf, index, checkpoint.size, path);
      if (!root || !equal(root, checkpoint.root)) {
        throw new Broken(
          `these bytes are not what the log holds at number ${grouped(index + 1)}: they lead to the root ` +
            `${root ? short(root) : "of no tree"}, the checkpoint says ${short(checkpoint.root)}. The entry was ` +
            "changed after it was recorded, or the proof is not its own",
        );
      }
      say(
        "ok",
        "the entry is in the log",
        `It is number ${grouped(index + 1)} of ${grouped(checkpoint.size)} in the log ${checkpoint.origin}: with ` +
          `${path.length} hashes beside it, it leads to the root ${short(root)} of the checkpoint.`,
      );
      return checkpoint;
    });
  }

  async function theSignature(checkpoint, key) {
    const title = "the checkpoint is signed";
    return step(title, async () => {
      if (checkpoint.origin !== key.name) {
        throw new Broken(`the checkpoint is of ${checkpoint.origin}, the key of ${key.name}`);
      }
      const signed = await isSigned(checkpoint, key);
      if (signed === null) {
        say("open", title, "This browser cannot check Ed25519 signatures; a current one can.");
        return false;
      }
      if (!signed) {
        throw new Broken(`no signature on it is right for the key ${key.keyId}`);
      }
      say("ok", title, `The signature of the key ${key.keyId} over size and root is right.`);
      return true;
    });
  }

  function theKey(key) {
    const title = "the key is the one that you hold";
    const pinned = localStorage.getItem(KEY) || "";
    if (!pinned) {
      say("open", title, `The server itself named the key ${key.keyId}. Keep one that you got another way, below.`);
      return false;
    }
    if (pinned !== served) {
      say("bad", title, `The server names the key ${key.keyId}, another one than you keep in this browser.`);
      throw new Broken("key");
    }
    say("ok", title, `It is the key ${key.keyId} that you keep in this browser.`);
    return true;
  }

  /* Only what was signed is remembered, or compared with. */
  async function thePast(checkpoint) {
    const title = "the log continues the one that this browser saw before";
    return step(title, async () => {
      const stored = localStorage.getItem(seenUnder(checkpoint.origin));
      const now = { size: checkpoint.size, root: hex(checkpoint.root) };
      if (stored) {
        const before = JSON.parse(stored);
        if (before.size > now.size) {
          throw new Broken(
            `this browser saw ${grouped(before.size)} entries on ${before.at}, now there are ${grouped(now.size)}: ` +
              "the log was cut or replaced",
          );
        }
        const reader = treeReader(now.size, (path) => load(`/ledger/tile/${path}`, "tiles"));
        const [old, current] = await reader.rootsOf(before.size);
        if (hex(old) !== before.root || hex(current) !== now.root) {
          throw new Broken(
            `the ${grouped(before.size)} entries that this browser saw on ${before.at} are not those that the log ` +
              "begins with now: what was recorded before then has been changed",
          );
        }
        say("ok", title, `All ${grouped(before.size)} entries of ${before.at} are still there, unchanged.`);
      } else {
        say("open", title, "This browser has seen no checkpoint of it yet. It keeps this one to compare with.");
      }
      const at = new Date().toISOString().slice(0, 19).replace("T", " ");
      localStorage.setItem(seenUnder(checkpoint.origin), JSON.stringify({ ...now, at: `${at} UTC` }));
      return Boolean(stored);
    });
  }

  async function verify() {
    steps.replaceChildren();
    verdict.hidden = true;
    if (!window.crypto || !crypto.subtle) {
      conclude("warn", "This page is not in a secure context, so this browser hashes nothing. Open it over HTTPS or on localhost.");
      return;
    }
    try {
      const leaf = await theEntry();
      const checkpoint = await thePlace(leaf);
      const key = await step("the checkpoint is signed", () => parseKey(served));
      const isSignedNow = await theSignature(checkpoint, key);
      const isPinned = theKey(key);
      if (isSignedNow) {
        await thePast(checkpoint);
      }
      say(
        "open",
        "what no proof can say",
        "That what the entry says is true of the world, that the time in it is right, that nobody else was shown " +
          "another log (witnesses are for that), and that this script came unchanged: a pack checks out offline.",
      );
      if (isSignedNow && isPinned) {
        conclude("good", "This entry is in the log, unchanged, under a checkpoint that your key signed.");
      } else {
        conclude("warn", "This entry is in the log as far as could be checked here. See what was not proven.");
      }
    } catch (error) {
      if (error instanceof Later) {
        conclude("warn", "No checkpoint covers this event yet. Wait a few seconds, then verify again.");
      } else {
        conclude("bad", "This event does not check out. See the step that failed, and tell whoever keeps the ledger.");
      }
    }
  }

  document.getElementById("verify-now").addEventListener("click", async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    await verify();
    button.disabled = false;
    panel.scrollIntoView({ block: "nearest" });
  });

  /* Which key one keeps: never the server's word alone, unless one says so oneself. */
  const kept = document.getElementById("verify-kept");
  const showKept = () => {
    pin.value = localStorage.getItem(KEY) || "";
    kept.textContent = pin.value ? "Kept in this browser." : "None is kept in this browser yet.";
  };
  document.getElementById("verify-keep").addEventListener("click", async () => {
    const wanted = pin.value.trim();
    try {
      if (wanted) {
        await parseKey(wanted);
        localStorage.setItem(KEY, wanted);
      } else {
        localStorage.removeItem(KEY);
      }
      showKept();
    } catch (error) {
      kept.textContent = `Not kept: this ${error.message}.`;
    }
  });
  showKept();
  panel.hidden = false;
})();
