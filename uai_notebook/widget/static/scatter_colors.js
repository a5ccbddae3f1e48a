// @ts-check
// The menu of colours and what they mean, in words. Names of columns and values are data: text only.
/** @import {Store} from "./scatter_data.js" */
/** @import {Theme} from "./scatter_looks.js" */
/** @import {Choice, Paint} from "./scatter_paint.js" */
import { number } from "./scatter_axes.js";
import { choiceOf, make } from "./scatter_page.js";
import { palette, rampOf } from "./scatter_paint.js";

const NO_VALUE = "gray: no value";

export class Colors {
  /** @type {[string, string][]} */ offered = []; // key and name of what the kernel has values of
  told = ""; // what the words were made from
  /** @param {Store} store @param {Paint} paint @param {(key: string) => void} ask the kernel for values
   * @param {() => void} update */
  constructor(store, paint, ask, update) {
    this.store = store;
    this.paint = paint;
    const { label, select } = choiceOf("color", "Color");
    this.label = label;
    this.select = select;
    this.row = make("div", "colors", { hidden: true });
    select.addEventListener("change", () => {
      const { value: key } = select, name = select.selectedOptions[0].text;
      if (!this.builtIn.some(([known]) => known === key)) {
        select.value = paint.choice.key; // until the kernel has answered
        return ask(key);
      }
      paint.use({ key, name }, null);
      update();
    });
  }
  /** @returns {[string, string][]} */
  get builtIn() {
    const probability = this.store.frames.at(-1)?.probability ?? true;
    return [["label", "label"], ["score", "base score"], ["uai", probability ? "UAI probability" : "learned score"]];
  }
  /** @param {Choice} choice @param {Float32Array | null} values */
  take(choice, values) {
    const named = this.builtIn.find(([key]) => key === choice.key);
    this.paint.use(named ? { key: choice.key, name: named[1] } : choice, values);
  }
  /** Menu and words. @param {Theme} theme */
  describe(theme) {
    const { select, paint, store } = this, { choice } = paint, learned = store.frames.some((f) => f.cols.uai);
    const choices = [...this.builtIn, ...this.offered];
    if (!choices.some(([key]) => key === choice.key)) choices.push([choice.key, choice.name]);
    const told = JSON.stringify([choices, choice, theme.dark, theme.text, learned]);
    if (told === this.told) return;
    this.told = told;
    select.replaceChildren(...choices.map(([value, text]) =>
      Object.assign(document.createElement("option"), { value, text, disabled: value === "uai" && !learned })));
    select.value = choice.key;
    this.row.hidden = !paint.mode;
    this.row.replaceChildren(...(paint.mode === 2 ? this.categories(theme) : this.ramp(theme)));
  }
  /** @param {Theme} theme */
  ramp(theme) {
    const { low = 0, high = 1, least = 0, most = 1, name } = this.paint.choice, shown = Number.isFinite(low);
    const colors = rampOf(theme).map((c) => `rgb(${c})`).join(", "), bar = make("span", "ramp");
    bar.style.background = `linear-gradient(to right, ${colors})`;
    const cut = low > least || high < most;
    const all = cut ? `2nd to 98th percentile of ${number(least)} to ${number(most)}; ${NO_VALUE}` : NO_VALUE;
    const quiet = make("span", "quiet", { textContent: all });
    const said = shown ? [number(low), bar, number(high), quiet] : ["no values yet"];
    return [make("b", "name", { textContent: name }), ...said];
  }
  /** @param {Theme} theme */
  categories(theme) {
    const { categories = [], name } = this.paint.choice, colors = palette(theme);
    const entries = categories.map((text, i) => {
      const swatch = make("span", "swatch");
      swatch.style.background = `rgb(${colors[i]})`;
      return make("span", "category", {}, [swatch, text]);
    });
    return [make("b", "name", { textContent: name }), ...entries, make("span", "quiet", { textContent: NO_VALUE })];
  }
  /** Value of a position in words, or null where colours tell nothing more. @param {number} i */
  words(i) {
    const { byItem, choice } = this.paint;
    if (!byItem) return null;
    const value = byItem[this.store.item(i).index];
    const text = Number.isNaN(value) ? "no value" : choice.categories ? choice.categories[value] : number(value);
    return `${choice.name}: ${text}`;
  }
}
