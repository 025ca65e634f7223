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
  /** Server time minus local time, ms; the last and smoothed round trip, ms; its mean deviation, ms. */
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
    // RFC 6298's gains: a quarter for the deviation, an eighth for the mean.
    this.jitter = this.rtt === undefined ? rtt / 2 : this.jitter + (Math.abs(rtt - this.rtt) - this.jitter) / 4;
    this.rtt = this.rtt === undefined ? rtt : this.rtt + (rtt - this.rtt) / 8;
    this.offset = this.#samples.reduce((best, each) => (each.rtt < best.rtt ? each : best)).offset;
  }

  stop() {
    clearInterval(this.#timer);
  }
}
