// The server's clock as seen from here: offset, round trip, jitter.
//
// Every `intervalMs` an event with an ack asks the server for its time in ms (any origin). A sample's error is
// at most half its round trip, so the offset comes from the quickest of the last samples (Cristian's algorithm).
// Promises: `now()` needs no server once there is a sample. Leaves out: slewing (playback does that).

/** Samples kept: at two a second, the last eight seconds. */
const SAMPLES = 16;
/** An answer later than this says nothing about the present, ms. */
const ANSWER_MS = 3000;

export class ClockSync {
  /** Server time minus local time; the round trip (median of the last samples); its mean deviation. All in ms. */
  offset = 0;
  rtt = undefined;
  jitter = undefined;
  #samples = [];
  #timer;

  /** The server answers `event` with its time in ms as the ack's only argument. */
  constructor(socket, { event = "clock", intervalMs = 500, clock = () => performance.now() } = {}) {
    Object.assign(this, { socket, event, clock });
    this.#timer = setInterval(() => this.sample(), intervalMs);
    this.#timer.unref?.();
  }

  get synced() {
    return this.#samples.length > 0;
  }

  /** The server's time now, ms. */
  now() {
    return this.clock() + this.offset;
  }

  sample() {
    if (!this.socket.connected) return;
    const sent = this.clock();
    this.socket.timeout(ANSWER_MS).emit(this.event, (error, time) => {
      if (!error && typeof time === "number") this.add(sent, time, this.clock());
    });
  }

  /** One exchange: asked at `sent`, the server's clock said `time`, heard at `heard`. */
  add(sent, time, heard) {
    const rtt = heard - sent;
    this.#samples = [...this.#samples.slice(1 - SAMPLES), { rtt, offset: time - (sent + heard) / 2 }];
    const byRtt = [...this.#samples].sort((a, b) => a.rtt - b.rtt);
    // RFC 6298's gain for the deviation: a quarter.
    this.jitter = this.rtt === undefined ? 0 : this.jitter + (Math.abs(rtt - this.rtt) - this.jitter) / 4;
    // The median: a page that was busy loading did not have a slow network.
    this.rtt = byRtt[byRtt.length >> 1].rtt;
    this.offset = byRtt[0].offset;
  }

  stop() {
    clearInterval(this.#timer);
  }
}
