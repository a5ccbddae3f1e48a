// @ts-check
/**
 * LabelPanel: the candidate on screen, the strip of the batch, the label buttons and keys.
 *
 * The kernel's session is the truth. A click is painted at once as pending, and as given only when the kernel has
 * journaled it. Every message names the item it answers, so that a late click cannot land on the next item.
 *
 * @typedef {{index: number, label: number | null}} Entry
 * @typedef {{title: string, html: string, thumb: string, why: string[], note: string}} Card
 * @typedef {{
 *   phase: string, status: string, ranked: string, batch: Entry[], current: number | null, undo: boolean,
 *   stamp: string, model: string, redo: boolean, paused: boolean, closed: boolean, done: string, more: number, waiting: string,
 *   message: string, details: string, message_id: number, acks: Record<string, number>
 * }} State
 * @typedef {{on: boolean, step: number, of: number, text: string}} Progress
 * @typedef {{get(name: string): any, send(content: object): void,
 *   on(name: string, call: Function): void, off(name: string, call?: Function): void}} Model
 */

import { GLYPHS, WORDS, button, copyText, keyName, make, saveFile, skeleton, takesText } from "./panel_page.js";
import { Fold, Review } from "./panel_fold.js";

const LABELS = /** @type {const} */ ({ anomaly: 1, normal: 0, unsure: -1 });
/** @type {Record<string, string[]>} */
const FIXED = { undo: ["Ctrl/Cmd+Z"], redo: ["Ctrl/Cmd+Shift+Z"] }; // as everywhere
const GUARD_MS = 200; // a double click is one answer
const READS = ["show", "export", "copy"]; // what a session that takes no answers still does
const SILENT_MS = 4000; // no acknowledgement for so long: say that it is not saved

