// How long to wait before the next attempt to connect.
//
// Promises: the wait doubles from `min` to `max` ms and is spread by `jitter` (0 to 1) around its
// value, also when it has reached `max`, and never above it: clients that lost one server together
// don't come back together. The same seed gives the same waits.

/** A seeded generator of numbers in [0, 1) (splitmix32). */
export function random(seed) {
  return () => {
    seed = (seed + 0x9e3779b9) | 0;
    let z = Math.imul(seed ^ (seed >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}

export class Backoff {
  attempts = 0;

  constructor(min, max, jitter, seed = Math.random() * 2 ** 32) {
    Object.assign(this, { min, max, jitter, next: random(seed) });
  }

  /** Milliseconds to wait; counts the attempt. */
  duration() {
    const base = this.min * 2 ** Math.min(this.attempts++, 30);
    const top = Math.min(this.max, base * (1 + this.jitter));
    const bottom = (top * (1 - this.jitter)) / (1 + this.jitter);
    return Math.round(bottom + this.next() * (top - bottom));
  }
}
