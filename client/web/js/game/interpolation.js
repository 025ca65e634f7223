// Smooth motion out of snapshots: a playback clock a little behind the server, and values between two snapshots.
//
// The delay adapts: a snapshot should be there before playback has used up the one before it, for 95 of 100. Playback
// is slewed by at most 5 % towards where it should be and set only when it is more than 250 ms off, so motion neither
// jumps nor stutters when packets come late. Past the newest snapshot things go on as they went, for a moment, and then
// hold still. Promises: values between two snapshots are linear, angles take the shortest arc, a jump is not drawn as a
// flight; each entity is shown by the ticks at which its own cell was refreshed. Leaves out: one's own player, whom
// prediction.js shows.

/** States kept of an entity: 1.6 s at 20 a second, more than any delay that is playable. */
const KEPT = 32;
/** Arrivals that decide where the server's clock stands and how late packets come: 3 s at 20 a second. */
const ARRIVALS = 60;
const SLEW = 0.05;
const SNAP_MS = 250;
/** What a frame at 60 Hz adds: a snapshot that comes just after a frame is drawn in the next. */
const MARGIN_MS = 8;
/** A snapshot so many ticks older than the newest is of a server that began anew. */
const ANEW = 600;

/** From `a` to `b` by `t` (0 to 1) the short way round, `turn` to the circle. */
export function lerpAngle(a, b, t, turn = 256) {
  return a + (((((b - a + turn / 2) % turn) + turn) % turn) - turn / 2) * t;
}

/**
 * How two values of a layer are blended, by the fields of the generated module: numbers linearly, those on a circle the
 * short way, the rest as in the nearer one. `jumps(a, b)`: there is no way between them.
 */
export function blendFields(fields, jumps = () => false) {
  return (a, b, t) => {
    if (jumps(a, b)) return t < 1 ? a : b;
    const blended = {};
    for (const { name, kind, bits, scope } of fields) {
      if (kind === "wrapping") blended[name] = lerpAngle(a[name], b[name], t, 2 ** bits);
      else if (kind === "bool" || scope === "once" || typeof b[name] !== "number") blended[name] = t < 0.5 ? a[name] : b[name];
      else blended[name] = a[name] + (b[name] - a[name]) * t;
    }
    return blended;
  };
}

/** Where playback stands: behind the server, by as little as arrivals allow. */
export class Playback {
  /** Behind the server's clock as it is heard here, ms. */
  delayMs;
  /** Moments at which there was nothing newer to show. */
  underruns = 0;
  #arrivals = [];
  #lead = 0;
  #newest;
  #at;
  #sampledAt;

  constructor({ tickHz = 60, delayMinMs = 100, delayMaxMs = 400, extrapolateMs = 100 } = {}) {
    Object.assign(this, { tickMs: 1000 / tickHz, delayMs: delayMinMs, delayMinMs, delayMaxMs, extrapolateMs });
  }

  /** A snapshot of `tick` arrived at `now` ms. False: it is older than one before. */
  push(tick, now) {
    if (this.#newest !== undefined && tick < this.#newest - ANEW) this.clear();
    if (tick <= this.#newest) return false;
    const time = tick * this.tickMs;
    // `lead`: server's clock minus ours, less what the way took. `gap`: how long the one before had to last.
    const arrival = { lead: time - now, gap: now - (this.#newest ?? tick) * this.tickMs };
    this.#newest = tick;
    this.#arrivals = [...this.#arrivals.slice(1 - ARRIVALS), arrival];
    // The largest lead is the packet that waited least on its way.
    this.#lead = Math.max(...this.#arrivals.map(({ lead }) => lead));
    const gaps = this.#arrivals.map(({ gap }) => gap).sort((a, b) => a - b);
    const needed = gaps[Math.ceil(gaps.length * 0.95) - 1] + this.#lead + MARGIN_MS;
    this.delayMs = Math.max(this.delayMinMs, Math.min(this.delayMaxMs, needed));
    return true;
  }

  clear() {
    this.#arrivals = [];
    this.#newest = this.#at = undefined;
    this.delayMs = this.delayMinMs;
  }

  /** Where playback stands, in ticks (a fraction). */
  get tick() {
    return this.#at === undefined ? undefined : this.#at / this.tickMs;
  }

  /** Where the server's clock stands now by what has arrived, in ticks; without the way here. */
  serverTick(now) {
    return this.#newest === undefined ? undefined : (now + this.#lead) / this.tickMs;
  }

  /** Moves playback to `now`; returns its tick, if there is anything to play. */
  advance(now) {
    if (this.#newest === undefined) return undefined;
    const target = now + this.#lead - this.delayMs;
    const passed = Math.max(0, now - (this.#sampledAt ?? now));
    this.#sampledAt = now;
    const off = target - ((this.#at ?? -Infinity) + passed);
    if (Math.abs(off) > SNAP_MS) this.#at = target;
    else this.#at += passed + Math.max(-SLEW * passed, Math.min(SLEW * passed, off));
    const end = this.#newest * this.tickMs + this.extrapolateMs;
    if (this.#at > end - this.extrapolateMs) this.underruns++;
    this.#at = Math.min(this.#at, end);
    return this.tick;
  }
}

/** The entities of one layer, by playback. */
export class Timeline {
  #entities = new Map();
  #tick;

  /** `blend(a, b, t)`: the value between two; see `blendFields`. */
  constructor(playback, blend) {
    Object.assign(this, { playback, blend });
  }

  /** What a decoder shows after a frame of `tick`: its `entities(layer)`. */
  push(tick, entities) {
    if (this.#tick !== undefined && tick < this.#tick - ANEW) this.clear();
    this.#tick = tick;
    for (const { index, tick: at, value } of entities) {
      let entity = this.#entities.get(index);
      // Back after it had gone: another one, or seen again; there is no way from there to here.
      if (!entity || entity.gone !== undefined) this.#entities.set(index, (entity = { states: [] }));
      entity.seen = tick;
      if (!entity.states.length || entity.states.at(-1).at < at) entity.states = [...entity.states.slice(1 - KEPT), { at, value }];
    }
    for (const [index, entity] of this.#entities) {
      if (entity.seen !== tick) entity.gone ??= tick;
      if (entity.gone < this.playback.tick) this.#entities.delete(index);
    }
  }

  clear() {
    this.#entities.clear();
    this.#tick = undefined;
  }

  /** The newest value of an entity. */
  newest(index) {
    const entity = this.#entities.get(index);
    return entity && entity.gone === undefined ? entity.states.at(-1).value : undefined;
  }

  /** The newest of everybody: `[index, value]`. */
  *all() {
    for (const [index, { states, gone }] of this.#entities) if (gone === undefined) yield [index, states.at(-1).value];
  }

  /** Calls `each(index, value)` for everybody who is there where playback stands. */
  sample(each) {
    const { tick } = this.playback;
    if (tick === undefined) return;
    for (const [index, { states, gone }] of this.#entities) {
      if (gone <= tick) continue;
      let at = states.length - 1;
      while (at > 0 && states[at - 1].at >= tick) at--;
      const to = states[at];
      const from = at > 0 ? states[at - 1] : to;
      // One that has just come is shown at once, where it came.
      each(index, from === to ? to.value : this.blend(from.value, to.value, Math.max(0, (tick - from.at) / (to.at - from.at))));
    }
  }
}