/** @param {{model: Model, el: HTMLElement}} context */
function render({ model, el }) {
  const ui = skeleton();
  const view = Math.random().toString(36).slice(2); // several views of one model answer separately
  /** @type {State} */ let state = model.get("state");
  /** @type {Record<string, Card>} */ let cards = model.get("cards");
  /** @type {number | null} */ let shown = null;
  /** Answers sent and not yet acknowledged: item -> label. @type {Map<number, {label: number, seq: number}>} */
  const pending = new Map();
  let seq = 0;
  let lastClick = 0;
  let alive = true;
  let drawn = ""; // what the card shows, so that an unchanged card is not built again
  let strip = "";
  /** @type {any} */ let silence = 0;

  // -- what is answered -----------------------------------------------------------------------------------------

  /** @param {Entry} entry */
  const labelOf = (entry) => pending.get(entry.index)?.label ?? entry.label;
  const open = () => state.batch.filter((entry) => labelOf(entry) === null);

  /** The next unanswered item after the one shown, else the first. */
  function next() {
    const place = state.batch.findIndex((entry) => entry.index === shown);
    const later = state.batch.slice(place + 1).find((entry) => labelOf(entry) === null);
    return (later ?? open()[0])?.index ?? null;
  }

  // -- messages to the kernel -----------------------------------------------------------------------------------

  /** Whether it could be sent: a kernel that was shut down is not announced. @param {object} content */
  function deliver(content) {
    if (!alive) return false;
    try {
      model.send({ ...content, view });
    } catch {
      onGone();
    }
    return alive;
  }

  /** @param {string} kind @param {object} [more] */
  function send(kind, more = {}) {
    if (state.closed && !READS.includes(kind)) return false;
    ui.said.textContent = "";
    if (!deliver({ kind, seq: seq + 1, seen: state.message_id, ...more })) return false;
    seq += 1;
    clearTimeout(silence);
    silence = setTimeout(() => {
      if (deliver({ kind: "ready" })) warn("The kernel has not answered yet: the last answer is not saved so far.");
    }, SILENT_MS);
    return true;
  }

  /** @param {number} label @param {boolean} pointer */
  function answer(label, pointer) {
    if (shown === null || !alive || state.closed) return;
    const now = performance.now();
    if (pointer && now - lastClick < GUARD_MS) return;
    if (pointer) lastClick = now;
    const index = shown;
    pending.set(index, { label, seq: seq + 1 });
    shown = next();
    if (!send("label", { index, label, next: shown })) {
      pending.delete(index);
      shown = index;
    }
    draw();
  }

  /** @param {number | null | undefined} index */
  function show(index) {
    if (index === null || index === undefined || index === shown) return;
    shown = index;
    send("show", { index });
    draw();
  }

  /** @param {number} step */
  function move(step) {
    const place = state.batch.findIndex((entry) => entry.index === shown);
    show(state.batch[place + step]?.index);
  }

  const acts = {
    anomaly: () => answer(LABELS.anomaly, false),
    normal: () => answer(LABELS.normal, false),
    unsure: () => answer(LABELS.unsure, false),
    undo: () => send("undo"),
    redo: () => send("redo"),
    previous: () => move(-1),
    next: () => move(1),
    help: () => { ui.help.hidden = !ui.help.hidden; },
    leave: () => { if (document.activeElement instanceof HTMLElement) document.activeElement.blur(); },
  };

  // -- keys and buttons -----------------------------------------------------------------------------------------

  /** @type {Record<string, string[]>} */ const keys = model.get("key_map");
  /** @type {Record<string, keyof typeof acts>} */ const actOf = {};
  for (const [act, names] of Object.entries(keys)) for (const name of names) actOf[name] = /** @type {any} */ (act);
  /** @param {string} act */ const hint = (act) => (keys[act]?.length ? ` (${keyName(keys[act][0])})` : "");

  const buttons = {
    anomaly: button("uai-anomaly", "Anomaly" + hint("anomaly"), () => answer(LABELS.anomaly, true)),
    normal: button("uai-normal", "Normal" + hint("normal"), () => answer(LABELS.normal, true)),
    unsure: button("uai-unsure", "Unsure" + hint("unsure"), () => answer(LABELS.unsure, true)),
    undo: button("uai-undo", "Undo", acts.undo),
    train: button("uai-train", "Train now", () => send("train")),
    pause: button("uai-pause", "Pause", () => send("pause")),
    export: button("uai-export", "Export", () => send("export")),
    copy: button("uai-copy", "Copy", () => send("copy")),
    more: button("uai-more", "Continue", () => send("more")),
    retry: button("uai-retry", "Retry", () => send("retry")),
    cancel: button("uai-cancel", "Cancel", () => send("cancel")),
    help: button("uai-help-button", "Keys (?)", acts.help),
  };
  ui.labels.append(buttons.anomaly, buttons.normal, buttons.unsure, buttons.undo);
  ui.actions.append(buttons.more, buttons.retry, buttons.train, buttons.pause, buttons.export, buttons.copy);
  ui.progress.append(buttons.cancel);
  // A question has no place in the row of the answers.
  const reasons = new Fold("why", "Why this one", deliver), outlook = new Fold("outlook", "When to stop", deliver);
  const review = new Review(model.get("filters"), deliver, show, () => followFolds());
  const folds = [reasons, outlook, review];
  ui.folds.append(...folds.map((fold) => fold.node)); // under the buttons, which stay where they are
  function saveNote() {
    const { value: text, defaultValue: saved, dataset: { index } } = ui.noteText;
    if (index === undefined || text === saved) return;
    ui.noteText.defaultValue = text;
    send("note", { index: Number(index), text });
  }
  ui.noteText.addEventListener("blur", saveNote);
  ui.noteText.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter") saveNote(); });
  ui.foot.append(buttons.help);
  for (const [act, words] of Object.entries({
    anomaly: "Anomaly, next", normal: "Normal, next", unsure: "Unsure, next (kept, not trained on)",
    undo: "undo", redo: "redo", previous: "previous in the batch", next: "next in the batch",
    help: "this list", leave: "leave the panel",
  })) {
    const names = [...(keys[act] ?? []).map(keyName), ...(FIXED[act] ?? [])];
    if (names.length) ui.help.append(make("dt", "", names.join(", ")), make("dd", "", words));
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.key === "Tab" || takesText(event.target)) return;
    const command = event.ctrlKey || event.metaKey;
    let act = command || event.altKey ? undefined : actOf[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (command && event.key.toLowerCase() === "z") act = event.shiftKey ? "redo" : "undo";
    const native = event.target instanceof HTMLElement && event.target.matches("button, summary")
      && (event.key === "Enter" || event.key === " ");
    if (!command && !native) event.stopPropagation(); // not a key for the notebook
    if (!act || native) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) acts[act]();
  }
  ui.root.addEventListener("keydown", onKey);
  ui.root.addEventListener("focusin", () => { ui.keys.textContent = "keys on"; });
  ui.root.addEventListener("focusout", (/** @type {FocusEvent} */ event) => {
    if (!ui.root.contains(/** @type {Node} */ (event.relatedTarget))) ui.keys.textContent = "keys off";
  });
  ui.card.addEventListener("mousedown", () => ui.root.focus({ preventScroll: true }));

  // -- drawing --------------------------------------------------------------------------------------------------

  function drawStrip() {
    const now = JSON.stringify(state.batch.map((entry) => [entry.index, labelOf(entry), pending.has(entry.index),
      entry.index === shown, cards[entry.index]?.title]));
    if (now === strip) return;
    strip = now;
    const focused = ui.strip.contains(document.activeElement);
    ui.strip.replaceChildren(...state.batch.map((entry, place) => {
      const label = labelOf(entry);
      const thumb = button("uai-thumb", "", () => show(entry.index));
      thumb.innerHTML = cards[entry.index]?.thumb ?? ""; // escaped by the kernel's renderer
      const said = label === null ? "not answered" : WORDS[/** @type {1} */ (label)];
      thumb.setAttribute("aria-label", `Candidate ${place + 1} of ${state.batch.length}: ${said}`);
      if (entry.index === shown) thumb.setAttribute("aria-current", "true");
      if (label !== null) {
        thumb.dataset.label = String(label);
        thumb.append(make("span", "uai-mark", GLYPHS[/** @type {1} */ (label)]));
      }
      thumb.classList.toggle("uai-pending", pending.has(entry.index));
      return thumb;
    }));
    if (focused) (ui.strip.querySelector("[aria-current]") ?? ui.root).focus({ preventScroll: true });
  }

  function drawCard() {
    const entry = state.batch.find((one) => one.index === shown);
    const card = shown === null ? undefined : cards[shown];
    const label = entry ? labelOf(entry) : null;
    const said = label === null ? "" : ` · ${pending.has(/** @type {number} */ (shown)) ? "saving" : "answered"}: ${WORDS[/** @type {1} */ (label)]}`;
    const now = JSON.stringify([shown, card, said, state.done, state.waiting]);
    if (now === drawn) return;
    drawn = now;
    ui.card.dataset.index = shown === null ? "" : String(shown);
    ui.title.textContent = card ? card.title + said : state.done || state.waiting;
    ui.body.innerHTML = card?.html ?? ""; // escaped by the kernel's renderer
    ui.why.replaceChildren(...(card?.why ?? []).map((line) => make("li", "", line)));
  }

  function drawNote() {
    const card = shown === null ? undefined : cards[shown];
    ui.note.hidden = !card;
    ui.noteText.disabled = !alive || state.closed;
    const index = String(shown), typing = ui.noteText === document.activeElement;
    if (!card || (typing && ui.noteText.dataset.index === index)) return;
    if (typing) saveNote(); // what was typed belongs to the item that was shown
    ui.noteText.dataset.index = index;
    ui.noteText.value = ui.noteText.defaultValue = card.note;
  }

  /** The folds ask again when labels, notes or the model have changed. */
  function followFolds() {
    const stamp = state.stamp;
    reasons.follow(shown === null ? null : { key: JSON.stringify([stamp, shown]), content: { index: shown } });
    outlook.follow({ key: stamp, closed: state.model, content: {} }); // its line is of the round
    review.follow(review.of(stamp));
    for (const fold of folds) fold.fit();
  }

  function draw() {
    ui.root.dataset.phase = state.phase;
    ui.status.textContent = state.status;
    // The Explorer's line over the whole width: a message of its own would delay this one.
    const line = ui.root.closest(".uai-explorer")?.querySelector(".uai-status-line");
    if (line && line.textContent !== state.status) line.textContent = state.status;
    ui.ranked.textContent = (shown !== null && state.done) || state.ranked; // else the card says so
    drawStrip();
    drawCard();
    drawNote();
    const scrolls = ui.body.scrollHeight > ui.body.clientHeight || ui.body.scrollWidth > ui.body.clientWidth;
    if (scrolls) ui.body.tabIndex = 0; // by arrow keys, too
    else ui.body.removeAttribute("tabindex");
    followFolds();
    const off = !alive || state.closed;
    for (const name of /** @type {const} */ (["anomaly", "normal", "unsure"])) buttons[name].disabled = off || shown === null;
    buttons.undo.disabled = off || !state.undo;
    buttons.train.disabled = off || state.phase === "training";
    buttons.pause.disabled = off;
    buttons.export.disabled = buttons.copy.disabled = !alive;
    buttons.pause.textContent = state.paused ? "Resume" : "Pause";
    buttons.pause.title = state.paused ? "Train again after every round" : "Take answers without training";
    buttons.more.hidden = !state.more;
    buttons.more.textContent = `Continue +${state.more}`;
    buttons.retry.hidden = state.phase !== "failed";
    buttons.more.disabled = buttons.retry.disabled = buttons.cancel.disabled = off;
    ui.message.hidden = !state.message;
    if (ui.message.dataset.text !== state.message + state.details) {
      ui.message.dataset.text = state.message + state.details;
      ui.message.replaceChildren(make("span", "", state.message));
      if (state.details) {
        const details = make("details");
        const pre = make("pre", "", state.details);
        pre.tabIndex = 0; // it scrolls
        details.append(make("summary", "", "Details"), pre);
        ui.message.append(details);
      }
    }
  }

  function drawProgress() {
    /** @type {Progress} */ const progress = model.get("progress");
    ui.progress.hidden = !progress.on;
    ui.bar.max = progress.of || 1;
    ui.bar.value = progress.step;
    ui.progressText.textContent = progress.text;
  }

  /** @param {string} text */
  function warn(text) {
    ui.banner.textContent = text;
    ui.banner.hidden = !text;
  }

  // -- news from the kernel -------------------------------------------------------------------------------------

  function onState() {
    state = model.get("state");
    cards = model.get("cards");
    const acked = state.acks[view] ?? 0;
    for (const [index, sent] of pending) if (sent.seq <= acked) pending.delete(index);
    if (acked >= seq) {
      clearTimeout(silence);
      if (alive) warn("");
    }
    // The kernel knows what is on screen, unless clicks are under way that it has not seen.
    if (acked >= seq) shown = state.current;
    else if (!state.batch.some((entry) => entry.index === shown)) shown = next();
    draw();
  }

  /** @param {{kind?: string, view?: string, name?: string, text?: string, key?: string, html?: string,
   *   line?: string}} message */
  function onMessage(message) {
    if (message?.view !== view) return;
    for (const fold of folds) if (fold.kind === message.kind) fold.hear(message);
    if (message.kind === "file") saveFile(message.name ?? "labels.csv", message.text ?? "");
    if (message.kind === "copy") copyText(message.text ?? "").then((said) => { ui.said.textContent = said; });
  }

  function onGone() {
    alive = false;
    clearTimeout(silence);
    warn("The kernel is gone: labels are safe in the journal up to the last one shown as given. Run the cell again to go on.");
    draw();
  }

  const news = { "change:state": onState, "change:cards": onState, "change:progress": drawProgress,
    "msg:custom": onMessage, comm_live_update: onGone, "comm:close": onGone };
  for (const [name, call] of Object.entries(news)) model.on(name, call);
  el.append(ui.root);
  shown = state.current;
  draw();
  drawProgress();
  const sizes = new ResizeObserver(draw); // once it is in the page
  sizes.observe(ui.root);
  model.send({ kind: "ready", view });
  return () => {
    clearTimeout(silence);
    sizes.disconnect();
    for (const [name, call] of Object.entries(news)) model.off(name, call);
  };
}

export default { render };
