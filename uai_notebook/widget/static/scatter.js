// @ts-check
// Latent against score: WebGL2 points below, a 2D canvas with axes, rings and ticks above. No build, no library.

/** One round; x, y, uai include the extra items while it is the latest. `labels`: how many it was trained on.
 * @typedef {{round: number, labels: number, probability: boolean, base: Columns, cols: Columns}} Frame */
/** @typedef {{x: Float32Array, y: Float32Array, uai: Float32Array | null}} Columns */
/** Window in scale coordinates: y is log10 of the score on a log axis.
 * @typedef {{x0: number, x1: number, y0: number, y1: number}} Box */
/** @typedef {{a: Frame, b: Frame, t: number, box: Box, log: boolean, floor: number}} Scene */
/** @typedef {{text: string, line: string, back: number[], dot: number[]}} Theme */

const KINDS = ["Unlabeled", "Normal", "Anomaly", "Unsure"];
const COLORS = [null, [0, 114, 178], [213, 94, 0], [118, 118, 118]]; // Okabe-Ito; the unlabelled dot depends on the theme
const TWEEN = 450, REST = 300, STEP = 750; // ms: movement, pause after it, and one step without movement
const NEAR = 8, RADIUS = 4.5; // CSS px: reach of the pointer, size of a labelled point
const NO_MODEL = "No model yet: the scatter appears after the first training.";
const NO_WEBGL = "Simple drawing without movement: this browser gives no WebGL2, or took it back.";

// ---- pure helpers ---------------------------------------------------------------------------------------

/** @param {DataView} b @returns {ArrayBuffer} a copy, since a view may start off a multiple of 4 */
const bytes = (b) => /** @type {ArrayBuffer} */ (b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength));

/** @param {string[]} names @param {DataView[]} buffers @returns {Record<string, any>} arrays by name */
function unpack(names, buffers) {
  /** @type {Record<string, any>} */
  const out = {};
  names.forEach((name, i) => {
    const raw = bytes(buffers[i]);
    if (name.endsWith("ids")) out[name] = new TextDecoder().decode(raw).split("\n");
    else if (name.endsWith("index")) out[name] = new Int32Array(raw);
    else out[name] = name === "label_value" ? new Int8Array(raw) : new Float32Array(raw);
  });
  return out;
}

/** @template {Float32Array | Int32Array} T @param {T} a @param {T} b @returns {T} */
function join(a, b) {
  const out = /** @type {T} */ (new /** @type {any} */ (a.constructor)(a.length + b.length));
  out.set(a);
  out.set(b, a.length);
  return out;
}

/** Round steps (1, 2, 5 times a power of ten) inside [lo, hi]. @param {number} lo @param {number} hi @param {number} n */
function niceTicks(lo, hi, n) {
  const raw = (hi - lo) / Math.max(1, n), power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5].find((m) => m * power >= raw * 0.999) ?? 10);
  const ticks = [];
  for (let i = Math.ceil(lo / step - 1e-9); i * step <= hi + step * 1e-9 && ticks.length < 50; i++) ticks.push(i * step);
  return ticks;
}

/** Scores for ticks of a log axis: decades, with 2 and 5 between few of them. @param {number} lo @param {number} hi log10 @param {number} n */
function logTicks(lo, hi, n) {
  if (hi - lo < 0.7) return niceTicks(10 ** lo, 10 ** hi, n).filter((v) => v > 0);
  const every = Math.max(1, Math.ceil((hi - lo) / n)), ticks = [];
  for (let d = Math.floor(lo); d <= hi; d++) {
    if (d % every) continue;
    for (const m of (hi - lo) * 3 <= n + 1 ? [1, 2, 5] : [1]) ticks.push(m * 10 ** d);
  }
  return ticks.filter((v) => Math.log10(v) >= lo && Math.log10(v) <= hi);
}

/** @param {number} v @returns {string} short number; powers of ten for the very large and small */
function number(v) {
  if (!Number.isFinite(v)) return "not a number";
  const a = Math.abs(v);
  if (a < 1e-12) return "0";
  if (a >= 1e-3 && a < 1e5) return String(+v.toPrecision(4)).replace("-", "−");
  const [m, e] = v.toExponential(2).split("e");
  const up = [...String(+e)].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[+c])).join("");
  return (+m === 1 ? "10" : `${+m}·10`.replace("-", "−")) + up;
}

/** @param {number} n @param {string} word */
const count = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

/** Points by cell, for the nearest one to the pointer. */
class Grid {
  /** @param {Float32Array} x @param {Float32Array} y scaled @param {Box} box */
  constructor(x, y, box) {
    const n = x.length, g = (this.g = 96), cell = new Int32Array(n);
    (this.box = box), (this.px = x), (this.py = y);
    this.kx = g / (box.x1 - box.x0);
    this.ky = g / (box.y1 - box.y0);
    this.start = new Int32Array(g * g + 1); // where each cell begins in items
    for (let i = 0; i < n; i++) this.start[(cell[i] = this.cell(x[i], this.kx, box.x0) + g * this.cell(y[i], this.ky, box.y0)) + 1]++;
    for (let c = 0; c < g * g; c++) this.start[c + 1] += this.start[c];
    const next = this.start.slice();
    this.items = new Int32Array(n);
    for (let i = 0; i < n; i++) this.items[next[cell[i]]++] = i;
  }
  /** @param {number} v @param {number} k @param {number} v0 @returns {number} cell along one axis; NaN goes to 0 */
  cell(v, k, v0) {
    return Math.min(this.g - 1, Math.max(0, Math.floor((v - v0) * k) || 0));
  }
  /** Item nearest to (x, y) in pixels, labelled ones before others; -1 when none is within reach.
   * @param {number} x @param {number} y @param {number} ux pixels per unit @param {number} uy @param {Uint8Array} kind */
  nearest(x, y, ux, uy, kind) {
    const { box, g, kx, ky } = this, rx = NEAR / ux, ry = NEAR / uy;
    let best = -1, least = NEAR;
    for (let cy = this.cell(y - ry, ky, box.y0); cy <= this.cell(y + ry, ky, box.y0); cy++)
      for (let cx = this.cell(x - rx, kx, box.x0); cx <= this.cell(x + rx, kx, box.x0); cx++)
        for (let j = this.start[cx + g * cy]; j < this.start[cx + g * cy + 1]; j++) {
          const i = this.items[j];
          const d = Math.hypot((this.px[i] - x) * ux, (this.py[i] - y) * uy) - (kind[i] ? RADIUS / 2 : 0);
          if (d < least) (least = d), (best = i);
        }
    return best;
  }
}

