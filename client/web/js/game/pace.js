// Which tick an input is for: the player's own clock, a little ahead of the server's.
//
// The server reports how early inputs arrive: the time until the step of their tick is due, in quarter ticks rounded down.
// This clock runs up to 2 % faster or slower so that they arrive 25 ms early (but no more than a tick and a half), and
// twice the jitter; 16 ticks at most. It is set only when it is more than 250 ms off or all come late. After a pause (a
// hidden tab) it does not make up for it: at most 8 steps at once, then it starts over from the server's tick.
// Promises: every tick is given once, in order, but for jumps. Leaves out: what to do in a tick.

const SLEW = 0.02;
const SNAP_MS = 250;
/**
 * How early inputs should arrive on a steady link: what a page's frames and timers are off by; and no more ticks than
 * that, for whoever steps so often sends often.
 */
const EARLY_MS = 25;
const EARLY_TICKS = 1.5;
/**
 * However unsteady the link, inputs shall not arrive earlier, in ticks: half of what the server can report. Beyond that nobody
 * would know by how much they are too early, and what is beyond the server's horizon is not kept at all.
 */
const EARLY_MAX = 16;
/** Steps at once, at most: what a slow frame leaves. */
const STEPS_MAX = 8;
/** What the server reports is of before for so long, beside the round trip: after the start, */
const SETTLE_MS = 700;
/** and after a jump at least for so many ticks, of which it has forgotten all but a twentieth then. */
const SETTLE_TICKS = 24;
/** Full slew at so much of error: it is made up for in seconds, at any rate of steps. */
const GAIN_MS = 65;

export class Pace {
  /** Ticks that were jumped over or given up. */
  jumps = 0;
  /** How early inputs arrive at the server, in ticks, as it said last: within an eighth. */
  depth = undefined;
  #at;
  #last;
  #rate = 1;
  #settled = 0;

  constructor({ tickHz = 60 } = {}) {
    this.tickMs = 1000 / tickHz;
  }

  /** How early they should arrive, in ticks, with this deviation of the round trip (ms). */
  wanted(jitterMs) {
    return Math.min(EARLY_MAX, Math.min(EARLY_TICKS, EARLY_MS / this.tickMs) + (2 * jitterMs) / this.tickMs);
  }

  /**
   * A snapshot of `tick` arrived at `now`. `depth`: the report, in quarter ticks, or null; `rttMs` and `jitterMs` of
   * the connection, as far as known.
   */
  heard(tick, now, depth, rttMs = 100, jitterMs = 10) {
    if (this.#at === undefined) return this.#set(tick, now, rttMs, jitterMs);
    if (depth === null || depth === undefined) return;
    // The middle of the quarter.
    this.depth = (depth + 0.5) / 4;
    const error = this.wanted(jitterMs) - this.depth;
    if (now < this.#settled) return;
    // Inputs that come late are lost, every one: 2 % would take seconds to make up for it.
    if (this.depth < 0 || Math.abs(error) * this.tickMs > SNAP_MS) this.#jump(error, now, rttMs);
    else this.#rate = 1 + SLEW * Math.max(-1, Math.min(1, (error * this.tickMs) / GAIN_MS));
  }

  /** By as much as the server's report is off; the round trip that it took may be longer than what the clock measures. */
  #jump(ticks, now, rttMs) {
    this.jumps++;
    this.#at += ticks;
    this.#rate = 1;
    this.#settled = now + rttMs + Math.max(SETTLE_MS, SETTLE_TICKS * this.tickMs);
  }

  #set(tick, now, rttMs, jitterMs) {
    this.#at = tick + rttMs / this.tickMs + this.wanted(jitterMs);
    this.#last = now;
    this.#rate = 1;
    this.#settled = now + rttMs + SETTLE_MS;
  }

  clear() {
    this.#at = this.depth = undefined;
  }

  /** The tick that comes next, a fraction before it is due. */
  get tick() {
    return this.#at;
  }

  /** Moves to `now`; gives the ticks that have become due, each the target of an input. */
  *due(now) {
    if (this.#at === undefined) return;
    const before = Math.floor(this.#at);
    this.#at += (Math.max(0, now - this.#last) / this.tickMs) * this.#rate;
    this.#last = now;
    const until = Math.floor(this.#at);
    if (until - before > STEPS_MAX) {
      // Where it is now it would have been anyway; what lies between is not played.
      this.jumps++;
      yield until;
      return;
    }
    for (let tick = before + 1; tick <= until; tick++) yield tick;
  }
}
