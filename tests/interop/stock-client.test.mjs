// The stock browser client, npm `socket.io-client` 4, against the `socketio` fixture over each
// choice of transports: WebSocket only, polling only, polling that upgrades.
//
// Promises: what a user's page does on its first day works unchanged, and over the transport that
// was asked for (each test asks the client which one it used). Every wait has a deadline; nothing
// sleeps. Run it with RINGSIDE_FIXTURE=reference.mjs to see the same tests pass against the
// reference server. Leaves out: malformed peers, limits and recovery, which have tests of their
// own.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Manager } from "socket.io-client";
import { startFixture } from "./fixture.mjs";

/** Longer than anything here takes on a loaded machine; reached only on failure. */
const DEADLINE_MS = 10_000;

const CHOICES = [
  { name: "websocket only", transports: ["websocket"], first: "websocket", settled: "websocket" },
  { name: "polling only", transports: ["polling"], first: "polling", settled: "polling" },
  {
    name: "polling then upgrade",
    transports: ["polling", "websocket"],
    first: "polling",
    settled: "websocket",
  },
];

/** The arguments of the next `event` of `emitter`, or a failure that says what was awaited. */
function next(emitter, event) {
  return new Promise((found, fail) => {
    const listener = (...args) => {
      clearTimeout(timer);
      found(args);
    };
    const timer = setTimeout(() => {
      emitter.off(event, listener);
      fail(new Error(`no "${event}" within ${DEADLINE_MS} ms`));
    }, DEADLINE_MS);
    emitter.once(event, listener);
  });
}

/** Bytes of any kind as a Buffer, for comparison. */
const bytes = (value) => Buffer.from(value);

