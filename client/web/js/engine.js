// One Engine.IO 4 session: handshake, heartbeat, upgrade from polling, one send queue.
//
// Promises: packets leave in the order of `write`, across an upgrade too; a WebSocket or WebTransport that is refused
// costs a notice and never the session (polling goes on); `onClose` is called exactly once.
// Packets are kept as they travel: text with its type digit, or binary.
// Leaves out: reconnecting (a session never comes back; the manager makes a new one).
import { failure } from "./failure.js";
import { Polling } from "./polling.js";
import { WebSocketTransport } from "./websocket.js";

const TRANSPORTS = { polling: Polling, websocket: WebSocketTransport };
const NAMES = { websocket: "WebSocket", webtransport: "WebTransport" };

/** The class of a transport; that of WebTransport is loaded when it is first wanted, for few servers have it. */
async function load(name) {
  try {
    TRANSPORTS[name] ??= (await import("./webtransport.js")).WebTransportTransport;
  } catch (error) {
    throw failure(name, `${NAMES[name]} cannot be loaded: ${error.message}`, error);
  }
}
/** How long an upgrade may take, ms: the server's own default for it. */
const UPGRADE_MS = 10_000;
/** How long a closing session may go on sending what was written before, ms. */
const LINGER_MS = 1_000;
/** The longest wait a timer takes, ms; a longer one would be none. */
const TIMER_MAX = 2 ** 31 - 1;

let upgradedBefore;

