// @ts-check
// The point under the pointer.
/** @import {Box} from "./scatter_data.js" */
import { RADIUS } from "./scatter_looks.js";

const NEAR = 8; // reach of the pointer, CSS px
const CELLS = 96; // along each axis

/** Points by cell. */
export class Grid {
  /** @param {Float32Array} x @param {Float32Array} y scaled @param {Box} box */
  constructor(x, y, box) {
    const n = x.length, cell = new Int32Array(n);
    this.x = x;
    this.y = y;
    this.box = box;
    this.start = new Int32Array(CELLS * CELLS + 1); // where each cell begins in items
    for (let i = 0; i < n; i++) this.start[(cell[i] = this.column(x[i]) + CELLS * this.row(y[i])) + 1]++;
    for (let c = 0; c < CELLS * CELLS; c++) this.start[c + 1] += this.start[c];
    const next = this.start.slice();
    this.items = new Int32Array(n);
    for (let i = 0; i < n; i++) this.items[next[cell[i]]++] = i;
  }
  /** @param {number} share from 0 to 1; NaN goes to cell 0 */
  cell(share) {
    return Math.min(CELLS - 1, Math.max(0, Math.floor(share * CELLS) || 0));
  }
  /** @param {number} x */
  column(x) {
    return this.cell((x - this.box.x0) / (this.box.x1 - this.box.x0));
  }
  /** @param {number} y */
  row(y) {
    return this.cell((y - this.box.y0) / (this.box.y1 - this.box.y0));
  }
  /** Point nearest to (x, y) in pixels, labelled ones before others; -1 when none is within reach.
   * @param {number} x @param {number} y @param {number} ux pixels per unit @param {number} uy pixels per unit
   * @param {Uint8Array} kind of each point @param {(i: number) => boolean} seen whether a point is shown */
  nearest(x, y, ux, uy, kind, seen) {
    const rx = NEAR / ux, ry = NEAR / uy, right = this.column(x + rx), top = this.row(y + ry);
    let best = -1, least = NEAR;
    for (let row = this.row(y - ry); row <= top; row++)
      for (let cell = this.column(x - rx) + CELLS * row; cell <= right + CELLS * row; cell++)
        for (let j = this.start[cell]; j < this.start[cell + 1]; j++) {
          const i = this.items[j], far = Math.hypot((this.x[i] - x) * ux, (this.y[i] - y) * uy);
          const d = far - (kind[i] ? RADIUS / 2 : 0);
          if (d < least && seen(i)) (least = d), (best = i);
        }
    return best;
  }
}
