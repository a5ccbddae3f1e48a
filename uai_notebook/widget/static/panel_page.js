// @ts-check
// The panel's elements, without behaviour.

export const WORDS = { 1: "Anomaly", 0: "Normal", [-1]: "Unsure" };
export const GLYPHS = { 1: "◆", 0: "●", [-1]: "✕" };

/** @param {string} tag @param {string} [name] @param {string} [text] @returns {any} */
export function make(tag, name = "", text = "") {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text) node.textContent = text;
  return node;
}

/** @param {string} name @param {string} text @param {() => void} act @returns {HTMLButtonElement} */
export function button(name, text, act) {
  const node = make("button", `uai-button ${name}`, text);
  node.type = "button";
  node.addEventListener("click", act);
  return node;
}

/** Whether keys typed here belong to the element itself. @param {EventTarget | null} target */
export function takesText(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** @param {string} key @returns {string} the way people write it */
export function keyName(key) {
  return { ArrowLeft: "left", ArrowRight: "right", " ": "space" }[key] ?? key;
}

/** Hand a text to the browser's downloads. @param {string} name @param {string} text */
export function saveFile(name, text) {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** Hand a text to the clipboard. @param {string} text @returns {Promise<string>} what to tell the person */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied: paste it into a spreadsheet.";
  } catch {
    return "This browser gives no way to the clipboard: use Export.";
  }
}

/** The panel's elements, without behaviour. */
export function skeleton() {
  const root = make("div", "uai-panel");
  root.tabIndex = 0;
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Label candidates");
  // JupyterLab's command mode must not see our keys. It looks at what has the focus first, then further out.
  root.dataset.lmSuppressShortcuts = "true";
  root.addEventListener("focusin", (/** @type {any} */ event) => { event.target.dataset.lmSuppressShortcuts = "true"; });
  const parts = {
    root,
    banner: make("div", "uai-banner"),
    status: make("div", "uai-status"),
    ranked: make("div", "uai-ranked"),
    strip: make("div", "uai-strip"),
    card: make("div", "uai-card"),
    title: make("div", "uai-title"),
    body: make("div", "uai-body"),
    why: make("ul", "uai-why"),
    note: make("label", "uai-note", "Note "),
    noteText: make("input"),
    folds: make("div", "uai-folds"),
    labels: make("div", "uai-row uai-labels"),
    actions: make("div", "uai-row uai-actions"),
    progress: make("div", "uai-row uai-progress"),
    bar: make("progress"),
    progressText: make("span", "uai-progress-text"),
    message: make("div", "uai-message"),
    said: make("span", "uai-said"),
    foot: make("div", "uai-foot"),
    keys: make("span", "uai-keys", "keys off"),
    help: make("dl", "uai-help"),
  };
  parts.banner.setAttribute("role", "alert");
  parts.message.setAttribute("role", "alert");
  parts.status.setAttribute("aria-live", "polite");
  parts.said.setAttribute("role", "status");
  parts.strip.setAttribute("role", "group");
  parts.strip.setAttribute("aria-label", "Candidates of this round");
  parts.title.setAttribute("aria-live", "polite");
  parts.body.setAttribute("role", "group");
  parts.body.setAttribute("aria-label", "Item");
  parts.bar.setAttribute("aria-label", "Training");
  parts.noteText.type = "text";
  parts.noteText.maxLength = 10000;
  parts.note.append(parts.noteText);
  parts.card.append(parts.title, parts.body, parts.why);
  parts.progress.append(parts.bar, parts.progressText);
  parts.foot.append(parts.keys, parts.said);
  for (const part of ["banner", "status", "ranked", "strip", "card", "note", "labels", "progress", "message", "actions", "folds", "foot", "help"])
    root.append(/** @type {any} */ (parts)[part]);
  for (const part of ["banner", "progress", "message", "help"]) /** @type {any} */ (parts)[part].hidden = true;
  return parts;
}
