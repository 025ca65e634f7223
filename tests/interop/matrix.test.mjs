// Every generation of the stock client, over every choice of transports, in the main and in another namespace.
//
// Promises: each cell connects with auth, talks both ways in text and bytes with and without acks, hears of a
// refusal, leaves and is left, and finds a restarted server again. The 2.x client speaks Engine.IO 3, behind its
// option. Also the msgpack parser, and recovery with the 4.x client. Leaves out: Python and Rust clients, which are
// tested from their own languages.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import parser from "socket.io-msgpack-parser";
import { io as io4 } from "socket.io-client";
import io2 from "socket.io-client-2";
import { io as io3 } from "socket.io-client-3";
import { startFixture } from "./fixture.mjs";

const DEADLINE_MS = 10_000;
/** More than the suite's 200 ms, which a loaded machine may miss. */
const PATIENT = ["--ping-timeout", "5000"];

const CLIENTS = [
  { version: "2.5.0", io: io2, hasAuth: false, flags: ["--eio3"] },
  { version: "3.1.3", io: io3, hasAuth: true, flags: [] },
  { version: "4.8.4", io: io4, hasAuth: true, flags: [] },
];
const CHOICES = [
  { name: "polling", transports: ["polling"], settled: "polling" },
  { name: "websocket", transports: ["websocket"], settled: "websocket" },
  { name: "upgrade", transports: ["polling", "websocket"], settled: "websocket" },
];

