// @ts-check
// What all panes show alike: the axes, the window on them, what is hidden and what lies under the pointer.
/** @import {Box, Columns, Frame, Store} from "./scatter_data.js" */
/** @import {Chart} from "./scatter_chart.js" */

export class Sight {
  log = true;
  logWanted = true;
  /** @type {Box | null} */ zoom = null; // null: everything
  /** @type {Chart | null} */ chart = null; // a map in place of latent and score
  hidden = [false, false, false, false]; // by kind
  chosen = new Uint32Array(0); // positions that the lasso took
  lit = -1; // item under the pointer, in whichever pane
  /** @type {{y: Float32Array, floor: number, count: number} | null} */ counted = null; // by low()
  /** @param {Store} store */
  constructor(store) {
    this.store = store;
  }
  /** Everything. @returns {Box} */
  get home() {
    return this.chart?.home ?? this.store.home(this.log);
  }
  /** The window. @returns {Box} */
  get box() {
    return this.zoom ?? this.home;
  }
  get logOffered() {
    return !this.chart && this.store.logOffered;
  }
  get titles() {
    return this.chart?.titles ?? [this.store.xTitle, `anomaly score s${this.log ? " (log)" : ""}`];
  }
  /** Coordinates of a round. @param {Frame} f @returns {Columns} */
  spots(f) {
    return this.chart?.spots(f) ?? f.cols;
  }
  /** Weights of the decision line in these axes, or null. @param {Frame} f */
  head(f) {
    return this.chart ? null : f.head;
  }
  /** Scale coordinate. @param {number} y */
  scaled(y) {
    return this.log ? Math.log10(Math.max(y, this.store.floor)) : y;
  }
  /** How many scores of a round lie below the log axis, and are drawn at its bottom. @param {Frame} f */
  low(f) {
    const { y } = f.cols, { floor } = this.store, held = this.counted;
    if (!this.log) return 0;
    if (held && held.y === y && held.floor === floor) return held.count;
    let count = 0;
    for (let i = 0; i < y.length; i++) if (y[i] < floor) count++;
    this.counted = { y, floor, count };
    return count;
  }
  /** Whether a point is drawn; candidates always are. @param {number} i position */
  seen(i) {
    return !this.hidden[this.store.kind[i]] || this.store.waits(i);
  }
  /** The log axis goes when scores are negative; the window stays over the same points. */
  settle() {
    const was = this.log, { zoom } = this, log = (this.log = this.logWanted && this.logOffered);
    if (was === log || !zoom) return;
    const [y0, y1] = [zoom.y0, zoom.y1].map((y) => (log ? this.scaled(y) : 10 ** y));
    this.zoom = Number.isFinite(y1) && y1 > y0 ? { ...zoom, y0, y1 } : null;
  }
  /** @param {number} factor
   * @param {number} [fx] place that stays, 0 to 1 from the left @param {number} [fy] from below */
  zoomBy(factor, fx = 0.5, fy = 0.5) {
    const b = this.box, w = b.x1 - b.x0, h = b.y1 - b.y0, most = this.home.x1 - this.home.x0;
    if (w * factor > most * 4 || w * factor < most / 5000) return;
    const x0 = b.x0 + fx * w * (1 - factor), y0 = b.y0 + fy * h * (1 - factor);
    this.zoom = { x0, x1: x0 + w * factor, y0, y1: y0 + h * factor };
  }
  /** @param {number} dx share of the width @param {number} dy share of the height @param {Box} [b] */
  pan(dx, dy, b = this.box) {
    const u = dx * (b.x1 - b.x0), v = dy * (b.y1 - b.y0);
    this.zoom = { x0: b.x0 + u, x1: b.x1 + u, y0: b.y0 + v, y1: b.y1 + v };
  }
}
