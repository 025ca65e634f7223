// The page's side of the connection: the room, its frames, the own puck ahead of them, the others behind.
//
// Promises: comes back to its seat by itself, over whichever transport; a tick gets one input; with prediction on, a
// correction that nobody else caused is counted as a misprediction, one that a zap caused is not.
// Leaves out: pictures (`view.js` says what there is to draw).
import { io } from "/socket.io/ringside.js";
import { Rates } from "/socket.io/game/counters.js";
import { Playback, Timeline, blendFields } from "/socket.io/game/interpolation.js";
import { RoomClient } from "/socket.io/game/room.js";
import * as schema from "/schema/glimmer.js";
import { OwnPuck, ownState } from "./own.js";

export const { LAYER } = schema;
/** A frame is drawn 60 times a second, a packet carries two ticks. */
const SEND_MS = 1000 / 30;
const ARRIVALS_KEPT = 100;

export const jumps = (a, b) => a.life !== b.life;

export class Net {
  /** Local times at which snapshots arrived. */
  arrivals = [];
  /** What to tell the player about the connection; empty when all is well. */
  notice = "";
  /** Corrections of the own puck: when, ms, for figures a minute. */
  mispredictions = [];
  /** Bytes of state that came as JSON, to compare. */
  jsonBytes = 0;
  lab = { compensate: true, hitboxes: false, json: false };
  options = { prediction: true, smoothing: true, interpolation: true, extrapolation: true, delta: true };

  /**
   * `hear(kind, event)` is told of the game's events. `read()` gives the wishes of a tick. `wish`: what to ask of the
   * server: name, room, create, watch. `seat: false`: never resume an earlier seat.
   */
  constructor({ transports, wish, read, hear, seat = true, forceNew = false }) {
    Object.assign(this, { wish, read, hear });
    this.playback = new Playback();
    this.pucks = new Timeline(this.playback, blendFields(schema.LAYERS[LAYER.PuckSeen].fields, jumps));
    this.own = new OwnPuck();
    // Over WebTransport snapshots come, and inputs go, as datagrams.
    this.socket = io({ transports, forceNew, datagrams: true, autoConnect: false, reconnectionDelay: 300, reconnectionDelayMax: 3000, timeout: 8000 });
    this.rates = new Rates(this.socket.io.stats);
    this.room = new RoomClient(this.socket, schema, { store: seat ? sessionStorage : null, key: "glimmer.seat" });
    this.#listen();
    this.#connect(transports);
    this.timer = setInterval(() => this.room.flush(), SEND_MS);
  }

  get decoder() {
    return this.room.decoder;
  }

