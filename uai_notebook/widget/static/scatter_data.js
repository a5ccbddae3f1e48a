// @ts-check
// What the kernel sent: rounds, labels and candidates, kept by the browser.

/** One round; x, y, uai include the extra items while it is the latest. `labels`: how many it was trained on.
 * `head`: weights of l and s and the bias, where l is the x axis.
 * @typedef {{round: number, labels: number, probability: boolean, head: number[] | null, base: Columns, cols: Columns}}
 *   Frame */
/** @typedef {{x: Float32Array, y: Float32Array, uai: Float32Array | null}} Columns */
/** Window in scale coordinates: y is log10 of the score on a log axis.
 * @typedef {{x0: number, x1: number, y0: number, y1: number}} Box */

/** Arrays by name. @param {string[]} names @param {DataView[]} buffers @returns {Record<string, any>} */
export function unpack(names, buffers) {
  /** @type {Record<string, any>} */ const out = {};
  names.forEach((name, i) => {
    const b = buffers[i]; // copied, since a view may start off a multiple of 4
    const raw = /** @type {ArrayBuffer} */ (b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength));
    if (name.endsWith("ids")) out[name] = new TextDecoder().decode(raw).split("\n");
    else if (name.endsWith("index")) out[name] = new Int32Array(raw);
    else out[name] = name === "label_value" ? new Int8Array(raw) : new Float32Array(raw);
  });
  return out;
}

/** One array after the other. @template {Float32Array | Int32Array} T @param {T} a @param {T} b @returns {T} */
export function join(a, b) {
  const out = /** @type {T} */ (new /** @type {any} */ (a.constructor)(a.length + b.length));
  out.set(a);
  out.set(b, a.length);
  return out;
}

const NOWHERE = { x0: Infinity, x1: -Infinity, y0: Infinity, y1: -Infinity, positive: Infinity };

export class Store {
  /** @type {Frame[]} oldest first */ frames = [];
  /** Item at each position of the latest frame; earlier frames hold a beginning of it. */
  index = new Int32Array(0);
  /** Items the latest frame lacks. @type {Columns & {index: Int32Array}} */
  extra = { index: new Int32Array(0), x: new Float32Array(0), y: new Float32Array(0), uai: null };
  /** @type {string[]} */ ids = [];
  /** @type {string[]} */ extraIds = [];
  labels = { index: new Int32Array(0), value: new Int8Array(0) };
  /** @type {{queue: number[], current: number | null}} */ candidates = { queue: [], current: null };
  xTitle = "latent l";
  total = 0; // items of the dataset: more than are drawn when it is large
  reach = { ...NOWHERE }; // of all rounds since the last reset: it only grows
  // By position, all made by mark():
  /** @type {Map<number, number>} item -> position */ place = new Map();
  /** What `place` was made from. */
  placed = { index: this.index, extra: this.extra.index };
  kind = new Uint8Array(0); // 0 unlabelled, else as in KINDS
  /** Kinds and orders of before the last label: a GPU may forget them. */ past = new WeakSet();
  order = new Float32Array(0); // how many trainable labels came before it; unsure: -1
  marked = new Uint32Array(0); // labelled positions
  counts = [0, 0, 0, 0]; // items of each kind in the dataset
  drawn = 0; // unlabelled items that have a position

