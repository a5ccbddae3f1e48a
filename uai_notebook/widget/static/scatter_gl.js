// @ts-check
// The points, by WebGL2: columns of numbers per round, mixed on the way from one round to the next.
/** @import {Box, Columns, Frame, Store} from "./scatter_data.js" */
/** @import {Theme} from "./scatter_looks.js" */
/** @import {Paint} from "./scatter_paint.js" */
import { COLORS, RADIUS, dots } from "./scatter_looks.js";
import { palette, rampOf } from "./scatter_paint.js";

/** On the way from `a` to `b`, coordinates of two rounds: `t` from 0 to 1. `frame` is that of b.
 * @typedef {{a: Columns, b: Columns, frame: Frame, t: number, box: Box, log: boolean, floor: number,
 *   hidden: boolean[], chosen: Uint32Array, paint: Paint}} Scene */

// Three programs from one text: DOTS draws the many unlabelled items cheaply, OUTLINE what is chosen, the third the
// shapes of the labelled. A comparison with NaN is false, so that a score that is not a number stays so (max() may
// drop it). mode 0: colour by label, 1: by a value on the ramp, 2: by category.
const VERTEX = `
in float ax, ay, bx, by, kind, order, value;
uniform vec4 box; uniform float t, bottom, known, dpr, dotSize, low, high; uniform bool logy, logv; uniform int mode;
uniform vec3 dotColor, ramp[9], palette[8];
flat out int vKind; flat out float vHalf; flat out float vHollow; flat out vec3 vColor;
float scaled(float y) { return logy ? log(y < bottom ? bottom : y) * 0.4342944819 : y; }
vec3 tint() {
  if (mode == 0 || isnan(value)) return dotColor;
  if (mode == 2) return palette[clamp(int(value + 0.5), 0, 7)];
  float v = logv ? log(max(value, 1e-38)) * 0.4342944819 : value, s = clamp((v - low) / (high - low), 0.0, 1.0) * 8.0;
  int i = min(int(s), 7);
  return mix(ramp[i], ramp[i + 1], s - float(i));
}
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
  vKind = int(kind + 0.5); vHalf = gl_PointSize / dpr; vHollow = order >= known ? 1.0 : 0.0; vColor = tint();
}`;
const GLSL_COLORS = COLORS.slice(1).map((c) => `vec3(${c.map((v) => (v / 255).toFixed(4))})`);
const FRAGMENT = `
precision highp float;
flat in int vKind; flat in float vHalf; flat in float vHollow; flat in vec3 vColor;
uniform float dpr, dotSize, alpha; uniform vec3 back, ink; uniform highp int mode;
out vec4 color;
const vec3 colors[3] = vec3[3](${GLSL_COLORS});
void main() {
  vec2 p = (gl_PointCoord - 0.5) * vHalf; // CSS px from the middle
  float soft = 0.5 / dpr, d;
  #if defined(DOTS)
  color = vec4(vColor, 1.0) * (alpha * clamp((dotSize * 0.5 - length(p)) * dpr + 0.5, 0.0, 1.0));
  #elif defined(OUTLINE)
  d = abs(length(p) - 4.4); // a line of ink on a broader one of background
  float core = 1.0 - smoothstep(0.6 - soft, 0.6 + soft, d);
  color = vec4(mix(back, ink, core), 1.0) * (1.0 - smoothstep(1.4 - soft, 1.4 + soft, d));
  #else
  vec2 q = abs(p), r = abs(vec2(p.x + p.y, p.x - p.y)) * 0.70711;
  float R = ${RADIUS.toFixed(1)};
  if (vKind == 1) d = length(p) - R;
  else if (vKind == 2) d = (q.x + q.y) * 0.70711 - R * 0.95;
  else d = min(max(r.x - 1.1, r.y - R * 1.1), max(r.y - 1.1, r.x - R * 1.1));
  float halo = 1.0 - smoothstep(1.0 - soft, 1.0 + soft, d); // a line sets it off from the dots
  float full = 1.0 - smoothstep(-soft, soft, vHollow > 0.5 && vKind < 3 ? abs(d + 0.9) - 0.9 : d);
  color = vec4(mix(mode == 0 ? back : ink, mode == 0 ? colors[vKind - 1] : vColor, full), 1.0) * max(halo, full);
  #endif
}`;
const ATTRIBUTES = ["ax", "ay", "bx", "by", "kind", "order", "value"];

/** A program and where its uniforms are: asking for a place each time takes longer than setting it.
 * @typedef {{program: WebGLProgram, places: Map<string, WebGLUniformLocation | null>}} Linked */

