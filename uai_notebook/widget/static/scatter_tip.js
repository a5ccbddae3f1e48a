// @ts-check
// What is said about the point under the pointer.
/** @import {Frame, Store} from "./scatter_data.js" */
/** @import {Colors} from "./scatter_colors.js" */
/** @import {Pane} from "./scatter_pane.js" */
import { KINDS } from "./scatter_looks.js";
import { number } from "./scatter_axes.js";
import { make } from "./scatter_page.js";

const WAIT = 120; // ms that the pointer rests before the item is asked for
const PICTURES = 200; // kept

export class Tip {
  blind = false; // no scores of what is not labelled
  offered = false; // the kernel draws items
  timer = 0;
  item = -1; // told of
  /** @type {(() => void) | null} */ place = null; // puts the tip where it belongs
  /** HTML by item, oldest first. @type {Map<number, string>} */ pictures = new Map();
  /** @param {HTMLElement} node @param {Store} store @param {Colors} colors
   * @param {(item: number) => void} ask the kernel for a picture */
  constructor(node, store, colors, ask) {
    this.node = node;
    this.store = store;
    this.colors = colors;
    this.ask = ask;
    this.text = make("div", "told");
    this.picture = make("div", "picture", { hidden: true });
    node.append(this.text, this.picture);
  }
  hide() {
    clearTimeout(this.timer);
    this.item = -1;
    this.node.hidden = true;
  }
  /** @param {Pane} pane @param {number} i position */
  show(pane, i) {
    const { node } = this, f = pane.frame, item = this.store.item(i).index;
    if (!f || (item === this.item && node.parentNode === pane.plot)) return;
    this.hide();
    this.item = item;
    if (node.parentNode !== pane.plot) pane.plot.append(node);
    node.hidden = false;
    this.text.textContent = this.lines(f, i).join("\n");
    this.draw(this.pictures.get(item));
    this.place = () => {
      const [x, y] = pane.pixel(i), w = node.offsetWidth, h = node.offsetHeight;
      node.style.left = `${Math.max(0, x + 12 + w > pane.plot.clientWidth ? x - 12 - w : x + 12)}px`;
      node.style.top = `${Math.max(0, y - 12 - h < 0 ? y + 12 : y - 12 - h)}px`;
    };
    this.place();
    if (this.offered && !this.pictures.has(item)) this.timer = window.setTimeout(() => this.ask(item), WAIT);
  }
  /** @param {string} [html] made by the kernel, which escapes what comes from the data */
  draw(html) {
    this.picture.hidden = !html;
    this.picture.innerHTML = html ?? "";
  }
  /** A picture came, perhaps too late. @param {{index: number, html: string}} reply */
  hear({ index, html }) {
    if (index !== this.item) return;
    this.pictures.set(index, html);
    for (const old of this.pictures.keys()) if (this.pictures.size > PICTURES) this.pictures.delete(old);
    this.draw(html);
    this.place?.();
  }
  /** @param {Frame} f @param {number} i */
  lines(f, i) {
    const { store } = this, { index, id } = store.item(i), uai = f.cols.uai?.[i], kind = store.kind[i];
    const lines = [id === undefined ? `Item ${index}` : `${id} (item ${index})`, KINDS[kind]];
    if (!this.blind || kind) {
      lines.push(`s ${number(f.cols.y[i])}`);
      if (uai !== undefined && Number.isFinite(uai))
        lines.push(f.probability ? `UAI probability ${uai.toFixed(3)}` : `learned score ${number(uai)}`);
    }
    return lines.concat(this.colors.words(i) ?? []);
  }
}
