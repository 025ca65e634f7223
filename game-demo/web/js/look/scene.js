// From what is known to light: one pane's picture of the arena.
//
// Promises: all state is looks (nothing here decides anything); things that left are forgotten; with reduced motion
// there are no sparks, no shake and no wandering dust. Positions are arena pixels.
import { BLOCKS, PIXEL } from "../sim/walls.js";
import { Batch, BLOCK, GLOW, GOLD, LIGHT, RING, WELL } from "./batch.js";
import { Beams } from "./beams.js";
import { Camera } from "./camera.js";
import { Motes } from "./motes.js";
import { Pucks } from "./pucks.js";
import { Sparks } from "./sparks.js";

/** Radius of the well: as `rules/arena.rs` has it. */
export const WELL_PX = 170;
const DUST = 90;
/** Glow round a block that its quad makes room for. */
const BLOCK_MARGIN = 40;

const WALLS = BLOCKS.map(({ left, top, right, bottom }) => ({
  x: (left + right) / 2 / PIXEL,
  y: (top + bottom) / 2 / PIXEL,
  w: (right - left) / 2 / PIXEL,
  h: (bottom - top) / 2 / PIXEL,
}));

export class Scene {
  batch = new Batch();
  #dust = Array.from({ length: DUST }, () => ({ x: Math.random() * 2000, y: Math.random() * 2000, depth: 0.55 + Math.random() * 0.4, size: 1 + Math.random() * 1.6, phase: Math.random() * 7 }));

  constructor(calm) {
    this.camera = new Camera(calm);
    this.sparks = new Sparks(calm);
    this.beams = new Beams();
    this.motes = new Motes(calm);
    this.pucks = new Pucks(this);
    this.calm = calm;
  }

  set calm(calm) {
    for (const part of [this.camera, this.sparks, this.motes]) part.calm = calm;
    this.isCalm = calm;
  }

  get calm() {
    return this.isCalm;
  }

  get own() {
    return this.pucks.all.get(this.ownId);
  }

  /** Builds the frame at `now` (ms), `dt` seconds after the last, of `view` (see `net/view.js`). */
  update(view, now, dt) {
    const { batch, camera } = this;
    this.ownId = view.ownId;
    this.pucks.update(view.pucks, view.ownId, now, dt);
    const followed = this.pucks.all.get(view.followId ?? view.ownId);
    camera.update(followed ?? view.lookAt, dt);
    const seconds = now / 1000;
    batch.clear();
    this.#drawDust(seconds);
    if (view.well) this.#drawWell(view.well, seconds);
    this.#drawWalls();
    this.motes.draw(batch, view.motes, this.pucks.all, camera, seconds, dt);
    if (view.overlay) this.#drawOverlay(view.overlay);
    this.pucks.draw(batch, seconds, now);
    this.beams.draw(batch, dt);
    this.sparks.draw(batch, dt);
  }

  #drawDust(seconds) {
    const { camera, batch } = this;
    const [w, h] = [camera.width / camera.zoom / 2 + 40, innerHeight / camera.zoom / 2 + 40];
    for (const mote of this.#dust) {
      const drift = this.calm ? 0 : seconds * 6;
      const wrap = (v, c, half) => c + ((((v + drift - c * mote.depth + half) % (2 * half)) + 2 * half) % (2 * half)) - half;
      const glint = this.calm ? 0.25 : 0.18 + 0.14 * Math.sin(seconds * 1.3 + mote.phase);
      batch.sprite(GLOW, wrap(mote.x, camera.x, w), wrap(mote.y, camera.y, h), mote.size * 2.2, mote.size * 2.2, 0, [0.45, 0.65, 1], glint);
    }
  }

  #drawWell({ x, y, left, total }, seconds) {
    if (!this.camera.sees(x, y, 420)) return;
    const { batch } = this;
    // It grows when it comes and shrinks when it goes.
    const there = Math.min(1, (total - left) / 400, left / 400);
    const size = WELL_PX * 1.07 * Math.max(0.05, there);
    batch.sprite(LIGHT, x, y, 400, 400, 0, GOLD, 0.6);
    batch.sprite(GLOW, x, y, size * 1.7, size * 1.7, 0, GOLD, 0.13);
    batch.sprite(WELL, x, y, size, size, 0, GOLD, 0.8);
    if (left < 5000) {
      const beat = this.calm ? 0.5 : 0.5 + 0.5 * Math.sin(seconds * 12);
      batch.sprite(RING, x, y, size * 1.08, size * 1.08, 0, [1, 0.45, 0.3], beat);
    }
  }

  #drawWalls() {
    for (const { x, y, w, h } of WALLS) {
      if (this.camera.sees(x, y, Math.max(w, h) + BLOCK_MARGIN)) this.batch.sprite(BLOCK, x, y, w + BLOCK_MARGIN, h + BLOCK_MARGIN, 0, [0.36, 0.62, 1], 1);
    }
  }

  /** What the server said, for those who look at the network: ghosts, rewound hitboxes, cells. */
  #drawOverlay({ ghosts = [], hitboxes = [], cells = [], cellPx = 512 }) {
    const { batch } = this;
    for (const { column, row, age } of cells) {
      const [x, y] = [column * cellPx, row * cellPx];
      const alpha = 0.5 * (1 - Math.min(1, age ?? 0)) + 0.12;
      for (const [x0, y0, x1, y1] of [[0, 0, 1, 0], [1, 0, 1, 1], [1, 1, 0, 1], [0, 1, 0, 0]]) {
        batch.line(x + x0 * cellPx, y + y0 * cellPx, x + x1 * cellPx, y + y1 * cellPx, 3, [0.3, 1, 0.6], alpha);
      }
    }
    for (const { x, y, radius } of ghosts) batch.sprite(RING, x, y, radius / 0.9, radius / 0.9, 0, [1, 0.5, 0.9], 0.9);
    for (const { x, y, radius, alpha = 1 } of hitboxes) batch.sprite(RING, x, y, radius / 0.9, radius / 0.9, 0, [1, 0.3, 0.3], alpha);
  }
}
