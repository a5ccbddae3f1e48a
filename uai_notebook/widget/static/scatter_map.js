// @ts-check
// The menu of maps: asks the kernel for them, shows how far it is, and what is not on the map yet.
/** @import {Frame, Store} from "./scatter_data.js" */
/** @import {Sight} from "./scatter_sight.js" */
import { Chart } from "./scatter_chart.js";
import { button, choiceOf, make } from "./scatter_page.js";

/** The menu, the progress of a computation, and what is said of a round that is not on the map. */
export class Maps {
  /** @type {[string, string][]} */ offered = [];
  /** @type {Map<string, Chart>} */ charts = new Map();
  shown = ""; // key of the map on show, or none
  wanted = ""; // key of the one that was asked for
  said = "";
  /** @param {Store} store @param {Sight} sight @param {(content: any) => void} say @param {() => void} update */
  constructor(store, sight, say, update) {
    this.store = store;
    this.sight = sight;
    this.say = say;
    this.update = update;
    const { label, select } = choiceOf("view", "View");
    this.label = label;
    this.select = select;
    this.meter = make("progress", "meter", { ariaLabel: "Progress of the map" });
    this.words = make("span", "mapping");
    this.words.setAttribute("role", "status");
    this.cancel = button("cancel", "Cancel");
    this.again = button("again", "Update map");
    this.row = make("div", "bar", { hidden: true }, [this.meter, this.words, this.cancel, this.again]);
    select.addEventListener("change", () => this.choose(select.value));
    this.cancel.addEventListener("click", () => say({ kind: "map_cancel" }));
    this.again.addEventListener("click", () => this.ask(this.shown, true));
  }
  /** @param {string} key empty: latent against score */
  choose(key) {
    this.said = "";
    if (this.wanted) this.say({ kind: "map_cancel" });
    this.wanted = "";
    if (!key || this.charts.has(key)) return this.show(key);
    this.ask(key, false);
  }
  /** @param {string} key @param {boolean} anew */
  ask(key, anew) {
    this.wanted = key;
    this.said = "";
    this.meter.removeAttribute("value");
    this.words.textContent = "The map is begun …";
    this.say({ kind: "map", of: key, anew });
    this.update();
  }
  /** @param {string} key */
  show(key) {
    this.shown = key;
    this.sight.chart = this.charts.get(key) ?? null;
    this.sight.zoom = null;
    this.update();
  }
  /** A map came. @param {any} msg @param {Record<string, any>} arrays */
  take(msg, arrays) {
    this.charts.set(msg.of, new Chart(msg, arrays));
    const asked = this.wanted === msg.of, again = this.shown === msg.of;
    if (asked) this.wanted = "";
    if (asked || again) this.show(msg.of);
  }
  /** How far the kernel is. @param {any} msg */
  hear({ of, step, steps, text, failed }) {
    if (of !== this.wanted) return;
    if (failed) {
      this.wanted = "";
      this.said = failed;
    } else {
      this.meter.max = Math.max(1, steps);
      if (steps) this.meter.value = step;
      this.words.textContent = `UMAP: ${text}`;
    }
    this.update();
  }
  /** The rounds are others now. */
  forget() {
    this.charts.clear();
    this.wanted = this.shown = this.said = "";
    this.sight.chart = null;
    this.sight.zoom = null;
  }
  /** @param {Frame | undefined} f of the pane */
  describe(f) {
    const { select, offered, row } = this, { chart } = this.sight, entries = [["", "latent against score"], ...offered];
    if (select.options.length !== entries.length)
      select.replaceChildren(...entries.map(([value, text]) =>
        Object.assign(document.createElement("option"), { value, text })));
    select.value = this.wanted || this.shown;
    this.label.hidden = !offered.length || !f;
    const stands = chart && f ? chart.standsFor(f) : NaN, late = !!f && !!chart && stands !== f.round;
    this.meter.hidden = this.cancel.hidden = !this.wanted;
    this.again.hidden = !!this.wanted || !late || f.round < stands;
    if (!this.wanted) this.words.textContent = this.said || (late ? absent(f, stands) : "");
    row.hidden = !f || !(this.wanted || this.words.textContent);
  }
}

/** @param {Frame} f @param {number} stands */
const absent = (f, stands) =>
  `Round ${f.round + 1} is not on the map yet; the places are those of round ${stands + 1}.`;
