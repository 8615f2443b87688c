/* The tree of the log, as RFC 6962 hashes it and C2SP tlog-tiles serves it. Pure: what it needs is
   handed in. Indexes and sizes stay exact up to 2^53. */
(() => {
  "use strict";

  const vigil = (window.vigil = window.vigil || {});
  const WIDTH = 256;
  const text = new TextEncoder();

  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const equal = (a, b) => hex(a) === hex(b);

  function base64(line) {
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(line)) {
      throw new Error("is not base64");
    }
    return Uint8Array.from(atob(line), (character) => character.charCodeAt(0));
  }

  function joined(...parts) {
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const leafHash = (entry) => sha256(joined(Uint8Array.of(0), entry));
  const nodeHash = (left, right) => sha256(joined(Uint8Array.of(1), left, right));

  /* RFC 9162, 2.1.3.2: the root that a leaf's inclusion path leads to; null where it fits no tree. */
  async function rootFromPath(leaf, index, size, path) {
    if (index >= size) {
      return null;
    }
    let fn = index;
    let sn = size - 1;
    let node = leaf;
    for (const sibling of path) {
      if (sn === 0) {
        return null;
      }
      if (fn % 2 === 1 || fn === sn) {
        node = await nodeHash(sibling, node);
        while (fn % 2 === 0 && fn !== 0) {
          fn /= 2;
          sn = Math.floor(sn / 2);
        }
      } else {
        node = await nodeHash(node, sibling);
      }
      fn = Math.floor(fn / 2);
      sn = Math.floor(sn / 2);
    }
    return sn === 0 ? node : null;
  }

  /* C2SP tlog-proof: {index, path, checkpoint}. */
  function parseProof(file) {
    const end = file.indexOf("\n\n");
    const [header, ...lines] = file.slice(0, end).split("\n");
    if (end < 0 || header !== "c2sp.org/tlog-proof@v1") {
      throw new Error("is no tlog-proof");
    }
    if (lines[0] && lines[0].startsWith("extra ")) {
      lines.shift();
    }
    const index = /^index (0|[1-9][0-9]{0,15})$/.exec(lines.shift() || "");
    const path = lines.map(base64);
    if (!index || path.some((hash) => hash.length !== 32)) {
      throw new Error("is no tlog-proof");
    }
    return { index: Number(index[1]), path, checkpoint: file.slice(end + 2) };
  }

  /* C2SP signed note and tlog-checkpoint: {origin, size, root, signed, signatures}. */
  function parseCheckpoint(note) {
    const end = note.indexOf("\n\n");
    const signed = note.slice(0, end + 1);
    const [origin, size, root] = signed.split("\n");
    if (end < 0 || !/^(0|[1-9][0-9]{0,15})$/.test(size || "")) {
      throw new Error("is no checkpoint");
    }
    const signatures = note.slice(end + 2).trimEnd().split("\n").map((line) => {
      const found = /^\u2014 (\S+) (\S+)$/.exec(line);
      if (!found) {
        throw new Error("has a line that is no signature");
      }
      const bytes = base64(found[2]);
      return { name: found[1], keyId: hex(bytes.slice(0, 4)), signature: bytes.slice(4) };
    });
    return { origin, size: Number(size), root: base64(root), signed: text.encode(signed), signatures };
  }

  /* `name+keyid+key`, as /ledger/ shows it: {name, keyId, key}. The id is recomputed, not believed. */
  async function parseKey(vkey) {
    const found = /^(\S+?)\+([0-9a-f]{8})\+(\S+)$/.exec(vkey.trim());
    const bytes = found ? base64(found[3]) : [];
    if (bytes.length !== 33 || bytes[0] !== 1) {
      throw new Error("is no Ed25519 verifier key");
    }
    const id = (await sha256(joined(text.encode(`${found[1]}\n`), bytes))).slice(0, 4);
    if (hex(id) !== found[2]) {
      throw new Error("does not have the id that it names");
    }
    return { name: found[1], keyId: found[2], key: bytes.slice(1) };
  }

  /* True or false; null where this browser cannot tell. */
  async function isSigned(checkpoint, key) {
    let imported;
    try {
      imported = await crypto.subtle.importKey("raw", key.key, { name: "Ed25519" }, false, ["verify"]);
    } catch (error) {
      if (error.name === "NotSupportedError" || error instanceof TypeError) {
        return null;
      }
      throw error;
    }
    for (const { name, keyId, signature } of checkpoint.signatures) {
      if (name === key.name && keyId === key.keyId) {
        return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, checkpoint.signed);
      }
    }
    return false;
  }

  /* The largest power of two below a number above one. */
  function split(count) {
    let k = 1;
    while (k * 2 < count) {
      k *= 2;
    }
    return k;
  }

  /* Hashes of the tree of `size` leaves, out of its tiles; `fetchTile(path)` gives a tile's bytes. */
  function treeReader(size, fetchTile) {
    const tiles = new Map();

    function tile(level, number) {
      const there = Math.floor(size / WIDTH ** level) - number * WIDTH;
      const width = Math.min(there, WIDTH);
      const digits = String(number).padStart(Math.ceil(String(number).length / 3) * 3, "0");
      const groups = digits.match(/.{3}/g);
      const name = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
      const path = `${level}/${name}${width < WIDTH ? `.p/${width}` : ""}`;
      if (!tiles.has(path)) {
        tiles.set(path, fetchTile(path));
      }
      return tiles.get(path);
    }

    /* The perfect subtree of 2^height leaves, the `number`th of them from the left. */
    async function perfect(height, number) {
      const level = Math.floor(height / 8);
      let count = 2 ** (height - level * 8);
      const first = number * count;
      const bytes = await tile(level, Math.floor(first / WIDTH));
      const at = (first % WIDTH) * 32;
      if (bytes.length < at + count * 32) {
        throw new Error("is too short");
      }
      let nodes = Array.from({ length: count }, (_, n) => bytes.slice(at + n * 32, at + n * 32 + 32));
      for (; count > 1; count /= 2) {
        const pairs = Array.from({ length: count / 2 }, (_, n) => nodeHash(nodes[2 * n], nodes[2 * n + 1]));
        nodes = await Promise.all(pairs);
      }
      return nodes[0];
    }

    /* The root over the leaves [low, high). */
    async function range(low, high) {
      const count = high - low;
      const height = Math.log2(count);
      if (Number.isInteger(height)) {
        return perfect(height, low / count);
      }
      const k = split(count);
      return nodeHash(await range(low, low + k), await range(low + k, high));
    }

    /* The roots over [low, old) and [low, high), from the same hashes: that is a consistency proof. */
    async function both(low, high, old) {
      if (old === high) {
        const root = await range(low, high);
        return [root, root];
      }
      const middle = low + split(high - low);
      if (old <= middle) {
        const [before, left] = await both(low, middle, old);
        return [before, await nodeHash(left, await range(middle, high))];
      }
      const left = await range(low, middle);
      const [before, right] = await both(middle, high, old);
      return [await nodeHash(left, before), await nodeHash(left, right)];
    }

    return { rootsOf: (old) => both(0, size, old) };
  }

  vigil.proof = {
    hex, equal, base64, leafHash, rootFromPath, parseProof, parseCheckpoint, parseKey, isSigned, treeReader,
  };
})();