// ---- what the kernel sent -------------------------------------------------------------------------------

class Store {
  constructor() {
    /** @type {Frame[]} */ this.frames = []; // oldest first
    this.index = new Int32Array(0); // item at each position of the latest frame; earlier frames hold a beginning of it
    this.extra = { index: new Int32Array(0), x: new Float32Array(0), y: new Float32Array(0), uai: /** @type {any} */ (null) };
    /** @type {string[]} */ this.ids = [];
    /** @type {string[]} */ this.extraIds = [];
    /** @type {Map<number, number>} */ this.place = new Map(); // item -> position
    this.labels = { index: new Int32Array(0), value: new Int8Array(0) };
    /** @type {{queue: number[], current: number | null}} */ this.candidates = { queue: [], current: null };
    this.xTitle = "latent l";
    this.total = 0; // items of the dataset: more than are drawn when it is large
    this.reach = { x0: Infinity, x1: -Infinity, y0: Infinity, y1: -Infinity, positive: Infinity }; // of all rounds: it only grows
    this.mark();
  }
  /** @param {any} msg @param {DataView[]} buffers @returns {boolean} false when something is missing: ask again */
  apply(msg, buffers) {
    const a = unpack(msg.arrays, buffers), f = msg.frame;
    if (f && f.start > this.index.length && !msg.reset) return false;
    if (msg.reset) (this.index = new Int32Array(0)), (this.ids = []), (this.extra.index = new Int32Array(0));
    this.total = msg.total;
    if (msg.x_title) this.xTitle = msg.x_title;
    if (a.index) {
      this.index = join(this.index.slice(0, f.start), a.index);
      this.ids = a.ids ? this.ids.slice(0, f.start).concat(a.ids) : [];
    }
    if (f) {
      const cols = { x: a.x, y: a.y, uai: a.uai ?? null };
      this.frames = this.frames.filter((g) => g.round !== f.round);
      this.frames.push({ round: f.round, labels: f.labels, probability: f.probability, base: cols, cols });
      this.frames.sort((p, q) => p.round - q.round);
      this.grow(cols);
    }
    this.frames = this.frames.filter((g) => msg.rounds.includes(g.round));
    if (a.extra_index) {
      this.extra = { index: a.extra_index, x: a.extra_x, y: a.extra_y, uai: a.extra_uai ?? null };
      this.extraIds = a.extra_ids ?? [];
      this.grow(this.extra);
    } else if (f) this.extra.index = new Int32Array(0);
    if (a.label_index) this.labels = { index: a.label_index, value: a.label_value };
    if (msg.candidates) this.candidates = msg.candidates;
    this.extend();
    this.mark();
    return true;
  }
  /** The latest frame carries the extra items at its end; the others do not. */
  extend() {
    const e = this.extra, latest = this.frames.at(-1);
    for (const f of this.frames) {
      const more = f === latest && e.index.length > 0 && f.base.x.length === this.index.length;
      const uai = f.base.uai && join(f.base.uai, e.uai ?? new Float32Array(e.index.length).fill(NaN));
      if (more) f.cols = { x: join(f.base.x, e.x), y: join(f.base.y, e.y), uai };
      else f.cols = f.base;
    }
  }
  /** Kind of each position, and when it was labelled. */
  mark() {
    const all = join(this.index, this.extra.index);
    this.place = new Map();
    for (let i = 0; i < all.length; i++) this.place.set(all[i], i);
    this.kind = new Uint8Array(all.length); // 0 unlabelled, else as in KINDS
    this.order = new Float32Array(all.length); // how many trainable labels came before it
    this.counts = [0, 0, 0, 0];
    let trained = 0, drawn = all.length; // drawn: unlabelled ones only
    const marked = [];
    for (let j = 0; j < this.labels.index.length; j++) {
      const i = this.place.get(this.labels.index[j]), value = this.labels.value[j];
      const kind = value === 1 ? 2 : value === 0 ? 1 : 3;
      this.counts[kind]++;
      if (i !== undefined) (this.kind[i] = kind), (this.order[i] = kind === 3 ? -1 : trained), marked.push(i), drawn--;
      if (kind !== 3) trained++;
    }
    this.marked = Uint32Array.from(marked);
    this.drawn = drawn;
    this.counts[0] = this.total - this.labels.index.length;
  }
  /** @param {{x: Float32Array, y: Float32Array}} cols */
  grow({ x, y }) {
    const r = this.reach;
    for (let i = 0; i < x.length; i++) {
      const u = x[i], v = y[i];
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
  /** @param {number} i position */
  item(i) {
    const m = this.index.length, e = i - m;
    return i < m ? { index: this.index[i], id: this.ids[i] } : { index: this.extra.index[e], id: this.extraIds[e] };
  }
}

// ---- drawing --------------------------------------------------------------------------------------------

// Two programs from one text: DOTS draws the many unlabelled items cheaply, the other the shapes of the labelled.
const VERTEX = `
in float ax, ay, bx, by, kind, order;
uniform vec4 box; uniform float t, bottom, known, dpr, dotSize; uniform bool logy;
flat out int vKind; flat out float vHalf; flat out float vHollow;
float scaled(float y) { return logy ? log(max(y, bottom)) * 0.4342944819 : y; }
void main() {
  vec2 b = vec2(bx, scaled(by)), p = t < 1.0 ? mix(vec2(ax, scaled(ay)), b, t) : b;
  bool shown = !(any(isnan(p)) || any(isinf(p)));
  #ifdef DOTS
  shown = shown && kind < 0.5;
  gl_PointSize = (dotSize + 0.6) * dpr;
  #else
  gl_PointSize = ${(RADIUS * 2 + 6).toFixed(1)} * dpr;
  #endif
  gl_Position = shown ? vec4((p - box.xy) / (box.zw - box.xy) * 2.0 - 1.0, 0.0, 1.0) : vec4(9.0, 9.0, 9.0, 1.0); // 9: cut away
  vKind = int(kind + 0.5); vHalf = gl_PointSize / dpr; vHollow = order >= known ? 1.0 : 0.0;
}`;
const FRAGMENT = `
precision highp float;
flat in int vKind; flat in float vHalf; flat in float vHollow;
uniform float dpr, dotSize, alpha; uniform vec3 dotColor, back;
out vec4 color;
const vec3 colors[3] = vec3[3](${COLORS.slice(1).map((c) => `vec3(${/** @type {number[]} */ (c).map((v) => (v / 255).toFixed(4))})`)});
void main() {
  vec2 p = (gl_PointCoord - 0.5) * vHalf; // CSS px from the middle
  #ifdef DOTS
  color = vec4(dotColor, 1.0) * (alpha * clamp((dotSize * 0.5 - length(p)) * dpr + 0.5, 0.0, 1.0));
  #else
  vec2 q = abs(p), r = abs(vec2(p.x + p.y, p.x - p.y)) * 0.70711;
  float R = ${RADIUS.toFixed(1)}, soft = 0.5 / dpr, d;
  if (vKind == 1) d = length(p) - R;
  else if (vKind == 2) d = (q.x + q.y) * 0.70711 - R * 0.95;
  else d = min(max(r.x - 1.1, r.y - R * 1.1), max(r.y - 1.1, r.x - R * 1.1));
  float halo = 1.0 - smoothstep(1.0 - soft, 1.0 + soft, d); // a line of background sets it off from the dots
  float ink = 1.0 - smoothstep(-soft, soft, vHollow > 0.5 && vKind < 3 ? abs(d + 0.9) - 0.9 : d);
  color = vec4(mix(back, colors[vKind - 1], ink), 1.0) * max(halo, ink);
  #endif
}`;
const ATTRIBUTES = ["ax", "ay", "bx", "by", "kind", "order"];

/** @param {WebGL2RenderingContext} gl @param {string} define @returns {WebGLProgram | null} */
function link(gl, define) {
  const program = gl.createProgram();
  for (const [type, text] of /** @type {[number, string][]} */ ([[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(type));
    gl.shaderSource(shader, `#version 300 es\n${define}${text}`);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  ATTRIBUTES.forEach((name, i) => gl.bindAttribLocation(program, i, name));
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}

/** WebGL2 drawing on `canvas`, or null where there is none. @param {HTMLCanvasElement} canvas @param {Store} store */
function webgl(canvas, store) {
  const gl = canvas.getContext("webgl2", { antialias: false, preserveDrawingBuffer: true });
  if (!gl || gl.isContextLost()) return null;
  const [small, shapes] = [link(gl, "#define DOTS\n"), link(gl, "")];
  if (!small || !shapes) return null;
  const [kinds, orders, marked] = [gl.createBuffer(), gl.createBuffer(), gl.createBuffer()];
  /** @type {Map<Columns, WebGLBuffer>} */ const held = new Map();
  /** @type {unknown} */ let labels = null;

  /** @param {Frame} f */
  function upload(f) {
    let buffer = held.get(f.cols);
    if (!buffer) {
      held.set(f.cols, (buffer = gl.createBuffer()));
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ARRAY_BUFFER, join(f.cols.x, f.cols.y), gl.STATIC_DRAW);
    }
    return buffer;
  }
  /** @param {string} name @param {WebGLBuffer} buffer @param {number} type @param {number} offset */
  function attribute(name, buffer, type, offset) {
    const location = ATTRIBUTES.indexOf(name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, 1, type, false, 0, offset);
  }
  return {
    /** @param {Scene} s @param {Theme} theme @param {number} dpr */
    draw({ a, b, t, box, log, floor }, theme, dpr) {
      const used = new Set(store.frames.map((f) => f.cols)), n = Math.min(a.cols.x.length, b.cols.x.length);
      for (const [cols, buffer] of held) if (!used.has(cols)) gl.deleteBuffer(buffer), held.delete(cols);
      if (labels !== store.kind) {
        labels = store.kind;
        for (const [buffer, data] of /** @type {[WebGLBuffer, any][]} */ ([[kinds, store.kind], [orders, store.order]])) {
          gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
          gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
        }
      }
      for (const [x, y, f] of /** @type {[string, string, Frame][]} */ ([["ax", "ay", a], ["bx", "by", b]])) {
        attribute(x, upload(f), gl.FLOAT, 0);
        attribute(y, upload(f), gl.FLOAT, 4 * f.cols.x.length);
      }
      attribute("kind", kinds, gl.UNSIGNED_BYTE, 0);
      attribute("order", orders, gl.FLOAT, 0);
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.enable(gl.BLEND);
      gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      const numbers = { t, bottom: floor, known: b.labels, dpr, ...dots(n, (canvas.width * canvas.height) / dpr / dpr) };
      for (const program of [small, shapes]) {
        const at = (/** @type {string} */ name) => gl.getUniformLocation(program, name);
        gl.useProgram(program);
        gl.uniform4f(at("box"), box.x0, box.y0, box.x1, box.y1);
        for (const [name, v] of Object.entries(numbers)) gl.uniform1f(at(name), v);
        gl.uniform1i(at("logy"), +log);
        gl.uniform3fv(at("dotColor"), theme.dot.map((v) => v / 255));
        gl.uniform3fv(at("back"), theme.back.map((v) => v / 255));
        if (program === small) gl.drawArrays(gl.POINTS, 0, n);
      }
      const top = store.marked.filter((i) => i < n); // labelled last, so on top
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, marked);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, top, gl.DYNAMIC_DRAW);
      gl.drawElements(gl.POINTS, top.length, gl.UNSIGNED_INT, 0);
    },
    dispose: () => gl.getExtension("WEBGL_lose_context")?.loseContext(), // a page may hold few contexts only
  };
}

/** Dots shrink and thin out where they are crowded. @param {number} n @param {number} area CSS px @returns {{dotSize: number, alpha: number}} */
function dots(n, area) {
  const room = Math.sqrt((0.12 * area) / Math.max(1, n));
  return { dotSize: Math.max(2, Math.min(3.6, room)), alpha: Math.max(0.65, Math.min(0.95, room / 2.5)) };
}

/** Path of a labelled point. @param {CanvasRenderingContext2D} c @param {number} kind @param {number} x @param {number} y */
function mark(c, kind, x, y) {
  const r = RADIUS, s = r * 0.8;
  c.beginPath();
  if (kind === 1) c.arc(x, y, r, 0, 7);
  else if (kind === 2) for (const [dx, dy] of [[0, -1], [1, 0], [0, 1], [-1, 0], [0, -1]]) c.lineTo(x + dx * r * 1.35, y + dy * r * 1.35);
  else c.moveTo(x - s, y - s), c.lineTo(x + s, y + s), c.moveTo(x - s, y + s), c.lineTo(x + s, y - s);
}

/** The same points without WebGL. @param {CanvasRenderingContext2D} c @param {Store} store @param {Frame} f @param {Theme} theme @param {Layout} l @param {(i: number) => [number, number]} to */
function plain(c, store, f, theme, l, to) {
  const n = f.cols.x.length, { dotSize: size, alpha } = dots(n, l.width * l.height);
  c.globalAlpha = alpha;
  c.fillStyle = `rgb(${theme.dot})`;
  for (let i = 0; i < n; i++) {
    if (store.kind[i]) continue;
    const [x, y] = to(i);
    c.fillRect(x - size / 2, y - size / 2, size, size);
  }
  c.globalAlpha = 1;
  c.lineWidth = 2;
  for (const i of store.marked) {
    if (i >= n) continue;
    mark(c, store.kind[i], ...to(i));
    c.strokeStyle = c.fillStyle = `rgb(${COLORS[store.kind[i]]})`;
    c.stroke();
    if (store.kind[i] < 3 && store.order[i] < f.labels) c.fill();
  }
}

/** Axes, titles and rings on the upper canvas.
 * @param {CanvasRenderingContext2D} c @param {Layout} l @param {Box} box @param {boolean} log @param {Theme} theme @param {string} xTitle */
function axes(c, l, box, log, theme, xTitle) {
  const { left, top, width, height } = l, right = left + width, bottom = top + height;
  const X = (/** @type {number} */ v) => left + ((v - box.x0) / (box.x1 - box.x0)) * width;
  const Y = (/** @type {number} */ v) => bottom - (((log ? Math.log10(v) : v) - box.y0) / (box.y1 - box.y0)) * height;
  c.font = l.font;
  c.lineWidth = 1;
  c.fillStyle = theme.text;
  c.strokeStyle = theme.line;
  c.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1);
  c.beginPath();
  c.textAlign = "center";
  c.textBaseline = "top";
  for (const v of l.xTicks) {
    const x = Math.round(X(v)) + 0.5, half = c.measureText(number(v)).width / 2;
    c.moveTo(x, bottom);
    c.lineTo(x, bottom + 4);
    c.fillText(number(v), Math.min(Math.max(x, half), l.fullWidth - half), bottom + 6);
  }
  c.textAlign = "right";
  c.textBaseline = "middle";
  for (const v of l.yTicks) {
    const y = Math.round(Y(v)) + 0.5;
    c.moveTo(left - 4, y);
    c.lineTo(left, y);
    c.fillText(number(v), left - 6, Math.max(y, 6));
  }
  if (log && box.y1 - box.y0 < 8)
    for (let d = Math.floor(box.y0); d <= box.y1; d++)
      for (let m = 2; m < 10; m++) {
        const y = Math.round(Y(m * 10 ** d)) + 0.5;
        if (y > top && y < bottom) c.moveTo(left - 2, y), c.lineTo(left, y);
      }
  c.stroke();
  c.textAlign = "center";
  c.textBaseline = "bottom";
  const title = fit(c, xTitle, l.fullWidth - 8), half = c.measureText(title).width / 2;
  c.fillText(title, Math.min(left + width / 2, l.fullWidth - half - 4), l.fullHeight - 2);
  c.save();
  c.translate(2, top + height / 2);
  c.rotate(-Math.PI / 2);
  c.textBaseline = "top";
  c.fillText(fit(c, `anomaly score s${log ? " (log)" : ""}`, height), 0, 0);
  c.restore();
}

/** Text cut to a width. @param {CanvasRenderingContext2D} c @param {string} text @param {number} width */
function fit(c, text, width) {
  if (c.measureText(text).width <= width) return text;
  const short = text.split(" (")[0]; // a title's remark goes first
  for (let n = short.length; n > 0; n--) {
    const t = n < short.length ? short.slice(0, n) + "…" : short;
    if (c.measureText(t).width <= width) return t;
  }
  return "";
}

/** Where the plot area lies, and its ticks.
 * @typedef {{left: number, top: number, width: number, height: number, fullWidth: number, fullHeight: number, font: string, xTicks: number[], yTicks: number[]}} Layout */
/** @param {CanvasRenderingContext2D} c @param {number} fullWidth @param {number} fullHeight @param {Box} box @param {boolean} log @param {string} family @returns {Layout} */
function layout(c, fullWidth, fullHeight, box, log, family) {
  const font = `12px ${family}`, top = 6, height = Math.max(20, fullHeight - top - 42);
  const yTicks = (log ? logTicks : niceTicks)(box.y0, box.y1, Math.max(2, height / 45));
  c.font = font;
  const widest = Math.max(16, ...yTicks.map((v) => c.measureText(number(v)).width));
  const left = Math.ceil((widest + 26) / 8) * 8, width = Math.max(20, fullWidth - left - 8); // in steps of 8: steady while zooming
  return { left, top, width, height, fullWidth, fullHeight, font, yTicks, xTicks: niceTicks(box.x0, box.x1, Math.max(2, width / 75)) };
}

/** Colours of the theme around `root`. @param {HTMLElement} root @returns {Theme} */
function readTheme(root) {
  const style = getComputedStyle(root), v = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  const unit = style.backgroundColor.startsWith("color(") ? 255 : 1;
  const back = (style.backgroundColor.match(/-?[\d.]+(?:e-?\d+)?/g) ?? ["255", "255", "255"]).slice(0, 3).map((s) => +s * unit);
  const dark = back[0] * 0.3 + back[1] * 0.59 + back[2] * 0.11 < 128;
  return { text: style.color, line: v("--uai-line"), back, dot: dark ? [154, 154, 154] : [140, 140, 140] };
}

// ---- the page -------------------------------------------------------------------------------------------

/** @param {string} tag @param {string} name @param {Record<string, any>} [props] @param {(Node | string)[]} [children] @returns {any} */
function make(tag, name, props = {}, children = []) {
  const node = Object.assign(document.createElement(tag), props);
  node.className = `uai-scatter-${name}`;
  node.append(...children);
  return node;
}

/** Legend entry: a shape and words. @param {string} shape SVG markup of ours @param {string} words */
function entry(shape, words) {
  const li = document.createElement("li"), text = make("span", "words", { textContent: words });
  li.innerHTML = `<svg viewBox="-8 -8 16 16" aria-hidden="true">${shape}</svg>`; // constant, never data
  li.append(text);
  return { li, text };
}
const rgb = (/** @type {number} */ kind) => `rgb(${COLORS[kind]})`;
const SHAPES = [
  `<circle class="uai-scatter-dot" r="2"/>`,
  `<circle r="4.5" fill="${rgb(1)}"/>`,
  `<path d="M0-6 6 0 0 6-6 0z" fill="${rgb(2)}"/>`,
  `<path d="M-4-4 4 4M-4 4 4-4" stroke="${rgb(3)}" stroke-width="2.2"/>`,
  `<circle r="6.5" fill="none" stroke="currentColor" stroke-width="2.6"/>`,
  `<circle r="6" fill="none" stroke="currentColor" stroke-width="1.1"/>`,
  `<circle cx="-4.5" r="3.4" fill="none" stroke="${rgb(1)}" stroke-width="1.8"/><path d="M5-4.5 9.5 0 5 4.5.5 0z" fill="none" stroke="${rgb(2)}" stroke-width="1.8"/>`,
];

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const store = new Store();
  const me = Math.random().toString(36).slice(2);
  const play = make("button", "play", { type: "button", textContent: "Play" });
  const slider = make("input", "slider", { type: "range", min: "0", max: "0", step: "1", value: "0", ariaLabel: "Round shown" });
  const when = make("span", "when");
  const scale = make("button", "scale", { type: "button", textContent: "Linear scale" });
  const reset = make("button", "reset", { type: "button", textContent: "Reset view", hidden: true });
  const bar = make("div", "bar", {}, [play, slider, when, scale]);
  const canvas = make("canvas", "gl"), over = make("canvas", "over");
  const tip = make("div", "tip", { hidden: true }), empty = make("div", "empty", { textContent: NO_MODEL });
  const plot = make("div", "plot", { tabIndex: 0 }, [canvas, over, tip, empty, reset]);
  plot.setAttribute("role", "group");
  const note = make("div", "note", { textContent: NO_WEBGL, hidden: true });
  const words = [...KINDS, "shown now", "other candidates", "hollow: labeled after this round"];
  const entries = [2, 1, 3, 0, 4, 5, 6].map((i) => Object.assign(entry(SHAPES[i], words[i]), { i }));
  const legend = make("ul", "legend", { ariaLabel: "Legend" }, entries.map((e) => e.li));
  const hint = make("div", "hint", { textContent: "Click the plot, then: wheel or + − zooms, drag or arrows pan, double click or 0 resets." });
  const root = make("div", "", {}, [bar, plot, note, legend, hint]);
  root.className = "uai-scatter";
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab's command mode never sees our keys
  el.append(root);

