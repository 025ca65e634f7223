// What outlives a connection: recovery, retries, buffered events, sharing one connection, switching transport.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { io } from "../js/ringside.js";
import { client, next, stages, stock, until } from "./helper.mjs";
import WebSocket from "ws";

const CHOICES = [["websocket"], ["polling"]];

describe("recovery", () => {
  for (const transports of CHOICES) {
    test(`the same id, rooms, and what was missed, again and again: ${transports}`, async () => {
      const server = await stock({ connectionStateRecovery: {} }, (io) => io.on("connection", (socket) => socket.join("room")));
      const socket = client(server.url, { transports });
      const seen = stages(socket);
      const got = [];
      socket.on("n", (...args) => got.push(args[0]));
      await next(socket, "connect");
      const { id } = socket;
      assert.equal(socket.recovered, false);
      for (let round = 0; round < 3; round++) {
        server.server.to("room").emit("n", round * 2);
        await until(() => got.length === round * 2 + 1, "an event");
        socket.io.engine.close();
        await until(() => !server.server.of("/").sockets.has(id), "the server to notice");
        server.server.to("room").emit("n", round * 2 + 1);
        await next(socket, "connect");
        assert.deepEqual([socket.recovered, socket.id], [true, id]);
        await until(() => got.length === round * 2 + 2, "what was missed");
      }
      assert.deepEqual(got, [0, 1, 2, 3, 4, 5]);
      assert.equal(seen.filter((each) => each === "connect").length, 4);
      socket.disconnect();
      await server.stop();
    });
  }

  test("a server that began anew: not recovered, and no hole is hidden", async () => {
    const first = await stock({ connectionStateRecovery: {} });
    const socket = client(first.url, { transports: ["websocket"] });
    await next(socket, "connect");
    first.server.emit("n", 1);
    await next(socket, "n");
    await first.stop();
    const second = await stock({ connectionStateRecovery: {} }, undefined, first.port);
    await next(socket, "connect");
    assert.equal(socket.recovered, false);
    socket.disconnect();
    await second.stop();
  });
});

describe("switching transport in mid-life", () => {
  test("keeps the session: the same id, nothing lost, no disconnect", async () => {
    const server = await stock({ connectionStateRecovery: {} }, (io) => io.on("connection", (socket) => socket.on("echo", (x, ack) => ack(x))));
    const socket = client(server.url, { transports: ["websocket", "polling"] });
    await next(socket, "connect");
    const { id } = socket;
    const got = [];
    socket.on("n", (n) => got.push(n));
    let n = 0;
    server.server.emit("n", n++);
    await until(() => got.length, "an event");
    const seen = stages(socket);
    const ticker = setInterval(() => server.server.emit("n", n++), 3);
    for (const name of ["polling", "websocket", "polling"]) {
      const switched = next(socket, "switch");
      socket.io.switchTransport(name);
      socket.emit("echo", "meanwhile", () => {});
      assert.deepEqual(await switched, [name]);
      assert.deepEqual([socket.id, socket.state, socket.io.engine.transport.name], [id, "connected", name]);
      assert.equal(await socket.emitWithAck("echo", name), name);
    }
    clearInterval(ticker);
    await until(() => got.length === n, "every number");
    assert.deepEqual(got, Array.from({ length: n }, (_, i) => i));
    assert.deepEqual(seen, []);
    socket.disconnect();
    await server.stop();
  });

  test("where the server recovers nothing, it is an ordinary reconnection", async () => {
    const server = await stock();
    const socket = client(server.url, { transports: ["websocket", "polling"] });
    await next(socket, "connect");
    const seen = stages(socket);
    socket.io.switchTransport("polling");
    await next(socket, "connect");
    assert.deepEqual(seen, ["disconnect transport switch", "connecting", "connect"]);
    assert.equal(socket.io.engine.transport.name, "polling");
    socket.disconnect();
    await server.stop();
  });

  test("a server that is gone: disconnect, and the reasons, as ever", async () => {
    const server = await stock({ connectionStateRecovery: {} });
    const socket = client(server.url, { transports: ["websocket", "polling"], reconnectionAttempts: 1 });
    await next(socket, "connect");
    const seen = stages(socket);
    const stopped = server.stop();
    socket.io.switchTransport("polling");
    await next(socket, "reconnect_failed");
    assert.deepEqual(seen, [
      "disconnect transport switch", "connect_failed unreachable", "connect_error",
      "reconnecting 1", "reconnect_attempt 1", "connecting", "connect_failed unreachable", "connect_error", "reconnect_failed 1",
    ]);
    await stopped;
  });
});

