// @ts-check
// How well anomalies separate in the rounds shown, as the kernel measured it: a small table under the plot.
/** @import {Frame} from "./scatter_data.js" */
import { make } from "./scatter_page.js";

/** What was measured and on how many, then six numbers with their limits. @typedef {[string, ...[string, string][]]} Row */

export class Numbers {
  caption = "";
  /** @type {string[]} */ head = [];
  /** @type {Record<number, Row[]>} by round */ rounds = {};
  told = ""; // what the table was made from
  constructor() {
    this.table = document.createElement("table");
    this.node = make("div", "numbers", { hidden: true, tabIndex: 0, role: "group" }, [this.table]); // narrow: it scrolls
    this.node.ariaLabel = "Numbers of the round shown";
  }
  /** @param {{caption: string, head: string[], rounds: Record<number, Row[]>}} msg */
  take({ caption, head, rounds }) {
    Object.assign(this, { caption, head, rounds });
  }
  /** @param {(Frame | undefined)[]} frames shown, from left to right */
  describe(frames) {
    const shown = frames.flatMap((f) => f ?? []), many = shown.length > 1;
    const rows = shown.flatMap((f) => (this.rounds[f.round] ?? []).map(([what, ...cells]) =>
      /** @type {Row} */ ([many ? `Round ${f.round + 1}, ${what}` : what, ...cells])));
    const told = JSON.stringify([this.caption, this.head, rows]);
    this.node.hidden = !this.head.length || !shown.length;
    if (told === this.told) return;
    this.told = told;
    const caption = this.table.createCaption(), top = document.createElement("tr");
    caption.textContent = rows.length ? this.caption : "The numbers of this round were not measured.";
    top.append(document.createElement("td"), ...this.head.map((name) => title(name, "col")));
    this.table.replaceChildren(caption, ...(rows.length ? [top] : []), ...rows.map(([what, ...cells]) => {
      const line = document.createElement("tr");
      line.append(title(what, "row"), ...cells.map(([value, limits]) => {
        const cell = document.createElement("td");
        cell.append(value, ...(limits ? [make("div", "quiet", { textContent: limits })] : []));
        return cell;
      }));
      return line;
    }));
  }
}

/** @param {string} textContent @param {string} scope */
const title = (textContent, scope) => Object.assign(document.createElement("th"), { textContent, scope });