  const pen = over.getContext("2d");
  let gpu = webgl(canvas, store), theme = readTheme(root), family = getComputedStyle(root).fontFamily;
  let shown = NaN, following = true, log = true, logWanted = true, playing = 0, pending = 0, alive = true;
  /** @type {{from: Frame, start: number} | null} */ let tween = null;
  /** @type {Box | null} */ let zoom = null; // null: everything
  /** @type {Box} */ let box = store.home(false);
  /** @type {Layout | null} */ let place = null;
  /** @type {{key: unknown[], grid: Grid} | null} */ let cached = null;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const position = () => store.frames.findIndex((f) => f.round === shown);
  const current = () => store.frames[position()];
  const sy = (/** @type {number} */ y) => (log ? Math.log10(Math.max(y, store.floor)) : y);
  const invalidate = () => { if (!pending && alive) pending = requestAnimationFrame(draw); };

  /** Pixel of position i in the frame shown. @param {number} i @param {Frame} [f] @returns {[number, number]} */
  function pixel(i, f = current()) {
    const l = /** @type {Layout} */ (place), at = (/** @type {Frame} */ g) => [g.cols.x[i], sy(g.cols.y[i])];
    let [x, y] = at(f);
    if (tween && i < tween.from.cols.x.length) {
      const [u, v] = at(tween.from), t = progress();
      (x = u + (x - u) * t), (y = v + (y - v) * t);
    }
    return [l.left + ((x - box.x0) / (box.x1 - box.x0)) * l.width, l.top + l.height - ((y - box.y0) / (box.y1 - box.y0)) * l.height];
  }
  function progress() {
    if (!tween) return 1;
    const t = Math.min(1, (performance.now() - tween.start) / TWEEN);
    return t * t * (3 - 2 * t);
  }

