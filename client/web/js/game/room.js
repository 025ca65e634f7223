// A room of the game server, from the page's side: coming in and back, who is there, frames, events, inputs.
//
//   const room = new RoomClient(socket, schema);          // schema: the module /schema/KIND.js
//   room.on("snapshot", ({ tick }) => timeline.push(tick, room.decoder.entities(schema.LAYER.Puck)));
//   await room.join({ name: "Ada" });
//   for (const tick of room.pace.due(now)) room.input(tick, { buttons, aim });
//   room.flush();
//
// Events here: `welcome`, `player`, `left`, `snapshot`, `event`, `queue`, `bye`, `refused`.
// Promises: a connection that comes back, by any transport, gets the seat it had; each reliable event of the game is
// told once, in order, whatever happened to the connection, or the welcome says there is a gap; a frame that cannot be
// read is asked for anew. Leaves out: looks, prediction (prediction.js) and interpolation (interpolation.js).
import { Emitter } from "../events.js";
import { Acks } from "./acks.js";
import { ClockSync } from "./clock.js";
import { InputSender, packetText } from "./inputs.js";
import { Pace } from "./pace.js";

/** A server that does not answer a request to join within this is asked again, ms. */
const JOIN_MS = 5000;
/** How often it is looked whether anything waits that nobody flushed, ms; on datagrams it does for so long at most. */
const ACK_MS = 50;
/** What was said last is said again after this, ms: the server may have been too busy to hear it, and waits for it. */
const REPEAT_MS = 500;
/** Numbers of events that are remembered beside the newest, for those that overtake each other. */
const WINDOW = 64;

/** Tells events that are new from those that are not. */
class Seen {
  #last = 0;
  #before = new Set();

  restart(last) {
    this.#last = last;
    this.#before.clear();
    // What is not newer than the welcome has been told, or never will be.
    this.floor = last;
  }

  get last() {
    return this.#last;
  }

  add(id) {
    if (id <= this.floor || id <= this.#last - WINDOW || this.#before.has(id)) return false;
    this.#before.add(id);
    this.#last = Math.max(this.#last, id);
    for (const old of this.#before) if (old <= this.#last - WINDOW) this.#before.delete(old);
    return true;
  }
}

export class RoomClient extends Emitter {
  /** The last welcome, while in the room. */
  welcome = undefined;
  /** id → `{ id, name, bot, away, card }` of everybody in the room. */
  players = new Map();
  /** Frames used, stale, and refused; keyframes asked for. */
  stats = { frames: 0, stale: 0, malformed: 0, keyframesAsked: 0, bytes: 0 };
  /** Age of the last frame's baseline, in ticks; what the server said of our inputs. */
  age = 0;
  feedback = null;
  /** What the screen shows, in ticks: set it every frame, for lag compensation. */
  view = undefined;
  #request;
  #joining;
  #seen = new Seen();
  #acked;
  #acks = new Acks();
  #ackTimer;
  #sentAt = 0;
  /** No frame can be used until a keyframe comes. */
  #lost = false;
  #askedAt = 0;
  #timer;

  /** `clock`: the local clock, ms. `store`: keeps the seat's token over a reload (`sessionStorage`), or null. */
  constructor(socket, schema, { clock = () => performance.now(), store = null, key = "ringside.seat" } = {}) {
    super();
    Object.assign(this, { socket, schema, clock, store, key });
    this.decoder = new schema.Decoder();
    this.inputs = new InputSender(schema.INPUT);
    this.pace = new Pace();
    this.sync = new ClockSync(socket, { clock });
    this.seat = this.#stored();
    this.#wire({
      connect: () => this.#request && !this.#joining && this.#enter().catch(() => {}),
      disconnect: () => (this.welcome = undefined),
      s: (bytes) => this.#frame(bytes),
      e: ([id, tick, event]) => this.#event(id, tick, event),
      player: (player) => this.#player(player),
      left: ({ id, why }) => this.#left(id, why),
      queue: (progress) => this._fire("queue", progress),
      placed: ({ room, token }) => this.#placed(room, token),
      bye: (goodbye) => this.#bye(goodbye),
    });
    this.#timer = setInterval(() => this.#acknowledge(), ACK_MS);
    this.#timer.unref?.();
  }

