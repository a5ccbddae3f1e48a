// @ts-check
// Which round is shown: slider, play, steps, and following the newest.
/** @import {Store} from "./scatter_data.js" */
/** @import {Pane} from "./scatter_pane.js" */
import { TWEEN } from "./scatter_pane.js";

const REST = 300; // ms of pause after a movement
const STEP = 750; // ms of one step without movement

export class Rounds {
  following = true; // the newest round, as it comes
  playing = 0; // timer
  /** @param {Store} store @param {Pane} pane @param {() => void} update @param {MediaQueryList} still */
  constructor(store, pane, update, still) {
    this.store = store;
    this.pane = pane;
    this.update = update;
    this.still = still; // no movement wanted
  }
  get last() {
    return this.store.frames.length - 1;
  }
  /** @param {number} p @param {boolean} move whether points travel */
  show(p, move) {
    this.pane.show(p, move && !this.still.matches);
    this.update();
  }
  stop() {
    clearTimeout(this.playing);
    this.playing = 0;
  }
  /** One round on or back. @param {number} by */
  step(by) {
    const p = this.pane.position + by;
    this.stop();
    if (p < 0 || p > this.last) return this.update();
    this.following = p === this.last;
    this.show(p, true);
  }
  advance() {
    const next = this.pane.position + 1;
    if (next > this.last) return this.stop(), this.update();
    this.playing = window.setTimeout(() => this.advance(), this.still.matches ? STEP : TWEEN + REST);
    this.following = next === this.last;
    this.show(next, true);
  }
  toggle() {
    if (this.playing) return this.stop(), this.update();
    if (this.pane.position >= this.last) this.show(0, false);
    this.playing = window.setTimeout(() => this.advance(), REST);
    this.following = false;
    this.update();
  }
  /** @param {number} p */
  slide(p) {
    this.stop();
    this.following = p === this.last;
    this.show(p, false);
  }
  /** After a message. @param {boolean} travel whether a new round may be moved to */
  settle(travel) {
    const { last } = this;
    if (this.following && !this.playing && this.store.frames[last]?.round !== this.pane.round) this.show(last, travel);
    else this.update();
  }
}