  function draw() {
    pending = 0;
    const f = current(), width = plot.clientWidth, height = model.get("height") || 360;
    plot.style.height = `${height}px`;
    empty.hidden = !!f;
    canvas.hidden = over.hidden = !f;
    if (!f || width < 40) return;
    const dpr = window.devicePixelRatio || 1;
    box = zoom ?? store.home(log);
    const l = (place = layout(pen, width, height, box, log, family));
    const [w, h] = [Math.round(width * dpr), Math.round(height * dpr)];
    if (over.width !== w || over.height !== h) (over.width = w), (over.height = h);
    const [gw, gh] = [Math.round(l.width * dpr), Math.round(l.height * dpr)];
    if (canvas.width !== gw || canvas.height !== gh) (canvas.width = gw), (canvas.height = gh);
    Object.assign(canvas.style, { left: `${l.left}px`, top: `${l.top}px`, width: `${l.width}px`, height: `${l.height}px` });
    pen.setTransform(dpr, 0, 0, dpr, 0, 0);
    pen.clearRect(0, 0, width, height);
    axes(pen, l, box, log, theme, store.xTitle);
    pen.save();
    pen.beginPath();
    pen.rect(l.left, l.top, l.width, l.height);
    pen.clip();
    const t = progress();
    if (gpu) gpu.draw({ a: tween ? tween.from : f, b: f, t, box, log, floor: store.floor }, theme, dpr);
    else plain(pen, store, f, theme, l, (i) => pixel(i, f));
    rings(f);
    pen.restore();
    root.dataset.drawn = String(f.round);
    if (t >= 1) tween = null;
    else invalidate();
  }
  /** @param {Frame} f */
  function rings(f) {
    const { queue, current: now } = store.candidates, items = queue.filter((i) => i !== now);
    if (now !== null) items.push(now);
    for (const item of items) {
      const i = store.place.get(item);
      if (i === undefined || i >= f.cols.x.length) continue;
      const [x, y] = pixel(i, f), strong = item === now;
      if (!Number.isFinite(x + y)) continue;
      for (const [color, wide] of /** @type {[string, number][]} */ ([[`rgb(${theme.back})`, strong ? 5 : 3], [theme.text, strong ? 2.8 : 1.2]])) {
        pen.beginPath();
        pen.arc(x, y, strong ? 9 : 7.5, 0, 7);
        (pen.strokeStyle = color), (pen.lineWidth = wide);
        pen.stroke();
      }
    }
  }

