// Every generation of the stock client, over every choice of transports, in the main and in another namespace.
//
// Promises: each cell connects with auth, talks both ways in text and bytes with and without acks, is in rooms, hears of a
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
import { DEADLINE_MS, next, within } from "./waiting.mjs";

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
            await exchanges(socket);
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
      for (const path of ["/", "/custom"]) {
        const cell = { client, choice };
        const name = `${choice.name}, ${path}`;
        test(`${name}: auth, text and bytes and acks both ways, rooms, and both ways out`, async (context) => {
          const sockets = Array.from({ length: 4 }, () => dial(cell, server.url, path));
          context.after(() => sockets.forEach((socket) => socket.io.engine.close()));
          const [a, b, c, d] = sockets;
          await Promise.all(sockets.map((socket) => next(socket, "connect")));
          assert.equal(await settled(a, cell), choice.settled);
          assert.deepEqual((await ask(a, "auth"))[0], client.hasAuth ? { token: "abc" } : {});
          await converses(a);
          await sharesRooms(a, b);
          await ends(sockets);
          assert.ok([b, c, d].every((socket) => !socket.connected));
        });

        test(`${name}: middleware refuses`, async () => {
          const refused = dial(cell, server.url, path, client.hasAuth ? { auth: { ban: 1 } } : { query: { ban: 1 } });
          const [error] = await next(refused, client.hasAuth ? "connect_error" : "error");
          // The older protocol has place for one of them.
          const said = client.hasAuth ? [error.message, error.data] : ["banned", error];
          assert.deepEqual(said, ["banned", { code: 403 }]);
          refused.io.engine.close();
        });

        test(`${name}: a restarted server is found again`, async (context) => {
          const first = await startFixture("api", client.flags);
          context.after(() => first.kill());
          const port = new URL(first.url).port;
          const socket = dial(cell, first.url, path, { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 100 });
          context.after(() => socket.disconnect());
          await next(socket, "connect");
          await settled(socket, cell);
          const lost = next(socket, "disconnect");
          await first.kill();
          await lost;
          const again = next(socket, "connect");
          const second = await startFixture("api", [...client.flags, "--port", port]);
          context.after(() => second.kill());
          await again;
          assert.deepEqual(await ask(socket, "message-with-ack", "again"), ["again"]);
          assert.deepEqual((await ask(socket, "auth"))[0], client.hasAuth ? { token: "abc" } : {});
        });
      }
    }
  });
}

const bytes = Buffer.from([0, 1, 254, 255]);

/** Text and bytes, there and back, with an ack and without. */
async function exchanges(socket) {
  const back = next(socket, "message-back");
  socket.emit("message", "text", 7, { deep: [bytes] });
  // Recovery appends an offset behind the others.
  const [text, number, { deep }] = await back;
  assert.deepEqual([text, number, Buffer.from(deep[0])], ["text", 7, bytes]);
  const [first, second] = await ask(socket, "message-with-ack", bytes, "x");
  assert.deepEqual([Buffer.from(first), second], [bytes, "x"]);
}

/** Text and bytes, with acks and without, in both directions. */
async function converses(socket) {
  await exchanges(socket);
  socket.once("question", (n, ack) => ack(n * 2));
  assert.deepEqual((await ask(socket, "ask", "question", 21, 5000))[0], { answer: 42 });
  socket.once("question", (asked, ack) => ack(Buffer.from(asked).reverse()));
  assert.deepEqual(Buffer.from((await ask(socket, "ask-bytes", bytes))[0]), Buffer.from([255, 254, 1, 0]));
}

/** Who is in a room hears what is said there, the sender does not, and who has left no more. */
async function sharesRooms(a, b) {
  await Promise.all([ask(a, "join", ["x", "y"]), ask(b, "join", ["x"])]);
  assert.deepEqual((await ask(a, "rooms"))[0], ["x", "y"]);
  const heard = [];
  for (const socket of [a, b]) socket.on("e", (arg) => heard.push([socket === a ? "a" : "b", arg]));
  // Their connections may be of different threads: that one's answer does not say that the other has heard.
  const first = next(b, "e");
  await ask(a, "say", { to: ["x", "y"] }, "e", { n: 1 });
  await first;
  await ask(b, "leave", "x");
  await ask(a, "say", { from: "io", to: ["x"] }, "e", { n: 2 });
  // What was sent to it before has arrived with the answer.
  await Promise.all([ask(a, "rooms"), ask(b, "rooms")]);
  assert.deepEqual(heard, [["b", { n: 1 }], ["a", { n: 2 }]]);
}

/** The client leaves, the server has it leave, the server ends its connection, and the connection breaks. */
async function ends([a, b, c, d]) {
  await ask(b, "log");
  const left = next(a, "disconnect");
  a.disconnect();
  assert.equal((await left)[0], "io client disconnect");
  await logs(b, "disconnect: client namespace disconnect");
  const lost = next(c, "disconnect");
  c.emit("quit", true);
  assert.equal((await lost)[0], "io server disconnect");
  await logs(b, "disconnect: server namespace disconnect");
  // A client that is about to upgrade closes when it has.
  const closed = next(d, "disconnect");
  d.io.engine.close();
  await closed;
  await logs(b, "disconnect: transport close");
  const gone = next(b, "disconnect");
  b.emit("quit", false);
  assert.equal((await gone)[0], "io server disconnect");
}

/** Asks for the server's log until it has this line: an end is noticed when it is. */
async function logs(socket, line) {
  const seen = [];
  const until = Date.now() + DEADLINE_MS;
  while (!seen.includes(line)) {
    assert.ok(Date.now() < until, `no "${line}" among ${JSON.stringify(seen)}`);
    seen.push(...(await ask(socket, "log"))[0]);
  }
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
  for (const path of ["/", "/custom"]) {
    test(`recovery, again and again, over ${name} in ${path}`, async (context) => {
      const server = await startFixture("api");
      context.after(() => server.kill());
      const open = () => io4(server.url + path, { forceNew: true, transports, reconnectionDelay: 20, reconnectionDelayMax: 50 });
      const [socket, other] = [open(), open()];
      context.after(() => [socket, other].forEach((one) => one.disconnect()));
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
    });
  }
}
