// One connection shared by the sockets (namespaces) of one server, and its reconnection.
//
// Promises: every stage reaches every active socket, in order; between two attempts lies a seeded,
// jittered, growing wait; after `reconnectionAttempts` failures it says so and rests.
// Leaves out: what a namespace is (socket.js), how bytes travel (engine.js).
import { Backoff } from "./backoff.js";
import { Engine } from "./engine.js";
import { Emitter } from "./events.js";
import { failure } from "./failure.js";
import { Decoder } from "./packet.js";
import { travelSize } from "./polling.js";
import { Socket } from "./socket.js";

const DEFAULTS = {
  path: "/socket.io",
  transports: ["polling", "websocket"],
  reconnection: true,
  reconnectionAttempts: Infinity,
  reconnectionDelay: 1000,
  reconnectionDelayMax: 5000,
  randomizationFactor: 0.5,
  timeout: 20_000,
  autoConnect: true,
  // As many as the server takes in one packet.
  maxAttachments: 10,
};

/** How long a switch of transport waits for the old one to close, ms. */
const SWITCH_MS = 1000;

export class Manager extends Emitter {
  /** "closed", "opening", "open", or "waiting" (for the next attempt). */
  phase = "closed";
  /** After the last attempt allowed has failed. */
  gaveUp = false;
  nsps = new Map();
  /** Since this page loaded: engine packets as they travel, without HTTP and WebSocket headers. */
  stats = { bytesIn: 0, bytesOut: 0, messagesIn: 0, messagesOut: 0, datagramsIn: 0, datagramsOut: 0 };
  /** After disconnect(): no attempt is due. */
  stopped = false;
  #timer;
  /** What the browser says of network and page comes sooner than a ping timeout. */
  #outside = ({ type }) => {
    if (type === "online") this.phase === "waiting" && this.#begin();
    else if (this.phase === "open") this.engine.close(true);
  };

  constructor(uri, opts) {
    super();
    if (uri && typeof uri === "object" && !(uri instanceof URL)) [uri, opts] = [undefined, uri];
    const given = Object.entries(opts ?? {}).filter(([, value]) => value !== undefined);
    this.opts = opts = { ...DEFAULTS, ...Object.fromEntries(given) };
    if (typeof opts.query === "string") opts.query = Object.fromEntries(new URLSearchParams(opts.query));
    this.uri = baseOf(uri);
    this.uri.pathname = opts.path.replace(/\/$/, "") + (opts.addTrailingSlash === false ? "" : "/");
    this.uri.search = this.uri.hash = "";
    this.backoff = new Backoff(opts.reconnectionDelay, opts.reconnectionDelayMax, opts.randomizationFactor, opts.seed);
    this.decoder = new Decoder(opts.maxAttachments);
    if (opts.autoConnect) this.open();
  }

  /** The socket of a namespace; made on first use. */
  socket(nsp, opts) {
    let socket = this.nsps.get(nsp);
    if (!socket) this.nsps.set(nsp, (socket = new Socket(this, nsp, { ...this.opts, ...opts })));
    if (this.opts.autoConnect && !socket.active) socket.connect();
    return socket;
  }

  /** Connects unless connected; `done(error or undefined)` hears of this one attempt. */
  open(done) {
    if (this.phase === "open" || this.phase === "opening") return this;
    this.stopped = this.gaveUp = false;
    this.#attempt(done);
    return this;
  }

  #attempt(done) {
    clearTimeout(this.#timer);
    this.phase = "opening";
    this.#listen("addEventListener");
    const attempts = this.backoff.attempts;
    const { timeout } = this.opts;
    if (timeout !== false) this.#timer = setTimeout(() => this.#lost("timeout", failure("timeout", "timeout", `no answer within ${timeout} ms`), done), timeout);
    let engine;
    // A session that was given up may still speak; only the newest is heard.
    const current = (fn) => (...args) => engine === this.engine && fn(...args);
    engine = this.engine = new Engine(this.uri, this.opts, {
      stats: this.stats,
      onOpen: current(() => {
        clearTimeout(this.#timer);
        this.phase = "open";
        this.backoff.attempts = 0;
        this._fire("open");
        done?.();
        if (attempts) this._fire("reconnect", attempts);
        this.#each((socket) => socket._opened());
      }),
      onData: current((data) => this.#data(data)),
      onEvent: current((packet) => this.#packet(packet, true)),
      onPing: current(() => this._fire("ping")),
      onUpgrade: current((name) => this._fire("upgrade", name)),
      onFallback: current((notice) => this.#fallback(notice)),
      onClose: current((reason, error) => this.#lost(reason, error, done)),
    });
    this.#each((socket) => socket._connecting());
  }

  #data(data) {
    let packet;
    try {
      packet = this.decoder.add(data);
    } catch (error) {
      return this.#lost("parse error", failure("parse", `the server sent what is not Socket.IO 5: ${error.message}`, error));
    }
    if (packet) this.#packet(packet);
  }

  /** `alone`: it came as a datagram. */
  #packet(packet, alone = false) {
    this.stats.messagesIn++;
    this.stats.datagramsIn += alone;
    this._fire("packet", packet);
    this.nsps.get(packet.nsp)?._packet(packet, alone);
  }

  #fallback(notice) {
    this._fire("fallback", notice);
    // Once: every reconnection of a player behind such a proxy would say it again.
    if (!this.warned) console.warn(`Ringside: playing over ${notice.to}, because ${notice.error?.message ?? `${notice.from} failed`}`);
    this.warned = true;
  }

  /** The attempt failed, or the connection ended. */
  #lost(reason, error, done) {
    const { engine, phase } = this;
    clearTimeout(this.#timer);
    this.engine = undefined;
    this.phase = "closed";
    this.decoder.reset();
    engine?.close();
    if (error) this._fire("error", error);
    if (phase === "open") {
      this.#each((socket) => socket._lost(reason, error));
      this._fire("close", reason, error);
    } else {
      error ??= failure("closed", "the server closed the connection before it was made");
      this.#each((socket) => socket._refused(error));
      done?.(error);
      if (this.backoff.attempts) this._fire("reconnect_error", error);
    }
    this.#retry();
  }

  #retry() {
    const { opts, backoff } = this;
    // A listener may have stopped us, or opened anew.
    if (this.stopped || this.phase !== "closed") return;
    if (!opts.reconnection || backoff.attempts >= opts.reconnectionAttempts) {
      const attempts = backoff.attempts;
      backoff.attempts = 0;
      this.gaveUp = true;
      this.#listen("removeEventListener");
      if (!opts.reconnection) return;
      this._fire("reconnect_failed");
      return this.#each((socket) => socket._stage("reconnect_failed", attempts));
    }
    const delay = backoff.duration();
    const attempt = backoff.attempts;
    this.phase = "waiting";
    this.#timer = setTimeout(() => this.#begin(), delay);
    this._fire("reconnecting", attempt, delay);
    this.#each((socket) => socket._stage("reconnecting", attempt, delay));
  }

  #begin() {
    const { attempts } = this.backoff;
    this._fire("reconnect_attempt", attempts);
    this.#each((socket) => socket._attempt(attempts));
    if (this.phase === "waiting") this.#attempt();
  }

  /** Adding the same listener again changes nothing. */
  #listen(change) {
    const names = this.uri.hostname === "localhost" ? ["pagehide"] : ["pagehide", "offline", "online"];
    for (const name of names) globalThis[change]?.(name, this.#outside);
  }

  #each(fn) {
    for (const socket of [...this.nsps.values()]) if (socket.active) fn(socket);
  }

  /** Sends one packet's messages: text first, then attachments. */
  _write(messages) {
    this.stats.messagesOut++;
    messages.forEach((message, i) => this.engine?.write(i ? message : "4" + message));
  }

  /** The same for what may be lost, as a datagram. 0: it has to be written. */
  _throw([text, ...attachments]) {
    const size = this.engine.transport.throw(["4" + text, ...attachments]);
    this.stats.messagesOut += size > 0;
    this.stats.datagramsOut += size > 0;
    this.stats.bytesOut += size;
    return size;
  }

  /** What the server would close the connection for is an error here instead. */
  _oversize(messages) {
    const { maxPayload, transport } = this.engine ?? {};
    const polling = transport?.name === "polling";
    const size = Math.max(...messages.map((message) => travelSize(message, polling)));
    if (maxPayload && size > maxPayload) return failure("too_large", `a message of ${size} bytes; the server takes ${maxPayload}`);
  }

  /** A socket that leaves closes the connection when it was the last. */
  _left() {
    if (![...this.nsps.values()].some((socket) => socket.active)) this.disconnect();
  }

  /** Drops a connection that answers but never completes; reconnection goes on. */
  _drop(reason, error) {
    this.#lost(reason, error);
  }

  /**
   * Goes on over another transport: a deliberate reconnection. Sockets that the server recovers keep their id and
   * hear `switch` instead of `disconnect` and `connect`.
   */
  async switchTransport(name) {
    const { opts, engine } = this;
    opts.transports = [name, ...opts.transports.filter((each) => each !== name)];
    opts.upgrade = name !== "polling";
    if (this.phase !== "open" || engine.transport.name === name) return;
    this.phase = "opening";
    this.engine = undefined;
    this.decoder.reset();
    this.#each((socket) => socket._switching());
    engine.close();
    // The server can recover a session only after it has seen it end.
    await Promise.race([engine.closed, new Promise((done) => setTimeout(done, SWITCH_MS))]);
    if (this.phase === "opening" && !this.engine) this.#attempt();
  }

  /** Ends the connection and any reconnecting. */
  disconnect() {
    this.stopped = true;
    this.#listen("removeEventListener");
    this.backoff.attempts = 0;
    if (this.phase === "open") return this.#lost("forced close");
    clearTimeout(this.#timer);
    this.engine?.close();
    this.engine = undefined;
    this.phase = "closed";
  }
}

Manager.prototype.connect = Manager.prototype.open;

// Options that can be read and changed in mid-life: manager.timeout(), manager.timeout(5000).
const KNOBS = { reconnectionDelay: "min", reconnectionDelayMax: "max", randomizationFactor: "jitter", reconnection: "", reconnectionAttempts: "", timeout: "" };
for (const [name, backoff] of Object.entries(KNOBS)) {
  Manager.prototype[name] = function (value) {
    if (value === undefined) return this.opts[name];
    this.opts[name] = value;
    if (backoff) this.backoff[backoff] = value;
    return this;
  };
}

/** What people write for a server: a URL, "host:port", a path on this page's server, or nothing. */
export function baseOf(uri) {
  const { location } = globalThis;
  const here = location?.href ?? "http://localhost";
  if (typeof uri === "string" && !/^(\w+:)?\/\//.test(uri) && uri[0] !== "/") uri = "//" + uri;
  const url = new URL(uri ?? here, here);
  url.protocol = url.protocol.replace("ws", "http");
  return url;
}
