// The arena's side of the connection: joining, who is there, snapshots in, input out.
//
// Promises: joins again on every connection; input leaves 30 times a second and waits rather than piling up on a link
// that is behind. Leaves out: prediction.
import { io } from "/socket.io/ringside.js";
import { Rates } from "/socket.io/game/counters.js";
import { Playback, Timeline, blendFields } from "/socket.io/game/interpolation.js";
import { RoomClient } from "/socket.io/game/room.js";
import * as schema from "/schema/arena.js";

/** Two ticks' inputs a packet. */
const SEND_MS = 1000 / 30;
/** A move between two snapshots beyond so many world units is a jump. */
const JUMP = 8192;
const PUCK = schema.LAYER.Shown;

/** Flags of a puck. */
export const DASHING = 1;
export const THRUSTING = 2;

export class Net {
  arrivals = [];
  /** What to tell the player about the connection; empty when all is well. */
  notice = "";
  #pending = 0;

  constructor({ transports, name, input }) {
    Object.assign(this, { name, input });
    this.playback = new Playback();
    const jumps = (a, b) => Math.hypot(b.x - a.x, b.y - a.y) > JUMP;
    this.pucks = new Timeline(this.playback, blendFields(schema.LAYERS[PUCK].fields, jumps));
    const socket = (this.socket = io({ transports, reconnectionDelay: 300, reconnectionDelayMax: 3000, timeout: 8000 }));
    this.rates = new Rates(socket.io.stats);
    const room = (this.room = new RoomClient(socket, schema));
    socket.on("connecting", () => this.#say(this.me ? "" : "Connecting …"));
    socket.on("connect_failed", (reason, error) => this.#say(`Cannot connect (${reason}): ${error.message}`));
    socket.on("disconnect", (reason) => this.#say(`Connection lost (${reason})`));
    socket.on("reconnecting", (attempt, ms) => this.#say(`Connection lost. Trying again in ${(ms / 1000).toFixed(1)} s (attempt ${attempt})`));
    socket.on("reconnect_failed", () => this.#say("The server cannot be reached. Reload the page to try again."));
    room.on("welcome", (welcome) => {
      this.playback.clear();
      this.pucks.clear();
      this.me = welcome;
      this.name = this.players.get(welcome.id).name;
      this.#say("");
    });
    room.on("refused", ({ error }) => this.#say(`The server does not let us in: ${error}`));
    room.on("bye", ({ reason }) => this.#say(`Out of the room: ${reason}`));
    room.on("snapshot", ({ tick }) => this.#snapshot(tick));
    socket.on("connect", () => !room.welcome && this.join());
    setInterval(() => this.#send(), SEND_MS);
  }

  get players() {
    return this.room.players;
  }

  get joined() {
    return this.room.welcome !== undefined;
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

  /** Also the way to change one's name. What goes wrong is said by the room's events. */
  join() {
    this.room.join({ name: this.name }).catch(() => {});
  }

  #snapshot(tick) {
    const now = performance.now();
    this.arrivals = [...this.arrivals.slice(-99), now];
    this.playback.push(tick, now);
    this.pucks.push(tick, this.room.decoder.entities(PUCK));
  }

  #send() {
    const { input, room } = this;
    this.#pending |= input.take();
    room.view = this.playback.tick;
    for (const tick of room.pace.due(performance.now())) {
      room.input(tick, { buttons: this.#pending, aim: input.aim });
    }
    if (room.flush()) this.#pending = 0;
  }
}