  /** Everything in the page but the plot. */
  function write() {
    const n = store.frames.length, p = position(), f = current(), last = store.frames.at(-1);
    slider.max = String(Math.max(0, n - 1));
    slider.value = String(Math.max(0, p));
    slider.disabled = play.disabled = n < 2;
    slider.setAttribute("aria-valuetext", f ? `round ${f.round + 1}, ${count(f.labels, "label")}` : "no round yet");
    when.textContent = f && last ? `Round ${f.round + 1} of ${last.round + 1} · ${count(f.labels, "label")}` : "No round yet";
    log = logWanted && store.logOffered;
    scale.disabled = !store.logOffered;
    scale.textContent = log ? "Linear scale" : "Log scale";
    scale.title = store.logOffered ? `The score axis is ${log ? "log" : "linear"}` : "A log axis needs scores that are not negative";
    play.textContent = playing ? "Pause" : "Play";
    reset.hidden = !zoom;
    const hollow = f ? store.marked.some((i) => store.order[i] >= f.labels) : false;
    const { queue, current: now } = store.candidates;
    for (const { li, text, i } of entries) {
      li.hidden = !f || (i === 4 ? now === null : i === 5 ? !queue.some((q) => q !== now) : i === 6 && !hollow);
      if (i < 4) text.textContent = `${KINDS[i]} (${store.counts[i].toLocaleString("en")}${!i && store.drawn < store.counts[0] ? `, ${store.drawn.toLocaleString("en")} drawn` : ""})`;
    }
    hint.hidden = !f;
    plot.setAttribute("aria-label", f ? `Scatter of ${store.xTitle} against anomaly score, ${when.textContent}, ${count(f.cols.x.length, "point")}: ` +
      `${store.counts[2]} anomalies, ${store.counts[1]} normal, ${store.counts[3]} unsure` : NO_MODEL);
    Object.assign(root.dataset, { frames: n, points: f ? f.cols.x.length : 0, round: f ? f.round : "", scale: log ? "log" : "linear", following, zoomed: !!zoom });
    invalidate();
  }

