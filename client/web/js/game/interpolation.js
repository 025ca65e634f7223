// Smooth motion out of snapshots: a buffer, a playback clock a little behind the server, and interpolation.
//
// Playback stands `delayMs` behind the earliest arrivals. It is slewed by at most 5 % towards where it should be and set
// only when it is more than 250 ms off, so motion neither jumps nor stutters when packets come late.
// Promises: positions between two snapshots are linear, angles take the shortest arc, a jump beyond `teleport` is not
// drawn as a flight. Leaves out: extrapolation (past the newest snapshot things hold still), adaptive delay.

/** Snapshots kept: 1.6 s at 20 a second, more than any delay that is playable. */
const KEPT = 32;
/** Arrivals that decide where the server's clock stands: 3 s at 20 a second. */
const ARRIVALS = 60;
const SLEW = 0.05;
const SNAP_MS = 250;

/** From `a` to `b` by `t` (0 to 1) the short way round, 256 to the turn. */
export function lerpAngle(a, b, t) {
  return a + ((((b - a + 128) % 256) + 256) % 256 - 128) * t;
}

export class SnapshotBuffer {
  #snapshots = [];
  #leads = [];
  #playback;
  #sampledAt;

  /** `tickHz`: ticks a second; `teleport`: units between two snapshots beyond which a move is a jump. */
  constructor({ tickHz = 60, delayMs = 100, teleport = 8192 } = {}) {
    Object.assign(this, { tickMs: 1000 / tickHz, delayMs, teleport });
  }

  get newest() {
    return this.#snapshots.at(-1);
  }

  /** Takes a snapshot that arrived at `now` ms. One older than the newest is dropped. */
  push(snapshot, now) {
    const newest = this.newest;
    // A tick far back is a server that began anew.
    if (newest && snapshot.tick < newest.tick - 600) this.clear();
    else if (newest && snapshot.tick <= newest.tick) return;
    this.#snapshots = [...this.#snapshots.slice(1 - KEPT), snapshot];
    this.#leads = [...this.#leads.slice(1 - ARRIVALS), snapshot.tick * this.tickMs - now];
  }

  clear() {
    this.#snapshots = [];
    this.#leads = [];
    this.#playback = undefined;
  }

  /** Where playback stands, in ticks (a fraction), without moving it. */
  get tick() {
    return this.#playback === undefined ? undefined : this.#playback / this.tickMs;
  }

  /** Moves playback to `now` and calls `each(id, x, y, aim, flags)` for everybody there. */
  sample(now, each) {
    if (!this.#snapshots.length) return;
    this.#advance(now);
    const tick = this.#playback / this.tickMs;
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
    // The largest lead is the packet that waited least on its way.
    const target = now + Math.max(...this.#leads) - this.delayMs;
    const passed = now - (this.#sampledAt ?? now);
    this.#sampledAt = now;
    const off = target - ((this.#playback ?? -Infinity) + passed);
    if (Math.abs(off) > SNAP_MS) this.#playback = target;
    else this.#playback += passed + Math.max(-SLEW * passed, Math.min(SLEW * passed, off));
  }
}