/** @param {WebGL2RenderingContext} gl @param {string} define @returns {Linked | null} */
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
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? { program, places: new Map() } : null;
}

/** WebGL2 drawing on `canvas`, or null where there is none.
 * @param {HTMLCanvasElement} canvas @param {Store} store */
export function webgl(canvas, store) {
  const gl = canvas.getContext("webgl2", { antialias: false, preserveDrawingBuffer: true });
  if (!gl || gl.isContextLost()) return null;
  const small = link(gl, "#define DOTS\n"), shapes = link(gl, ""), outline = link(gl, "#define OUTLINE\n");
  return small && shapes && outline ? new Points(gl, store, small, shapes, outline) : null;
}

const KEPT = 128; // columns on the GPU: those of 40 rounds, and some

class Points {
  /** @param {WebGL2RenderingContext} gl @param {Store} store
   * @param {Linked} small @param {Linked} shapes @param {Linked} outline */
  constructor(gl, store, small, shapes, outline) {
    this.gl = gl;
    this.store = store;
    this.programs = { small, shapes, outline };
    this.positions = gl.createBuffer();
    /** @type {Map<Float32Array | Uint8Array, WebGLBuffer>} */ this.held = new Map(); // least recently used first
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.clearColor(0, 0, 0, 0);
    for (let i = 0; i < ATTRIBUTES.length; i++) gl.enableVertexAttribArray(i);
  }
  /** @param {string} name @param {Float32Array | Uint8Array} values by position, never changed */
  attribute(name, values) {
    const { gl, held } = this, before = held.get(values), buffer = before ?? gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    if (!before) gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    held.delete(values);
    held.set(values, buffer);
    const type = values instanceof Uint8Array ? gl.UNSIGNED_BYTE : gl.FLOAT;
    gl.vertexAttribPointer(ATTRIBUTES.indexOf(name), 1, type, false, 0, 0);
  }
  /** @param {Scene} scene @param {Theme} theme @param {number} dpr */
  draw({ a, b, frame, t, box, log, floor, hidden, chosen, paint }, theme, dpr) {
    const { gl, store, held } = this, { small, shapes, outline } = this.programs, { width, height } = gl.canvas;
    const n = Math.min(a.x.length, b.x.length), values = paint.values(frame);
    const columns = { ax: a.x, ay: a.y, bx: b.x, by: b.y, kind: store.kind, order: store.order, value: values };
    for (const [name, column] of Object.entries(columns)) this.attribute(name, column);
    for (const [column, buffer] of held) {
      if (held.size <= KEPT && !store.past.has(column)) continue;
      gl.deleteBuffer(buffer);
      held.delete(column);
    }
    gl.viewport(0, 0, width, height);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const look = dots(n, (width * height) / dpr / dpr), alpha = paint.mode ? 0.95 : look.alpha;
    const numbers = { t, bottom: floor, known: frame.labels, dpr, ...look, alpha, ...paint.ends };
    const dotColor = [paint.mode ? theme.none : theme.dot], back = [theme.back], ink = [theme.ink];
    const colors = { dotColor, back, ink, ramp: rampOf(theme), palette: palette(theme) };
    for (const linked of [small, shapes, outline]) {
      if (linked === outline && !chosen.length) continue;
      const { program, places } = linked;
      const at = (/** @type {string} */ name) => {
        if (!places.has(name)) places.set(name, gl.getUniformLocation(program, name));
        return places.get(name) ?? null;
      };
      gl.useProgram(program);
      gl.uniform4f(at("box"), box.x0, box.y0, box.x1, box.y1);
      for (const [name, v] of Object.entries(numbers)) gl.uniform1f(at(name), v);
      for (const [name, v] of Object.entries(colors)) gl.uniform3fv(at(name), v.flat().map((c) => c / 255));
      gl.uniform1i(at("logy"), +log);
      gl.uniform1i(at("logv"), +paint.log);
      gl.uniform1i(at("mode"), paint.mode);
      if (linked === small && !hidden[0]) gl.drawArrays(gl.POINTS, 0, n);
      // Labelled ones after the dots, so on top; what is chosen last.
      if (linked === shapes) this.some(store.marked.filter((i) => i < n && !hidden[store.kind[i]]));
      if (linked === outline) this.some(chosen.filter((i) => i < n));
    }
  }
  /** @param {Uint32Array} positions */
  some(positions) {
    const { gl } = this;
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.positions);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, positions, gl.DYNAMIC_DRAW);
    gl.drawElements(gl.POINTS, positions.length, gl.UNSIGNED_INT, 0);
  }
  dispose() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext(); // a page may hold few contexts only
  }
}
