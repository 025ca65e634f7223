// One namespace's socket: events, acknowledgements, buffering, recovery, and every stage of the connection.
//
// Promises: events leave in the order they were emitted; what is emitted while offline is kept (up to
// `bufferMax`) and leaves on connecting; an ack's callback runs at most once; with `retries` an event is
// sent again until acknowledged. Stages: connecting, connect, connect_failed (and connect_error),
// disconnect, error, reconnecting, reconnect_attempt, reconnect, reconnect_failed.
import { Emitter, guarded } from "./events.js";
import { failure } from "./failure.js";
import { ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT, RESERVED, encode } from "./packet.js";

/** Messages kept while they cannot leave, and acks awaited: a minute of a game's input at 60 Hz. */
const BUFFER_MAX = 4096;
/** Bytes the browser may hold for us before emitting is refused. */
const BACKLOG_BYTES_MAX = 16 * 1024 * 1024;

export class Socket extends Emitter {
  connected = false;
  recovered = false;
  /** Whether this socket wants to be connected, and so reconnects by itself. */
  active = false;
  sendBuffer = [];
  receiveBuffer = [];
  acks = new Map();
  ids = 0;
  flags = {};
  #rejected = false;
  /** The id to be kept over a switch of transport. */
  #held;
  #attempts = 0;
  #retrying = [];
  #any = { in: [], out: [] };
  #timer;
  #pid;
  #offset;

  constructor(io, nsp, opts) {
    super();
    Object.assign(this, { io, nsp, opts, auth: opts.auth });
  }

  get disconnected() {
    return !this.connected;
  }

  /** "disconnected", "connecting", "connected", "reconnecting" (until the next attempt) or "failed". */
  get state() {
    if (this.connected) return "connected";
    if (!this.active) return this.#rejected ? "failed" : "disconnected";
    const { phase, gaveUp, stopped, opts } = this.io;
    if (phase === "opening" || phase === "open") return "connecting";
    if (stopped) return "disconnected";
    return gaveUp || !opts.reconnection ? "failed" : "reconnecting";
  }

  connect() {
    if (this.connected || (this.active && this.io.phase === "open")) return this;
    this.active = true;
    this.#rejected = false;
    const { phase } = this.io;
    // Asked for while waiting, the next attempt is now.
    if (phase === "closed" || phase === "waiting") this.io.open();
    else this._connecting();
    if (phase === "open") this._opened();
    return this;
  }

  disconnect() {
    if (this.connected) this.#packet({ type: DISCONNECT });
    this.#leave("io client disconnect");
    return this;
  }

  send(...args) {
    return this.emit("message", ...args);
  }

  emit(name, ...args) {
    if (RESERVED.includes(name)) throw new Error(`"${name}" is a reserved event name`);
    const { flags, opts } = this;
    this.flags = {};
    if (opts.retries && !flags.attempt && !flags.volatile) return this.#retry([name, ...args], flags);

    const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
    const packet = { type: EVENT, data: [name, ...args] };
    const online = this.connected && !this.io.engine?.expired;
    // Who wants an answer wants it to arrive.
    if (flags.volatile && online && !ack && this.io.engine.datagrams && this.#throw(packet)) return this;
    const skip = flags.volatile && (!online || this.io.engine.congested);
    if (skip && !ack) return this;
    const refusal = this.#refusal(ack);
    if (refusal) {
      this._stage("error", refusal);
      if (ack?.withError || opts.ackTimeout || flags.timeout !== undefined) guarded(ack ?? (() => {}), this, [refusal]);
      return this;
    }
    if (ack) this.#await((packet.id = this.ids++), ack, flags.timeout ?? opts.ackTimeout);
    // Who waits for the answer of a skipped event waits for its timeout, or the connection's end.
    if (skip) return this;
    if (online) this.#out(packet);
    else this.sendBuffer.push(packet);
    return this;
  }

  emitWithAck(name, ...args) {
    return new Promise((resolve, reject) => {
      const ack = (error, value) => (error ? reject(error) : resolve(value));
      ack.withError = true;
      this.emit(name, ...args, ack);
    });
  }

  get volatile() {
    this.flags.volatile = true;
    return this;
  }

  /** The next event's ack gets an error first: none, or that `ms` passed without an answer. */
  timeout(ms) {
    this.flags.timeout = ms;
    return this;
  }

  /** Kept for pages that call it: browsers compress as they and the server agreed. */
  compress() {
    return this;
  }

  #out(packet) {
    const messages = encode({ ...packet, nsp: this.nsp });
    const error = this.io._oversize(messages);
    if (!error) {
      for (const fn of this.#any.out) guarded(fn, this, packet.data);
      return this.io._write(messages);
    }
    this._stage("error", error);
    const ack = this.acks.get(packet.id);
    this.acks.delete(packet.id);
    if (ack?.withError) guarded(ack, this, [error]);
  }

  /** Sends what may be lost as a datagram. False: it is too large for one. */
  #throw(packet) {
    const thrown = this.io._throw(encode({ ...packet, nsp: this.nsp }));
    if (thrown) for (const fn of this.#any.out) guarded(fn, this, packet.data);
    return thrown;
  }

  #packet(packet) {
    this.io._write(encode({ ...packet, nsp: this.nsp }));
  }

