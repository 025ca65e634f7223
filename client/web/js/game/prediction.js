// One's own player, shown before the server has answered.
//
// Each tick the game's own `step` is run on the predicted state. When a snapshot tells the true state of a tick, it is
// compared with what was predicted for that tick: equal, nothing happens; else the true state is taken and the inputs
// since are played again. What changes thereby on the screen fades out instead of jumping.
// Promises: with the same `step` as the server's and inputs that arrive in time nothing is ever corrected; the state
// shown is never more than `snap` away from the predicted one. Leaves out: other players.

/** Ticks played again at most: a second. What is older is not predicted any more. */
const HISTORY = 60;

export class Prediction {
  /** Corrections so far. */
  mispredictions = 0;
  /** How many ticks the last snapshot was behind the prediction. */
  ahead = 0;
  #history = [];
  #state;
  #offset;
  #fadedAt;

  /**
   * `step(state, input)` gives the next state, without changing the old; `equal(a, b)` compares what the server
   * tells; `position(state)` gives the numbers that are smoothed, an array. `halfLifeMs`: of a correction's fading;
   * `snap`: beyond so much it is not smoothed.
   */
  constructor({ step, equal, position, halfLifeMs = 65, snap = 256 }) {
    Object.assign(this, { step, equal, position, halfLifeMs, snap });
  }

  /** The predicted state. */
  get state() {
    return this.#state;
  }

  /** Inputs whose outcome the server has not told. */
  get pending() {
    return this.#history.length;
  }

  clear() {
    this.#history = [];
    this.#state = this.#offset = undefined;
  }

  /** Plays `input` for `tick`. Before the first snapshot there is nothing to play it on. */
  predict(tick, input) {
    if (this.#state === undefined) return;
    this.#state = this.step(this.#state, input);
    this.#history = [...this.#history.slice(1 - HISTORY), { tick, input, state: this.#state }];
  }

  /** The server's state of the player after `tick`. Returns whether the prediction had to be corrected. */
  confirm(tick, state) {
    const known = this.#history.find((each) => each.tick === tick);
    const later = this.#history.filter((each) => each.tick > tick);
    this.ahead = later.length;
    this.#history = later;
    if (known && this.equal(known.state, state)) return false;
    const shown = this.#state;
    this.#state = state;
    for (const each of later) each.state = this.#state = this.step(this.#state, each.input);
    if (shown === undefined) return false;
    this.mispredictions++;
    this.#offset = this.position(shown).map((value, i) => value - this.position(this.#state)[i] + (this.#offset?.[i] ?? 0));
    if (Math.hypot(...this.#offset) > this.snap) this.#offset = undefined;
    return true;
  }

  /** Where to draw the player at `now` ms: the predicted position, and what is left of past corrections. */
  shown(now) {
    if (this.#state === undefined) return undefined;
    const passed = Math.max(0, now - (this.#fadedAt ?? now));
    this.#fadedAt = now;
    const left = 0.5 ** (passed / this.halfLifeMs);
    this.#offset = this.#offset?.map((value) => value * left);
    return this.position(this.#state).map((value, i) => value + (this.#offset?.[i] ?? 0));
  }
}