describe("retries", () => {
  test("an event is sent until acknowledged, one at a time, in order", async () => {
    const got = [];
    const server = await stock({}, (io) => io.on("connection", (socket) => socket.on("n", (n, ack) => got.push(n) % 3 === 0 && ack(`took ${n}`))));
    const socket = client(server.url, { transports: ["websocket"], retries: 3, ackTimeout: 30 });
    const answers = await Promise.all([1, 2].map((n) => new Promise((done) => socket.emit("n", n, (error, answer) => done(error ?? answer)))));
    assert.deepEqual(answers, ["took 1", "took 2"]);
    assert.deepEqual(got, [1, 1, 1, 2, 2, 2]);
    socket.disconnect();
    await server.stop();
  });

  test("out of tries is an error; a try is one and as many more as retries", async () => {
    let count = 0;
    const server = await stock({}, (io) => io.on("connection", (socket) => socket.on("n", () => count++)));
    const socket = client(server.url, { transports: ["polling"], retries: 2, ackTimeout: 20 });
    await assert.rejects(socket.emitWithAck("n"), /timed out/);
    assert.equal(count, 3);
    socket.disconnect();
    await server.stop();
  });

  test("what was not acknowledged is sent again after a reconnection", async () => {
    const got = [];
    const server = await stock({}, (io) => io.on("connection", (socket) => socket.on("n", (n, ack) => (got.push(n), got.length > 1 && ack(n)))));
    const socket = client(server.url, { transports: ["websocket"], retries: 5, ackTimeout: 4000 });
    const answer = socket.emitWithAck("n", 1);
    await until(() => got.length === 1, "the first try");
    socket.io.engine.close();
    assert.equal(await answer, 1);
    assert.deepEqual(got, [1, 1]);
    socket.disconnect();
    await server.stop();
  });
});

describe("sharing", () => {
  test("namespaces of one server share a connection, the same namespace again does not", async () => {
    const server = await stock({}, (io) => io.of("/a"));
    const opts = { WebSocket, transports: ["websocket"] };
    const [main, a, again, apart] = [io(server.url, opts), io(`${server.url}/a`, opts), io(server.url, opts), io(`${server.url}/a`, { ...opts, multiplex: false })];
    await Promise.all([main, a, again, apart].map((socket) => next(socket, "connect")));
    assert.equal(main.io, a.io);
    assert.notEqual(main.io, again.io);
    assert.notEqual(main.io, apart.io);
    assert.equal(server.server.engine.clientsCount, 3);
    main.disconnect();
    assert.equal(main.io.phase, "open");
    a.disconnect();
    assert.equal(main.io.phase, "closed");
    [again, apart].forEach((socket) => socket.disconnect());
    await server.stop();
  });

  test("query, headers, path and auth (as a function, asked each time) reach the server", async () => {
    const handshakes = [];
    const server = await stock({ path: "/play" }, (io) => io.on("connection", (socket) => handshakes.push(socket.handshake)));
    let asked = 0;
    for (const transports of CHOICES) {
      const socket = client(`${server.url}/?room=7`, { path: "/play", transports, extraHeaders: { "x-mark": "1" }, auth: (give) => give({ turn: ++asked }) });
      await next(socket, "connect");
      socket.io.engine.close();
      await next(socket, "reconnect");
      socket.disconnect();
    }
    assert.deepEqual(handshakes.map(({ auth, query, headers }) => [auth.turn, query.room, query.EIO, headers["x-mark"]]), [1, 2, 3, 4].map((turn) => [turn, "7", "4", "1"]));
    await server.stop();
  });

  test("acks in flight when the connection ends: those that take an error get one", async () => {
    const server = await stock({}, (io) => io.on("connection", (socket) => socket.on("never", () => socket.conn.close())));
    const socket = client(server.url, { transports: ["websocket"] });
    await assert.rejects(socket.emitWithAck("never"), /has been disconnected/);
    socket.disconnect();
    await server.stop();
  });

  test("events emitted before connecting leave in order; a timed-out one is taken back", async () => {
    const got = [];
    const server = await stock({}, (io) => io.on("connection", (socket) => socket.on("n", (n) => got.push(n))));
    const socket = client(server.url, { transports: ["polling"], autoConnect: false });
    socket.emit("n", 1);
    await assert.rejects(socket.timeout(10).emitWithAck("n", 2), /timed out/);
    socket.emit("n", 3);
    socket.connect();
    await until(() => got.length === 2, "two");
    assert.deepEqual(got, [1, 3]);
    socket.disconnect();
    await server.stop();
  });

  test("the knobs of a manager can be read and turned", () => {
    const socket = client("http://127.0.0.1:1", { autoConnect: false });
    const manager = socket.io;
    assert.equal(manager.reconnectionDelay(), 20);
    assert.equal(manager.reconnectionDelay(70).reconnectionDelayMax(90).randomizationFactor(0), manager);
    assert.deepEqual([manager.backoff.duration(), manager.backoff.duration()], [70, 90]);
    assert.equal(manager.timeout(5).timeout(), 5);
    assert.equal(manager.reconnection(false).reconnection(), false);
  });
});
