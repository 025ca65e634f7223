// What flashes and is gone: beams of zaps, rings, figures that rise.
//
// Promises: everything here has an end; figures are given to the overlay, which writes them.
import { GLOW, RING, WHITE } from "./batch.js";

const BEAM_S = 0.28;
const FLOAT_S = 1.3;
/** Each kind at once; older ones go. */
const MAX = 120;

export class Beams {
  #beams = [];
  #rings = [];
  /** `{ x, y, text, rgb, age }`, age 0 to 1. */
  floats = [];

  /** `corners`: the way of a zap, arena pixels. */
  beam(corners, rgb, own) {
    if (this.#beams.length < MAX) this.#beams.push({ corners, rgb, own, age: 0 });
  }

  ring(x, y, rgb, from, to, seconds) {
    if (this.#rings.length < MAX) this.#rings.push({ x, y, rgb, from, to, seconds, age: 0 });
  }

  say(x, y, text, rgb) {
    if (this.floats.length < MAX) this.floats.push({ x, y, text, rgb, age: 0 });
  }

  draw(batch, dt) {
    this.#beams = this.#beams.filter((beam) => (beam.age += dt / BEAM_S) < 1);
    for (const { corners, rgb, own, age } of this.#beams) {
      const left = (1 - age) ** 2;
      for (let i = 1; i < corners.length; i++) {
        const [a, b] = [corners[i - 1], corners[i]];
        batch.line(a.x, a.y, b.x, b.y, 16 * left + 3, rgb, 0.55 * left);
        batch.line(a.x, a.y, b.x, b.y, (own ? 4.5 : 3.2) * left + 0.6, WHITE, 0.95 * left);
        batch.sprite(GLOW, b.x, b.y, 46 * left, 46 * left, 0, rgb, 0.9 * left);
      }
    }
    this.#rings = this.#rings.filter((ring) => (ring.age += dt / ring.seconds) < 1);
    for (const { x, y, rgb, from, to, age } of this.#rings) {
      const radius = from + (to - from) * (1 - (1 - age) ** 2);
      batch.sprite(RING, x, y, radius, radius, 0, rgb, (1 - age) ** 2);
    }
    this.floats = this.floats.filter((float) => (float.age += dt / FLOAT_S) < 1);
  }
}
