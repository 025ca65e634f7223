// Two thumbs: the left one flies from wherever it lands, the right one aims and zaps while it is out; a tap dashes.
//
// Promises: a thumb that rests means nothing; both work at once; a touch that the system takes away lets go.
import { angleOf } from "../sim/trig.js";
import { heading } from "./input.js";

/** A thumb farther from where it landed than this, CSS px, means it. */
const MEANT_PX = 12;
/** The stick's reach on the page; a thumb farther out drags its middle along. */
const REACH_PX = 52;
/** A touch shorter than this, ms, that did not move is a tap. */
const TAP_MS = 220;

export class Thumbs {
  #all = new Map();
  #tapped = false;

  constructor(target, used) {
    target.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse") return;
      used();
      const { clientX: x, clientY: y } = event;
      this.#all.set(event.pointerId, { x, y, dx: 0, dy: 0, left: x < innerWidth / 2, at: event.timeStamp, meant: false });
    });
    addEventListener("pointermove", (event) => this.#move(event));
    addEventListener("pointerup", (event) => this.#lift(event));
    addEventListener("pointercancel", (event) => this.#all.delete(event.pointerId));
  }

  #move(event) {
    const thumb = this.#all.get(event.pointerId);
    if (!thumb) return;
    [thumb.dx, thumb.dy] = [event.clientX - thumb.x, event.clientY - thumb.y];
    const out = Math.hypot(thumb.dx, thumb.dy);
    thumb.meant ||= out > MEANT_PX;
    if (out <= REACH_PX) return;
    const over = 1 - REACH_PX / out;
    thumb.x += thumb.dx * over;
    thumb.y += thumb.dy * over;
    thumb.dx -= thumb.dx * over;
    thumb.dy -= thumb.dy * over;
  }

  #lift(event) {
    const thumb = this.#all.get(event.pointerId);
    this.#all.delete(event.pointerId);
    if (thumb && !thumb.left && !thumb.meant && event.timeStamp - thumb.at < TAP_MS) this.#tapped = true;
  }

  clear() {
    this.#all.clear();
  }

  /** For drawing: `{ x, y, dx, dy, kind }`. */
  get shown() {
    return [...this.#all.values()].map(({ x, y, dx, dy, left }) => ({ x, y, dx, dy, kind: left ? "fly" : "aim" }));
  }

  read() {
    const wish = { heading: undefined, aim: undefined, dash: this.#tapped, fire: false };
    this.#tapped = false;
    for (const { dx, dy, left, meant } of this.#all.values()) {
      if (!meant || Math.hypot(dx, dy) < MEANT_PX) continue;
      if (left) wish.heading = heading(dx, dy);
      else [wish.aim, wish.fire] = [angleOf(dx, dy), true];
    }
    // A lone left thumb looks where it flies.
    if (wish.aim === undefined && wish.heading !== undefined) wish.aim = wish.heading * 16;
    return wish;
  }
}
