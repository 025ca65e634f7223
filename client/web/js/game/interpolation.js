// Smooth motion out of snapshots: a buffer, a playback clock a little behind the server, and interpolation.
//
// The delay adapts: a snapshot should be there before playback has used up the one before it, for 95 of 100. Playback
// is slewed by at most 5 % towards where it should be and set only when it is more than 250 ms off, so motion neither
// jumps nor stutters when packets come late. When there is nothing newer it waits there, and so falls back by itself.
// Promises: positions between two snapshots are linear, angles take the shortest arc, a jump beyond `teleport` is not
// drawn as a flight. Leaves out: extrapolation (past the newest snapshot things hold still).

/** Snapshots kept: 1.6 s at 20 a second, more than any delay that is playable. */
const KEPT = 32;
/** Arrivals that decide where the server's clock stands and how late packets come: 3 s at 20 a second. */
const ARRIVALS = 60;
const SLEW = 0.05;
const SNAP_MS = 250;
/** What a frame at 60 Hz adds: a snapshot that comes just after a frame is drawn in the next. */
const MARGIN_MS = 8;

/** From `a` to `b` by `t` (0 to 1) the short way round, 256 to the turn. */
export function lerpAngle(a, b, t) {
  return a + (((((b - a + 128) % 256) + 256) % 256) - 128) * t;
}

export class SnapshotBuffer {
  /** Behind the server's clock as it is heard here, ms. */
  delayMs;
  #snapshots = [];
  #arrivals = [];
  #lead = 0;
  #playback;
  #sampledAt;

  /** `tickHz`: ticks a second; the delay's bounds in ms; `teleport`: units between two snapshots beyond which a move is a jump. */
  constructor({ tickHz = 60, delayMinMs = 100, delayMaxMs = 400, teleport = 8192 } = {}) {
    Object.assign(this, { tickMs: 1000 / tickHz, delayMs: delayMinMs, delayMinMs, delayMaxMs, teleport });
  }

  get newest() {
    return this.#snapshots.at(-1);
  }

  /** Takes a snapshot that arrived at `now` ms. One older than the newest is dropped. */
  push(snapshot, now) {
    const { newest } = this;
    // A tick far back is a server that began anew.
    if (newest && snapshot.tick < newest.tick - 600) this.clear();
    else if (newest && snapshot.tick <= newest.tick) return;
    const time = snapshot.tick * this.tickMs;
    // `lead`: server's clock minus ours, less what the way took. `gap`: how long the one before had to last.
    const arrival = { lead: time - now, gap: now - (this.newest ?? snapshot).tick * this.tickMs };
    this.#snapshots = [...this.#snapshots.slice(1 - KEPT), snapshot];
    this.#arrivals = [...this.#arrivals.slice(1 - ARRIVALS), arrival];
    // The largest lead is the packet that waited least on its way.
    this.#lead = Math.max(...this.#arrivals.map(({ lead }) => lead));
    const gaps = this.#arrivals.map(({ gap }) => gap).sort((a, b) => a - b);
    const needed = gaps[Math.ceil(gaps.length * 0.95) - 1] + this.#lead + MARGIN_MS;
    this.delayMs = Math.max(this.delayMinMs, Math.min(this.delayMaxMs, needed));
  }

  clear() {
    this.#snapshots = [];
    this.#arrivals = [];
    this.#playback = undefined;
    this.delayMs = this.delayMinMs;
  }

  /** Where playback stands, in ticks (a fraction). */
  get tick() {
    return this.#playback === undefined ? undefined : this.#playback / this.tickMs;
  }

  /** Moves playback to `now` and calls `each(id, x, y, aim, flags)` for everybody there. */
  sample(now, each) {
    if (!this.#snapshots.length) return;
    this.#advance(now);
    const { tick } = this;
    let at = this.#snapshots.length - 1;
    while (at > 0 && this.#snapshots[at - 1].tick >= tick) at--;
    const to = this.#snapshots[at];
    const from = at > 0 ? this.#snapshots[at - 1] : to;
    const t = from === to ? 1 : Math.min(1, Math.max(0, (tick - from.tick) / (to.tick - from.tick)));
    for (const [id, b] of to.entities) {
      const a = from.entities.get(id);
      if (!a || Math.hypot(b.x - a.x, b.y - a.y) > this.teleport) each(id, b.x, b.y, b.aim, b.flags);
      else each(id, a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t, lerpAngle(a.aim, b.aim, t), t < 0.5 ? a.flags : b.flags);
    }
  }

  #advance(now) {
    const target = now + this.#lead - this.delayMs;
    const passed = Math.max(0, now - (this.#sampledAt ?? now));
    this.#sampledAt = now;
    const off = target - ((this.#playback ?? -Infinity) + passed);
    if (Math.abs(off) > SNAP_MS) this.#playback = target;
    else this.#playback += passed + Math.max(-SLEW * passed, Math.min(SLEW * passed, off));
    this.#playback = Math.min(this.#playback, this.newest.tick * this.tickMs);
  }
}