  /** Show the frame at a place in the row of frames. @param {number} p @param {boolean} move whether points travel there */
  function show(p, move) {
    const to = store.frames[Math.max(0, Math.min(p, store.frames.length - 1))], from = current();
    if (to) shown = to.round;
    tween = move && from && to && from !== to && !still.matches && gpu ? { from, start: performance.now() } : null;
    tip.hidden = true;
    write();
  }
  function stop() {
    clearTimeout(playing);
    playing = 0;
  }
  function step() {
    const last = store.frames.length - 1, next = position() + 1;
    if (next > last || !alive) return stop(), write();
    playing = window.setTimeout(step, still.matches ? STEP : TWEEN + REST);
    following = next === last;
    show(next, true);
  }
  function togglePlay() {
    if (playing) return stop(), write();
    if (position() >= store.frames.length - 1) show(0, false);
    playing = window.setTimeout(step, REST);
    following = false;
    write();
  }

  /** @param {any} msg @param {DataView[]} buffers */
  function receive(msg, buffers) {
    if (msg?.kind !== "update") return;
    const before = current();
    if (!store.apply(msg, buffers)) return hello();
    if (tween && !store.frames.includes(tween.from)) tween = null;
    const latest = store.frames.length - 1;
    if (following && !playing && store.frames[latest]?.round !== shown) show(latest, !!before && !msg.reset);
    else if (!current()) show(store.frames.filter((f) => f.round <= shown).length - 1, false); // thinned away: the one before
    else write();
  }
  const hello = () => model.send({ kind: "ready", view: me });