  get ownId() {
    return this.room.welcome?.id ?? undefined;
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

  get watching() {
    return this.joined && this.ownId === undefined;
  }

  #listen() {
    const { socket, room } = this;
    const say = (text) => (this.notice = text);
    socket.on("connecting", () => say(this.hasPlayed ? "" : "Connecting …"));
    socket.on("connect_failed", (reason, error) => say(`Cannot connect (${reason}): ${error.message}`));
    socket.on("disconnect", (reason) => say(this.#moving ? "" : `Connection lost (${reason})`));
    socket.on("reconnecting", (attempt, ms) => say(this.#moving ? "" : `Connection lost. Trying again in ${(ms / 1000).toFixed(1)} s (attempt ${attempt})`));
    socket.on("reconnect_failed", () => say("The server cannot be reached. Reload the page to try again."));
    room.on("welcome", (welcome) => {
      say("");
      this.#moving = false;
      this.hasPlayed = true;
      if (!welcome.resumed) this.pucks.clear();
      this.playback.clear();
      this.own.clear();
      room.say({ lab: this.lab });
      this.hear("welcome", welcome);
    });
    room.on("refused", ({ code, error }) => {
      say(`The server does not let us in: ${error}`);
      this.hear("refused", { code, error });
    });
    room.on("bye", ({ code, reason }) => {
      say(`Out of the room: ${reason}`);
      this.hear("bye", { code, reason });
    });
    room.on("snapshot", ({ tick }) => this.#snapshot(tick));
    room.on("event", (event, about) => this.#event(event, about));
    room.on("player", (player) => this.hear("player", player));
    room.on("left", (id, why) => this.hear("left", { id, why }));
    socket.on("connect", () => !room.welcome && !this.entered && this.join(this.wish));
    socket.on("switch", () => {
      this.#moving = false;
      say("");
    });
    for (const name of ["disconnect", "reconnecting"]) socket.on(name, () => this.own.clear());
  }

  #moving = false;

  /** Comes in; also the way to another room, or to watch. */
  join(wish) {
    this.wish = wish;
    this.entered = true;
    return this.room.join(wish).catch(() => {});
  }

  rename(name) {
    this.wish = { ...this.wish, name };
    if (this.joined) this.room.rename(name).catch(() => {});
  }

  /** What the server says of WebTransport, once it was asked: whether there is any, and which certificates to trust. */
  #offer;

  async webTransport() {
    this.#offer ??= fetch("/transports.json").then((answer) => answer.json(), () => ({ webtransport: false }));
    const { webtransport, serverCertificateHashes } = await this.#offer;
    if (serverCertificateHashes?.length) this.socket.io.opts.serverCertificateHashes = serverCertificateHashes;
    return webtransport;
  }

  async #connect(transports) {
    if (transports.includes("webtransport")) await this.webTransport();
    this.socket.connect();
  }

  /** The same player goes on over another transport: the client ends this connection and comes back over that one. */
  async move(name) {
    if (name === "webtransport") await this.webTransport();
    this.#moving = true;
    this.socket.io.switchTransport(name);
  }

  /** Other wishes for the laboratory; those of the server are sent to it. */
  try(changes) {
    Object.assign(this.lab, changes);
    this.room.say({ lab: this.lab });
  }

  #snapshot(tick) {
    const now = performance.now();
    this.arrivals = [...this.arrivals.slice(1 - ARRIVALS_KEPT), now];
    this.playback.push(tick, now);
    this.pucks.push(tick, this.decoder.entities(LAYER.PuckSeen));
    if (!this.options.delta) this.socket.emit("k");
    const { ownId } = this;
    if (ownId === undefined) return;
    for (const { index, value, tick: at } of this.decoder.entities(LAYER.PuckSeen)) {
      if (index !== ownId || at !== tick) continue;
      if (this.own.confirm(tick, ownState(value))) {
        this.mispredictions = [...this.mispredictions.filter((each) => each > now - 60_000), now];
      }
    }
  }

  #event(event, about) {
    const [kind, body] = Object.entries(event)[0];
    if (kind === "state") this.jsonBytes += JSON.stringify(event).length;
    this.hear(kind, body, about);
  }

  /** What is due at `now`: inputs for the ticks that have come. Returns whether the own puck zapped. */
  play(now) {
    const { room, own } = this;
    let zapped = false;
    const delay = this.options.interpolation ? 0 : this.playback.delayMs / this.playback.tickMs;
    this.playback.extrapolateMs = this.options.extrapolation ? 100 : 0;
    this.playback.advance(now);
    room.view = (this.playback.tick ?? 0) + delay;
    own.smoothing = this.options.smoothing;
    for (const tick of room.pace.due(now)) {
      if (this.ownId === undefined) continue;
      const wish = this.read();
      room.input(tick, wish);
      zapped = own.predict(tick, wish) || zapped;
    }
    return zapped;
  }

  /** Corrections in the last minute. */
  get mispredictionsAMinute() {
    return this.mispredictions.filter((at) => at > performance.now() - 60_000).length;
  }

  close() {
    clearInterval(this.timer);
    this.room.close();
    this.socket.disconnect();
  }
}
