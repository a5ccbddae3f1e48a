// @ts-check
// Latent against score, round by round. No build, no library.
import { Store, unpack } from "./scatter_data.js";
import { readTheme } from "./scatter_looks.js";
import { LEGEND_KINDS, build } from "./scatter_page.js";
import { Sight } from "./scatter_sight.js";
import { Paint } from "./scatter_paint.js";
import { Pane } from "./scatter_pane.js";
import { Rounds } from "./scatter_rounds.js";
import { Colors } from "./scatter_colors.js";
import { Maps } from "./scatter_map.js";
import { Lasso } from "./scatter_lasso.js";
import { Tip } from "./scatter_tip.js";
import { Numbers } from "./scatter_numbers.js";
import { Compare } from "./scatter_compare.js";
import { listen } from "./scatter_pointer.js";
import { describe } from "./scatter_words.js";

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const store = new Store(), sight = new Sight(store), paint = new Paint(store), ui = build(), { root } = ui;
  el.append(root);
  const me = Math.random().toString(36).slice(2);
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let theme = readTheme(root), family = getComputedStyle(root).fontFamily, pending = 0, alive = true;
  const again = () => { if (!pending && alive) pending = requestAnimationFrame(draw); };
  const newPane = () => new Pane(store, sight, paint, again);
  const pane = newPane(), rounds = new Rounds(store, pane, update, still);
  /** @param {any} content @param {ArrayBuffer[]} [buffers] */
  const say = (content, buffers) => model.send({ ...content, view: me }, undefined, buffers);

  const colors = new Colors(store, paint, (key) => say({ kind: "color", key }), update);
  const tip = new Tip(ui.tip, store, colors, (index) => say({ kind: "preview", index }));
  ui.main.append(pane.plot);
  const lasso = new Lasso(store, sight, say, update), maps = new Maps(store, sight, say, update);
  const compare = new Compare(store, sight, ui, () => follow(newPane()), update);
  const numbers = new Numbers();
  ui.tools.prepend(maps.label, colors.label, lasso.toggle, compare.toggle);
  ui.panes.prepend(compare.side);
  ui.thin.before(maps.row);
  ui.stage.after(lasso.bar);
  ui.legend.before(colors.row);
  ui.legend.after(numbers.node);

  function draw() {
    pending = 0;
    const around = { theme, family, height: model.get("height") || 360 };
    const drawn = pane.draw(around);
    compare.draw(around);
    ui.note.hidden = !!pane.gpu;
    if (drawn) root.dataset.drawn = String(pane.round);
  }
  /** After any change: the words around the plot at once, the plot with the next frame of the screen. */
  function update() {
    sight.settle();
    tip.hide(); // it may tell what was
    lasso.describe();
    const shown = [compare.pane?.frame, pane.frame];
    describe(ui, store, pane, sight, rounds, shown);
    numbers.describe(shown);
    compare.describe();
    colors.describe(theme);
    maps.describe(pane.frame);
    Object.assign(root.dataset, { color: paint.choice.key, map: maps.shown });
    again();
  }
  const hello = () => say({ kind: "ready" });
  /** @param {any} msg @param {DataView[]} buffers */
  function receive(msg, buffers) {
    if (msg?.view && msg.view !== me) return;
    if (msg?.kind === "update") refresh(msg, buffers);
    else if (msg?.kind === "color") {
      colors.take(msg.choice, unpack(msg.arrays, buffers).values ?? null);
      update();
    } else if (msg?.kind === "labeled") lasso.hear(msg);
    else if (msg?.kind === "preview") tip.hear(msg);
    else if (msg?.kind === "map") maps.take(msg, unpack(msg.arrays, buffers));
    else if (msg?.kind === "map_progress") maps.hear(msg);
    else if (msg?.kind === "numbers") {
      numbers.take(msg);
      update();
    } else if (msg?.kind === "options") offer(msg.options);
  }
  /** @param {any} options */
  function offer(options) {
    colors.offered = options.colors;
    lasso.offered = options.label;
    maps.offered = options.maps;
    tip.offered = options.preview;
    tip.blind = options.blind;
    update();
  }
  /** @param {any} msg @param {DataView[]} buffers */
  function refresh(msg, buffers) {
    const before = pane.frame;
    if (!store.apply(msg, buffers)) return hello();
    if (msg.reset) maps.forget();
    if (msg.options) offer(msg.options);
    pane.settle();
    compare.settle();
    paint.settle();
    rounds.settle(!!before && !msg.reset);
  }

  // -- events -----------------------------------------------------------------------------------------------

  const zoomed = (/** @type {number} */ factor) => { sight.zoomBy(factor); update(); };
  const panned = (/** @type {number} */ x, /** @type {number} */ y) => { sight.pan(x, y); update(); };
  const unzoom = () => { sight.zoom = null; update(); };
  /** @type {Record<string, (e: KeyboardEvent) => void>} */
  const keys = {
    "+": () => zoomed(0.8), "=": () => zoomed(0.8), "-": () => zoomed(1.25), 0: unzoom,
    ArrowLeft: () => panned(-0.1, 0), ArrowRight: () => panned(0.1, 0),
    ArrowUp: () => panned(0, 0.1), ArrowDown: () => panned(0, -0.1),
    "[": () => rounds.step(-1), ",": () => rounds.step(-1), "]": () => rounds.step(1), ".": () => rounds.step(1),
    Escape: (e) => (lasso.items.length || lasso.pane ? lasso.clear() : /** @type {HTMLElement} */ (e.target).blur()),
  };
  /** Plain keys pressed in here are no commands of the notebook ("a" would add a cell); Tab and chords pass.
   * @param {KeyboardEvent} e */
  function key(e) {
    const chord = (e.ctrlKey || e.metaKey || e.altKey) && !e.getModifierState("AltGraph"); // some type [ with AltGr
    if (chord || e.key === "Tab" || (e.shiftKey && e.key === "Enter")) return;
    e.stopPropagation();
    const node = /** @type {HTMLElement} */ (e.target), ends = e.key === "Escape" && lasso.items.length > 0;
    const here = ends || node === ui.reset || node.closest(".uai-scatter-plot");
    if (!keys[e.key] || !pane.frame || !here) return;
    e.preventDefault();
    keys[e.key](e);
  }
  /** @param {Element} node @param {string} type @param {(e: any) => void} f */
  const on = (node, type, f) => node.addEventListener(type, f);
  on(ui.back, "click", () => rounds.step(-1));
  on(ui.play, "click", () => rounds.toggle());
  on(ui.next, "click", () => rounds.step(1));
  on(ui.slider, "input", () => rounds.slide(+ui.slider.value));
  on(ui.reset, "click", () => { unzoom(); pane.plot.focus({ preventScroll: true }); });
  on(ui.scale, "click", () => { sight.logWanted = !sight.log; update(); });
  LEGEND_KINDS.forEach((kind, i) => on(/** @type {Element} */ (ui.entries[i].toggle), "click", () => {
    sight.hidden[kind] = !sight.hidden[kind];
    update();
  }));
  on(root, "keydown", key);
  on(lasso.all, "click", () => lasso.takeAll(pane));


  /** Pointer and size of a pane. @param {Pane} one */
  function follow(one) {
    listen(store, sight, { tip, lasso }, { pick: (index) => say({ kind: "pick", index }), update, again }, one);
    sizes.observe(one.plot);
    return one;
  }
  function recolor() {
    theme = readTheme(root);
    family = getComputedStyle(root).fontFamily;
    root.style.setProperty("--uai-dot", `rgb(${theme.dot})`);
    colors.describe(theme);
    again();
  }
  const themes = new MutationObserver(() => { recolor(); setTimeout(recolor, 300); }); // its style sheet may come later
  const marks = ["data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind", "class"];
  themes.observe(document.body, { attributes: true, attributeFilter: marks });
  const rootMarks = ["class", "style", "theme", "data-theme"];
  themes.observe(document.documentElement, { attributes: true, attributeFilter: rootMarks });
  const sizes = new ResizeObserver(() => { recolor(); tip.hide(); });
  follow(pane);
  model.on("msg:custom", receive);
  model.on("change:height", again);
  update();
  hello();
  return () => {
    alive = false;
    rounds.stop();
    cancelAnimationFrame(pending);
    themes.disconnect();
    sizes.disconnect();
    model.off("msg:custom", receive);
    model.off("change:height", again);
    pane.dispose();
    compare.pane?.dispose();
    try {
      say({ kind: "gone" });
    } catch { /* the kernel may be gone already */ }
    root.remove();
  };
}

export default { render };
