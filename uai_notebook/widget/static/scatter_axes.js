// @ts-check
// Axes and ticks, on the 2D canvas over the points.
/** @import {Box} from "./scatter_data.js" */
/** @import {Theme} from "./scatter_looks.js" */

/** Where the plot area lies, and its ticks.
 * @typedef {{left: number, top: number, width: number, height: number, fullWidth: number, fullHeight: number,
 *   font: string, xTicks: number[], yTicks: number[]}} Layout */

/** Round steps (1, 2, 5 times a power of ten) inside [lo, hi].
 * @param {number} lo @param {number} hi @param {number} n */
function niceTicks(lo, hi, n) {
  const raw = (hi - lo) / Math.max(1, n), power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5].find((m) => m * power >= raw * 0.999) ?? 10);
  const ticks = [];
  const first = Math.ceil(lo / step - 1e-9), last = hi / step + 1e-9;
  for (let i = first; i <= last && ticks.length < 50; i++) ticks.push(i * step);
  return ticks;
}

/** Scores for ticks of a log axis: decades, with 2 and 5 between few of them.
 * @param {number} lo log10 @param {number} hi log10 @param {number} n */
function logTicks(lo, hi, n) {
  if (hi - lo < 0.7) return niceTicks(10 ** lo, 10 ** hi, n).filter((v) => v > 0);
  const every = Math.max(1, Math.ceil((hi - lo) / n)), ticks = [];
  for (let d = Math.floor(lo); d <= hi; d++) {
    if (d % every) continue;
    for (const m of (hi - lo) * 3 <= n + 1 ? [1, 2, 5] : [1]) ticks.push(m * 10 ** d);
  }
  return ticks.filter((v) => Math.log10(v) >= lo && Math.log10(v) <= hi);
}

/** Short number; powers of ten for the very large and small. @param {number} v @param {number} [digits] at most */
export function number(v, digits = 4) {
  if (!Number.isFinite(v)) return "not a number";
  const a = Math.abs(v);
  if (a < 1e-12) return "0";
  if (a >= 1e-3 && a < 1e5) return String(+v.toPrecision(digits)).replace("-", "−");
  const [m, e] = v.toExponential(digits - 2).split("e");
  const up = [...String(+e)].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[+c])).join("");
  return (+m === 1 ? "10" : `${+m}·10`.replace("-", "−")) + up;
}

/** All digits of a tick, a round number: cut ones would read alike in a narrow window. @param {number} v */
const tickText = (v) => number(v, 10);

/** @param {CanvasRenderingContext2D} c @param {number} fullWidth @param {number} fullHeight @param {Box} box
 * @param {boolean} log @param {string} family @returns {Layout} */
export function layout(c, fullWidth, fullHeight, box, log, family) {
  const font = `12px ${family}`, top = 6, height = Math.max(20, fullHeight - top - 42);
  const yTicks = (log ? logTicks : niceTicks)(box.y0, box.y1, Math.max(2, height / 45));
  c.font = font;
  const widest = Math.max(16, ...yTicks.map((v) => c.measureText(tickText(v)).width));
  const left = Math.ceil((widest + 26) / 8) * 8; // in steps of 8: steady while zooming
  const width = Math.max(20, fullWidth - left - 8), xTicks = niceTicks(box.x0, box.x1, Math.max(2, width / 75));
  return { left, top, width, height, fullWidth, fullHeight, font, xTicks, yTicks };
}

/** Axes and titles. @param {CanvasRenderingContext2D} c @param {Layout} l @param {Box} box @param {boolean} log
 * @param {Theme} theme @param {string[]} titles of x and y */
export function axes(c, l, box, log, theme, titles) {
  const { left, top, width, height } = l, right = left + width, bottom = top + height;
  const X = (/** @type {number} */ v) => left + ((v - box.x0) / (box.x1 - box.x0)) * width;
  const Y = (/** @type {number} */ v) => bottom - (((log ? Math.log10(v) : v) - box.y0) / (box.y1 - box.y0)) * height;
  c.font = l.font;
  c.lineWidth = 1;
  c.fillStyle = theme.text;
  c.strokeStyle = theme.line;
  c.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1);
  c.beginPath();
  c.textAlign = "center";
  c.textBaseline = "top";
  for (const v of l.xTicks) {
    const x = Math.round(X(v)) + 0.5, text = tickText(v), half = c.measureText(text).width / 2;
    c.moveTo(x, bottom);
    c.lineTo(x, bottom + 4);
    c.fillText(text, Math.min(Math.max(x, half), l.fullWidth - half), bottom + 6);
  }
  c.textAlign = "right";
  c.textBaseline = "middle";
  for (const v of l.yTicks) {
    const y = Math.round(Y(v)) + 0.5;
    c.moveTo(left - 4, y);
    c.lineTo(left, y);
    c.fillText(tickText(v), left - 6, Math.max(y, 6));
  }
  if (log && box.y1 - box.y0 < 8)
    for (let d = Math.floor(box.y0); d <= box.y1; d++)
      for (let m = 2; m < 10; m++) {
        const y = Math.round(Y(m * 10 ** d)) + 0.5;
        if (y > top && y < bottom) c.moveTo(left - 2, y), c.lineTo(left, y);
      }
  c.stroke();
  c.textAlign = "center";
  c.textBaseline = "bottom";
  const title = fit(c, titles[0], l.fullWidth - 8), half = c.measureText(title).width / 2;
  c.fillText(title, Math.min((left + right) / 2, l.fullWidth - half - 4), l.fullHeight - 2);
  c.save();
  c.translate(2, top + height / 2);
  c.rotate(-Math.PI / 2);
  c.textBaseline = "top";
  c.fillText(fit(c, titles[1], height), 0, 0);
  c.restore();
}

/** Text cut to a width. @param {CanvasRenderingContext2D} c @param {string} text @param {number} width */
function fit(c, text, width) {
  if (c.measureText(text).width <= width) return text;
  const short = text.split(" (")[0]; // a title's remark goes first
  for (let n = short.length; n > 0; n--) {
    const t = n < short.length ? short.slice(0, n) + "…" : short;
    if (c.measureText(t).width <= width) return t;
  }
  return "";
}
