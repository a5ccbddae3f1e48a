// @ts-check
// Many points at once: a line around them, and one answer for all.
/** @import {Store} from "./scatter_data.js" */
/** @import {Pane} from "./scatter_pane.js" */
/** @import {Sight} from "./scatter_sight.js" */
import { KINDS } from "./scatter_looks.js";
import { button, make } from "./scatter_page.js";
import { count } from "./scatter_words.js";

const DRAW = "Draw a line around points (or Shift and drag at any time).";

/** Positions inside a line on a pane that are shown. @param {Pane} pane @param {[number, number][]} path CSS px */
function inside(pane, path) {
  const { sight, place: l, box, frame: f } = pane, found = [];
  if (!l || !f || path.length < 3) return [];
  const us = path.map(([x]) => box.x0 + ((x - l.left) / l.width) * (box.x1 - box.x0));
  const vs = path.map(([, y]) => box.y0 + ((l.top + l.height - y) / l.height) * (box.y1 - box.y0));
  const [u0, u1, v0, v1] = [Math.min(...us), Math.max(...us), Math.min(...vs), Math.max(...vs)];
  const { x, y } = sight.spots(f);
  for (let i = 0; i < x.length; i++) {
    const u = x[i], v = sight.scaled(y[i]);
    if (!(u >= u0 && u <= u1 && v >= v0 && v <= v1) || !sight.seen(i)) continue;
    let within = false; // crossings to the right: odd inside
    for (let a = 0, b = us.length - 1; a < us.length; b = a++)
      if (vs[a] > v !== vs[b] > v && u < us[a] + ((v - vs[a]) / (vs[b] - vs[a])) * (us[b] - us[a])) within = !within;
    if (within) found.push(i);
  }
  return found;
}

export class Lasso {
  on = false; // dragging draws, without Shift too
  offered = false; // somebody takes answers
  /** @type {number[]} */ items = []; // inside the line, labelled or not
  /** @type {Pane | null} */ pane = null; // where a line is being drawn
  given = 0; // how many were answered last
  number = 0; // of the selection: the kernel takes each once
  waiting = false; // for the kernel's reply
  said = "";
  /** @param {Store} store @param {Sight} sight @param {(content: any, buffers: ArrayBuffer[]) => void} say
   * @param {() => void} update */
  constructor(store, sight, say, update) {
    this.store = store;
    this.sight = sight;
    this.say = say;
    this.update = update;
    this.toggle = button("lasso", "Lasso", { title: "Select points by a line around them", hidden: true });
    this.words = make("span", "said");
    this.words.setAttribute("role", "status");
    this.all = button("all", "Select all in view");
    this.relabel = make("input", "relabel", { type: "checkbox" });
    this.also = make("span", "words");
    this.more = make("label", "choice", {}, [this.relabel, this.also]);
    this.answers = [2, 1, 3].map((kind) => button("answer", KINDS[kind]));
    this.answers.forEach((node, i) => node.addEventListener("click", () => this.answer([1, 0, -1][i])));
    this.none = button("clear", "Clear", { title: "Esc" });
    this.bar = make("div", "bar", {}, [this.words, ...this.answers, this.none, this.all, this.more]);
    this.toggle.addEventListener("click", () => { this.on = !this.on; this.said = ""; update(); });
    this.none.addEventListener("click", () => this.clear());
    this.relabel.addEventListener("change", update);
  }
  /** Items that an answer would go to. */
  get chosen() {
    const { place, kind } = this.store;
    return this.items.filter((item) => this.relabel.checked || !kind[place.get(item) ?? -1]);
  }
  /** @param {PointerEvent} e */
  wants(e) {
    return this.offered && !this.waiting && (this.on || e.shiftKey);
  }
  /** @param {Pane} pane @param {PointerEvent} e */
  begin(pane, e) {
    this.pane = pane;
    pane.path = [pane.at(e)];
  }
  /** @param {PointerEvent} e */
  extend(e) {
    this.pane?.path.push(this.pane.at(e));
  }
  end() {
    const { pane } = this, path = pane?.path ?? [];
    if (!pane) return;
    this.drop();
    const far = path.some(([x, y]) => Math.hypot(x - path[0][0], y - path[0][1]) > 4); // else it was a click
    this.take(far ? inside(pane, path) : []);
  }
  /** Give up a line. */
  drop() {
    if (this.pane) this.pane.path = [];
    this.pane = null;
  }
  /** By keyboard, without a line. @param {Pane} pane */
  takeAll(pane) {
    const l = pane.place;
    if (!l) return;
    const [left, top, right, bottom] = [l.left, l.top, l.left + l.width, l.top + l.height];
    this.take(inside(pane, [[left, top], [right, top], [right, bottom], [left, bottom]]));
  }
  /** @param {number[]} positions */
  take(positions) {
    this.items = positions.map((i) => this.store.item(i).index);
    this.number++;
    this.relabel.checked = false;
    this.said = positions.length || !this.on ? "" : "No point inside.";
    this.update();
  }
  clear() {
    this.drop();
    this.waiting = false;
    this.said = "";
    this.items = [];
    this.update();
  }
  /** @param {number} label */
  answer(label) {
    const { chosen } = this;
    if (this.waiting || !chosen.length) return;
    this.given = chosen.length;
    this.waiting = true; // a second click changes nothing
    this.say({ kind: "label", selection: this.number, label }, [Int32Array.from(chosen).buffer]);
    this.update();
  }
  /** The kernel's reply. @param {{selection: number, ok: boolean, text: string}} reply */
  hear({ selection, ok, text }) {
    if (!this.waiting || selection !== this.number) return;
    this.waiting = false;
    this.number++;
    if (ok) this.items = [];
    this.said = ok ? `${count(this.given, "item")} labeled; Undo takes all of them back.` : `Not labeled: ${text}`;
    this.update();
  }
  describe() {
    const { store, sight, items, bar, chosen } = this;
    const labelled = items.filter((item) => store.kind[store.place.get(item) ?? -1]);
    const some = items.length > 0, thinned = store.kind.length < store.total ? " (of the drawn ones)" : "";
    const marked = chosen.flatMap((item) => store.place.get(item) ?? []);
    if (marked.length !== sight.chosen.length || marked.some((i, j) => i !== sight.chosen[j]))
      sight.chosen = Uint32Array.from(marked); // a new one draws all points again
    this.toggle.hidden = !this.offered;
    this.toggle.setAttribute("aria-pressed", String(this.on));
    bar.hidden = !this.offered || !(this.on || some || this.said);
    this.all.hidden = !this.on;
    this.more.hidden = !labelled.length;
    this.also.textContent = `also relabel ${labelled.length.toLocaleString("en")} labeled`;
    // Disabled, never hidden: the second click of two must not meet another button.
    this.none.disabled = !some; // also while waiting: a kernel that died never replies
    this.all.disabled = this.waiting;
    for (const node of this.answers) node.disabled = this.waiting || !chosen.length;
    const asks = this.on && !this.said ? DRAW : "";
    const state = some ? `${count(chosen.length, "item")} selected${thinned}` : asks;
    this.words.textContent = this.waiting
      ? `Labeling ${count(chosen.length, "item")} …`
      : [this.said, state].filter(Boolean).join(" ");
  }
}
