// How much travels, for a HUD: bytes and messages a second, from a manager's running sums.
//
// Promises: rates over a sliding window, exact for the sums they are given. Leaves out: headers of HTTP,
// WebSocket, TCP and TLS, which the page cannot see.

/** The window, ms: long enough to be steady at 20 messages a second, short enough to show a change at once. */
const WINDOW_MS = 2000;

export class Rates {
  #marks = [];

  /** `stats`: the object whose numeric fields are sums (`manager.stats`). */
  constructor(stats) {
    this.stats = stats;
  }

  /** Call a few times a second; returns each field's rate a second. */
  update(now = performance.now()) {
    const mark = { now, ...this.stats };
    this.#marks = [...this.#marks.filter((each) => each.now >= now - WINDOW_MS), mark];
    const [first] = this.#marks;
    const seconds = (now - first.now) / 1000 || 1;
    const rates = {};
    for (const key in this.stats) rates[key] = (mark[key] - first[key]) / seconds;
    return rates;
  }
}
