// The arena's side of the connection: joining, who is there, snapshots in, input out.
//
//   input, 4 bytes little-endian:  seq u16 | buttons u8 (up 1, down 2, left 4, right 8, dash 16, fire 32) | aim u8
//
// Promises: joins again on every connection; input leaves 30 times a second while something is held or changes
// and twice otherwise, and waits rather than piling up on a link that is behind. Leaves out: prediction.
import { io } from "/socket.io/ringside.js";
import { ClockSync } from "/socket.io/game/clock.js";
import { Rates } from "/socket.io/game/counters.js";
import { SnapshotBuffer } from "/socket.io/game/interpolation.js";
import { decodeSnapshot } from "/socket.io/game/snapshot.js";

const SEND_MS = 1000 / 30;
const QUIET_MS = 500;
const JOIN_MS = 5000;

export class Net {
  /** id → { id, name, hue, bot } of everybody in the arena. */
  players = new Map();
  me = undefined;
  /** Whether this connection has joined: until then ids are the last connection's. */
  joined = false;
  snapshots = 0;
  arrivals = [];
  /** What to tell the player about the connection; empty when all is well. */
  notice = "";
  /** Messages that were no snapshot. */
  refused = 0;
  #seq = 0;
  #sentAt = 0;
  #sent = -1;
  #pending = 0;

  constructor({ transports, name, input }) {
    Object.assign(this, { name, input });
    this.buffer = new SnapshotBuffer();
    const socket = (this.socket = io({ transports, reconnectionDelay: 300, reconnectionDelayMax: 3000, timeout: 8000 }));
    this.rates = new Rates(socket.io.stats);
    this.clock = new ClockSync(socket);
    socket.on("connecting", () => this.#say(this.me ? "" : "Connecting …"));
    socket.on("connect", () => this.join());
    socket.on("connect_failed", (reason, error) => this.#say(`Cannot connect (${reason}): ${error.message}`));
    socket.on("disconnect", (reason) => {
      this.joined = false;
      this.#say(`Connection lost (${reason})`);
    });
    socket.on("reconnecting", (attempt, ms) => this.#say(`Connection lost. Trying again in ${(ms / 1000).toFixed(1)} s (attempt ${attempt})`));
    socket.on("reconnect_failed", () => this.#say("The server cannot be reached. Reload the page to try again."));
    socket.on("player", (player) => this.players.set(player.id, player));
    socket.on("left", ({ id }) => this.players.delete(id));
    socket.on("snapshot", (message) => this.#snapshot(message));
    setInterval(() => this.#send(), SEND_MS);
  }

  get connected() {
    return this.socket.connected;
  }

  get transport() {
    return this.connected ? this.socket.io.engine?.transport.name : undefined;
  }

  #say(text) {
    this.notice = text;
  }

  /** Also the way to change one's name. */
  join() {
    this.socket.timeout(JOIN_MS).emit("join", { name: this.name }, (error, welcome) => {
      if (error || !welcome) return this.#say("The server does not let us in. Trying on …");
      // A server that began anew gives old numbers to new players.
      if (!this.joined) this.buffer.clear();
      this.joined = true;
      this.me = welcome;
      this.name = welcome.name;
      this.buffer.tickMs = 1000 / welcome.tickHz;
      this.players = new Map(welcome.players.map((player) => [player.id, player]));
      this.players.set(welcome.id, { id: welcome.id, name: welcome.name, hue: welcome.hue, bot: false });
      this.#say("");
    });
  }

  #snapshot(message) {
    if (!this.joined) return;
    const now = performance.now();
    const snapshot = decodeSnapshot(message);
    if (!snapshot) return this.refused++;
    this.snapshots++;
    this.arrivals = [...this.arrivals.slice(-99), now];
    this.buffer.push(snapshot, now);
  }

  #send() {
    const { input, socket } = this;
    this.#pending |= input.take();
    if (!socket.connected || !this.joined) return;
    const state = (this.#pending << 8) | input.aim;
    const now = performance.now();
    const due = state !== this.#sent || this.#pending || now - this.#sentAt >= QUIET_MS;
    if (!due || socket.io.engine?.congested) return;
    const seq = this.#seq++;
    socket.emit("input", Uint8Array.of(seq, seq >> 8, this.#pending, input.aim));
    this.#sent = state;
    this.#sentAt = now;
    this.#pending = 0;
  }
}
