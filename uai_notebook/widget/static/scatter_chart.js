// @ts-check
// A map of the rounds: points that the kernel placed by UMAP.
/** @import {Box, Columns, Frame} from "./scatter_data.js" */

/** Of one round: points of the items that are on the map. @typedef {{x: Float32Array, y: Float32Array}} Placed */

/** A map, by position of items in the display index. */
export class Chart {
  /** @type {WeakMap<Columns, Columns>} */ made = new WeakMap();
  /** @param {any} msg @param {Record<string, any>} arrays */
  constructor({ titles, note, rounds, still }, arrays) {
    this.titles = titles;
    this.note = note;
    this.still = still; // the same in all rounds
    /** @type {Int32Array} */ this.at = arrays.at_index;
    /** @type {number[]} */ this.rounds = rounds; // ascending
    /** @type {Map<number, Placed>} */
    this.placed = new Map(this.rounds.map((r) => [r, { x: arrays[`x${r}`], y: arrays[`y${r}`] }]));
    let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const { x, y } of this.placed.values())
      for (let i = 0; i < x.length; i++) {
        if (!Number.isFinite(x[i] + y[i])) continue;
        (x0 = Math.min(x0, x[i])), (x1 = Math.max(x1, x[i]));
        (y0 = Math.min(y0, y[i])), (y1 = Math.max(y1, y[i]));
      }
    const px = (x1 - x0 || 1) * 0.04, py = (y1 - y0 || 1) * 0.05;
    /** @type {Box} */ this.home = { x0: x0 - px, x1: x1 + px, y0: y0 - py, y1: y1 + py };
  }
  /** The round whose points stand for a round: itself, or the last one before it that was placed. @param {Frame} f */
  standsFor(f) {
    return this.still ? f.round : this.rounds.findLast((r) => r <= f.round) ?? this.rounds[0];
  }
  /** @param {Frame} f @returns {Columns} */
  spots(f) {
    const known = this.made.get(f.cols), n = f.cols.x.length;
    if (known) return known;
    const from = /** @type {Placed} */ (this.placed.get(this.still ? this.rounds[0] : this.standsFor(f)));
    const x = new Float32Array(n).fill(NaN), y = new Float32Array(n).fill(NaN);
    for (let j = 0; j < from.x.length && this.at[j] < n; j++) (x[this.at[j]] = from.x[j]), (y[this.at[j]] = from.y[j]);
    const made = { x, y, uai: f.cols.uai };
    this.made.set(f.cols, made);
    return made;
  }
}