for (const choice of CHOICES) {
  describe(`socket.io-client over ${choice.name}`, () => {
    let server;
    const managers = [];

    before(async () => {
      server = await startFixture("socketio");
    });
    after(() => server?.stop());
    afterEach(() => {
      for (const manager of managers.splice(0)) {
        manager._close();
      }
    });

    /** A new physical connection; `opened` resolves to the transport that it opened with. */
    function dial(url = server.url, options = {}) {
      const manager = new Manager(url, {
        transports: choice.transports,
        reconnection: false,
        autoConnect: false,
        ...options,
      });
      managers.push(manager);
      manager.upgraded = false;
      const opened = next(manager, "open").then(() => {
        manager.engine.once("upgrade", () => {
          manager.upgraded = true;
        });
        return manager.engine.transport.name;
      });
      return { manager, opened };
    }

    /** Waits until the connection is on the transport where this choice ends. */
    async function settle(manager) {
      if (manager.engine.transport.name !== choice.settled) {
        await next(manager.engine, "upgrade");
      }
      assert.equal(manager.engine.transport.name, choice.settled);
    }

    /** A socket on `/`, connected, past its `auth` event and on its final transport. */
    async function join(options) {
      const { manager, opened } = dial(undefined, options);
      const socket = manager.socket("/");
      const greeted = next(socket, "auth");
      const connected = next(socket, "connect");
      socket.connect();
      assert.equal(await opened, choice.first);
      await connected;
      await greeted;
      await settle(manager);
      return { manager, socket };
    }

    test("connects, is greeted with its auth, and uses the transport asked for", async () => {
      const { manager, opened } = dial();
      const socket = manager.socket("/", { auth: { token: "abc", n: 7 } });
      const greeted = next(socket, "auth");
      const connected = next(socket, "connect");
      socket.connect();
      assert.equal(await opened, choice.first);
      await connected;
      assert.ok(socket.connected);
      assert.ok(socket.id.length > 0);
      assert.deepEqual(await greeted, [{ token: "abc", n: 7 }]);
      await settle(manager);
      // An upgrade that was announced has happened, and none happened that was not asked for.
      assert.equal(manager.upgraded, choice.first !== choice.settled);
    });

    test("without auth the handshake's auth is an empty object", async () => {
      const { manager } = dial();
      const socket = manager.socket("/");
      const greeted = next(socket, "auth");
      socket.connect();
      assert.deepEqual(await greeted, [{}]);
    });

    test("an event comes back with the same arguments", async () => {
      const { manager, socket } = await join();
      const sent = [1, -2.5, "naïve – 試験 🎮", null, true, [[], [1, [2]]], { a: { b: "c" }, d: "\u0000\"\\" }];
      const back = next(socket, "message-back");
      socket.emit("message", ...sent);
      assert.deepEqual(await back, sent);
      assert.equal(manager.engine.transport.name, choice.settled);
    });

    test("an event without arguments comes back without any", async () => {
      const { socket } = await join();
      const back = next(socket, "message-back");
      socket.emit("message");
      assert.deepEqual(await back, []);
    });

    test("an ack carries every argument", async () => {
      const { manager, socket } = await join();
      const answer = await new Promise((found, fail) => {
        socket.timeout(DEADLINE_MS).emit("message-with-ack", "a", 2, { c: [3] }, (error, ...args) => {
          return error ? fail(error) : found(args);
        });
      });
      assert.deepEqual(answer, ["a", 2, { c: [3] }]);
      assert.equal(manager.engine.transport.name, choice.settled);
    });

    test("fifty acks in flight each find their own call", async () => {
      const { socket } = await join();
      const calls = Array.from({ length: 50 }, (_, i) => {
        return socket.timeout(DEADLINE_MS).emitWithAck("message-with-ack", i);
      });
      assert.deepEqual(await Promise.all(calls), Array.from({ length: 50 }, (_, i) => i));
    });

    test("binary goes both ways, at the top and deep inside", async () => {
      const { manager, socket } = await join();
      const back = next(socket, "message-back");
      const high = Uint8Array.from({ length: 256 }, (_, i) => i);
      socket.emit("message", Buffer.from([1, 2, 3]), { deep: [high, "text"], empty: new Uint8Array(0) });
      const [first, second] = await back;
      assert.deepEqual(bytes(first), Buffer.from([1, 2, 3]));
      assert.deepEqual(bytes(second.deep[0]), bytes(high));
      assert.equal(second.deep[1], "text");
      assert.equal(bytes(second.empty).length, 0);
      assert.equal(manager.engine.transport.name, choice.settled);
    });

    test("an ack carries binary", async () => {
      const { socket } = await join();
      const answer = await socket
        .timeout(DEADLINE_MS)
        .emitWithAck("message-with-ack", { blob: Buffer.from("héllo") });
      assert.deepEqual(bytes(answer.blob), Buffer.from("héllo"));
    });

    test("messages of 200 kB travel whole, as text and as binary", async () => {
      const { socket } = await join();
      const text = "0123456789abcdef".repeat(12_500);
      assert.equal(await socket.timeout(DEADLINE_MS).emitWithAck("message-with-ack", text), text);
      const blob = Buffer.alloc(200_000, (index) => index % 251);
      const answer = await socket.timeout(DEADLINE_MS).emitWithAck("message-with-ack", blob);
      assert.ok(bytes(answer).equals(blob));
    });

    test("five hundred events keep their order from before the connect on", async () => {
      // The first half is buffered before there is a connection; the second follows at once, so
      // that for an upgrading client the order is kept across the change of transport.
      const count = 500;
      const { manager } = dial();
      const socket = manager.socket("/");
      const seen = [];
      const all = new Promise((found, fail) => {
        const timer = setTimeout(() => fail(new Error(`${seen.length} of ${count} came back`)), DEADLINE_MS);
        socket.on("message-back", (n) => {
          seen.push(n);
          if (seen.length === count) {
            clearTimeout(timer);
            found();
          }
        });
      });
      const connected = next(socket, "connect");
      for (let n = 0; n < count / 2; n += 1) {
        socket.emit("message", n);
      }
      socket.connect();
      await connected;
      for (let n = count / 2; n < count; n += 1) {
        socket.emit("message", n);
      }
      await all;
      assert.deepEqual(seen, Array.from({ length: count }, (_, n) => n));
      await settle(manager);
    });

    test("a second namespace shares the connection and has an id of its own", async () => {
      const { manager, socket } = await join();
      const custom = manager.socket("/custom", { auth: { who: "custom" } });
      const greeted = next(custom, "auth");
      const connected = next(custom, "connect");
      custom.connect();
      await connected;
      assert.deepEqual(await greeted, [{ who: "custom" }]);
      assert.notEqual(custom.id, socket.id);
      assert.equal(custom.io.engine, socket.io.engine);

      // Leaving one namespace leaves the other alone.
      const left = next(custom, "disconnect");
      custom.disconnect();
      assert.equal((await left)[0], "io client disconnect");
      assert.equal(await socket.timeout(DEADLINE_MS).emitWithAck("message-with-ack", "still here"), "still here");
    });

    test("a namespace that does not exist is refused with the reason, and no other suffers", async () => {
      const { manager, socket } = await join();
      const stranger = manager.socket("/nowhere");
      const refused = next(stranger, "connect_error");
      stranger.connect();
      const [error] = await refused;
      assert.equal(error.message, "Invalid namespace");
      assert.ok(!stranger.connected);
      assert.equal(await socket.timeout(DEADLINE_MS).emitWithAck("message-with-ack", 1), 1);
    });

    test("the connection outlives several heartbeats", async () => {
      const { manager, socket } = await join();
      const id = socket.id;
      for (let beat = 0; beat < 3; beat += 1) {
        await next(manager, "ping");
      }
      assert.ok(socket.connected);
      assert.equal(socket.id, id);
      assert.equal(await socket.timeout(DEADLINE_MS).emitWithAck("message-with-ack", "alive"), "alive");
      assert.equal(manager.engine.transport.name, choice.settled);
    });

    test("leaving is reported as the client's own doing", async () => {
      const { socket } = await join();
      const left = next(socket, "disconnect");
      socket.disconnect();
      assert.equal((await left)[0], "io client disconnect");
      assert.ok(!socket.connected);
    });

    test("a lost connection is found again under a new id", async () => {
      const { manager, socket } = await join({ reconnection: true, reconnectionDelay: 20 });
      const id = socket.id;
      const lost = next(socket, "disconnect");
      const found = next(socket, "connect");
      manager.engine.close();
      assert.equal((await lost)[0], "forced close");
      await found;
      assert.notEqual(socket.id, id);
      assert.equal(await socket.timeout(DEADLINE_MS).emitWithAck("message-with-ack", "again"), "again");
    });

    test("a server that dies is noticed", async () => {
      const mortal = await startFixture("socketio");
      const { manager } = dial(mortal.url);
      const socket = manager.socket("/");
      const connected = next(socket, "connect");
      socket.connect();
      await connected;
      await settle(manager);
      const lost = next(socket, "disconnect");
      await mortal.kill();
      const expected = choice.settled === "polling" ? "transport error" : "transport close";
      assert.equal((await lost)[0], expected);
    });
  });
}