  /** Position of the point under the pointer, or -1. @param {PointerEvent} e */
  function under(e) {
    const f = current(), l = place, r = plot.getBoundingClientRect(), x = e.clientX - r.left, y = e.clientY - r.top;
    if (!f || !l || tween || x < l.left || x > l.left + l.width || y < l.top || y > l.top + l.height) return -1;
    const key = [f.cols, log, store.reach.x0, store.reach.x1, store.reach.y0, store.reach.y1];
    if (!cached || cached.key.some((v, i) => v !== key[i])) cached = { key, grid: new Grid(f.cols.x, f.cols.y.map(sy), store.home(log)) };
    const ux = l.width / (box.x1 - box.x0), uy = l.height / (box.y1 - box.y0);
    return cached.grid.nearest(box.x0 + (x - l.left) / ux, box.y0 + (l.top + l.height - y) / uy, ux, uy, /** @type {Uint8Array} */ (store.kind));
  }
  /** @param {PointerEvent} e */
  function hover(e) {
    const i = drag ? -1 : under(e), f = current();
    tip.hidden = i < 0;
    plot.style.cursor = i >= 0 ? "pointer" : "";
    if (i < 0) return;
    const { index, id } = store.item(i), uai = f.cols.uai?.[i];
    const lines = [id === undefined ? `Item ${index}` : `${id} (item ${index})`, KINDS[/** @type {Uint8Array} */ (store.kind)[i]], `s ${number(f.cols.y[i])}`];
    if (uai !== undefined && Number.isFinite(uai)) lines.push(f.probability ? `UAI probability ${uai.toFixed(3)}` : `UAI score ${number(uai)}`);
    tip.textContent = lines.join("\n");
    const [x, y] = pixel(i), w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = `${Math.max(0, x + 12 + w > plot.clientWidth ? x - 12 - w : x + 12)}px`;
    tip.style.top = `${Math.max(0, y - 12 - h < 0 ? y + 12 : y - 12 - h)}px`;
  }

