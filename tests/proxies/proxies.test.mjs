// The stock client through nginx and haproxy, each with the upgrade passed on, with it stripped, with
// whole requests buffered, and with two gateways behind it.
//
// Promises: the client is npm `socket.io-client` 4 as it is; the servers are the fixture `socketio`.
// Every wait has a deadline. Leaves out: which forwarded addresses are believed, which
// `tests/tests/gateway_proxies.rs` asks the gateway itself.

import assert from "node:assert/strict";
import { Agent, get } from "node:http";
import { afterEach, describe, test } from "node:test";
import { Manager } from "socket.io-client";
import { startFixture } from "../interop/fixture.mjs";
import { haproxy, nginx, startProxy } from "./proxy.mjs";

/** Longer than anything here takes on a loaded machine; reached only on failure. */
const DEADLINE_MS = 15_000;

/** What `promise` gives, or a failure that says what was awaited. */
function within(what, promise) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what}: not within ${DEADLINE_MS} ms`)), DEADLINE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const once = (emitter, event) =>
  within(event, new Promise((found) => emitter.once(event, (...args) => found(args))));

for (const proxy of [nginx, haproxy]) {
  describe(proxy.name, () => {
    const managers = [];
    const running = [];

    const start = async (gateways, variant) => {
      const fixtures = [];
      for (let n = 0; n < gateways; n += 1) {
        fixtures.push(await startFixture("socketio", ["--ping-timeout", "5000"]));
      }
      running.push(...fixtures);
      const front = await startProxy(
        proxy,
        fixtures.map((fixture) => fixture.url),
        variant,
      );
      running.push(front);
      return front.url;
    };

    const client = (url, options = {}) => {
      const manager = new Manager(url, { reconnection: false, ...options });
      managers.push(manager);
      return manager.socket("/");
    };

    /** Echoes of text, bytes, and more than a proxy's buffer, in order; and an ack. */
    const talk = async (socket) => {
      const big = "x".repeat(300_000);
      const back = [];
      const all = new Promise((done, fail) => {
        socket.once("disconnect", (why, what) => fail(new Error(`disconnected: ${why}, ${what?.message}`)));
        socket.on("message-back", (value) => {
          back.push(value);
          if (back.length === 23) done();
        });
      });
      for (let n = 0; n < 20; n += 1) {
        socket.emit("message", n);
      }
      socket.emit("message", big);
      socket.emit("message", Buffer.from([1, 2, 3]));
      socket.emit("message", "last");
      await within("23 echoes", all);
      assert.deepEqual(back.slice(0, 20), [...Array(20).keys()]);
      assert.equal(back[20], big);
      assert.deepEqual(Buffer.from(back[21]), Buffer.from([1, 2, 3]));
      assert.equal(back[22], "last");
      const answer = await within("an ack", socket.emitWithAck("message-with-ack", "a", 1));
      assert.equal(answer, "a");
    };

    /** Lives through several heartbeats. */
    const stay = async (socket) => {
      const { engine } = socket.io;
      for (let n = 0; n < 4; n += 1) {
        await once(engine, "ping");
      }
      assert.ok(socket.connected);
    };

    afterEach(async () => {
      for (const manager of managers.splice(0)) {
        manager._close();
      }
      for (const it of running.splice(0).reverse()) {
        await it.stop();
      }
    });

    test("passes the upgrade on: the client ends up on WebSocket", async () => {
      const socket = client(await start(1));
      const upgraded = new Promise((done) => socket.io.on("open", () => socket.io.engine.once("upgrade", done)));
      await once(socket, "connect");
      const [transport] = [await within("an upgrade", upgraded)];
      assert.equal(transport.name, "websocket");
      await talk(socket);
      await stay(socket);
      assert.equal(socket.io.engine.transport.name, "websocket");
    });

    test("passes WebSocket on from the first request", async () => {
      const socket = client(await start(1), { transports: ["websocket"] });
      await once(socket, "connect");
      await talk(socket);
    });

    test("strips the upgrade: the client stays on polling, and works", async () => {
      const socket = client(await start(1, { upgrade: false }));
      const failed = new Promise((done) => socket.io.on("open", () => socket.io.engine.once("upgradeError", done)));
      await once(socket, "connect");
      await within("the refused upgrade", failed);
      await talk(socket);
      await stay(socket);
      assert.equal(socket.io.engine.transport.name, "polling");
    });

    for (const transports of [["polling"], ["polling", "websocket"]]) {
      test(`holds requests back until they are whole: ${transports}`, async () => {
        const socket = client(await start(1, { buffering: true }), { transports });
        await once(socket, "connect");
        await talk(socket);
        await stay(socket);
      });
    }

    test("shares clients out to two gateways, each to its own", async () => {
      const url = await start(2);
      const addresses = [...Array(12).keys()].map((n) => `127.0.0.${n + 2}`);
      const used = new Map();
      for (const address of addresses) {
        for (let n = 0; n < 2; n += 1) {
          const gateway = await within("a page", whichGateway(url, address));
          assert.equal(used.get(address) ?? gateway, gateway, "an address has one gateway");
          used.set(address, gateway);
        }
      }
      assert.equal(new Set(used.values()).size, 2, "both gateways are used");
      for (const [n, localAddress] of addresses.entries()) {
        const agent = new Agent({ localAddress, keepAlive: n % 2 === 0 });
        const transports = n % 3 === 0 ? ["polling"] : ["polling", "websocket"];
        const socket = client(url, { transports, agent });
        await once(socket, "connect");
        await talk(socket);
      }
    });
  });
}

/** Which gateway answers requests from an address. */
function whichGateway(url, localAddress) {
  return new Promise((found, fail) => {
    const target = `${url}/socket.io/?EIO=4&transport=polling`;
    get(target, { localAddress, agent: false }, (answer) => {
      answer.resume();
      found(answer.headers["x-gateway"]);
    }).once("error", fail);
  });
}
