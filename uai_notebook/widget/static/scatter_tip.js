// @ts-check
// What is said about the point under the pointer.
/** @import {Frame, Store} from "./scatter_data.js" */
/** @import {Colors} from "./scatter_colors.js" */
/** @import {Pane} from "./scatter_pane.js" */
import { KINDS } from "./scatter_looks.js";
import { number } from "./scatter_axes.js";

export class Tip {
  /** @param {HTMLElement} node @param {Store} store @param {Colors} colors */
  constructor(node, store, colors) {
    this.colors = colors;
    this.node = node;
    this.store = store;
  }
  hide() {
    this.node.hidden = true;
  }
  /** @param {Pane} pane @param {number} i position */
  show(pane, i) {
    const { node } = this, f = pane.frame;
    if (!f) return;
    if (node.parentNode !== pane.plot) pane.plot.append(node);
    node.hidden = false;
    node.textContent = this.lines(f, i).join("\n");
    const [x, y] = pane.pixel(i), w = node.offsetWidth, h = node.offsetHeight;
    node.style.left = `${Math.max(0, x + 12 + w > pane.plot.clientWidth ? x - 12 - w : x + 12)}px`;
    node.style.top = `${Math.max(0, y - 12 - h < 0 ? y + 12 : y - 12 - h)}px`;
  }
  /** @param {Frame} f @param {number} i */
  lines(f, i) {
    const { store } = this, { index, id } = store.item(i), uai = f.cols.uai?.[i];
    const lines = [id === undefined ? `Item ${index}` : `${id} (item ${index})`, KINDS[store.kind[i]]];
    lines.push(`s ${number(f.cols.y[i])}`);
    if (uai !== undefined && Number.isFinite(uai))
      lines.push(f.probability ? `UAI probability ${uai.toFixed(3)}` : `learned score ${number(uai)}`);
    return lines.concat(this.colors.words(i) ?? []);
  }
}
