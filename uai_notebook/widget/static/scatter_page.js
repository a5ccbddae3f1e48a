// @ts-check
// The elements around the plot, and what they say.
/** @import {Frame, Store} from "./scatter_data.js" */
import { KINDS, rgb } from "./scatter_looks.js";

/** What is on show. @typedef {{log: boolean, playing: boolean, zoomed: boolean, following: boolean}} Showing */
/** @typedef {ReturnType<typeof build>} Page */

const NO_MODEL = "No model yet: the scatter appears after the first training.";
const NO_WEBGL = "Simple drawing without movement: this browser gives no WebGL2, or took it back.";
const HINT = "Click the plot, then: wheel or + − zooms, drag or arrows pan, double click or 0 resets.";

const LEGEND_KINDS = [2, 1, 3, 0]; // the first entries, with counts
/** Shape and words of each entry; the shapes are the only markup. */
const LEGEND = [
  [`<path d="M0-6 6 0 0 6-6 0z" fill="${rgb(2)}"/>`, KINDS[2]],
  [`<circle r="4.5" fill="${rgb(1)}"/>`, KINDS[1]],
  [`<path d="M-4-4 4 4M-4 4 4-4" stroke="${rgb(3)}" stroke-width="2.2"/>`, KINDS[3]],
  [`<circle class="uai-scatter-dot" r="2"/>`, KINDS[0]],
  [`<circle r="6.5" fill="none" stroke="currentColor" stroke-width="2.6"/>`, "shown now"],
  [`<circle r="6" fill="none" stroke="currentColor" stroke-width="1.1"/>`, "other candidates"],
  [`<circle cx="-4.5" r="3.4" fill="none" stroke="${rgb(1)}" stroke-width="1.8"/>` +
    `<path d="M5-4.5 9.5 0 5 4.5.5 0z" fill="none" stroke="${rgb(2)}" stroke-width="1.8"/>`,
    "hollow: labeled after this round"],
];

/** @param {string} tag @param {string} name @param {Record<string, any>} [props] @param {Node[]} [children]
 * @returns {any} */
function make(tag, name, props = {}, children = []) {
  const node = Object.assign(document.createElement(tag), props);
  node.className = `uai-scatter-${name}`;
  node.append(...children);
  return node;
}

/** Pixels of a canvas for a size in CSS px; setting them clears it, so only when they change.
 * @param {HTMLCanvasElement} node @param {number} width @param {number} height @param {number} dpr */
export function resize(node, width, height, dpr) {
  const w = Math.round(width * dpr), h = Math.round(height * dpr);
  if (node.width !== w) node.width = w;
  if (node.height !== h) node.height = h;
}

/** Legend entry: a shape and words. @param {string[]} entry */
function entry([svg, words]) {
  const li = document.createElement("li"), text = make("span", "words", { textContent: words });
  li.innerHTML = `<svg viewBox="-8 -8 16 16" aria-hidden="true">${svg}</svg>`; // constant, never data
  li.append(text);
  return { li, text };
}

/** All elements, without behaviour. */
export function build() {
  const play = make("button", "play", { type: "button", textContent: "Play" });
  const slider = make("input", "slider", { type: "range", min: "0", max: "0", step: "1", value: "0" });
  slider.ariaLabel = "Round shown";
  const when = make("span", "when");
  const scale = make("button", "scale", { type: "button", textContent: "Linear scale" });
  const reset = make("button", "reset", { type: "button", textContent: "Reset view", hidden: true });
  const bar = make("div", "bar", {}, [play, slider, when, scale]);
  const canvas = make("canvas", "gl"), over = make("canvas", "over");
  const tip = make("div", "tip", { hidden: true }), empty = make("div", "empty", { textContent: NO_MODEL });
  const plot = make("div", "plot", { tabIndex: 0 }, [canvas, over, tip, empty, reset]);
  plot.setAttribute("role", "group");
  const note = make("div", "note", { textContent: NO_WEBGL, hidden: true });
  const entries = LEGEND.map(entry), legend = make("ul", "legend", { ariaLabel: "Legend" }, entries.map((e) => e.li));
  const hint = make("div", "hint", { textContent: HINT });
  const root = make("div", "", {}, [bar, plot, note, legend, hint]);
  root.className = "uai-scatter";
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab's command mode never sees our keys
  return { root, play, slider, when, scale, plot, canvas, over, tip, empty, reset, note, entries, hint };
}

/** @param {number} n @param {string} word */
const count = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

/** Words and states of everything but the plot.
 * @param {Page} ui @param {Store} store @param {number} position of the frame shown, or -1 @param {Showing} showing */
export function describe(ui, store, position, { log, playing, zoomed, following }) {
  const n = store.frames.length, offered = store.logOffered;
  /** @type {Frame | undefined} */ const f = store.frames[position];
  const points = f ? f.cols.x.length : 0, labels = f ? count(f.labels, "label") : "";
  ui.slider.max = String(Math.max(0, n - 1));
  ui.slider.value = String(Math.max(0, position));
  ui.slider.disabled = ui.play.disabled = n < 2;
  ui.slider.setAttribute("aria-valuetext", f ? `round ${f.round + 1}, ${labels}` : "no round yet");
  ui.when.textContent = f ? `Round ${f.round + 1} of ${store.frames[n - 1].round + 1} · ${labels}` : "No round yet";
  ui.scale.disabled = !offered;
  ui.scale.textContent = log ? "Linear scale" : "Log scale";
  ui.scale.title = offered
    ? `The score axis is ${log ? "log" : "linear"}`
    : "A log axis needs scores that are not negative";
  ui.play.textContent = playing ? "Pause" : "Play";
  ui.reset.hidden = !zoomed;
  ui.hint.hidden = ui.canvas.hidden = ui.over.hidden = !f;
  ui.empty.hidden = !!f;

  const { queue, current } = store.candidates, { counts, drawn } = store;
  const others = queue.some((item) => item !== current);
  const hollow = !!f && store.marked.some((i) => i < points && store.order[i] >= f.labels);
  [true, true, true, true, current !== null, others, hollow].forEach((on, i) => (ui.entries[i].li.hidden = !f || !on));
  LEGEND_KINDS.forEach((kind, i) => {
    const part = kind === 0 && drawn < counts[0] ? `, ${drawn.toLocaleString("en")} drawn` : "";
    ui.entries[i].text.textContent = `${KINDS[kind]} (${counts[kind].toLocaleString("en")}${part})`;
  });
  const marks = `${counts[2]} anomalies, ${counts[1]} normal, ${counts[3]} unsure`;
  const what = `Scatter of ${store.xTitle} against anomaly score, ${ui.when.textContent}`;
  ui.plot.setAttribute("aria-label", f ? `${what}, ${count(points, "point")}: ${marks}` : NO_MODEL);
  const round = f ? f.round : "", axis = log ? "log" : "linear";
  Object.assign(ui.root.dataset, { frames: n, points, round, scale: axis, following, zoomed });
}