  get me() {
    return this.welcome?.id ?? undefined;
  }

  /**
   * Comes in, now and after every break of the connection. `request`: name, and of kind, room, create, queue, watch
   * what is wanted. Resolves to the welcome; to `{ waiting, needed }` in a queue. Rejects with `{ code, error }`.
   */
  join(request = {}) {
    this.#request = request;
    if (request.room || request.create || request.queue || request.watch) this.#forget();
    return this.#enter();
  }

  /** Another name, while in the room. */
  rename(name) {
    this.#request = { ...this.#request, name };
    return this.#enter();
  }

  leave() {
    this.#request = this.welcome = undefined;
    this.#forget();
    this.socket.emit("leave");
  }

  /** A message for the game. */
  say(message) {
    this.socket.emit("say", message);
  }

  /** Where to look, as a spectator: `{ player }` or `{ at: [x, y] }`. */
  look(gaze) {
    this.socket.emit("look", gaze);
  }

  /** A bad network, where the room allows it: `{ pingMs, jitterMs, loss }`, loss in 1/1000; null for the real one. */
  weather(model) {
    this.socket.emit("weather", model);
  }

  /** Takes only one snapshot in `oneIn`; the room allows up to ten. For the seat of now: say it again after a welcome. */
  thin(oneIn) {
    this.socket.emit("rate", oneIn);
  }

  /** The input for a tick: what `pace.due(now)` gives. Returns its number. */
  input(tick, input) {
    return this.inputs.push(tick, input);
  }

  /** Sends inputs and acknowledgements that wait. On a link that is behind they wait on. */
  flush() {
    const { socket, decoder } = this;
    if (!socket.connected || !this.welcome || socket.io?.engine?.congested) return false;
    const ack = decoder.acknowledgement;
    const now = this.clock();
    // What may be lost says again what was not heard of, so nothing has to wait for it.
    const redundant = this.#isLossy;
    const due = redundant ? ack?.newest !== this.#acked : now >= this.#acks.due;
    const repeat = ack && now - this.#sentAt >= REPEAT_MS;
    if (!this.inputs.unsent && !due && !repeat) return false;
    const packet = this.inputs.packet({ ack, view: this.view ?? this.pace.tick ?? 0, redundant });
    (redundant ? socket.volatile : socket).emit("i", packetText(packet));
    this.#acked = ack?.newest;
    this.#acks.said();
    this.#sentAt = now;
    return true;
  }

