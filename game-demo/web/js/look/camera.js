// Where a pane looks: a little ahead of what it follows, eased, shaken, and hardly beyond the walls.
//
// Promises: a jump of what it follows is a cut, not a flight; with reduced motion it neither leads nor shakes.
import { SIDE_PX } from "../sim/walls.js";

/** Arena pixels that the shorter side of the pane shows. */
const VIEW_PX = 1040;
/** How far it shows beyond the walls, arena pixels. */
const BEYOND_PX = 120;
/** Farther than this in one frame, arena pixels, is a cut. */
const CUT_PX = 700;
const LEAD_S = 0.2;

export class Camera {
  x = SIDE_PX / 2;
  y = SIDE_PX / 2;
  zoom = 1;
  #found = false;
  #shake = 0;

  /** `left`, `width`: the pane's place on the page, CSS pixels. */
  constructor(calm) {
    this.calm = calm;
    this.left = 0;
    this.width = innerWidth;
  }

  shake(strength) {
    if (!this.calm) this.#shake = Math.min(16, Math.max(this.#shake, strength));
  }

  /** `target`: `{ x, y, vx, vy }`, or nothing to stay. */
  update(target, dt) {
    const { width } = this;
    const height = innerHeight;
    this.zoom = Math.min(width, height * 1.2) / VIEW_PX / 1.05;
    // A narrow pane is a telephone: a little more of the arena on it.
    if (width < height) this.zoom = Math.min(width * 1.25, height) / VIEW_PX / 1.05;
    if (!target) return;
    const lead = this.calm ? 0 : LEAD_S;
    const x = inside(target.x + (target.vx ?? 0) * lead, width / this.zoom);
    const y = inside(target.y + (target.vy ?? 0) * lead, height / this.zoom);
    const cut = !this.#found || Math.hypot(x - this.x, y - this.y) > CUT_PX;
    const ease = cut ? 1 : 1 - Math.exp(-dt * (this.calm ? 20 : 7));
    this.#found = true;
    this.#shake *= Math.exp(-dt * 11);
    this.x += (x - this.x) * ease + (Math.random() - 0.5) * this.#shake;
    this.y += (y - this.y) * ease + (Math.random() - 0.5) * this.#shake;
  }

  /** Where an arena position is on the page, CSS pixels. */
  onScreen(x, y) {
    return [(x - this.x) * this.zoom + this.left + this.width / 2, (y - this.y) * this.zoom + innerHeight / 2];
  }

  /** Whether an arena position is in the pane, or nearer to it than `margin` arena pixels. */
  sees(x, y, margin = 0) {
    return (
      Math.abs(x - this.x) < this.width / this.zoom / 2 + margin && Math.abs(y - this.y) < innerHeight / this.zoom / 2 + margin
    );
  }
}

/** So that little of what lies beyond the walls is shown: there is nothing. */
function inside(at, size) {
  const half = Math.max(0, size / 2 - BEYOND_PX);
  return half > SIDE_PX / 2 ? SIDE_PX / 2 : Math.max(half, Math.min(SIDE_PX - half, at));
}
