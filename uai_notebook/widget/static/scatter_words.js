// @ts-check
// What the elements around the plot say, and their states.
/** @import {Frame, Store} from "./scatter_data.js" */
/** @import {Page} from "./scatter_page.js" */
/** @import {Pane} from "./scatter_pane.js" */
/** @import {Rounds} from "./scatter_rounds.js" */
/** @import {Sight} from "./scatter_sight.js" */
import { KINDS } from "./scatter_looks.js";
import { number } from "./scatter_axes.js";
import { LEGEND_KINDS, NO_MODEL } from "./scatter_page.js";

/** @param {number} n @param {string} word */
export const count = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

/** @param {Sight} sight */
export const titleOf = (sight) => `Scatter of ${sight.titles[0]} against ${sight.titles[1]}`;

/** Words and states of everything but the plot.
 * @param {Page} ui @param {Store} store @param {Pane} pane @param {Sight} sight @param {Rounds} rounds
 * @param {(Frame | undefined)[]} shown of all plots */
export function describe(ui, store, pane, sight, rounds, shown) {
  const n = store.frames.length, { position, frame: f } = pane, { log, logOffered } = sight;
  const points = f ? f.cols.x.length : 0, labels = f ? count(f.labels, "label") : "";
  ui.slider.max = String(Math.max(0, n - 1));
  ui.slider.value = String(Math.max(0, position));
  ui.slider.disabled = ui.play.disabled = n < 2;
  ui.back.disabled = position < 1;
  ui.next.disabled = position >= n - 1;
  ui.slider.setAttribute("aria-valuetext", f ? `round ${f.round + 1}, ${labels}` : "no round yet");
  ui.when.textContent = f ? `Round ${f.round + 1} of ${store.frames[n - 1].round + 1} · ${labels}` : "No round yet";
  ui.shown.textContent = f ? `Round ${f.round + 1} · ${labels}` : "";
  ui.scale.disabled = !logOffered;
  ui.scale.textContent = log ? "Linear scale" : "Log scale";
  ui.scale.title = logOffered
    ? `The score axis is ${log ? "log" : "linear"}`
    : sight.chart ? "A map has no scale" : "A log axis needs scores that are not negative";
  ui.play.textContent = rounds.playing ? "Pause" : "Play";
  ui.reset.hidden = !sight.zoom;
  ui.hint.hidden = !f;
  ui.empty.hidden = !!f;
  describeLegend(ui, store, pane, sight, shown.flatMap((frame) => frame ?? []));
  const { counts } = store, marks = `${counts[2]} anomalies, ${counts[1]} normal, ${counts[3]} unsure`;
  const what = `${titleOf(sight)}, ${ui.when.textContent}`;
  pane.plot.setAttribute("aria-label", f ? `${what}, ${count(points, "point")}: ${marks}` : NO_MODEL);
  const round = f ? f.round : "", axis = log ? "log" : "linear", { following } = rounds;
  Object.assign(ui.root.dataset, { frames: n, points, round, scale: axis, following, zoomed: !!sight.zoom });
}

/** @param {Page} ui @param {Store} store @param {Pane} pane @param {Sight} sight @param {Frame[]} shown */
function describeLegend(ui, store, pane, sight, shown) {
  const f = pane.frame, points = f ? f.cols.x.length : 0;
  const { counts, drawn, candidates: { queue, current } } = store;
  const others = queue.some((item) => item !== current), line = shown.some((g) => sight.head(g));
  const hollow = shown.some((g) => store.marked.some((i) => i < g.cols.x.length && store.order[i] >= g.labels));
  const on = [true, true, true, true, current !== null, others, hollow, line];
  on.forEach((shown, i) => (ui.entries[i].li.hidden = !f || !shown));
  LEGEND_KINDS.forEach((kind, i) => {
    const { text, toggle } = ui.entries[i], hidden = sight.hidden[kind];
    const part = kind === 0 && drawn < counts[0] ? `, ${drawn.toLocaleString("en")} drawn` : "";
    text.textContent = `${KINDS[kind]} (${counts[kind].toLocaleString("en")}${part})`;
    toggle?.setAttribute("aria-pressed", String(!hidden));
    if (toggle) toggle.title = hidden ? "Hidden: click to show" : "Shown: click to hide";
  });
  const all = counts.reduce((sum, m) => sum + m), many = (/** @type {number} */ m) => m.toLocaleString("en");
  const chart = sight.chart?.note, said = [], low = f && !chart ? sight.low(f) : 0;
  if (chart) said.push(chart + (store.kind.length < all ? `, of ${many(all)} in the data set` : ""));
  else if (points < all) {
    said.push(`${many(points)} of ${many(all)} items drawn; crowded parts are thinned, labels and candidates always drawn`);
  }
  if (low) said.push(`${count(low, "score")} below ${number(store.floor)} drawn at the bottom`);
  ui.thin.hidden = !f || !said.length;
  ui.thin.textContent = said.join("; ");
}
