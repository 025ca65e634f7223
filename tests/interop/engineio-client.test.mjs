// npm `engine.io-client` against the fixture `engineio-client`, as that client's own tests use such a server.
//
// Promises: every behaviour of the fixture is asked for once, over polling and over WebSocket; every wait
// has a deadline. Leaves out: `reference.mjs`, which has no such server; with that these tests are skipped.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Socket } from "engine.io-client";
import { startFixture } from "./fixture.mjs";

/** Longer than anything here takes on a loaded machine; reached only on failure. */
const DEADLINE_MS = 10_000;

const skip = process.env.RINGSIDE_FIXTURE?.endsWith(".mjs") ? "the reference has no such server" : false;

describe("engine.io-client", { skip }, () => {
  let server;

  before(async () => {
    server = await startFixture("engineio-client");
  });
  after(() => server?.stop());

  /** An open socket, and a queue of what it receives. */
  const open = async (options) => {
    const socket = new Socket(server.url, options);
    socket.binaryType = "arraybuffer";
    const received = [];
    const waiting = [];
    socket.on("message", (data) => {
      if (waiting.length > 0) waiting.shift()(data);
      else received.push(data);
    });
    const next = () => {
      if (received.length > 0) return Promise.resolve(received.shift());
      return new Promise((found, fail) => {
        const timer = setTimeout(() => fail(new Error(`no message within ${DEADLINE_MS} ms`)), DEADLINE_MS);
        waiting.push((data) => {
          clearTimeout(timer);
          found(data);
        });
      });
    };
    return { socket, next };
  };

  const event = (socket, name) =>
    new Promise((found, fail) => {
      const timer = setTimeout(() => fail(new Error(`no ${name} within ${DEADLINE_MS} ms`)), DEADLINE_MS);
      socket.once(name, (...args) => {
        clearTimeout(timer);
        found(args);
      });
    });

  for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
    test(`greets, echoes and gives, over ${transports}`, async () => {
      const { socket, next } = await open({ transports });
      assert.equal(await next(), "hi");
      socket.send("give binary");
      assert.deepEqual(Buffer.from(await next()), Buffer.from([0, 1, 2, 3, 4]));
      socket.send("give utf8");
      assert.equal(await next(), "пойду спать всем спокойной ночи");
      socket.send("anything");
      assert.equal(await next(), "anything");
      socket.send(new Uint8Array([9, 8, 7]));
      assert.deepEqual(Buffer.from(await next()), Buffer.from([9, 8, 7]));
      // It stays through some heartbeats of half a second.
      for (let n = 0; n < 2; n += 1) {
        await event(socket, "ping");
      }
      const closed = event(socket, "close");
      socket.close();
      assert.equal((await closed)[0], "forced close");
    });
  }

  test("tells which headers the last POST had", async () => {
    const { socket, next } = await open({ transports: ["polling"], extraHeaders: { "x-custom": "yes" } });
    assert.equal(await next(), "hi");
    socket.send("sendHeaders");
    const headers = JSON.parse(await next());
    assert.equal(headers["x-custom"], "yes");
    assert.match(headers["content-type"], /^text\/plain/);
    socket.close();
  });

  for (const transport of ["polling", "websocket"]) {
    test(`refuses who asks for it, over ${transport}`, async () => {
      const { socket } = await open({ transports: [transport], query: { deny: 1 } });
      const [error] = await event(socket, "error");
      assert.equal(error.type, "TransportError");
    });

    test(`ends a message of more than a hundred bytes, over ${transport}`, async () => {
      const { socket, next } = await open({ transports: [transport] });
      assert.equal(await next(), "hi");
      const closed = event(socket, "close");
      socket.send("x".repeat(200));
      await closed;
    });
  }

  test("sets four cookies with the first answer, and none later", async () => {
    const path = `${server.url}/engine.io/?EIO=4&transport=polling`;
    const first = await fetch(path);
    const cookies = first.headers.getSetCookie();
    assert.deepEqual(cookies.slice(0, 3), [
      "1=1; Max-Age=86400",
      "2=2; Path=/; HttpOnly; Secure; SameSite=Strict",
      "3=3; Max-Age=0",
    ]);
    const [, expires] = /^4=4; Expires=(.+ GMT)$/.exec(cookies[3]);
    assert.ok(Math.abs(Date.parse(expires) - Date.now()) < DEADLINE_MS, expires);
    const open = JSON.parse((await first.text()).slice(1));
    assert.deepEqual([open.pingInterval, open.maxPayload], [500, 100]);
    const later = await fetch(`${path}&sid=${open.sid}`);
    assert.deepEqual(later.headers.getSetCookie(), []);
  });
});
