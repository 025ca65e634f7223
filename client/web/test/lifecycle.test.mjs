// Every stage of the connection, by name and in order: a server that dies and comes back, that stays away, that never answers.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createServer } from "node:net";
import { CHOICES, client, next, plain, stages, stock, until } from "./helper.mjs";

describe("stages", () => {
  for (const { name, transports } of CHOICES) {
    test(`connect, lose the server, come back: ${name}`, async () => {
      const first = await stock();
      const socket = client(first.url, { transports });
      const seen = stages(socket);
      assert.equal(socket.state, "connecting");
      await next(socket, "connect");
      assert.deepEqual(seen, ["connecting", "connect"]);
      const id = socket.id;
      const lost = next(socket, "disconnect");
      await first.stop();
      const [reason] = await lost;
      assert.match(reason, /^transport (close|error)$/);
      assert.deepEqual([socket.connected, socket.id, socket.active], [false, undefined, true]);
      await next(socket, "reconnect_attempt");
      const back = next(socket, "reconnect");
      const second = await stock({}, undefined, first.port);
      const [attempts] = await back;
      assert.ok(attempts >= 1);
      assert.equal(socket.state, "connected");
      assert.notEqual(socket.id, id);

      const story = seen.join("\n").replace(/^error\n/m, "");
      assert.match(story, new RegExp(`^connecting\\nconnect\\ndisconnect ${reason}\\nreconnecting 1\\n`));
      assert.match(story, new RegExp(`reconnect_attempt ${attempts}\\nconnecting\\nconnect\\nreconnect ${attempts}$`));
      const numbers = seen.filter((each) => each.startsWith("reconnecting")).map((each) => +each.split(" ")[1]);
      assert.deepEqual(numbers, numbers.map((_, i) => i + 1), "attempts count up");
      socket.disconnect();
      assert.equal(seen.at(-1), "disconnect io client disconnect");
      assert.equal(socket.state, "disconnected");
      await second.stop();
    });
  }

  test("a server that stays away: each failure has its reason, then it says so and rests", async () => {
    const gone = await stock();
    await gone.stop();
    const socket = client(gone.url, { transports: ["polling"], reconnectionAttempts: 2 });
    const seen = stages(socket);
    await next(socket, "reconnect_failed");
    assert.deepEqual(seen, [
      "connecting", "connect_failed unreachable", "connect_error",
      "reconnecting 1", "reconnect_attempt 1", "connecting", "connect_failed unreachable", "connect_error",
      "reconnecting 2", "reconnect_attempt 2", "connecting", "connect_failed unreachable", "connect_error",
      "reconnect_failed 2",
    ]);
    assert.equal(socket.state, "failed");
    // connect() begins anew.
    const again = await stock({}, undefined, gone.port);
    socket.connect();
    assert.equal(socket.state, "connecting");
    await next(socket, "connect");
    socket.disconnect();
    await again.stop();
  });

  test("without reconnection, one failure is the end", async () => {
    const gone = await stock();
    await gone.stop();
    const socket = client(gone.url, { transports: ["websocket"], reconnection: false });
    const seen = stages(socket);
    await next(socket, "connect_error");
    assert.deepEqual(seen, ["connecting", "connect_failed websocket", "connect_error"]);
    assert.equal(socket.state, "failed");
  });

  for (const transports of [["polling"], ["websocket"]]) {
    test(`a server that never answers is a timeout: ${transports}`, async () => {
      const sockets = new Set();
      const mute = createServer((socket) => sockets.add(socket.resume().on("error", () => {})));
      await new Promise((done) => mute.listen(0, "127.0.0.1", done));
      const socket = client(`http://127.0.0.1:${mute.address().port}`, { transports, timeout: 60, reconnectionAttempts: 1 });
      const seen = stages(socket);
      const [error] = await next(socket, "connect_error");
      assert.equal(error.message, "timeout");
      await next(socket, "reconnect_failed");
      assert.deepEqual(seen, [
        "connecting", "connect_failed timeout", "connect_error",
        "reconnecting 1", "reconnect_attempt 1", "connecting", "connect_failed timeout", "connect_error", "reconnect_failed 1",
      ]);
      // What was given up is closed, not left hanging.
      await until(() => [...sockets].every((each) => each.destroyed), "the sockets to close");
      mute.close();
    });
  }

  test("a namespace that never answers is a timeout too", async () => {
    const open = `0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}`;
    const half = await plain((request, response) => {
      if (!request.url.includes("sid=")) response.end(open);
      else if (request.method === "POST") response.end("ok");
    });
    const socket = client(half.url, { transports: ["polling"], timeout: 60, reconnectionAttempts: 1 });
    const seen = stages(socket);
    await next(socket, "reconnect_attempt");
    assert.deepEqual(seen.slice(0, 4), ["connecting", "connect_failed timeout", "connect_error", "reconnecting 1"]);
    socket.disconnect();
    await half.stop();
  });

  test("a server that falls silent is a ping timeout", async () => {
    const open = `0{"sid":"s","upgrades":[],"pingInterval":40,"pingTimeout":30,"maxPayload":1000}`;
    let polls = 0;
    const silent = await plain((request, response) => {
      if (!request.url.includes("sid=")) response.end(open);
      else if (request.method === "POST") response.end("ok");
      else if (!polls++) response.end('40{"sid":"x"}');
    });
    const socket = client(silent.url, { transports: ["polling"] });
    assert.equal((await next(socket, "disconnect"))[0], "ping timeout");
    socket.disconnect();
    await silent.stop();
  });

  test("disconnect() while connecting or waiting is final and silent", async () => {
    const gone = await stock();
    await gone.stop();
    const socket = client(gone.url, { transports: ["polling"] });
    const seen = stages(socket);
    socket.disconnect();
    assert.equal(socket.state, "disconnected");
    socket.connect();
    await next(socket, "reconnecting");
    assert.equal(socket.state, "reconnecting");
    socket.disconnect();
    const count = seen.length;
    await new Promise((done) => setTimeout(done, 150));
    assert.equal(seen.length, count);
    assert.equal(socket.io.phase, "closed");
  });

  test("connect() while waiting is an attempt now; a manager that is disconnected rests", async () => {
    const first = await stock();
    const socket = client(first.url, { transports: ["polling"], reconnectionDelay: 60_000, reconnectionDelayMax: 60_000 });
    await next(socket, "connect");
    await first.stop();
    await next(socket, "reconnecting");
    const second = await stock({}, undefined, first.port);
    socket.connect();
    assert.deepEqual(await next(socket, "connect"), []);
    socket.io.disconnect();
    assert.deepEqual([socket.connected, socket.state], [false, "disconnected"]);
    await second.stop();
  });

  test("a silence longer than the heartbeat, noticed when something is sent", async () => {
    const server = await stock({}, (io) => io.on("connection", (socket) => socket.on("echo", (x, ack) => ack(x))));
    const socket = client(server.url, { transports: ["websocket"] });
    await next(socket, "connect");
    const real = Date.now;
    // The machine slept for a minute: timers did not run, the clock went on.
    Date.now = () => real() + 60_000;
    const lost = next(socket, "disconnect");
    const answer = socket.emitWithAck("echo", "kept");
    assert.equal((await lost)[0], "ping timeout");
    Date.now = real;
    assert.equal(await answer, "kept");
    socket.disconnect();
    await server.stop();
  });

  test("the manager tells the same under the stock names", async () => {
    const first = await stock();
    const socket = client(first.url, { transports: ["websocket"] });
    const told = [];
    for (const name of ["open", "close", "error", "reconnect_attempt", "reconnect_error", "reconnect", "reconnect_failed"]) socket.io.on(name, () => told.push(name));
    await next(socket, "connect");
    await first.stop();
    await next(socket.io, "reconnect_error");
    const second = await stock({}, undefined, first.port);
    await next(socket, "connect");
    assert.equal(told[0], "open");
    assert.equal(told[1], "close");
    assert.deepEqual(told.slice(2, 5), ["reconnect_attempt", "error", "reconnect_error"]);
    assert.deepEqual(told.slice(-3), ["reconnect_attempt", "open", "reconnect"]);
    socket.disconnect();
    await second.stop();
  });

  test("a listener that throws disturbs nothing", async () => {
    const server = await stock({}, (io) => io.on("connection", (s) => s.on("hi", (ack) => ack("there"))));
    const socket = client(server.url, { transports: ["polling"] });
    const thrown = [];
    const caught = (error) => thrown.push(error.message);
    process.setUncaughtExceptionCaptureCallback(caught);
    try {
      socket.on("connect", () => {
        throw new Error("mine");
      });
      await next(socket, "connect");
      assert.equal(await socket.emitWithAck("hi"), "there");
    } finally {
      process.setUncaughtExceptionCaptureCallback(null);
    }
    assert.deepEqual(thrown, ["mine"]);
    socket.disconnect();
    await server.stop();
  });
});
