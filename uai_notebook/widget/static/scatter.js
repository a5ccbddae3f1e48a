// @ts-check
// Latent against score: WebGL2 points below, a 2D canvas with axes, rings and ticks above. No build, no library.
/** @import {Box, Columns, Frame} from "./scatter_data.js" */
/** @import {Layout} from "./scatter_axes.js" */
import { Store } from "./scatter_data.js";
import { KINDS, readTheme } from "./scatter_looks.js";
import { Grid } from "./scatter_grid.js";
import { webgl } from "./scatter_gl.js";
import { axes, layout, number, plain, rings } from "./scatter_axes.js";
import { build, describe, resize } from "./scatter_page.js";

const TWEEN = 450; // ms of movement
const REST = 300; // ms of pause after it
const STEP = 750; // ms of one step without movement

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const store = new Store(), ui = build(), { root, plot, canvas, over, tip } = ui;
  el.append(root);
  const pen = over.getContext("2d");
  const me = Math.random().toString(36).slice(2);
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let gpu = webgl(canvas, store), theme = readTheme(root), family = getComputedStyle(root).fontFamily;
  let shown = NaN, following = true, log = true, logWanted = true, playing = 0, pending = 0, alive = true;
  /** @type {{from: Frame, start: number} | null} */ let tween = null;
  /** @type {Box | null} */ let zoom = null; // null: everything
  let box = store.home(false); // as last drawn, like `place`
  /** @type {Layout | null} */ let place = null;
  /** @type {{x: number, y: number, box: Box, moved: boolean} | null} */ let drag = null;
  /** @type {{cols: Columns, log: boolean, floor: number, grid: Grid} | null} */ let cached = null;
  const position = () => store.frames.findIndex((f) => f.round === shown);
  const current = () => store.frames[position()];
  const view = () => zoom ?? store.home(log);
  const sy = (/** @type {number} */ y) => (log ? Math.log10(Math.max(y, store.floor)) : y);
  const invalidate = () => { if (!pending && alive) pending = requestAnimationFrame(draw); };

  // -- drawing ----------------------------------------------------------------------------------------------

  function progress() {
    const t = tween ? Math.min(1, (performance.now() - tween.start) / TWEEN) : 1;
    return t * t * (3 - 2 * t);
  }
  /** Pixel of position i in a frame, on its way there at time t. @param {Layout} l @param {Frame} f @param {number} t
   * @returns {(i: number) => [number, number]} */
  const pixels = (l, { cols }, t) => (i) => {
    let x = cols.x[i], y = sy(cols.y[i]);
    if (tween && i < tween.from.cols.x.length) {
      const u = tween.from.cols.x[i], v = sy(tween.from.cols.y[i]);
      (x = u + (x - u) * t), (y = v + (y - v) * t);
    }
    x = l.left + ((x - box.x0) / (box.x1 - box.x0)) * l.width;
    return [x, l.top + l.height - ((y - box.y0) / (box.y1 - box.y0)) * l.height];
  };
  function draw() {
    pending = 0;
    const f = current(), width = plot.clientWidth, height = model.get("height") || 360;
    plot.style.height = `${height}px`;
    if (!f || width < 40) return;
    const dpr = window.devicePixelRatio || 1, t = progress();
    box = view();
    const l = (place = layout(pen, width, height, box, log, family)), pixel = pixels(l, f, t);
    resize(over, width, height, dpr);
    resize(canvas, l.width, l.height, dpr);
    const [left, top] = [`${l.left}px`, `${l.top}px`];
    Object.assign(canvas.style, { left, top, width: `${l.width}px`, height: `${l.height}px` });
    pen.setTransform(dpr, 0, 0, dpr, 0, 0);
    pen.clearRect(0, 0, width, height);
    axes(pen, l, box, log, theme, store.xTitle);
    pen.save();
    pen.beginPath();
    pen.rect(l.left, l.top, l.width, l.height);
    pen.clip();
    if (gpu) gpu.draw({ a: tween ? tween.from : f, b: f, t, box, log, floor: store.floor }, theme, dpr);
    else plain(pen, store, f, theme, l, pixel);
    rings(pen, store, f, theme, pixel);
    pen.restore();
    root.dataset.drawn = String(f.round);
    if (t >= 1) tween = null;
    else invalidate();
  }
  /** After any change: the words around the plot at once, the plot with the next frame of the screen. */
  function update() {
    const was = log;
    log = logWanted && store.logOffered;
    if (was !== log) {
      drag = null;
      if (zoom) zoom = { ...zoom, y0: log ? sy(zoom.y0) : 10 ** zoom.y0, y1: log ? sy(zoom.y1) : 10 ** zoom.y1 };
      if (zoom && !(Number.isFinite(zoom.y1) && zoom.y1 > zoom.y0)) zoom = null;
    }
    tip.hidden = true; // it may tell what was
    describe(ui, store, position(), { log, playing: !!playing, zoomed: !!zoom, following });
    invalidate();
  }

  // -- rounds -----------------------------------------------------------------------------------------------

  /** Show the frame at a place in the row of frames. @param {number} p @param {boolean} move whether points travel */
  function show(p, move) {
    const to = store.frames[Math.max(0, Math.min(p, store.frames.length - 1))], from = current();
    if (to) shown = to.round;
    const travel = move && from && to && from !== to && !still.matches && gpu;
    tween = travel ? { from, start: performance.now() } : null;
    update();
  }
  function stop() {
    clearTimeout(playing);
    playing = 0;
  }
  function step() {
    const last = store.frames.length - 1, next = position() + 1;
    if (next > last) return stop(), update();
    playing = window.setTimeout(step, still.matches ? STEP : TWEEN + REST);
    following = next === last;
    show(next, true);
  }
  function togglePlay() {
    if (playing) return stop(), update();
    if (position() >= store.frames.length - 1) show(0, false);
    playing = window.setTimeout(step, REST);
    following = false;
    update();
  }
  function slide() {
    const p = +ui.slider.value;
    stop();
    following = p === store.frames.length - 1;
    show(p, false);
  }
  const hello = () => model.send({ kind: "ready", view: me });
  /** @param {any} msg @param {DataView[]} buffers */
  function receive(msg, buffers) {
    if (msg?.kind !== "update") return;
    const before = current();
    if (!store.apply(msg, buffers)) return hello();
    if (tween && !store.frames.includes(tween.from)) tween = null;
    const latest = store.frames.length - 1;
    if (following && !playing && store.frames[latest]?.round !== shown) show(latest, !!before && !msg.reset);
    else if (current()) update();
    else show(store.frames.filter((f) => f.round <= shown).length - 1, false); // thinned away: the one before
  }

  // -- the pointer ------------------------------------------------------------------------------------------

  /** Position of the point under the pointer, or -1. @param {PointerEvent} e */
  function under(e) {
    const f = current(), l = place, r = plot.getBoundingClientRect(), x = e.clientX - r.left, y = e.clientY - r.top;
    if (!f || !l || tween || x < l.left || x > l.left + l.width || y < l.top || y > l.top + l.height) return -1;
    const { cols } = f, { floor } = store;
    if (!cached || cached.cols !== cols || cached.log !== log || cached.floor !== floor)
      cached = { cols, log, floor, grid: new Grid(cols.x, cols.y.map(sy), store.home(log)) };
    const ux = l.width / (box.x1 - box.x0), uy = l.height / (box.y1 - box.y0);
    return cached.grid.nearest(box.x0 + (x - l.left) / ux, box.y0 + (l.top + l.height - y) / uy, ux, uy, store.kind);
  }
  /** @param {PointerEvent} e */
  function hover(e) {
    const i = under(e), f = current();
    tip.hidden = i < 0;
    plot.style.cursor = i < 0 ? "" : "pointer";
    if (i < 0 || !place) return;
    const { index, id } = store.item(i), uai = f.cols.uai?.[i];
    const lines = [id === undefined ? `Item ${index}` : `${id} (item ${index})`, KINDS[store.kind[i]]];
    lines.push(`s ${number(f.cols.y[i])}`);
    if (uai !== undefined && Number.isFinite(uai))
      lines.push(f.probability ? `UAI probability ${uai.toFixed(3)}` : `learned score ${number(uai)}`);
    tip.textContent = lines.join("\n");
    const [x, y] = pixels(place, f, 1)(i), w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = `${Math.max(0, x + 12 + w > plot.clientWidth ? x - 12 - w : x + 12)}px`;
    tip.style.top = `${Math.max(0, y - 12 - h < 0 ? y + 12 : y - 12 - h)}px`;
  }
  /** @param {PointerEvent} e */
  function press(e) {
    if (e.button !== 0 || !current() || e.target === ui.reset) return;
    plot.focus({ preventScroll: true });
    drag = { x: e.clientX, y: e.clientY, box: view(), moved: false };
    plot.setPointerCapture(e.pointerId);
  }
  /** @param {PointerEvent} e */
  function move(e) {
    if (!drag || !place) return hover(e);
    const dx = e.clientX - drag.x, dy = e.clientY - drag.y;
    drag.moved ||= Math.hypot(dx, dy) > 4;
    if (drag.moved) pan(-dx / place.width, dy / place.height, drag.box);
  }
  /** @param {PointerEvent} e */
  function release(e) {
    const i = drag && !drag.moved ? under(e) : -1;
    drag = null;
    if (i >= 0) model.send({ kind: "pick", index: store.item(i).index });
  }

  // -- zoom -------------------------------------------------------------------------------------------------

  /** @param {number} factor @param {number} fx place that stays, 0 to 1 from the left @param {number} fy from below */
  function zoomBy(factor, fx = 0.5, fy = 0.5) {
    const b = view(), home = store.home(log), w = b.x1 - b.x0, h = b.y1 - b.y0, most = home.x1 - home.x0;
    if (w * factor > most * 4 || w * factor < most / 5000) return;
    const x0 = b.x0 + fx * w * (1 - factor), y0 = b.y0 + fy * h * (1 - factor);
    zoom = { x0, x1: x0 + w * factor, y0, y1: y0 + h * factor };
    update();
  }
  /** @param {number} dx share of the width @param {number} dy share of the height @param {Box} [b] */
  function pan(dx, dy, b = view()) {
    const u = dx * (b.x1 - b.x0), v = dy * (b.y1 - b.y0);
    zoom = { x0: b.x0 + u, x1: b.x1 + u, y0: b.y0 + v, y1: b.y1 + v };
    update();
  }
  function unzoom() {
    zoom = null;
    update();
  }
  /** @param {WheelEvent} e */
  function wheel(e) {
    if (!place || !current() || !plot.matches(":focus")) return; // the notebook scrolls until the plot was clicked
    e.preventDefault();
    const r = plot.getBoundingClientRect(), lines = e.deltaMode === 1 ? 16 : 1;
    const factor = Math.exp(Math.max(-0.5, Math.min(0.5, e.deltaY * lines * 0.0015)));
    const fx = (e.clientX - r.left - place.left) / place.width, fy = (e.clientY - r.top - place.top) / place.height;
    zoomBy(factor, fx, 1 - fy);
  }
  /** @type {Record<string, () => void>} */
  const keys = {
    "+": () => zoomBy(0.8), "=": () => zoomBy(0.8), "-": () => zoomBy(1.25), 0: unzoom, Escape: () => plot.blur(),
    ArrowLeft: () => pan(-0.1, 0), ArrowRight: () => pan(0.1, 0),
    ArrowUp: () => pan(0, 0.1), ArrowDown: () => pan(0, -0.1),
  };
  /** Plain keys pressed in here are no commands of the notebook ("a" would add a cell); Tab and chords pass.
   * @param {KeyboardEvent} e */
  function key(e) {
    const chord = e.ctrlKey || e.metaKey || e.altKey;
    if (chord || e.key === "Tab" || (e.shiftKey && e.key === "Enter")) return;
    e.stopPropagation();
    if (!keys[e.key] || !current() || !plot.contains(/** @type {Node} */ (e.target))) return;
    e.preventDefault();
    keys[e.key]();
  }

  // -- events -----------------------------------------------------------------------------------------------

  /** @param {HTMLElement} node @param {string} type @param {(e: any) => void} f */
  const on = (node, type, f) => node.addEventListener(type, f, { passive: false });
  on(ui.play, "click", togglePlay);
  on(ui.slider, "input", slide);
  on(ui.reset, "click", () => { unzoom(); plot.focus({ preventScroll: true }); });
  on(ui.scale, "click", () => { logWanted = !log; update(); });
  on(plot, "pointerdown", press);
  on(plot, "pointermove", move);
  on(plot, "pointerup", release);
  on(plot, "pointercancel", () => { drag = null; });
  on(plot, "pointerleave", () => { tip.hidden = true; });
  on(plot, "dblclick", (e) => { if (e.target !== ui.reset) unzoom(); });
  on(plot, "wheel", wheel);
  on(root, "keydown", key);
  /** @param {boolean} lost */
  function setGpu(lost) {
    if (!alive) return;
    gpu = lost ? null : webgl(canvas, store);
    tween = null;
    ui.note.hidden = !!gpu;
    invalidate();
  }
  on(canvas, "webglcontextlost", (e) => { e.preventDefault(); setGpu(true); }); // or it would not be restored
  on(canvas, "webglcontextrestored", () => setGpu(false));

  function recolor() {
    theme = readTheme(root);
    family = getComputedStyle(root).fontFamily;
    root.style.setProperty("--uai-dot", `rgb(${theme.dot})`);
    invalidate();
  }
  const themes = new MutationObserver(() => { recolor(); setTimeout(recolor, 300); }); // its style sheet may come later
  const marks = ["data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind", "class"];
  themes.observe(document.body, { attributes: true, attributeFilter: marks });
  const rootMarks = ["class", "style", "theme", "data-theme"];
  themes.observe(document.documentElement, { attributes: true, attributeFilter: rootMarks });
  const sizes = new ResizeObserver(() => { recolor(); tip.hidden = true; });
  sizes.observe(plot);
  model.on("msg:custom", receive);
  model.on("change:height", invalidate);
  ui.note.hidden = !!gpu;
  update();
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
