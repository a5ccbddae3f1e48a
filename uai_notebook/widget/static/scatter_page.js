// @ts-check
// The elements around the plot, without behaviour.
import { KINDS, rgb } from "./scatter_looks.js";

/** @typedef {ReturnType<typeof build>} Page */

export const NO_MODEL = "No model yet: the scatter appears after the first training.";
const NO_WEBGL = "Simple drawing without movement: this browser gives no WebGL2, or took it back.";
const HINT = "Click the plot, then: wheel or + − zooms, drag or arrows pan, double click or 0 resets, [ and ] step.";

export const LEGEND_KINDS = [2, 1, 3, 0]; // the first entries, with counts: buttons
/** Shape and words of each entry; the shapes are the only markup. */
const LEGEND = [
  [`<path d="M0-6 6 0 0 6-6 0z" fill="${rgb(2)}"/>`, KINDS[2]],
  [`<circle r="4.5" fill="${rgb(1)}"/>`, KINDS[1]],
  [`<path d="M-4-4 4 4M-4 4 4-4" stroke="${rgb(3)}" stroke-width="2.2"/>`, KINDS[3]],
  [`<circle class="uai-scatter-dot" r="2"/>`, KINDS[0]],
  [`<circle r="6.5" fill="none" stroke="currentColor" stroke-width="2.6"/>`, "shown now"],
  [`<circle r="6" fill="none" stroke="currentColor" stroke-width="1.1"/>`, "other candidates"],
  [`<circle cx="-5.2" r="2.8" fill="none" stroke="${rgb(1)}" stroke-width="1.8"/>` +
    `<path d="M3.2-4 7.2 0 3.2 4-.8 0z" fill="none" stroke="${rgb(2)}" stroke-width="1.8"/>`,
    "hollow: labeled after this round"],
  [`<path d="M-8 0H8" stroke="currentColor" stroke-width="1.6" stroke-dasharray="5 3"/>`, "UAI 0.5"],
];

/** @param {string} tag @param {string} name @param {Record<string, any>} [props] @param {(Node | string)[]} [children]
 * @returns {any} */
export function make(tag, name, props = {}, children = []) {
  const node = Object.assign(document.createElement(tag), props);
  node.className = `uai-scatter-${name}`;
  node.append(...children);
  return node;
}

/** @param {string} name @param {string} text @param {Record<string, any>} [props] @returns {HTMLButtonElement} */
export const button = (name, text, props = {}) => make("button", name, { type: "button", textContent: text, ...props });

/** Pixels of a canvas for a size in CSS px; setting them clears it, so only when they change.
 * @param {HTMLCanvasElement} node @param {number} width @param {number} height @param {number} dpr */
export function resize(node, width, height, dpr) {
  const w = Math.round(width * dpr), h = Math.round(height * dpr);
  if (node.width !== w) node.width = w;
  if (node.height !== h) node.height = h;
}

/** Legend entry: a shape and words. @param {string[]} entry @param {number} i */
function entry([svg, words], i) {
  const li = document.createElement("li"), text = make("span", "words", { textContent: words });
  li.innerHTML = `<svg viewBox="-8 -8 16 16" aria-hidden="true">${svg}</svg>`; // constant, never data
  const toggle = i < LEGEND_KINDS.length ? button("kind", "") : null;
  toggle?.append(...li.children, text);
  li.append(toggle ?? text);
  return { li, text, toggle };
}

/** A select with its name before it. @param {string} name @param {string} words
 * @returns {{label: HTMLLabelElement, select: HTMLSelectElement}} */
export function choiceOf(name, words) {
  const select = make("select", name);
  return { label: make("label", "choice", {}, [words, select]), select };
}

/** All elements. */
export function build() {
  const back = button("back", "⟨", { ariaLabel: "Previous round", title: "Previous round: [" });
  const play = button("play", "Play");
  const next = button("next", "⟩", { ariaLabel: "Next round", title: "Next round: ]" });
  const slider = make("input", "slider", { type: "range", min: "0", max: "0", step: "1", value: "0" });
  slider.ariaLabel = "Round shown";
  const when = make("span", "when");
  const bar = make("div", "bar", {}, [back, play, next, slider, when]);
  const scale = button("scale", "Linear scale"), tools = make("div", "bar", {}, [scale]);
  const thin = make("div", "thin", { hidden: true });
  const reset = button("reset", "Reset view", { hidden: true });
  const tip = make("div", "tip", { hidden: true }), empty = make("div", "empty", { textContent: NO_MODEL });
  const shown = make("div", "shown", { hidden: true }), main = make("div", "main", {}, [shown]);
  const panes = make("div", "panes", {}, [main]), stage = make("div", "stage", {}, [panes, empty, reset]);
  const note = make("div", "note", { textContent: NO_WEBGL, hidden: true });
  const entries = LEGEND.map(entry), legend = make("ul", "legend", { ariaLabel: "Legend" }, entries.map((e) => e.li));
  const hint = make("div", "hint", { textContent: HINT });
  const root = make("div", "", {}, [bar, tools, thin, stage, note, legend, hint]);
  root.className = "uai-scatter";
  // JupyterLab's command mode must not see our keys. It looks at what has the focus first, then further out.
  root.dataset.lmSuppressShortcuts = "true";
  root.addEventListener("focusin", (/** @type {any} */ event) => { event.target.dataset.lmSuppressShortcuts = "true"; });
  const words = { when, thin, tip, empty, note, legend, entries, hint };
  return { root, back, play, next, slider, tools, scale, stage, panes, main, shown, reset, ...words };
}
