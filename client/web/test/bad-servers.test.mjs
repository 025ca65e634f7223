// Servers and ways that misbehave: the client says what is wrong, falls back where it can, and stays usable.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer as createTls } from "node:https";
import { after, before, describe, test } from "node:test";
import { Server } from "socket.io";
import { client, next, plain, stages, stock, until } from "./helper.mjs";

const OPEN = `0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}`;

async function refusal(url, opts) {
  const socket = client(url, { reconnection: false, ...opts });
  const [reason, error] = await next(socket, "connect_failed");
  assert.equal(error.reason, reason);
  return { reason, error, socket };
}

describe("what is no Socket.IO server", () => {
  const answers = {
    "an HTML page": { body: "<!doctype html><title>Hi</title>", type: "text/html", reason: "not_a_server", message: /HTML page.*is the path right/ },
    "an HTML page of a 404": { status: 404, body: "<h1>Not Found</h1>", type: "text/html", reason: "not_a_server", message: /HTTP 404/ },
    "JSON of something else": { body: `{"ok":true}`, type: "application/json", reason: "not_a_server", message: /Engine.IO handshake was expected/ },
    "nothing": { body: "", reason: "not_a_server", message: /handshake/ },
    "a handshake that is no JSON": { body: "0{", reason: "not_a_server", message: /no sid/ },
    "a handshake without a heartbeat": { body: `0{"sid":"s","upgrades":[]}`, reason: "not_a_server", message: /no heartbeat/ },
    "another version": { status: 400, body: `{"code":5,"message":"Unsupported protocol version"}`, reason: "version", message: /another Engine.IO version/ },
    "a refusal": { status: 403, body: `{"code":4,"message":"Forbidden"}`, reason: "refused", message: /HTTP 403 Forbidden/ },
    "a proxy without its server": { status: 502, body: "bad gateway", type: "text/plain", reason: "refused", message: /HTTP 502/ },
  };
  for (const [name, { status = 200, body, type = "text/plain", reason, message }] of Object.entries(answers)) {
    test(name, async () => {
      const server = await plain((_, response) => response.writeHead(status, { "Content-Type": type }).end(body));
      const got = await refusal(server.url, { transports: ["polling"] });
      assert.equal(got.reason, reason);
      assert.match(got.error.message, message);
      assert.equal(got.error.type, "TransportError");
      await server.stop();
    });
  }

  test("a certificate nobody signed is named", async () => {
    const key = new URL("./self-signed.pem", import.meta.url);
    const pem = readFileSync(key);
    const tls = createTls({ key: pem, cert: pem });
    await new Promise((done) => tls.listen(0, "127.0.0.1", done));
    for (const transports of [["polling"], ["websocket"]]) {
      const { error } = await refusal(`https://127.0.0.1:${tls.address().port}`, { transports });
      assert.match(error.message, /SELF_SIGNED|self-signed/);
    }
    tls.close();
    tls.closeAllConnections();
  });

  test("no transport that works here", async () => {
    const { reason, error } = await refusal("http://127.0.0.1:1", { transports: ["carrier-pigeon"] });
    assert.equal(reason, "no_transport");
    assert.match(error.message, /carrier-pigeon/);
  });
});

describe("what speaks Engine.IO and then does not", () => {
  const session = async (answer) => {
    let polls = 0;
    const server = await plain((request, response) => {
      if (!request.url.includes("sid=")) response.end(OPEN);
      else if (request.method === "POST") response.end("ok");
      else if (!polls++) response.end(answer);
    });
    return server;
  };
  const cases = {
    "an unknown Engine.IO packet": ['6\x1e40{"sid":"x"}\x1e9what', "parse error", "not_a_server"],
    "a Socket.IO packet that is none": ['40{"sid":"x"}\x1e4nonsense', "parse error", "parse"],
    "an event with a reserved name": ['40{"sid":"x"}\x1e42["disconnect"]', "parse error", "parse"],
    "text where an attachment was announced": ['40{"sid":"x"}\x1e451-["e",{"_placeholder":true,"num":0}]\x1e42["f"]', "parse error", "parse"],
    "an attachment nobody announced": ['40{"sid":"x"}\x1ebAAAA', "parse error", "parse"],
    "more attachments than allowed": ['40{"sid":"x"}\x1e4511-["e"]', "parse error", "parse"],
    "a placeholder without its attachment": ['40{"sid":"x"}\x1e451-["e",{"_placeholder":true,"num":3}]\x1ebAAAA', "parse error", "parse"],
    "base64 that is none": ['40{"sid":"x"}\x1eb***', "transport error", undefined],
    "a page of HTML in mid-session": ["<html>", "transport error", "not_a_server"],
  };
  for (const [name, [answer, reason, cause]] of Object.entries(cases)) {
    test(name, async () => {
      const server = await session(answer);
      const socket = client(server.url, { transports: ["polling"], reconnection: false });
      const seen = stages(socket);
      let error;
      socket.on("error", (e) => (error = e)).on("connect_failed", (_, e) => (error = e));
      await until(() => socket.io.phase === "closed", "the connection to close");
      assert.equal(error?.reason, cause, seen.join());
      if (answer.startsWith("40")) assert.deepEqual(seen, ["connecting", "connect", "error", `disconnect ${reason}`]);
      await server.stop();
    });
  }

  test("a server of Socket.IO 2.x", async () => {
    const server = await session("40");
    const { reason, error } = await refusal(server.url, { transports: ["polling"] });
    assert.equal(reason, "version");
    assert.match(error.message, /2\.x/);
    await server.stop();
  });
});