export class Engine {
  state = "opening";
  sid;
  maxPayload = 0;
  upgrading = false;
  #queue = [];
  #heardAt = Infinity;
  #patience = 0;
  #timers = {};
  #probe;
  #done;
  /** Settles when the session has ended and its transport is closed. */
  closed = new Promise((done) => (this.#done = done));

  /**
   * `host` is told: onOpen(), onData(data), onEvent(packet), onPing(), onUpgrade(name), onFallback({from, to, error}),
   * onClose(reason, error); and holds `stats`.
   */
  constructor(base, opts, host) {
    Object.assign(this, { base, opts, host });
    const known = (name) => name === "polling" || (NAMES[name] && (opts[NAMES[name]] || globalThis[NAMES[name]]));
    this.candidates = opts.transports.filter(known);
    this.upgrades = opts.upgrade === false ? [] : this.candidates.filter((name) => name !== "polling");
    if (opts.rememberUpgrade && this.candidates.includes(upgradedBefore)) this.candidates = [...new Set([upgradedBefore, ...this.candidates])];
    if (this.candidates.length) this.#start();
    else {
      const error = failure("no_transport", `none of the transports [${opts.transports}] is available here; on Node give the WebSocket option`);
      queueMicrotask(() => this.#end("transport error", error));
    }
  }

  #start() {
    const name = this.candidates.shift();
    const open = () => {
      this.transport = this.#create(name);
      this.transport.open();
    };
    if (TRANSPORTS[name]) return open();
    this.transport = { name, close() {} };
    const ready = () => this.state === "opening" && open();
    load(name).then(ready, (error) => this.#fail(error));
  }

  /** A transport and the view it has of this session. */
  #create(name, probe) {
    const { opts, host } = this;
    const transport = new TRANSPORTS[name]({
      opts: { ...opts, ...opts.transportOptions?.[name] },
      sid: () => this.sid,
      maxPayload: () => this.maxPayload,
      base: this.base,
      url: () => this.#url(name),
      count: (size) => (host.stats.bytesIn += size),
      opened: () => probe?.opened(),
      event: (packet) => this.transport === transport && this.state === "open" && host.onEvent(packet),
      packet: (data) => (this.transport === transport ? this.#receive(data) : probe?.packet(data)),
      drain: () => this.transport === transport && this.#flush(),
      fail: (error) => (this.transport === transport ? this.#fail(error) : probe?.fail(error)),
    });
    return transport;
  }

  #url(name) {
    const url = new URL(this.base);
    const query = { ...this.opts.query, EIO: 4, transport: name };
    if (this.sid) query.sid = this.sid;
    // A URL of its own for every request: old caches keep what `no-store` forbids.
    if (name === "polling") query.t = Date.now().toString(36) + (Math.random() * 1e6).toString(36).slice(0, 4);
    for (const key in query) url.searchParams.set(key, query[key]);
    return url;
  }

  #receive(data) {
    if (this.state === "closed") return;
    this.#heardAt = Date.now();
    if (typeof data !== "string") return this.host.onData(data);
    const rest = data.slice(1);
    switch (data[0]) {
      case "0":
        return this.#handshake(rest);
      case "1":
        return this.#end("transport close");
      case "2":
        this.write("3" + rest);
        return this.host.onPing();
      case "4":
        return this.host.onData(rest);
      case "3": // pong of a probe that was given up
      case "5":
      case "6": // noop: releases a waiting poll
        return;
      default:
        this.#end("parse error", failure("not_a_server", `the server sent ${JSON.stringify(data.slice(0, 40))}, which is no Engine.IO packet`));
    }
  }

  #handshake(json) {
    let open;
    try {
      open = JSON.parse(json);
    } catch {}
    const patience = open?.pingInterval + open?.pingTimeout;
    if (!open?.sid || !(patience > 0)) return this.#fail(failure("not_a_server", "the server's Engine.IO handshake has no sid, or no heartbeat"));
    if (this.state !== "opening") return;
    this.sid = open.sid;
    this.maxPayload = open.maxPayload;
    this.#patience = Math.min(patience, TIMER_MAX);
    this.#watch(this.#patience);
    this.state = "open";
    if (this.refused) this.host.onFallback({ from: this.refused.from, to: this.transport.name, error: this.refused.error });
    this.host.onOpen();
    this.#flush();
    this.upgrades = this.upgrades.filter((name) => this.transport.name === "polling" && open.upgrades?.includes(name));
    this.#upgrade();
  }

  /** Anything the server sends shows that it lives; silence longer than its promised ping does not. */
  #watch(ms) {
    this.#timers.heartbeat = setTimeout(() => {
      if (!this.expired) this.#watch(this.#heardAt + this.#patience - Date.now() + 1);
    }, ms);
  }

  /** Whether the server has been silent too long, also when timers slept with the machine. Then this is the end. */
  get expired() {
    const late = Date.now() - this.#heardAt > this.#patience;
    if (late) queueMicrotask(() => this.#end("ping timeout"));
    return late;
  }

  /** Tries the next transport that the server offers, if there is one. */
  async #upgrade() {
    const name = this.upgrades.shift();
    if (!name) return;
    let over = false;
    let probe;
    const give = (error) => {
      if (over) return;
      over = true;
      clearTimeout(this.#timers.upgrade);
      this.#probe = null;
      probe?.close();
      if (this.state === "closed") return;
      if (this.upgrading) this.transport.resume();
      this.upgrading = false;
      this.host.onFallback({ from: name, to: "polling", error: error ?? failure(name, `the ${NAMES[name]} closed while upgrading`) });
      this.#flush();
      this.#upgrade();
    };
    await load(name).catch(give);
    if (over || this.state !== "open") return;
    probe = this.#create(name, {
      opened: () => probe.send(["2probe"]),
      fail: give,
      packet: async (data) => {
        if (data !== "3probe") return give(failure(name, `the ${NAMES[name]} answered the probe with something else`));
        this.upgrading = true;
        await this.transport.pause();
        if (over || this.state === "closed") return;
        over = true;
        upgradedBefore = name;
        clearTimeout(this.#timers.upgrade);
        this.#probe = null;
        this.transport = probe;
        probe.send(["5"]);
        this.upgrading = false;
        this.host.onUpgrade(name);
        this.#flush();
      },
    });
    this.#probe = probe;
    this.#timers.upgrade = setTimeout(() => give(failure(name, `no answer to the ${NAMES[name]} probe within ${UPGRADE_MS} ms`)), UPGRADE_MS);
    probe.open();
  }

  /** Sends text (with its type digit) or binary, now or as soon as the transport can. */
  write(packet) {
    if (this.state === "closed" || this.state === "closing") return;
    this.#queue.push(packet);
    this.host.stats.bytesOut += packet.length ?? packet.byteLength ?? packet.size;
    this.#flush();
  }

  /** Whether events that may be lost travel as datagrams. */
  get datagrams() {
    return this.state === "open" && !!this.transport.datagrams;
  }

  #flush() {
    if (this.state === "opening" || this.state === "closed") return;
    while (this.#queue.length && this.transport.writable && !this.upgrading) {
      this.#queue.splice(0, this.transport.send(this.#queue));
    }
    if (this.state === "closing" && this.#settled) this.#end("forced close");
  }

  get #settled() {
    return !this.#queue.length && !this.upgrading && this.transport.idle;
  }

  /** Whether a volatile message would wait behind others. */
  get congested() {
    return this.state !== "open" || this.upgrading || this.transport.congested;
  }

  /** What waits here: packets, and bytes that the platform holds for us. */
  get backlog() {
    return { packets: this.#queue.length, bytes: this.transport?.buffered ?? 0 };
  }

  #fail(error) {
    const { name } = this.transport;
    const next = this.candidates[0];
    // A refused WebSocket says nothing about polling; a server that refuses polling is not there.
    if (this.state === "opening" && next && (name !== "polling" || this.opts.tryAllTransports)) {
      this.transport.close();
      this.refused = { from: name, error };
      this.upgrades = this.upgrades.filter((each) => each !== name);
      return this.#start();
    }
    this.#end(error ? "transport error" : "transport close", error);
  }

  /** Lets what was written leave (at most LINGER_MS, `now`: not at all), then ends the session. */
  close(now) {
    if (this.state === "closed" || this.state === "closing") return;
    const opening = this.state === "opening";
    this.state = "closing";
    if (now || opening || this.#settled) this.#end("forced close", undefined, now);
    else this.#timers.linger = setTimeout(() => this.#end("forced close"), LINGER_MS);
  }

  #end(reason, error, now) {
    if (this.state === "closed") return;
    this.state = "closed";
    for (const name in this.#timers) clearTimeout(this.#timers[name]);
    this.#probe?.close();
    this.#done(this.transport?.close(now));
    this.#queue = [];
    this.host.onClose(reason, error);
  }
}
