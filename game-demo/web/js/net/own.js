// One's own puck, a round trip ahead of what the server has said.
//
// Promises: only what the player's own inputs explain counts as right or wrong; that others shattered it, or that it
// came back elsewhere, is a correction but no misprediction.
import { Prediction } from "/socket.io/game/prediction.js";
import { FINE, step, ZAP_WAIT } from "../sim/motion.js";
import { PIXEL } from "../sim/walls.js";

/** Fine units of a pixel of the arena. */
export const FINE_PX = FINE * PIXEL;
/** Within so many ms half of a correction is gone from the screen. */
export const HALF_LIFE_MS = 65;
/** Beyond so much a correction is a cut, not a glide: 256 pixels. */
const SNAP = 256 * FINE_PX;

/** The server's word on the own puck as the state that is predicted. */
export const ownState = (seen) => ({
  x: seen.fine_x,
  y: seen.fine_y,
  vx: seen.vx,
  vy: seen.vy,
  dash: seen.dash_left,
  dashWait: seen.dash_wait,
  zapWait: seen.zap_wait,
  life: seen.life,
  away: seen.away,
});

const MOTION = ["x", "y", "vx", "vy", "dash", "dashWait", "zapWait"];
const sameLife = (a, b) => a.life === b.life && a.away === b.away;

export class OwnPuck {
  /** Corrections that others caused. */
  upsets = 0;
  /** The largest visible jump of a correction so far, arena pixels. */
  largestJump = 0;
  smoothing = true;
  /** The first tick that was predicted since the last beginning. */
  #since;
  #prediction = new Prediction({
    step: (state, wish) => {
      const next = { ...state };
      if (!next.away) step(next, wish);
      return next;
    },
    equal: (a, b) => sameLife(a, b) && MOTION.every((key) => a[key] === b[key]),
    position: ({ x, y }) => [x, y],
    halfLifeMs: HALF_LIFE_MS,
    snap: SNAP,
  });

  /** The predicted state, if the server has said anything. */
  get state() {
    return this.#prediction.state;
  }

  get pending() {
    return this.#prediction.pending;
  }

  /** How many ticks the server's last word is behind. */
  get ahead() {
    return this.#prediction.ahead;
  }

  clear() {
    this.#prediction.clear();
    this.truth = this.#since = undefined;
  }

  /** Plays a tick. Whether it zapped. */
  predict(tick, wish) {
    if (this.state !== undefined) this.#since ??= tick;
    this.#prediction.predict(tick, wish);
    return this.state !== undefined && !this.state.away && this.state.zapWait === ZAP_WAIT && wish.fire;
  }

  /** The server's word. Whether the page had been wrong by itself. */
  confirm(tick, truth) {
    const upset = this.truth !== undefined && !sameLife(this.truth, truth);
    this.truth = truth;
    const before = this.state;
    const corrected = this.#prediction.confirm(tick, truth);
    // What the server says of the ticks before was never predicted, so it was not wrong.
    if (!corrected || !(tick >= this.#since)) return false;
    if (upset) this.upsets++;
    else this.largestJump = Math.max(this.largestJump, Math.hypot(before.x - this.state.x, before.y - this.state.y) / FINE_PX);
    return !upset;
  }

  /**
   * Where to draw it, arena pixels. `part`: of a tick that has passed since the last one was played: frames are not ticks.
   * `predicted: false`: where the server said it is.
   */
  shown(now, part = 0, predicted = true) {
    if (!this.truth) return undefined;
    const smooth = this.#prediction.shown(now);
    if (!predicted) return [this.truth.x / FINE_PX, this.truth.y / FINE_PX];
    const { x, y, vx, vy, away } = this.state;
    const at = this.smoothing ? smooth : [x, y];
    const passed = away ? 0 : part;
    return [(at[0] + vx * passed) / FINE_PX, (at[1] + vy * passed) / FINE_PX];
  }
}
