// When a page says which snapshots it has, if no input says so before.
//
// Where nothing gets lost, the server lets one snapshot more be on its way than a round trip takes, so one
// acknowledgement in two snapshots is enough: receiving one costs a server nearly as much as sending a snapshot. It
// waits for half the time between the two, so that it comes when the server is through with everybody's snapshots and
// not amidst them. Snapshots that come slowly, or after a pause, and the first, are acknowledged at once.
// On datagrams each acknowledgement counts, and this is not for them. The twin of `ringside_client::game::Acks`.

/** Snapshots that one acknowledgement is for. */
const PAIR = 2;
/** Longest wait after the second one, ms. */
const WAIT_MAX_MS = 25;
/** A second one that is not here after this is not waited for: it would be later than at 15 snapshots a second. */
const PATIENCE_MS = 75;

export class Acks {
  /** When to acknowledge; never, if there is nothing to. */
  due = Infinity;
  #last = -Infinity;
  #waiting = 0;

  /** A snapshot arrived at `now`. */
  heard(now) {
    const gap = now - this.#last;
    this.#last = now;
    this.#waiting++;
    const wait = gap >= PATIENCE_MS ? 0 : this.#waiting < PAIR ? PATIENCE_MS : Math.min(WAIT_MAX_MS, gap / 2);
    this.due = Math.min(this.due, now + wait);
  }

  /** The newest snapshot was acknowledged, by itself or with an input. */
  said() {
    this.#waiting = 0;
    this.due = Infinity;
  }
}