  /** @param {number} factor @param {number} fx place that stays, 0 to 1 from the left @param {number} fy from the bottom */
  function zoomBy(factor, fx = 0.5, fy = 0.5) {
    const b = zoom ?? store.home(log), home = store.home(log), w = b.x1 - b.x0, h = b.y1 - b.y0;
    if (w * factor > (home.x1 - home.x0) * 4 || w * factor < (home.x1 - home.x0) / 5000) return;
    const x = b.x0 + fx * w, y = b.y0 + fy * h;
    zoom = { x0: x - fx * w * factor, x1: x + (1 - fx) * w * factor, y0: y - fy * h * factor, y1: y + (1 - fy) * h * factor };
    tip.hidden = true;
    write();
  }
  /** @param {number} dx share of the width @param {number} dy share of the height @param {Box} [b] */
  function pan(dx, dy, b = zoom ?? store.home(log)) {
    const u = dx * (b.x1 - b.x0), v = dy * (b.y1 - b.y0);
    zoom = { x0: b.x0 + u, x1: b.x1 + u, y0: b.y0 + v, y1: b.y1 + v };
    tip.hidden = true;
    write();
  }
  const unzoom = () => { zoom = null; tip.hidden = true; write(); };

  /** @type {{x: number, y: number, box: Box, moved: boolean} | null} */ let drag = null;
  const on = (/** @type {HTMLElement} */ node, /** @type {string} */ type, /** @type {(e: any) => void} */ f, options = {}) => node.addEventListener(type, f, options);
  on(play, "click", togglePlay);
  on(slider, "input", () => { stop(); following = +slider.value === store.frames.length - 1; show(+slider.value, false); });
  on(reset, "click", () => { unzoom(); plot.focus({ preventScroll: true }); });
  on(scale, "click", () => {
    const was = log;
    logWanted = !log;
    write();
    if (zoom && was !== log) zoom = { ...zoom, y0: log ? sy(zoom.y0) : 10 ** zoom.y0, y1: log ? sy(zoom.y1) : 10 ** zoom.y1 };
    if (zoom && !(zoom.y1 > zoom.y0)) zoom = null;
    write();
  });
  on(plot, "pointerdown", (e) => {
    if (e.button !== 0 || !current() || e.target === reset) return;
    plot.focus({ preventScroll: true });
    drag = { x: e.clientX, y: e.clientY, box: zoom ?? store.home(log), moved: false };
    plot.setPointerCapture(e.pointerId);
  });
  on(plot, "pointermove", (e) => {
    if (!drag) return hover(e);
    const dx = e.clientX - drag.x, dy = e.clientY - drag.y, l = /** @type {Layout} */ (place);
    drag.moved ||= Math.hypot(dx, dy) > 4;
    if (drag.moved) pan(-dx / l.width, dy / l.height, drag.box);
  });
  on(plot, "pointerup", (e) => {
    const i = drag && !drag.moved ? under(e) : -1;
    drag = null;
    if (i >= 0) model.send({ kind: "pick", index: store.item(i).index });
  });
  on(plot, "pointercancel", () => (drag = null));
  on(plot, "pointerleave", () => { if (!drag) tip.hidden = true; });
  on(plot, "dblclick", (e) => e.target !== reset && unzoom());
  on(plot, "wheel", (e) => {
    if (!place || !(plot.matches(":focus"))) return; // the notebook scrolls until the plot was clicked
    e.preventDefault();
    const r = plot.getBoundingClientRect(), lines = e.deltaMode === 1 ? 16 : 1;
    const factor = Math.exp(Math.max(-0.5, Math.min(0.5, e.deltaY * lines * 0.0015)));
    zoomBy(factor, (e.clientX - r.left - place.left) / place.width, 1 - (e.clientY - r.top - place.top) / place.height);
  }, { passive: false });
  on(plot, "keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || !current()) return;
    const act = { "+": () => zoomBy(0.8), "=": () => zoomBy(0.8), "-": () => zoomBy(1.25), 0: unzoom, Escape: () => plot.blur(),
      ArrowLeft: () => pan(-0.1, 0), ArrowRight: () => pan(0.1, 0), ArrowUp: () => pan(0, 0.1), ArrowDown: () => pan(0, -0.1) }[/** @type {string} */ (e.key)];
    if (act) e.preventDefault(), e.stopPropagation(), act();
  });
  // Plain keys pressed in here are no commands of the notebook ("a" would add a cell); Tab and chords pass.
  on(root, "keydown", (e) => { if (!(e.ctrlKey || e.metaKey || e.altKey || e.key === "Tab" || (e.shiftKey && e.key === "Enter"))) e.stopPropagation(); });
  on(canvas, "webglcontextlost", (e) => { e.preventDefault(); gpu = null; tween = null; note.hidden = false; invalidate(); });
  on(canvas, "webglcontextrestored", () => { if (alive) (gpu = webgl(canvas, store)), (note.hidden = !!gpu), invalidate(); });

  const recolor = () => { theme = readTheme(root); root.style.setProperty("--uai-dot", `rgb(${theme.dot})`); family = getComputedStyle(root).fontFamily; invalidate(); };
  const themes = new MutationObserver(() => { recolor(); setTimeout(recolor, 300); }); // its style sheet may come later
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind", "class"] });
  themes.observe(document.documentElement, { attributes: true, attributeFilter: ["class", "style", "theme", "data-theme"] });
  const sizes = new ResizeObserver(() => { recolor(); tip.hidden = true; });
  sizes.observe(plot);
  model.on("msg:custom", receive);
  model.on("change:height", invalidate);
  note.hidden = !!gpu;
  write();
  hello();
  return () => {
    alive = false;
    stop();
    cancelAnimationFrame(pending);
    themes.disconnect();
    sizes.disconnect();
    model.off("msg:custom", receive);
    model.off("change:height", invalidate);
    gpu?.dispose();
    try {
      model.send({ kind: "gone", view: me });
    } catch { /* the kernel may be gone already */ }
    root.remove();
  };
}

export default { render };
