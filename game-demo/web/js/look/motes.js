// Motes on the screen: they pop up where they fall, glint, and fly to whoever picks them up.
import { GOLD, MOTE } from "./batch.js";

const POP_S = 0.3;
const FLY_S = 0.22;
/** A mote that vanished within so many arena pixels of a puck was picked up by it. */
const PICKED_PX = 110;
const FLYING_MAX = 200;

export class Motes {
  #known = new Map();
  #flying = [];

  constructor(calm) {
    this.calm = calm;
  }

  /** `motes`: index → `{ x, y, value, generation }`. `pucks`: those on the screen. */
  draw(batch, motes, pucks, camera, seconds, dt) {
    for (const [index, mote] of this.#known) {
      const now = motes.get(index);
      if (now && now.x === mote.x && now.y === mote.y) continue;
      this.#known.delete(index);
      if (camera.sees(mote.x, mote.y, 60)) this.#pick(mote, pucks);
    }
    for (const [index, { x, y, value }] of motes) {
      let known = this.#known.get(index);
      if (!known) this.#known.set(index, (known = { x, y, value, age: 0, phase: ((index * 0.618) % 1) * 6.28 }));
      if (!camera.sees(x, y, 30)) continue;
      known.age = Math.min(1, known.age + dt / POP_S);
      const pop = this.calm ? 1 : known.age * (2.2 - 1.2 * known.age);
      const glint = this.calm ? 1 : 0.86 + 0.14 * Math.sin(seconds * 2.4 + known.phase);
      const size = (15 + 3.4 * Math.sqrt(value)) * pop;
      const turn = this.calm ? 0 : seconds * 0.35 + known.phase;
      batch.sprite(MOTE, x, y, size, size, turn, GOLD, glint);
    }
    this.#flying = this.#flying.filter((each) => (each.age += dt / FLY_S) < 1 && each.puck.seen);
    for (const { x, y, value, puck, age } of this.#flying) {
      const part = age * age;
      const size = (15 + 3.4 * Math.sqrt(value)) * (1 - 0.5 * part);
      batch.sprite(MOTE, x + (puck.x - x) * part, y + (puck.y - y) * part, size, size, 0, GOLD, 1);
    }
  }

  #pick(mote, pucks) {
    let nearest;
    let best = PICKED_PX;
    for (const puck of pucks.values()) {
      const distance = Math.hypot(puck.x - mote.x, puck.y - mote.y);
      if (distance < best && !puck.away) [best, nearest] = [distance, puck];
    }
    if (nearest && this.#flying.length < FLYING_MAX) this.#flying.push({ ...mote, puck: nearest, age: 0 });
  }
}
