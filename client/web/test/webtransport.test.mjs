// The WebTransport transport against a session in memory: frames in pieces of every size, datagrams, refusals, farewells.
//
// The server here is a few lines that know the framing from its description alone. Leaves out: browsers and the real server
// (tests/browser), and how streams behave under load.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { random } from "../js/backoff.js";
import { io } from "../js/ringside.js";
import { next, stages, stock, until } from "./helper.mjs";

const text = (bytes) => new TextDecoder().decode(bytes);
const bytesOf = (packet) => (typeof packet === "string" ? new TextEncoder().encode(packet) : new Uint8Array(packet));

function frame(packet) {
  const bytes = bytesOf(packet);
  const { length } = bytes;
  const head = length < 126 ? [length] : length < 65536 ? [126, length >> 8, length & 255] : [127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((by) => (length >>> by) & 255)];
  if (typeof packet !== "string") head[0] |= 0x80;
  return Uint8Array.from([...head, ...bytes]);
}

/** Whole frames off the front of `bytes`, and the rest. */
function unframe(bytes) {
  const packets = [];
  for (;;) {
    const [short, header] = [bytes[0] & 127, { 126: 3, 127: 9 }[bytes[0] & 127] ?? 1];
    if (bytes.length < header) return { packets, rest: bytes };
    const length = header === 1 ? short : bytes.slice(1, header).reduce((sum, byte) => sum * 256 + byte, 0);
    if (bytes.length < header + length) return { packets, rest: bytes };
    const payload = bytes.slice(header, header + length);
    packets.push(bytes[0] < 128 ? text(payload) : payload);
    bytes = bytes.slice(header + length);
  }
}

const joined = (parts) => Uint8Array.from(parts.flatMap((part) => [...part]));

/** A server of sessions in memory. `piece()`: how many bytes of the stream travel together. */
function server({ piece = () => 1e9, refuse, heard = () => {} } = {}) {
  const sessions = [];
  class Session {
    constructor(url, opts) {
      Object.assign(this, { url, opts, packets: [], thrown: [] });
      sessions.push(this);
      this.ready = refuse ? Promise.reject(new Error(refuse)) : Promise.resolve();
      this.closed = new Promise((done) => (this.end = (info) => done(info)));
      const [up, down] = [new TransformStream(), new TransformStream()];
      const [out, back] = [new TransformStream(), new TransformStream(undefined, undefined, { highWaterMark: 100 })];
      this.ends = { readable: down.readable, writable: up.writable };
      this.datagrams = { readable: back.readable, writable: out.writable };
      this.out = down.writable.getWriter();
      this.back = back.writable.getWriter();
      this.#read(up.readable.getReader());
      this.#hear(out.readable.getReader());
    }
    async createBidirectionalStream() {
      return this.ends;
    }
    async #read(reader) {
      for (let rest = new Uint8Array(); ; ) {
        const { value, done } = await reader.read();
        if (done) return this.end({ closeCode: 0, reason: "" });
        const got = unframe(joined([rest, value]));
        rest = got.rest;
        for (const packet of got.packets) {
          this.packets.push(packet);
          if (packet === "0") this.say(`0${JSON.stringify({ sid: "s".repeat(20), upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1e6 })}`);
          else if (packet === "40") this.say('40{"sid":"me"}');
          else if (packet === "2probe") this.say("3probe");
          else heard(this, packet);
        }
      }
    }
    async #hear(reader) {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        this.thrown.push(unframe(value).packets);
      }
    }
    async say(...packets) {
      const bytes = joined(packets.map(frame));
      for (let at = 0; at < bytes.length; ) {
        const end = at + piece();
        await this.out.write(bytes.slice(at, end));
        at = end;
      }
    }
    close() {
      this.hungUp = true;
      this.end({ closeCode: 0, reason: "" });
    }
  }
  return { sessions, WebTransport: Session };
}

const client = (fake, opts) => io("http://server:1", { forceNew: true, transports: ["webtransport"], WebTransport: fake.WebTransport, reconnection: false, ...opts });

