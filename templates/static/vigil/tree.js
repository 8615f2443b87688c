/* The tree of whys by keyboard: one answer is in the tab order, arrow keys go to the others, and what can
   be done to one has a key of its own. Without this, each link in it is reached by tab. */
(() => {
  "use strict";

  const nodes = (tree) => [...tree.querySelectorAll("[data-node]")];

  // The one that tab leads to: where one was last, else the first.
  function settle() {
    for (const tree of document.querySelectorAll("[data-tree]")) {
      const all = nodes(tree);
      if (all.length && !all.some((node) => node.tabIndex === 0)) {
        all[0].tabIndex = 0;
      }
    }
  }

  function go(tree, to) {
    if (!to) {
      return;
    }
    for (const node of nodes(tree)) {
      node.tabIndex = node === to ? 0 : -1;
    }
    to.focus();
    to.scrollIntoView({ block: "nearest" });
  }

  const above = (node) => {
    const item = node.parentElement.parentElement.closest("li");
    return item && item.querySelector("[data-node]");
  };
  const below = (node) => node.parentElement.querySelector(":scope > ol [data-node]");

  document.addEventListener("keydown", (event) => {
    const node = event.target;
    const tree = node.matches("[data-node]") && node.closest("[data-tree]");
    if (!tree || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const all = nodes(tree);
    const at = all.indexOf(node);
    const ways = {
      ArrowDown: () => all[at + 1],
      ArrowUp: () => all[at - 1],
      ArrowLeft: () => above(node),
      ArrowRight: () => below(node),
      Home: () => all[0],
      End: () => all[all.length - 1],
    };
    const link = node.querySelector(`[data-node-key="${CSS.escape(event.key)}"]`);
    if (ways[event.key]) {
      go(tree, ways[event.key]());
    } else if (link) {
      link.click();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });

  document.addEventListener("DOMContentLoaded", settle);
  document.addEventListener("htmx:afterSettle", settle);
})();
