// @ts-check
// One plot: WebGL2 points below, a 2D canvas with axes, rings and lines above.
/** @import {Box, Columns, Frame, Store} from "./scatter_data.js" */
/** @import {Layout} from "./scatter_axes.js" */
/** @import {Sight} from "./scatter_sight.js" */
/** @import {Paint} from "./scatter_paint.js" */
/** @import {Theme} from "./scatter_looks.js" */
import { Grid } from "./scatter_grid.js";
import { webgl } from "./scatter_gl.js";
import { axes, layout } from "./scatter_axes.js";
import { decision, plain, rings } from "./scatter_marks.js";
import { make, resize } from "./scatter_page.js";

export const TWEEN = 450; // ms of movement

/** What is drawn around the points. @typedef {{theme: Theme, family: string, height: number}} Surroundings */

export class Pane {
  round = NaN; // the one shown
  /** @type {{from: Frame, start: number} | null} */ tween = null;
  /** As last drawn. @type {Layout | null} */ place = null;
  /** As last drawn. @type {Box} */ box;
  /** @type {{spots: Columns, log: boolean, floor: number, grid: Grid} | null} */ cached = null;
  /** @type {any[]} */ drawn = []; // what the points on the canvas were drawn from
  /** @type {[number, number][]} */ path = []; // of the lasso being drawn, CSS px

