// @ts-check
// Pointer, wheel and keys on a plot.
/** @import {Box, Store} from "./scatter_data.js" */
/** @import {Lasso} from "./scatter_lasso.js" */
/** @import {Pane} from "./scatter_pane.js" */
/** @import {Sight} from "./scatter_sight.js" */
/** @import {Tip} from "./scatter_tip.js" */

/** What a click does, and a change.
 * @typedef {{pick: (item: number) => void, update: () => void, again: () => void}} Deeds */

/** @param {Store} store @param {Sight} sight @param {{tip: Tip, lasso: Lasso}} parts @param {Deeds} deeds
 * @param {Pane} pane */
export function listen(store, sight, { tip, lasso }, deeds, pane) {
  const { plot } = pane;
  /** @type {{x: number, y: number, box: Box, moved: boolean} | null} */ let drag = null;
  /** @param {number} item */
  const light = (item) => {
    if (item === sight.lit) return;
    sight.lit = item;
    if (pane.gpu) deeds.again(); // without WebGL all points would be drawn again
  };
  /** @param {PointerEvent} e */
  function hover(e) {
    const i = pane.under(e);
    plot.style.cursor = i < 0 ? "" : "pointer";
    light(i < 0 ? -1 : store.item(i).index);
    if (i < 0) tip.hide();
    else tip.show(pane, i);
  }
  /** @param {PointerEvent} e */
  function press(e) {
    if (e.button !== 0 || !pane.frame) return;
    plot.focus({ preventScroll: true });
    plot.setPointerCapture(e.pointerId);
    if (lasso.wants(e)) return tip.hide(), lasso.begin(pane, e);
    drag = { x: e.clientX, y: e.clientY, box: sight.box, moved: false };
  }
  /** @param {PointerEvent} e */
  function move(e) {
    if (lasso.pane) return lasso.extend(e), deeds.again();
    if (!drag || !pane.place) return hover(e);
    const dx = e.clientX - drag.x, dy = e.clientY - drag.y;
    drag.moved ||= Math.hypot(dx, dy) > 4;
    if (!drag.moved) return;
    sight.pan(-dx / pane.place.width, dy / pane.place.height, drag.box);
    deeds.update();
  }
  /** @param {PointerEvent} e */
  function release(e) {
    if (lasso.pane) return lasso.end();
    const i = drag && !drag.moved ? pane.under(e) : -1;
    drag = null;
    if (i >= 0) deeds.pick(store.item(i).index);
  }
  /** @param {WheelEvent} e */
  function wheel(e) {
    const { place } = pane;
    if (!place || !pane.frame || !plot.matches(":focus")) return; // the notebook scrolls until the plot was clicked
    e.preventDefault();
    const [x, y] = pane.at(e), lines = e.deltaMode === 1 ? 16 : 1;
    const factor = Math.exp(Math.max(-0.5, Math.min(0.5, e.deltaY * lines * 0.0015)));
    sight.zoomBy(factor, (x - place.left) / place.width, 1 - (y - place.top) / place.height);
    deeds.update();
  }
  /** @param {string} type @param {(e: any) => void} f */
  const on = (type, f) => plot.addEventListener(type, f, { passive: false });
  on("pointerdown", press);
  on("pointermove", move);
  on("pointerup", release);
  on("pointercancel", () => { drag = null; lasso.drop(); deeds.again(); });
  on("pointerleave", () => { tip.hide(); light(-1); });
  on("dblclick", () => { if (lasso.on) return; sight.zoom = null; deeds.update(); });
  on("wheel", wheel);
}
