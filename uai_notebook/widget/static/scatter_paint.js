// @ts-check
// Colours of points: by label, by a value on a ramp, or by category. Their shapes always tell the label.
/** @import {Frame, Store} from "./scatter_data.js" */
/** @import {Theme} from "./scatter_looks.js" */

/** cividis at equal steps from low to high, without the end that the ground swallows; high stands out from it. */
const ON_DARK = [ // from 0.25 to 1
  [67, 78, 108], [90, 95, 110], [111, 112, 115], [132, 130, 121], [155, 148, 118], [180, 167, 111], [205, 187, 99],
  [231, 209, 80], [254, 232, 56],
];
const ON_LIGHT = [ // from 0.85 to 0
  [214, 195, 93], [186, 172, 109], [158, 150, 118], [132, 130, 121], [108, 109, 114], [84, 90, 109], [57, 72, 108],
  [15, 53, 112], [0, 34, 78],
];
/** Okabe-Ito; the eighth is the colour of text. */
const CATEGORIES = [
  [213, 94, 0], [0, 114, 178], [0, 158, 115], [204, 121, 167], [230, 159, 0], [86, 180, 233], [240, 228, 66],
];
const SAMPLED = 20_000; // values that the ends of a ramp are found from

/** What Python sends with the values of a choice; `low` to `high` is where colours change.
 * @typedef {{key: string, name: string, categories?: string[], low?: number, high?: number, least?: number,
 *   most?: number}} Choice */

/** Colours of the eight categories. @param {Theme} theme */
export const palette = (theme) => [...CATEGORIES, theme.ink];

/** The ramp from low to high. @param {Theme} theme */
export const rampOf = (theme) => (theme.dark ? ON_DARK : ON_LIGHT);

export class Paint {
  mode = 0; // 0: label, 1: ramp, 2: categories
  log = false;
  /** @type {Choice} */ choice = { key: "label", name: "" };
  /** @type {Float32Array | null} */ byItem = null;
  /** @type {{kind: Uint8Array, values: Float32Array} | null} */ held = null; // byItem by position
  none = new Float32Array(0);
  /** @param {Store} store */
  constructor(store) {
    this.store = store;
  }
  /** @param {Choice} choice
   * @param {Float32Array | null} byItem values of all items, unless they come with the rounds */
  use(choice, byItem) {
    this.choice = { ...choice };
    this.byItem = byItem;
    this.held = null;
    this.mode = choice.key === "label" ? 0 : choice.categories ? 2 : 1;
    this.settle();
  }
  /** Ends of the ramp for what comes with the rounds: 2nd to 98th percentile of all rounds, so that it stays. */
  settle() {
    const { choice, store } = this, probability = store.frames.at(-1)?.probability;
    this.log = choice.key === "score" && store.logOffered;
    if (choice.key === "uai" && probability) return void Object.assign(choice, { low: 0, high: 1, least: 0, most: 1 });
    if (choice.key !== "score" && choice.key !== "uai") return;
    const found = [], every = Math.ceil(store.frames.reduce((sum, f) => sum + f.cols.y.length, 1) / SAMPLED);
    for (const f of store.frames) {
      const values = this.ofRounds(f);
      for (let i = 0; values && i < values.length; i += every) if (Number.isFinite(values[i])) found.push(values[i]);
    }
    const sorted = Float32Array.from(found).sort(), at = (/** @type {number} */ share) =>
      sorted[Math.round(share * (sorted.length - 1))] ?? NaN;
    const low = Math.max(at(0.02), this.log ? store.floor : -Infinity);
    Object.assign(choice, { low, high: at(0.98), least: at(0), most: at(1) });
  }
  /** @param {Frame} f */
  ofRounds(f) {
    return this.choice.key === "score" ? f.cols.y : f.cols.uai;
  }
  /** Values by position in a round. @param {Frame} f @returns {Float32Array} */
  values(f) {
    const { byItem, store } = this, n = f.cols.x.length;
    if (!this.mode || !byItem) return this.mode && this.ofRounds(f) || this.unknown(n);
    if (this.held?.kind !== store.kind) {
      const values = Float32Array.from(store.kind, (_, i) => byItem[store.item(i).index]);
      this.held = { kind: store.kind, values };
    }
    return this.held.values;
  }
  /** NaN for every position. @param {number} n */
  unknown(n) {
    if (this.none.length < n) this.none = new Float32Array(n).fill(NaN);
    return this.none;
  }
  /** Numbers for the shader: value to share of the ramp. @returns {{low: number, high: number}} */
  get ends() {
    const { low = 0, high = 1 } = this.choice, scaled = (/** @type {number} */ v) => (this.log ? Math.log10(v) : v);
    const [from, to] = [scaled(low), scaled(high)];
    return to > from ? { low: from, high: to } : { low: from - 1, high: from + 1 }; // all alike: the middle
  }
  /** CSS colour of a value, or null without one. @param {number} value @param {Theme} theme */
  css(value, theme) {
    if (!Number.isFinite(value)) return null;
    if (this.mode === 2) return `rgb(${palette(theme)[value]})`;
    const { low, high } = this.ends, ramp = rampOf(theme), v = this.log ? Math.log10(Math.max(value, 1e-38)) : value;
    return `rgb(${ramp[Math.round(Math.max(0, Math.min(1, (v - low) / (high - low))) * (ramp.length - 1))]})`;
  }
}
