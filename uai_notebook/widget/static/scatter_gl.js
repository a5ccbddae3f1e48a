// @ts-check
// The points, by WebGL2: two columns of numbers per round, mixed on the way from one round to the next.
/** @import {Box, Columns, Frame, Store} from "./scatter_data.js" */
/** @import {Theme} from "./scatter_looks.js" */
import { join } from "./scatter_data.js";
import { COLORS, RADIUS, dots } from "./scatter_looks.js";

/** On the way from round `a` to `b`: `t` from 0 to 1.
 * @typedef {{a: Frame, b: Frame, t: number, box: Box, log: boolean, floor: number}} Scene */

// Two programs from one text: DOTS draws the many unlabelled items cheaply, the other the shapes of the labelled.
// A comparison with NaN is false, so that a score that is not a number stays so (max() may drop it).
const VERTEX = `
in float ax, ay, bx, by, kind, order;
uniform vec4 box; uniform float t, bottom, known, dpr, dotSize; uniform bool logy;
flat out int vKind; flat out float vHalf; flat out float vHollow;
float scaled(float y) { return logy ? log(y < bottom ? bottom : y) * 0.4342944819 : y; }
void main() {
  vec2 b = vec2(bx, scaled(by)), p = t < 1.0 ? mix(vec2(ax, scaled(ay)), b, t) : b;
  bool shown = !(any(isnan(p)) || any(isinf(p)));
  #ifdef DOTS
  shown = shown && kind < 0.5;
  gl_PointSize = (dotSize + 0.6) * dpr;
  #else
  gl_PointSize = ${(RADIUS * 2 + 6).toFixed(1)} * dpr;
  #endif
  vec2 q = (p - box.xy) / (box.zw - box.xy) * 2.0 - 1.0;
  gl_Position = shown ? vec4(q, 0.0, 1.0) : vec4(9.0, 9.0, 9.0, 1.0); // 9: cut away
  vKind = int(kind + 0.5); vHalf = gl_PointSize / dpr; vHollow = order >= known ? 1.0 : 0.0;
}`;
const GLSL_COLORS = COLORS.slice(1).map((c) => `vec3(${c.map((v) => (v / 255).toFixed(4))})`);
const FRAGMENT = `
precision highp float;
flat in int vKind; flat in float vHalf; flat in float vHollow;
uniform float dpr, dotSize, alpha; uniform vec3 dotColor, back;
out vec4 color;
const vec3 colors[3] = vec3[3](${GLSL_COLORS});
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
  for (const type of [gl.VERTEX_SHADER, gl.FRAGMENT_SHADER]) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(type));
    gl.shaderSource(shader, `#version 300 es\n${define}${type === gl.VERTEX_SHADER ? VERTEX : FRAGMENT}`);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  ATTRIBUTES.forEach((name, i) => gl.bindAttribLocation(program, i, name));
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}

/** WebGL2 drawing on `canvas`, or null where there is none.
 * @param {HTMLCanvasElement} canvas @param {Store} store */
export function webgl(canvas, store) {
  const gl = canvas.getContext("webgl2", { antialias: false, preserveDrawingBuffer: true });
  if (!gl || gl.isContextLost()) return null;
  const small = link(gl, "#define DOTS\n"), shapes = link(gl, "");
  return small && shapes ? new Points(gl, store, small, shapes) : null;
}

class Points {
  /** @param {WebGL2RenderingContext} gl @param {Store} store @param {WebGLProgram} small @param {WebGLProgram} shapes */
  constructor(gl, store, small, shapes) {
    this.gl = gl;
    this.store = store;
    this.small = small;
    this.shapes = shapes;
    this.kinds = gl.createBuffer();
    this.orders = gl.createBuffer();
    this.marked = gl.createBuffer();
    /** @type {Map<Columns, WebGLBuffer>} */ this.held = new Map();
    /** @type {Uint8Array | null} */ this.labels = null; // the store's kinds that kinds and orders were filled from
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.clearColor(0, 0, 0, 0);
    for (let i = 0; i < ATTRIBUTES.length; i++) gl.enableVertexAttribArray(i);
  }
  /** @param {WebGLBuffer} buffer @param {Float32Array | Uint8Array} data */
  fill(buffer, data) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, buffer);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, data, this.gl.STATIC_DRAW);
  }
  /** Points of a frame: all x, then all y. @param {Columns} cols */
  upload(cols) {
    let buffer = this.held.get(cols);
    if (!buffer) {
      this.held.set(cols, (buffer = this.gl.createBuffer()));
      this.fill(buffer, join(cols.x, cols.y));
    }
    return buffer;
  }
  /** @param {string} name @param {WebGLBuffer} buffer @param {number} type @param {number} [offset] bytes */
  attribute(name, buffer, type, offset = 0) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, buffer);
    this.gl.vertexAttribPointer(ATTRIBUTES.indexOf(name), 1, type, false, 0, offset);
  }
  /** @param {Scene} scene @param {Theme} theme @param {number} dpr */
  draw({ a, b, t, box, log, floor }, theme, dpr) {
    const { gl, store, small, shapes, held } = this, { width, height } = gl.canvas;
    const used = new Set(store.frames.map((f) => f.cols)), n = Math.min(a.cols.x.length, b.cols.x.length);
    for (const [cols, buffer] of held) if (!used.has(cols)) gl.deleteBuffer(buffer), held.delete(cols);
    if (this.labels !== store.kind) {
      this.labels = store.kind;
      this.fill(this.kinds, store.kind);
      this.fill(this.orders, store.order);
    }
    this.attribute("ax", this.upload(a.cols), gl.FLOAT);
    this.attribute("ay", this.upload(a.cols), gl.FLOAT, 4 * a.cols.x.length);
    this.attribute("bx", this.upload(b.cols), gl.FLOAT);
    this.attribute("by", this.upload(b.cols), gl.FLOAT, 4 * b.cols.x.length);
    this.attribute("kind", this.kinds, gl.UNSIGNED_BYTE);
    this.attribute("order", this.orders, gl.FLOAT);
    gl.viewport(0, 0, width, height);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const numbers = { t, bottom: floor, known: b.labels, dpr, ...dots(n, (width * height) / dpr / dpr) };
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
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.marked);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, top, gl.DYNAMIC_DRAW);
    gl.drawElements(gl.POINTS, top.length, gl.UNSIGNED_INT, 0);
  }
  dispose() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext(); // a page may hold few contexts only
  }
}