describe("WebTransport", () => {
  test("says where to and what for, and is a socket like any other", async () => {
    const fake = server({ heard: (session, packet) => packet.startsWith?.("42") && session.say(packet) });
    const hash = Buffer.from("h".repeat(32));
    const socket = client(fake, { query: { who: "me" }, serverCertificateHashes: [hash.toString("base64")] });
    await next(socket, "connect");
    const [session] = fake.sessions;
    assert.equal(session.url.href, "https://server:1/socket.io/?who=me");
    assert.deepEqual(session.opts.serverCertificateHashes, [{ algorithm: "sha-256", value: new Uint8Array(hash).buffer }]);
    assert.deepEqual(session.packets, ["0", "40"]);
    socket.emit("echo", "ü", 1);
    assert.deepEqual(await next(socket, "echo"), ["ü", 1]);
    assert.equal(socket.io.engine.transport.name, "webtransport");
    // Without `datagrams`, what is volatile goes by the stream.
    socket.volatile.emit("v");
    await until(() => session.packets.includes('42["v"]'), "the volatile event");
    socket.disconnect();
    await until(() => session.hungUp, "the session to close");
    assert.equal(session.packets.at(-1), "41");
    assert.deepEqual(session.thrown, []);
  });

  test("messages of every length, in pieces of every length, both ways", async () => {
    const lengths = [0, 1, 125, 126, 127, 65535, 65536, 200_000];
    for (const seed of [1, 2, 3]) {
      const dice = random(seed);
      const small = () => 1 + Math.floor(dice() * 3);
      const large = () => 1 + Math.floor(dice() * 70_000);
      let head;
      const fake = server({
        piece: () => (dice() < 0.05 ? small() : large()),
        heard(session, packet) {
          if (typeof packet === "string" && packet.startsWith("45")) head = packet;
          // `b` stands for no bytes.
          else if (head) session.say(head, packet === "b" ? new Uint8Array() : packet).then((head = undefined));
          else session.say(packet);
        },
      });
      const socket = client(fake);
      await next(socket, "connect");
      for (const length of lengths) {
        socket.emit("t", "x".repeat(length));
        assert.equal((await next(socket, "t"))[0].length, length);
        const sent = Uint8Array.from({ length }, (_, i) => i % 251);
        socket.emit("b", length % 2 ? sent : new Blob([sent]));
        assert.deepEqual(new Uint8Array((await next(socket, "b"))[0]), sent);
      }
      socket.disconnect();
    }
  });

  test("volatile events are datagrams, if they fit and ask for no answer; and what comes as one is an event", async () => {
    const fake = server();
    const socket = client(fake, { datagrams: true });
    await next(socket, "connect");
    const [session] = fake.sessions;
    assert.equal(session.url.search, "?datagrams=1");
    assert.ok(socket.io.engine.datagrams);
    socket.volatile.emit("v", 1, Uint8Array.of(7, 8));
    socket.volatile.emit("large", "x".repeat(1000));
    socket.volatile.emit("asked", () => {});
    socket.emit("sure");
    await until(() => session.packets.length === 5 && session.thrown.length === 1, "four events");
    assert.deepEqual(session.thrown[0], ['451-["v",1,{"_placeholder":true,"num":0}]', Uint8Array.of(7, 8)]);
    assert.deepEqual(session.packets.slice(2).map((each) => each.slice(0, 12)), ['42["large","', '420["asked"]', '42["sure"]']);

    const got = [];
    socket.onAny((...args) => got.push(args));
    // Half an event on the stream must not be mixed up with a whole one beside it.
    await session.say('451-["s",{"_placeholder":true,"num":0}]');
    await session.back.write(joined([frame('451-["d",{"_placeholder":true,"num":0}]'), frame(Uint8Array.of(1))]));
    await until(() => got.length === 1, "the datagram");
    await session.say(Uint8Array.of(2));
    await until(() => got.length === 2, "the message");
    assert.deepEqual(got.map(([name, bytes]) => [name, ...new Uint8Array(bytes)]), [["d", 1], ["s", 2]]);

    // What is no event, or none that is whole, is nothing.
    for (const bad of [[], [0], [1, 52], [...frame("41")], [...frame('451-["x",{"_placeholder":true,"num":0}]')], [...frame('42["x"]'), 5], [...frame("40{}")], [255, 255]]) await session.back.write(Uint8Array.from(bad));
    await session.back.write(frame('42["after"]'));
    await until(() => got.length === 3, "the next datagram");
    assert.deepEqual(got[2], ["after"]);
    assert.ok(socket.connected);
    socket.disconnect();
  });

  test("refused, it says why, and falls back to what comes after it", async () => {
    const fake = server({ refuse: "Opening handshake failed." });
    const alone = client(fake);
    const [reason, error] = await next(alone, "connect_failed");
    assert.equal(reason, "webtransport");
    assert.equal(error.message, "WebTransport to server:1 failed: Opening handshake failed.");

    const real = await stock();
    const socket = io(real.url, { forceNew: true, transports: ["webtransport", "polling"], WebTransport: fake.WebTransport });
    const fallbacks = [];
    socket.io.on("fallback", (notice) => fallbacks.push([notice.from, notice.to]));
    await next(socket, "connect");
    assert.deepEqual(fallbacks, [["webtransport", "polling"]]);
    socket.disconnect();
    await real.stop();
  });

  test("where there is none in this browser, it is no transport", async () => {
    const socket = io("http://server:1", { forceNew: true, transports: ["webtransport"], reconnection: false });
    assert.equal((await next(socket, "connect_failed"))[0], "no_transport");
  });

  test("a server's nonsense and its end are told apart", async () => {
    const fake = server();
    for (const [end, expected] of [
      [(session) => session.out.close(), "transport close"],
      [(session) => session.out.abort(new Error("lost")), "transport close"],
      [(session) => (session.end({ closeCode: 3, reason: "too slow" }), session.out.close()), "transport error"],
      [(session) => session.out.write(Uint8Array.from([127, 255, 255, 255, 255, 255, 255, 255, 255])), "transport error"],
      [(session) => session.say("9"), "parse error"],
    ]) {
      const socket = client(fake);
      await next(socket, "connect");
      const seen = stages(socket);
      end(fake.sessions.at(-1));
      const [reason, details] = await next(socket, "disconnect");
      assert.equal(reason, expected, JSON.stringify(seen));
      if (details?.reason === "webtransport") assert.match(details.message, /too slow/);
    }
  });
});