  /** Why one more message may not wait here: a queue that nobody empties must not grow for ever. */
  #refusal(ack) {
    const { engine, opts } = this.io;
    const max = opts.bufferMax ?? BUFFER_MAX;
    const { packets, bytes } = engine?.backlog ?? { packets: 0, bytes: 0 };
    if (this.sendBuffer.length + packets >= max) return failure("buffer_full", `${max} messages wait already: the newest was not sent`);
    if (bytes > BACKLOG_BYTES_MAX) return failure("buffer_full", `${bytes} bytes wait already: the message was not sent`);
    if (ack && this.acks.size >= max) return failure("buffer_full", `${max} acknowledgements are awaited already`);
  }

  #await(id, ack, timeout) {
    if (timeout === undefined) return this.acks.set(id, ack);
    const timer = setTimeout(() => {
      this.acks.delete(id);
      this.sendBuffer = this.sendBuffer.filter((packet) => packet.id !== id);
      guarded(ack, this, [new Error("operation has timed out")]);
    }, timeout);
    const timed = (...args) => {
      clearTimeout(timer);
      guarded(ack, this, args);
    };
    timed.withError = true;
    this.acks.set(id, timed);
  }

  /** With `retries`: one event at a time, sent until acknowledged or out of tries. */
  #retry(args, flags) {
    const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
    const entry = { args, tries: 0, pending: false, flags: { ...flags, attempt: true } };
    entry.done = (error, ...answer) => {
      if (entry !== this.#retrying[0]) return;
      entry.pending = false;
      if (!error || entry.tries > this.opts.retries) {
        this.#retrying.shift();
        if (ack) guarded(ack, this, error ? [error] : [null, ...answer]);
      }
      this.#resend();
    };
    entry.done.withError = true;
    if (this.#retrying.length >= (this.opts.bufferMax ?? BUFFER_MAX)) {
      const error = failure("buffer_full", "too many events await their acknowledgement");
      this._stage("error", error);
      if (ack) guarded(ack, this, [error]);
      return this;
    }
    this.#retrying.push(entry);
    this.#resend();
    return this;
  }

  #resend(force) {
    const entry = this.#retrying[0];
    if (!this.connected || !entry || (entry.pending && !force)) return;
    entry.pending = true;
    entry.tries++;
    this.flags = entry.flags;
    this.emit(...entry.args, entry.done);
  }

  // What the manager tells.

  _stage(name, ...args) {
    this._fire(name, ...args);
  }

  _attempt(attempt) {
    this.#attempts = attempt;
    this._stage("reconnect_attempt", attempt);
  }

  _connecting() {
    // A microtask later, so that `io()` has returned and listeners are there.
    queueMicrotask(() => this.active && !this.connected && !this.#held && this._stage("connecting"));
  }

  _opened() {
    const { timeout } = this.io.opts;
    if (timeout !== false) {
      this.#timer = setTimeout(() => {
        const error = failure("timeout", "timeout", `no answer to CONNECT of ${this.nsp} within ${timeout} ms`);
        if ([...this.io.nsps.values()].some((socket) => socket.connected)) this.#reject(error);
        else this.io._drop("timeout", error);
      }, timeout);
    }
    const say = (auth) => {
      const recovery = this.#pid && { pid: this.#pid, offset: this.#offset };
      this.#packet({ type: CONNECT, data: recovery ? { ...recovery, ...auth } : auth });
    };
    if (typeof this.auth === "function") guarded(this.auth, this, [say]);
    else say(this.auth);
  }

  _switching() {
    clearTimeout(this.#timer);
    if (!this.connected) return;
    if (!this.#pid) return this.#ended("transport switch");
    this.#held = this.id;
    this.connected = false;
  }

  /** A switch of transport that lost the session after all. */
  #unhold() {
    if (!this.#held) return;
    this.#held = undefined;
    this.#ended("transport switch");
  }

  _refused(error) {
    clearTimeout(this.#timer);
    this.#unhold();
    this._stage("connect_failed", error.reason ?? "rejected", error);
    this._stage("connect_error", error);
  }

  #reject(error) {
    this.#rejected = true;
    this.active = false;
    this._refused(error);
    this.io._left();
  }

  _lost(reason, error) {
    clearTimeout(this.#timer);
    if (!this.connected) return this._refused(error ?? failure("closed", `the connection closed before ${this.nsp} was joined: ${reason}`));
    if (error) this._stage("error", error);
    this.#ended(reason, error);
  }

  #leave(reason) {
    clearTimeout(this.#timer);
    this.active = false;
    if (this.connected || this.#held) this.#ended(reason);
    this.io._left();
  }

  #ended(reason, details) {
    this.connected = false;
    this.#held = this.id = undefined;
    this._stage("disconnect", reason, details);
    for (const [id, ack] of this.acks) {
      if (this.sendBuffer.some((packet) => packet.id === id)) continue;
      this.acks.delete(id);
      // Acks that take no error are forgotten, as the protocol's other clients do.
      if (ack.withError) guarded(ack, this, [new Error("socket has been disconnected")]);
    }
  }

  _packet({ type, id, data }, alone) {
    if (!this.active) return;
    if (type === CONNECT) this.#welcome(data);
    else if (type === EVENT) this.#event(data, id, alone);
    else if (type === ACK) this.#answer(id, data);
    else if (type === DISCONNECT) this.#leave("io server disconnect");
    else if (type === CONNECT_ERROR) {
      const error = new Error(data.message ?? data);
      this.#reject(Object.assign(error, { data: data.data, reason: "rejected" }));
    }
  }

  #welcome(data) {
    if (this.connected) return;
    clearTimeout(this.#timer);
    if (!data?.sid) return this.#reject(failure("version", "the server speaks the Socket.IO protocol of 2.x; this client needs 3.x or later"));
    this.recovered = !!data.pid && data.pid === this.#pid;
    if (!this.recovered) this.#unhold();
    const switched = this.#held;
    this.#held = undefined;
    this.id = data.sid;
    this.#pid = data.pid;
    this.connected = true;
    const attempts = this.#attempts;
    this.#attempts = 0;
    for (const args of this.receiveBuffer.splice(0)) this.#deliver(args);
    for (const packet of this.sendBuffer.splice(0)) this.#out(packet);
    this.#resend(true);
    if (switched) return this._stage("switch", this.io.engine.transport.name);
    this._stage("connect");
    if (attempts) this._stage("reconnect", attempts);
  }

  #event(args, id, alone) {
    if (id !== undefined) {
      let answered = false;
      args.push((...data) => {
        if (answered) return;
        answered = true;
        this.#packet({ type: ACK, id, data });
      });
    }
    // Recovery replays what was missed before CONNECT's answer; the same bound as for sending.
    if (this.connected) this.#deliver(args, alone);
    else if (!alone && this.receiveBuffer.length < BUFFER_MAX) this.receiveBuffer.push(args);
  }

  #deliver(args, alone) {
    for (const fn of this.#any.in) guarded(fn, this, args);
    this._fire(...args);
    const last = args.at(-1);
    if (this.#pid && !alone && typeof last === "string") this.#offset = last;
  }

  #answer(id, data) {
    const ack = this.acks.get(id);
    this.acks.delete(id);
    if (ack) guarded(ack, this, ack.withError ? [null, ...data] : data);
  }

  #hook(list, change) {
    this.#any[list] = change(this.#any[list]);
    return this;
  }

  onAny(fn) {
    return this.#hook("in", (list) => [...list, fn]);
  }
  prependAny(fn) {
    return this.#hook("in", (list) => [fn, ...list]);
  }
  offAny(fn) {
    return this.#hook("in", (list) => without(list, fn));
  }
  listenersAny() {
    return this.#any.in;
  }
  onAnyOutgoing(fn) {
    return this.#hook("out", (list) => [...list, fn]);
  }
  prependAnyOutgoing(fn) {
    return this.#hook("out", (list) => [fn, ...list]);
  }
  offAnyOutgoing(fn) {
    return this.#hook("out", (list) => without(list, fn));
  }
  listenersAnyOutgoing() {
    return this.#any.out;
  }
}

Socket.prototype.open = Socket.prototype.connect;
Socket.prototype.close = Socket.prototype.disconnect;

function without(list, fn) {
  const at = list.indexOf(fn);
  return fn ? list.filter((_, i) => i !== at) : [];
}