describe("a way that takes no WebSocket", () => {
  let server;
  let warnings;
  const { warn } = console;
  before(async () => {
    server = await stock({}, (io) => io.on("connection", (socket) => socket.on("echo", (x, ack) => ack(x))));
    // As a proxy does that strips Upgrade: plain HTTP passes, the upgrade is answered as if it were a page.
    server.http.removeAllListeners("upgrade");
    server.http.on("upgrade", (_, socket) => socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
    console.warn = (line) => warnings.push(line);
  });
  after(() => {
    console.warn = warn;
    return server.stop();
  });

  for (const transports of [["websocket", "polling"], ["polling", "websocket"]]) {
    test(`plays on over polling and says so once: ${transports}`, async () => {
      warnings = [];
      const socket = client(server.url, { transports });
      const notices = [];
      socket.io.on("fallback", (notice) => notices.push(notice));
      await next(socket, "connect");
      await until(() => notices.length === 1, "the notice");
      assert.deepEqual([notices[0].from, notices[0].to], ["websocket", "polling"]);
      assert.equal(notices[0].error.reason, "websocket");
      assert.equal(await socket.emitWithAck("echo", "hi"), "hi");
      assert.equal(socket.io.engine.transport.name, "polling");
      // Again after a reconnection: noticed by who listens, but not written again.
      for (const each of Object.values(server.server.engine.clients)) each.close();
      await next(socket, "reconnect");
      await until(() => notices.length === 2, "the second notice");
      assert.equal(await socket.emitWithAck("echo", "again"), "again");
      assert.equal(warnings.length, 1);
      assert.match(warnings[0], /polling.*WebSocket/);
      socket.disconnect();
    });
  }

  test("WebSocket only: it fails and says why", async () => {
    const { reason, error } = await refusal(server.url, { transports: ["websocket"] });
    assert.equal(reason, "websocket");
    assert.match(error.message, /400/);
  });

  test("an upgrade that is accepted and then says nothing leaves polling in charge", async () => {
    const quiet = await stock({}, (io) => io.on("connection", (socket) => socket.on("echo", (x, ack) => ack(x))));
    const held = [];
    quiet.http.removeAllListeners("upgrade");
    quiet.http.on("upgrade", (_, socket) => held.push(socket));
    const socket = client(quiet.url, {});
    await next(socket, "connect");
    await until(() => held.length === 1, "the probe");
    for (let i = 0; i < 20; i++) assert.equal(await socket.emitWithAck("echo", i), i);
    socket.disconnect();
    held.forEach((each) => each.destroy());
    await quiet.stop();
  });
});

describe("too much", () => {
  test("a message above the server's limit is refused here, and the connection lives", async () => {
    const server = await stock({ maxHttpBufferSize: 1000 }, (io) => io.on("connection", (socket) => socket.on("echo", (x, ack) => ack(x))));
    for (const transports of [["polling"], ["websocket"]]) {
      const socket = client(server.url, { transports });
      await next(socket, "connect");
      for (const big of ["x".repeat(2000), new Uint8Array(2000), { deep: ["é".repeat(700)] }]) {
        const told = next(socket, "error");
        await assert.rejects(socket.emitWithAck("echo", big), /the server takes 1000/);
        assert.equal((await told)[0].reason, "too_large");
      }
      assert.equal(await socket.emitWithAck("echo", "small"), "small");
      socket.disconnect();
    }
    await server.stop();
  });

  test("what cannot leave is kept up to a bound, in order; then the newest is refused", async () => {
    const got = [];
    const server = await stock({}, (io) => io.on("connection", (socket) => socket.on("n", (n) => got.push(n))));
    const socket = client(server.url, { transports: ["websocket"], bufferMax: 10, autoConnect: false });
    const refused = [];
    socket.on("error", (error) => refused.push(error.reason));
    for (let n = 0; n < 12; n++) socket.emit("n", n);
    await assert.rejects(socket.emitWithAck("n", 12), /wait already/);
    assert.deepEqual(refused, ["buffer_full", "buffer_full", "buffer_full"]);
    socket.connect();
    await until(() => got.length === 10, "ten");
    assert.deepEqual(got, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    socket.disconnect();
    await server.stop();
  });

  test("volatile messages are skipped while offline", async () => {
    const got = [];
    const server = await stock({}, (io) => io.on("connection", (socket) => socket.on("n", (n) => got.push(n))));
    const socket = client(server.url, { transports: ["polling"], autoConnect: false });
    socket.volatile.emit("n", 1);
    // Who waits for the answer of a skipped event is told in time.
    await assert.rejects(socket.volatile.timeout(10).emitWithAck("n", 1), /timed out/);
    socket.emit("n", 2);
    socket.connect();
    await next(socket, "connect");
    await until(() => got.length, "one");
    assert.deepEqual(got, [2]);
    socket.disconnect();
    await server.stop();
  });
});