function within(promise, what) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what}: not within ${DEADLINE_MS} ms`)), DEADLINE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const next = (emitter, event) => within(new Promise((found) => emitter.once(event, (...args) => found(args))), event);
const ask = (socket, event, ...args) => {
  return within(new Promise((found) => socket.emit(event, ...args, (...answer) => found(answer))), event);
};

/** The 2.x client tells `disconnect` of itself in other words and has no auth. */
function dial(cell, url, path, options = {}) {
  return cell.client.io(url + path, {
    forceNew: true,
    transports: cell.choice.transports,
    reconnection: false,
    ...(cell.client.hasAuth ? { auth: { token: "abc" } } : {}),
    ...options,
  });
}

/** The transport a client has settled on. */
async function settled(socket, cell) {
  const engine = socket.io.engine;
  const name = () => engine.transport.name;
  while (name() !== cell.choice.settled) await next(engine, "upgrade");
  return name();
}

for (const client of CLIENTS) {
  describe(`socket.io-client ${client.version}`, () => {
    let server;
    before(async () => (server = await startFixture("socketio", [...client.flags, ...PATIENT])));
    after(() => server.stop());

    for (const choice of CHOICES) {
      const cell = { client, choice };
      for (const path of ["/", "/custom"]) {
        test(`${choice.name}, ${path}: auth, events, bytes, acks, and both ways out`, async () => {
          const socket = dial(cell, server.url, path);
          const [auth] = await next(socket, "auth");
          assert.deepEqual(auth, client.hasAuth ? { token: "abc" } : {});
          assert.equal(await settled(socket, cell), choice.settled);
          if (path === "/") {
            const bytes = Buffer.from([0, 1, 254, 255]);
            const back = next(socket, "message-back");
            socket.emit("message", "text", 7, { deep: [bytes] });
            const [text, number, { deep }] = await back;
            assert.deepEqual([text, number, Buffer.from(deep[0])], ["text", 7, bytes]);
            const [first, second] = await ask(socket, "message-with-ack", bytes, "x");
            assert.deepEqual([Buffer.from(first), second], [bytes, "x"]);
          }
          const left = next(socket, "disconnect");
          socket.disconnect();
          assert.equal((await left)[0], "io client disconnect");
        });
      }

      test(`${choice.name}: an unknown namespace is refused`, async () => {
        const socket = dial(cell, server.url, "/nowhere");
        const [error] = await next(socket, client.hasAuth ? "connect_error" : "error");
        assert.equal(error.message ?? error, "Invalid namespace");
        socket.io.engine.close();
      });
    }
  });

  describe(`socket.io-client ${client.version} and the whole API`, () => {
    let server;
    before(async () => (server = await startFixture("api", client.flags)));
    after(() => server.stop());

    for (const choice of CHOICES) {
      const cell = { client, choice };
      test(`${choice.name}: rooms, the server's questions, middleware, and the server's goodbye`, async () => {
        const [a, b] = [dial(cell, server.url, "/"), dial(cell, server.url, "/")];
        await Promise.all([next(a, "connect"), next(b, "connect")]);
        await Promise.all([ask(a, "join", ["x"]), ask(b, "join", ["x"])]);
        const heard = next(b, "e");
        await ask(a, "say", { to: ["x"] }, "e", { n: 1 });
        assert.deepEqual((await heard)[0], { n: 1 });
        a.once("question", (n, ack) => ack(n * 2));
        assert.deepEqual((await ask(a, "ask", "question", 21, 5000))[0], { answer: 42 });
        const refused = dial(cell, server.url, "/guarded", client.hasAuth ? { auth: {} } : {});
        const [error] = await next(refused, client.hasAuth ? "connect_error" : "error");
        assert.equal(error.message ?? error, "no token");
        refused.io.engine.close();
        const gone = next(b, "disconnect");
        b.emit("quit", false);
        assert.equal((await gone)[0], "io server disconnect");
        const lost = next(a, "disconnect");
        a.emit("quit", true);
        assert.equal((await lost)[0], "io server disconnect");
        b.io.engine.close();
      });

      test(`${choice.name}: a restarted server is found again`, async () => {
        const first = await startFixture("socketio", [...client.flags, ...PATIENT]);
        const port = new URL(first.url).port;
        const socket = dial(cell, first.url, "/", { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 100 });
        await next(socket, "auth");
        const lost = next(socket, "disconnect");
        await first.kill();
        await lost;
        const again = next(socket, "auth");
        const second = await startFixture("socketio", [...client.flags, ...PATIENT, "--port", port]);
        await again;
        assert.deepEqual(await ask(socket, "message-with-ack", "again"), ["again"]);
        socket.disconnect();
        await second.stop();
      });
    }
  });
}

test("the msgpack parser, with stock 4.x clients", async () => {
  const server = await startFixture("socketio", ["--msgpack", ...PATIENT]);
  for (const { transports } of CHOICES) {
    const socket = io4(server.url, { forceNew: true, transports, parser, auth: { n: 1 } });
    assert.deepEqual(await next(socket, "auth"), [{ n: 1 }]);
    const bytes = Buffer.from([1, 2, 3]);
    const back = next(socket, "message-back");
    socket.emit("message", bytes, { deep: [bytes, null, -1.5, "ü"] });
    const [first, second] = await back;
    assert.deepEqual([...first], [1, 2, 3]);
    assert.deepEqual([[...second.deep[0]], ...second.deep.slice(1)], [[1, 2, 3], null, -1.5, "ü"]);
    assert.deepEqual(await ask(socket, "message-with-ack", 1, "x"), [1, "x"]);
    socket.disconnect();
  }
  await server.stop();
});

for (const { name, transports } of CHOICES) {
  test(`recovery, again and again, over ${name}`, async () => {
    const server = await startFixture("api");
    const open = () => io4(server.url, { forceNew: true, transports, reconnectionDelay: 20, reconnectionDelayMax: 50 });
    const [socket, other] = [open(), open()];
    await Promise.all([next(socket, "connect"), next(other, "connect")]);
    await ask(socket, "join", ["x"]);
    const id = socket.id;
    // The reference recovers only who has seen an event.
    const seen = next(socket, "missed");
    await ask(other, "say", { to: ["x"] }, "missed", -1);
    await seen;
    for (let life = 0; life < 4; life += 1) {
      const back = next(socket, "connect");
      const heard = next(socket, "missed");
      socket.io.engine.close();
      await ask(other, "say", { to: ["x"] }, "missed", life);
      await back;
      assert.ok(socket.recovered, `life ${life}`);
      assert.equal(socket.id, id);
      assert.equal((await heard)[0], life);
    }
    socket.disconnect();
    other.disconnect();
    await server.stop();
  });
}