  /** Frames come as datagrams. */
  get #isLossy() {
    return !!this.socket.io?.engine?.datagrams;
  }

  close() {
    clearInterval(this.#timer);
    clearTimeout(this.#ackTimer);
    this.sync.stop();
    this.#unwire?.();
  }

  #unwire;

  #wire(handlers) {
    for (const [event, handler] of Object.entries(handlers)) this.socket.on(event, handler);
    this.#unwire = () => Object.entries(handlers).forEach(([event, handler]) => this.socket.off(event, handler));
  }

  /** Acknowledgements go with inputs; a page that has none to send acknowledges all the same, when it is time to. */
  #acknowledgeInTime() {
    clearTimeout(this.#ackTimer);
    // Rounded up: a timer that came too early would find nothing due.
    this.#ackTimer = setTimeout(() => this.flush(), Math.ceil(this.#acks.due - this.clock()));
    this.#ackTimer.unref?.();
  }

  #acknowledge() {
    if (this.#lost && this.welcome) this.#askKeyframe();
    if (this.clock() - this.#sentAt >= ACK_MS) this.flush();
  }

  #enter() {
    const { schema, seat } = this;
    const claim = seat ? { room: seat.room, token: seat.token, lastEvent: this.#seen.last } : {};
    const request = { ...this.#request, ...claim, schema: schema.SCHEMA_HASH };
    const entering = new Promise((resolve, reject) => {
      this.socket.timeout(JOIN_MS).emit("join", request, (error, answer) => {
        if (error) return reject({ code: "timeout", error: "the server does not answer" });
        if (answer?.code) return reject(answer);
        if (answer && "tickHz" in answer) this.#welcomed(answer);
        resolve(answer);
      });
    });
    this.#joining = entering;
    const done = () => {
      if (this.#joining === entering) this.#joining = undefined;
    };
    entering.then(done, (refusal) => {
      done();
      // A seat in a room that is not there any more: what was asked for in the first place still may be.
      if (seat && refusal.code === "no-room") this.#forget();
      this._fire("refused", refusal);
    });
    return entering;
  }

  #welcomed(welcome) {
    const resumed = welcome.resumed && !welcome.gap;
    if (!resumed) this.#seen.restart(welcome.lastEvent);
    this.welcome = welcome;
    this.players = new Map(welcome.players.map((player) => [player.id, player]));
    this.decoder.reset(welcome.tick);
    this.pace.clear();
    this.pace.tickMs = 1000 / welcome.tickHz;
    this.inputs = new InputSender(this.schema.INPUT);
    this.#acked = undefined;
    this.#acks = new Acks();
    this.#lost = false;
    this.seat = welcome.token ? { room: welcome.room, token: welcome.token } : undefined;
    this.#store();
    this._fire("welcome", welcome);
  }

  #frame(bytes) {
    if (!this.welcome) return;
    const answer = this.decoder.read(bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes);
    this.stats.bytes += bytes.byteLength;
    if (answer.kind === "stale") return this.stats.stale++;
    if (answer.kind !== "used") {
      if (answer.kind === "malformed") this.stats.malformed++;
      return this.#askKeyframe();
    }
    this.#lost = false;
    this.#acks.heard(this.clock());
    if (!this.#isLossy) this.#acknowledgeInTime();
    this.stats.frames++;
    this.age = answer.age;
    this.feedback = answer.feedback;
    const last = answer.feedback?.lastInputSeq;
    if (last !== null && last !== undefined) this.inputs.acknowledge(last);
    const { rtt, jitter } = this.sync;
    // The depth counts inputs that were too late as well: before the first in time it is all there is.
    this.pace.heard(answer.tick, this.clock(), answer.feedback?.inputDepth, rtt, jitter);
    this._fire("snapshot", answer);
  }

  /** Asked again until a frame can be used: the server allows a few a second. */
  #askKeyframe() {
    if (this.#lost && this.clock() - this.#askedAt < REPEAT_MS) return;
    this.#lost = true;
    this.#askedAt = this.clock();
    this.stats.keyframesAsked++;
    this.socket.emit("k");
  }

  #event(id, tick, event) {
    if (id === 0 || this.#seen.add(id)) this._fire("event", event, { id, tick });
  }

  #player(player) {
    this.players.set(player.id, player);
    this._fire("player", player);
  }

  #left(id, why) {
    this.players.delete(id);
    this._fire("left", id, why);
  }

  #placed(room, token) {
    this.seat = { room, token };
    this.#seen.restart(0);
    this.#enter().catch(() => {});
  }

  #bye(goodbye) {
    this.welcome = undefined;
    // One who comes in elsewhere has the seat there.
    if (goodbye.code !== "replaced") this.#forget();
    this.#request = undefined;
    this._fire("bye", goodbye);
  }

  #forget() {
    this.seat = undefined;
    this.#store();
  }

  /** Storage may be denied to a page; a seat is not worth an error. */
  #store() {
    try {
      if (this.seat) this.store?.setItem(this.key, JSON.stringify(this.seat));
      else this.store?.removeItem(this.key);
    } catch {
      this.store = null;
    }
  }

  #stored() {
    try {
      return JSON.parse(this.store?.getItem(this.key) ?? "null") ?? undefined;
    } catch {
      return undefined;
    }
  }
}