  /** @param {Store} store @param {Sight} sight @param {Paint} paint
   * @param {() => void} again draws at the next moment */
  constructor(store, sight, paint, again) {
    this.store = store;
    this.sight = sight;
    this.paint = paint;
    this.again = again;
    this.box = sight.box;
    this.canvas = make("canvas", "gl");
    this.over = make("canvas", "over");
    this.plot = make("div", "plot", { tabIndex: 0 }, [this.canvas, this.over]);
    this.plot.setAttribute("role", "group");
    this.pen = this.over.getContext("2d");
    this.gpu = webgl(this.canvas, store);
    this.canvas.addEventListener("webglcontextlost", (/** @type {Event} */ e) => {
      e.preventDefault(); // or it would not be restored
      this.setGpu(null);
    });
    this.canvas.addEventListener("webglcontextrestored", () => this.setGpu(webgl(this.canvas, this.store)));
  }
  /** @param {ReturnType<typeof webgl>} gpu */
  setGpu(gpu) {
    this.gpu = gpu;
    this.tween = null;
    this.drawn = [];
    this.again();
  }
  get position() {
    return this.store.frames.findIndex((f) => f.round === this.round);
  }
  /** @returns {Frame | undefined} */
  get frame() {
    return this.store.frames[this.position];
  }
  /** Show the frame at a place in the row of frames. @param {number} p @param {boolean} move whether points travel */
  show(p, move) {
    const { frames } = this.store, from = this.frame, to = frames[Math.max(0, Math.min(p, frames.length - 1))];
    if (to) this.round = to.round;
    this.tween = move && from && to && from !== to && this.gpu ? { from, start: performance.now() } : null;
  }
  /** After a message: the round shown may be gone; then the one before it is. */
  settle() {
    const { frames } = this.store;
    if (this.tween && !frames.includes(this.tween.from)) this.tween = null;
    if (frames.length && !this.frame) this.show(frames.filter((f) => f.round <= this.round).length - 1, false);
  }
  get progress() {
    const t = this.tween ? Math.min(1, (performance.now() - this.tween.start) / TWEEN) : 1;
    return t * t * (3 - 2 * t);
  }
  /** Pixel of a position, on its way there at time t.
   * @param {number} i @param {number} t @returns {[number, number]} */
  pixel(i, t = 1) {
    const l = this.place, f = this.frame, { box, sight } = this;
    if (!l || !f) return [NaN, NaN];
    const to = sight.spots(f), from = this.tween && sight.spots(this.tween.from);
    let x = to.x[i], y = sight.scaled(to.y[i]);
    if (from && t < 1 && i < from.x.length) {
      const u = from.x[i], v = sight.scaled(from.y[i]);
      (x = u + (x - u) * t), (y = v + (y - v) * t);
    }
    x = l.left + ((x - box.x0) / (box.x1 - box.x0)) * l.width;
    return [x, l.top + l.height - ((y - box.y0) / (box.y1 - box.y0)) * l.height];
  }
  /** @param {Surroundings} around @returns {boolean} false where there is nothing to draw or no room */
  draw({ theme, family, height }) {
    const { plot, pen, canvas, over, sight, store } = this, f = this.frame, width = plot.clientWidth, { log } = sight;
    plot.style.height = `${height}px`;
    canvas.hidden = over.hidden = !f;
    if (!f || width < 40) return false;
    const dpr = window.devicePixelRatio || 1, t = this.progress, box = (this.box = sight.box);
    const l = (this.place = layout(pen, width, height, box, log, family));
    resize(over, width, height, dpr);
    for (const side of /** @type {const} */ (["left", "top", "width", "height"])) canvas.style[side] = `${l[side]}px`;
    pen.setTransform(dpr, 0, 0, dpr, 0, 0);
    pen.clearRect(0, 0, width, height);
    axes(pen, l, box, log, theme, sight.titles);
    pen.save();
    pen.beginPath();
    pen.rect(l.left, l.top, l.width, l.height);
    pen.clip();
    const pixel = (/** @type {number} */ i) => this.pixel(i, t);
    if (this.gpu) this.points(f, t, l, theme, dpr);
    else plain(pen, sight, this.paint, f, theme, l, pixel);
    const head = sight.head(f);
    if (head) decision(pen, head, l, box, log, theme);
    rings(pen, sight, f, theme, pixel);
    this.lasso(theme);
    pen.restore();
    if (t >= 1) this.tween = null;
    else this.again();
    return true;
  }
  /** The points, unless they are on the canvas already. @param {Frame} f @param {number} t @param {Layout} l
   * @param {Theme} theme @param {number} dpr */
  points(f, t, l, theme, dpr) {
    const { sight, store, paint, box } = this, { log, hidden, chosen } = sight, floor = store.floor;
    const b = sight.spots(f), a = this.tween ? sight.spots(this.tween.from) : b;
    const scene = { a, b, frame: f, t, box, log, floor, hidden, chosen, paint };
    const now = [a.x, b.x, f.labels, t, log, floor, chosen, store.kind, theme, dpr, l.width, l.height, paint.choice];
    now.push(...hidden, box.x0, box.x1, box.y0, box.y1, paint.values(f), ...Object.values(paint.ends));
    if (now.every((v, i) => Object.is(v, this.drawn[i]))) return;
    this.drawn = now;
    resize(this.canvas, l.width, l.height, dpr);
    this.gpu?.draw(scene, theme, dpr);
  }
  /** @param {Theme} theme */
  lasso(theme) {
    const { pen, path } = this;
    if (path.length < 2) return;
    pen.beginPath();
    for (const [x, y] of path) pen.lineTo(x, y);
    pen.closePath();
    pen.strokeStyle = theme.text;
    pen.lineWidth = 1.5;
    pen.setLineDash([4, 3]);
    pen.stroke();
    pen.setLineDash([]);
  }
  /** Where a pointer is on the plot, CSS px.
   * @param {{clientX: number, clientY: number}} e @returns {[number, number]} */
  at(e) {
    const r = this.plot.getBoundingClientRect();
    return [e.clientX - r.left, e.clientY - r.top];
  }
  /** Position of the point under the pointer, or -1. @param {PointerEvent} e */
  under(e) {
    const f = this.frame, l = this.place, [x, y] = this.at(e), { store, sight, box } = this, { log } = sight;
    if (!f || !l || this.tween || x < l.left || x > l.left + l.width || y < l.top || y > l.top + l.height) return -1;
    const spots = sight.spots(f), { floor } = store, held = this.cached;
    if (!held || held.spots !== spots || held.log !== log || held.floor !== floor) {
      const grid = new Grid(spots.x, spots.y.map((v) => sight.scaled(v)), sight.home);
      this.cached = { spots, log, floor, grid };
    }
    const ux = l.width / (box.x1 - box.x0), uy = l.height / (box.y1 - box.y0), seen = sight.seen.bind(sight);
    const u = box.x0 + (x - l.left) / ux, v = box.y0 + (l.top + l.height - y) / uy;
    return /** @type {{grid: Grid}} */ (this.cached).grid.nearest(u, v, ux, uy, store.kind, seen);
  }
  dispose() {
    this.gpu?.dispose();
    this.plot.remove();
  }
}
