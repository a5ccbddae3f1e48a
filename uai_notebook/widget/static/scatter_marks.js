// @ts-check
// On the 2D canvas over the points: rings of candidates, the decision line, and the points themselves without WebGL.
/** @import {Box, Frame, Store} from "./scatter_data.js" */
/** @import {Layout} from "./scatter_axes.js" */
/** @import {Sight} from "./scatter_sight.js" */
/** @import {Paint} from "./scatter_paint.js" */
/** @import {Theme} from "./scatter_looks.js" */
import { RADIUS, dots, rgb } from "./scatter_looks.js";

/** Pixel of a position in the frame shown. @typedef {(i: number) => [number, number]} Pixel */

/** Path of a labelled point.
 * @param {CanvasRenderingContext2D} c @param {number} kind @param {number} x @param {number} y */
function shape(c, kind, x, y) {
  const r = RADIUS * 1.35, s = RADIUS * 0.8;
  c.beginPath();
  if (kind === 1) c.arc(x, y, RADIUS, 0, 7);
  else if (kind === 2) c.moveTo(x, y - r), c.lineTo(x + r, y), c.lineTo(x, y + r), c.lineTo(x - r, y), c.closePath();
  else c.moveTo(x - s, y - s), c.lineTo(x + s, y + s), c.moveTo(x - s, y + s), c.lineTo(x + s, y - s);
}

/** The points without WebGL.
 * @param {CanvasRenderingContext2D} c @param {Sight} sight @param {Paint} paint @param {Frame} f
 * @param {Theme} theme @param {Layout} l @param {Pixel} pixel */
export function plain(c, sight, paint, f, theme, l, pixel) {
  const { store, hidden } = sight, n = f.cols.x.length, { dotSize: size, alpha } = dots(n, l.width * l.height);
  const values = paint.values(f), gray = `rgb(${theme.dot})`;
  /** @param {number} i @param {string} usual */
  const color = (i, usual) => (paint.mode ? paint.css(values[i], theme) ?? `rgb(${theme.none})` : usual);
  c.globalAlpha = alpha;
  for (let i = 0; i < n && !hidden[0]; i++) {
    if (store.kind[i]) continue;
    const [x, y] = pixel(i);
    c.fillStyle = color(i, gray);
    c.fillRect(x - size / 2, y - size / 2, size, size);
  }
  c.globalAlpha = 1;
  c.lineWidth = 2;
  for (const i of store.marked) {
    const kind = store.kind[i];
    if (i >= n || hidden[kind]) continue;
    shape(c, kind, ...pixel(i));
    c.strokeStyle = c.fillStyle = color(i, rgb(kind));
    c.stroke();
    if (kind < 3 && store.order[i] < f.labels) c.fill();
  }
  for (const i of sight.chosen) if (i < n) ring(c, theme, pixel(i), 4.4, 1.2);
}

/** A ring that is seen on any ground. @param {CanvasRenderingContext2D} c @param {Theme} theme
 * @param {[number, number]} place @param {number} radius @param {number} width */
function ring(c, theme, [x, y], radius, width) {
  if (!Number.isFinite(x + y)) return;
  c.beginPath();
  c.arc(x, y, radius, 0, 7);
  c.strokeStyle = `rgb(${theme.back})`;
  c.lineWidth = width + 2;
  c.stroke();
  c.strokeStyle = theme.text;
  c.lineWidth = width;
  c.stroke();
}

/** Rings around the candidates, the one on screen last and strongest, and a thin one where the pointer is.
 * @param {CanvasRenderingContext2D} c @param {Sight} sight @param {Frame} f @param {Theme} theme
 * @param {Pixel} pixel */
export function rings(c, sight, f, theme, pixel) {
  const { store, hidden, lit } = sight, { queue, current } = store.candidates;
  const items = queue.filter((item) => item !== current);
  if (current !== null) items.push(current);
  /** @param {number} item */
  const position = (item) => {
    const i = store.place.get(item);
    return i !== undefined && i < f.cols.x.length ? i : -1;
  };
  for (const item of items) {
    const i = position(item), strong = item === current;
    if (i < 0) continue;
    const [x, y] = pixel(i);
    ring(c, theme, [x, y], strong ? 9 : 7.5, strong ? 2.8 : 1.2);
    if (!hidden[0] || store.kind[i]) continue;
    c.fillStyle = `rgb(${theme.dot})`; // a candidate is drawn though the others of its kind are not
    c.fillRect(x - 2, y - 2, 4, 4);
  }
  const i = position(lit);
  if (i >= 0) ring(c, theme, pixel(i), 6, 1.2);
}

/** Where the UAI head says 0.5: w_l l + w_s s + bias = 0, a curve on a log axis. Drawn by columns of one pixel.
 * @param {CanvasRenderingContext2D} c @param {number[]} head @param {Layout} l @param {Box} box @param {boolean} log
 * @param {Theme} theme */
export function decision(c, [ofLatent, ofScore, bias], l, box, log, theme) {
  c.beginPath();
  for (let px = 0; px <= l.width; px++) {
    const latent = box.x0 + (px / l.width) * (box.x1 - box.x0), score = -(ofLatent * latent + bias) / ofScore;
    const y = log ? (score > 0 ? Math.log10(score) : -Infinity) : score;
    const share = (y - box.y0) / (box.y1 - box.y0);
    if (Number.isNaN(share)) continue;
    c.lineTo(l.left + px, l.top + l.height * (1 - Math.max(-2, Math.min(3, share)))); // far outside is outside
  }
  for (const [color, width] of /** @type {[string, number][]} */ ([[`rgb(${theme.back})`, 2.8], [theme.text, 1.6]])) {
    c.strokeStyle = color;
    c.lineWidth = width;
    c.setLineDash(width < 2 ? [7, 4] : []);
    c.stroke();
  }
  c.setLineDash([]);
}
