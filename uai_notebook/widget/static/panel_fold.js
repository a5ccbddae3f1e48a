// @ts-check
// Something under a fold: the kernel is asked for it only while it is open, and again when it has changed.
import { make } from "./panel_page.js";

export class Fold {
  asked = ""; // what the words are of, or will be
  /** @type {{key: string, closed?: string, content: object} | null} */ wanted = null;
  /** @param {string} kind of the message @param {string} title @param {(content: object) => void} ask */
  constructor(kind, title, ask) {
    this.kind = kind;
    this.ask = ask;
    this.node = make("details", `uai-fold uai-fold-${kind}`);
    this.body = make("div", "uai-fold-body");
    this.body.setAttribute("role", "group");
    this.body.setAttribute("aria-label", title);
    this.line = make("span", "uai-fold-line");
    const summary = make("summary", "", title);
    summary.append(this.line);
    this.node.append(summary, this.body);
    this.node.addEventListener("toggle", () => this.follow(this.wanted));
  }
  /** Say what it should show, null for nothing. With a `closed` key it is asked for its line while it is closed too,
   * when that key changes. @param {{key: string, closed?: string, content: object} | null} wanted */
  follow(wanted) {
    this.wanted = wanted;
    this.node.hidden = !wanted;
    const key = this.node.open ? wanted?.key : wanted?.closed;
    if (!wanted || !key || key === this.asked) return;
    this.asked = key;
    this.ask({ kind: this.kind, key, ...wanted.content });
  }
  /** @param {{key?: string, html?: string, line?: string}} message */
  hear(message) {
    if (message.key !== this.asked) return; // an older question
    this.line.textContent = message.line ? ` · ${message.line}` : "";
    const focused = this.body.contains(document.activeElement);
    this.body.innerHTML = message.html ?? ""; // escaped by the kernel
    if (focused) this.node.querySelector("summary")?.focus({ preventScroll: true });
    this.fit();
  }
  /** What is wider than the panel scrolls, by arrow keys too. */
  fit() {
    if (this.body.scrollWidth > this.body.clientWidth) this.body.tabIndex = 0;
    else this.body.removeAttribute("tabindex");
  }
}

/** The list of answers: a filter, a search, and a button for each item. */
export class Review extends Fold {
  /** @param {[string, string][]} filters names and words @param {(content: object) => void} ask
   * @param {(index: number) => void} show @param {() => void} update */
  constructor(filters, ask, show, update) {
    super("review", "Review answers", ask);
    const label = make("label", "", "Show ");
    this.filter = make("select");
    this.search = make("input");
    this.search.type = "search";
    this.search.placeholder = "in id or note";
    this.search.maxLength = 200; // more is refused
    this.search.setAttribute("aria-label", "Search in ids and notes");
    for (const [value, text] of filters) this.filter.append(Object.assign(make("option", "", text), { value }));
    label.append(this.filter);
    const row = make("div", "uai-row");
    row.append(label, this.search);
    this.body.before(row);
    this.filter.addEventListener("change", update);
    this.search.addEventListener("change", update);
    this.body.addEventListener("click", (/** @type {MouseEvent} */ event) => {
      const item = /** @type {HTMLElement} */ (event.target).closest("[data-index]");
      if (item instanceof HTMLElement) show(Number(item.dataset.index));
    });
  }
  /** @param {string} stamp changes with the answers */
  of(stamp) {
    const { value: filter } = this.filter, { value: search } = this.search;
    return { key: JSON.stringify([stamp, filter, search]), content: { filter, search } };
  }
}
