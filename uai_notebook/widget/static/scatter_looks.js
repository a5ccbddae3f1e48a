// @ts-check
// How points look: kinds, colours, sizes, and what the page's theme says.

/** @typedef {{text: string, ink: number[], line: string, back: number[], dot: number[], none: number[],
 *   dark: boolean}} Theme `none`: of a point without the value that colours tell */

export const KINDS = ["Unlabeled", "Normal", "Anomaly", "Unsure"];
/** Okabe-Ito, by kind; the unlabelled dot depends on the theme. @type {number[][]} */
export const COLORS = [[], [0, 114, 178], [213, 94, 0], [118, 118, 118]];
export const RADIUS = 4.5; // of a labelled point, CSS px

/** @param {number} kind */
export const rgb = (kind) => `rgb(${COLORS[kind]})`;

/** Dots shrink and thin out where they are crowded.
 * @param {number} n @param {number} area CSS px @returns {{dotSize: number, alpha: number}} */
export function dots(n, area) {
  const room = Math.sqrt((0.12 * area) / Math.max(1, n));
  return { dotSize: Math.max(2, Math.min(3.6, room)), alpha: Math.max(0.65, Math.min(0.95, room / 2.5)) };
}

/** The three numbers of a computed colour. @param {string} color */
function channels(color) {
  const unit = color.startsWith("color(") ? 255 : 1;
  return (color.match(/-?[\d.]+(?:e-?\d+)?/g) ?? ["255", "255", "255"]).slice(0, 3).map((s) => +s * unit);
}

/** Colours of the theme around `root`. @param {HTMLElement} root @returns {Theme} */
export function readTheme(root) {
  const style = getComputedStyle(root), back = channels(style.backgroundColor);
  const dark = back[0] * 0.3 + back[1] * 0.59 + back[2] * 0.11 < 128;
  const line = style.getPropertyValue("--uai-line").trim(), dot = dark ? [154, 154, 154] : [140, 140, 140];
  const none = dark ? [75, 75, 75] : [200, 200, 200]; // the middle of the ramp is gray, too
  return { text: style.color, ink: channels(style.color), line, back, dot, none, dark };
}
