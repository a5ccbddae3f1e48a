// @ts-check
// Two rounds side by side: one is pinned on the left, with a slider of its own; axes and window are shared.
/** @import {Store} from "./scatter_data.js" */
/** @import {Page} from "./scatter_page.js" */
/** @import {Surroundings} from "./scatter_pane.js" */
/** @import {Sight} from "./scatter_sight.js" */
import { button, make } from "./scatter_page.js";
import { Pane } from "./scatter_pane.js";
import { count, titleOf } from "./scatter_words.js";

export class Compare {
  /** @type {Pane | null} */ pane = null;
  /** @param {Store} store @param {Sight} sight @param {Page} ui @param {() => Pane} makePane
   * @param {() => void} update */
  constructor(store, sight, ui, makePane, update) {
    this.store = store;
    this.sight = sight;
    this.ui = ui;
    this.update = update;
    this.toggle = button("compare", "Compare", { title: "Two rounds side by side" });
    const ariaLabel = "Round pinned on the left";
    this.slider = make("input", "slider", { type: "range", min: "0", step: "1", ariaLabel });
    this.words = make("span", "when");
    this.side = make("div", "pinned", { hidden: true }, [make("div", "bar", {}, [this.slider, this.words])]);
    this.toggle.addEventListener("click", () => (this.pane ? this.close() : this.open(makePane())));
    this.slider.addEventListener("input", () => {
      this.pane?.show(+this.slider.value, false);
      update();
    });
  }
  /** @param {Pane} pane */
  open(pane) {
    this.pane = pane;
    pane.show(0, false);
    this.side.append(pane.plot);
    this.update();
  }
  close() {
    this.pane?.dispose();
    this.pane = null;
    this.update();
  }
  settle() {
    this.pane?.settle();
  }
  /** @param {Surroundings} around */
  draw(around) {
    this.pane?.draw(around);
  }
  describe() {
    const { store, pane, ui } = this, f = pane?.frame, n = store.frames.length;
    this.toggle.setAttribute("aria-pressed", String(!!pane));
    this.toggle.disabled = n < 2 && !pane;
    this.side.hidden = !pane;
    ui.shown.hidden = !pane;
    ui.panes.dataset.two = String(!!pane);
    ui.root.dataset.pinned = f ? String(f.round) : "";
    if (!pane || !f) return;
    this.slider.max = String(n - 1);
    this.slider.value = String(pane.position);
    this.words.textContent = `Round ${f.round + 1} · ${count(f.labels, "label")}`;
    this.slider.setAttribute("aria-valuetext", this.words.textContent);
    pane.plot.setAttribute("aria-label", `${titleOf(this.sight)}, pinned: ${this.words.textContent}`);
  }
}