  /** @param {any} msg @param {DataView[]} buffers @returns {boolean} false when something is missing: ask again */
  apply(msg, buffers) {
    const a = unpack(msg.arrays, buffers), f = msg.frame;
    if (f && f.start > this.index.length && !msg.reset) return false;
    if (msg.reset) {
      this.index = new Int32Array(0);
      this.ids = [];
    }
    this.total = msg.total;
    if (msg.x_title) this.xTitle = msg.x_title;
    if (a.index) {
      this.index = join(this.index.slice(0, f.start), a.index);
      this.ids = a.ids ? this.ids.slice(0, f.start).concat(a.ids) : [];
    }
    if (f) {
      const cols = { x: a.x, y: a.y, uai: a.uai ?? null };
      this.frames = this.frames.filter((g) => g.round !== f.round);
      const { round, labels, probability, head = null } = f;
      this.frames.push({ round, labels, probability, head, base: cols, cols });
      this.frames.sort((p, q) => p.round - q.round);
    }
    this.frames = this.frames.filter((g) => msg.rounds.includes(g.round));
    if (a.extra_index) {
      this.extra = { index: a.extra_index, x: a.extra_x, y: a.extra_y, uai: a.extra_uai ?? null };
      this.extraIds = a.extra_ids ?? [];
    } else if (msg.reset || f?.round === Math.max(...msg.rounds)) this.extra.index = new Int32Array(0);
    if (a.label_index) this.labels = { index: a.label_index, value: a.label_value };
    if (msg.candidates) this.candidates = msg.candidates;
    if (msg.reset) {
      this.reach = { ...NOWHERE }; // rounds that are gone no longer count
      for (const g of this.frames) this.grow(g.base);
    } else if (f) this.grow(this.frames.find((g) => g.round === f.round)?.base);
    if (a.extra_index) this.grow(this.extra);
    this.extend();
    this.mark();
    return true;
  }
  /** The latest frame carries the extra items at its end; the others do not. */
  extend() {
    for (const f of this.frames) f.cols = f.base;
    const { extra } = this, m = extra.index.length, latest = this.frames.at(-1);
    if (!latest || !m || latest.base.x.length !== this.index.length) return;
    const { x, y, uai } = latest.base, more = extra.uai ?? new Float32Array(m).fill(NaN);
    latest.cols = { x: join(x, extra.x), y: join(y, extra.y), uai: uai && join(uai, more) };
  }
  /** Kind of each position, and when it was labelled. */
  mark() {
    const { index, value } = this.labels, n = this.index.length + this.extra.index.length;
    if (this.placed.index !== this.index) {
      this.place = new Map();
      for (let i = 0; i < this.index.length; i++) this.place.set(this.index[i], i);
    } else for (const item of this.placed.extra) this.place.delete(item);
    this.extra.index.forEach((item, i) => this.place.set(item, this.index.length + i));
    this.placed = { index: this.index, extra: this.extra.index };
    this.past.add(this.kind).add(this.order);
    this.kind = new Uint8Array(n);
    this.order = new Float32Array(n);
    this.counts = [this.total - index.length, 0, 0, 0];
    const marked = [];
    let trained = 0;
    for (let j = 0; j < index.length; j++) {
      const kind = value[j] === 1 ? 2 : value[j] === 0 ? 1 : 3, i = this.place.get(index[j]);
      this.counts[kind]++;
      if (i !== undefined) {
        this.kind[i] = kind;
        this.order[i] = kind === 3 ? -1 : trained;
        marked.push(i);
      }
      if (kind !== 3) trained++;
    }
    this.marked = Uint32Array.from(marked);
    this.drawn = n - marked.length;
  }
  /** @param {Columns} [cols] */
  grow(cols) {
    const r = this.reach;
    if (!cols) return;
    for (let i = 0; i < cols.x.length; i++) {
      const u = cols.x[i], v = cols.y[i];
      if (!Number.isFinite(u) || !Number.isFinite(v)) continue;
      if (u < r.x0) r.x0 = u;
      if (u > r.x1) r.x1 = u;
      if (v < r.y0) r.y0 = v;
      if (v > r.y1) r.y1 = v;
      if (v > 0 && v < r.positive) r.positive = v;
    }
  }
  /** A log axis is offered while no score is negative. A score of zero (or under a millionth of the largest) is
   * drawn at the floor, the bottom of the axis; the tooltip tells the true one. */
  get logOffered() {
    return this.reach.y0 >= 0 && this.reach.y1 > 0;
  }
  get floor() {
    return Math.max(this.reach.positive, this.reach.y1 * 1e-6);
  }
  /** @param {boolean} log @returns {Box} everything, with a margin */
  home(log) {
    const r = this.reach, [a, b] = log ? [Math.log10(this.floor), Math.log10(r.y1)] : [r.y0, r.y1];
    if (!(r.x0 <= r.x1)) return { x0: 0, x1: 1, y0: 0, y1: 1 };
    const px = (r.x1 - r.x0 || 1) * 0.04, py = (b - a || 1) * 0.05;
    return { x0: r.x0 - px, x1: r.x1 + px, y0: a - py, y1: b + py };
  }
  /** Whether an item is a candidate. @param {number} i position */
  waits(i) {
    const { index } = this.item(i), { queue, current } = this.candidates;
    return index === current || queue.includes(index);
  }
  /** @param {number} i position @returns {{index: number, id: string | undefined}} */
  item(i) {
    const e = i - this.index.length;
    if (e < 0) return { index: this.index[i], id: this.ids[i] };
    return { index: this.extra.index[e], id: this.extraIds[e] };
  }
}
