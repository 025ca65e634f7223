// The gateway's own TLS and HTTP/2 from the other side: the stock client over https and wss, and Node's
// HTTP/2.
//
// Promises: the certificate is made for this run and is the only one believed; every wait has a
// deadline. Leaves out: replacing certificates, which `tests/tests/gateway_tls.rs` does, and
// `reference.mjs`, which has no TLS: with that these tests are skipped.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:http2";
import { Agent } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { Manager } from "socket.io-client";
import { startFixture } from "./fixture.mjs";

/** Longer than anything here takes on a loaded machine; reached only on failure. */
const DEADLINE_MS = 10_000;

const skip = process.env.RINGSIDE_FIXTURE?.endsWith(".mjs") ? "the reference server has no TLS" : false;

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

describe("with TLS", { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), "ringside-tls-"));
  const [cert, key] = ["cert.pem", "key.pem"].map((name) => join(folder, name));
  const managers = [];
  let server;
  let ca;

  before(async () => {
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    const fresh = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    execFileSync("openssl", [...fresh, "-keyout", key, "-out", cert, ...subject], { stdio: "ignore" });
    ca = readFileSync(cert);
    server = await startFixture("socketio", ["--cert", cert, "--key", key, "--ping-timeout", "5000"]);
  });
  after(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  afterEach(() => {
    for (const manager of managers.splice(0)) {
      manager._close();
    }
  });

  for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
    test(`socket.io-client over ${transports}`, async () => {
      // Each transport of the client takes the certificate in its own place.
      const manager = new Manager(server.url, { transports, reconnection: false, ca, agent: new Agent({ ca }) });
      managers.push(manager);
      const socket = manager.socket("/");
      const upgraded = new Promise((done) => manager.once("open", () => manager.engine.once("upgrade", done)));
      await once(socket, "connect");
      if (transports.length === 2) {
        const { name } = await within("an upgrade", upgraded);
        assert.equal(name, "websocket");
      }
      const big = "x".repeat(200_000);
      const back = [];
      const all = new Promise((done) => {
        socket.on("message-back", (value) => back.push(value) === 3 && done());
      });
      socket.emit("message", big);
      socket.emit("message", Buffer.from([1, 2, 3]));
      socket.emit("message", "last");
      await within("three echoes", all);
      assert.equal(back[0], big);
      assert.deepEqual(Buffer.from(back[1]), Buffer.from([1, 2, 3]));
      assert.equal(back[2], "last");
      for (let n = 0; n < 3; n += 1) {
        await once(manager.engine, "ping");
      }
      assert.ok(socket.connected);
    });
  }

  /** A request on an HTTP/2 connection. */
  const ask = (client, headers, body) =>
    within(
      `${headers[":method"]} ${headers[":path"]}`,
      new Promise((found, fail) => {
        const stream = client.request(headers, { endStream: body === undefined });
        let status;
        const parts = [];
        stream.once("response", (head) => {
          status = head[":status"];
        });
        stream.on("data", (part) => parts.push(part));
        stream.once("end", () => found({ status, text: Buffer.concat(parts).toString() }));
        stream.once("error", fail);
        if (body !== undefined) {
          stream.end(body);
        }
      }),
    );

  test("the handshake tells that it is secure", async () => {
    const api = await startFixture("api", ["--cert", cert, "--key", key]);
    for (const transports of [["websocket"], ["polling"]]) {
      const manager = new Manager(api.url, { transports, reconnection: false, ca, agent: new Agent({ ca }) });
      managers.push(manager);
      const handshake = await within("the handshake", manager.socket("/").emitWithAck("handshake"));
      assert.equal(handshake.secure, true);
    }
    await api.stop();
  });

  test("polling and pages over HTTP/2", async () => {
    const client = connect(server.url, { ca });
    try {
      const path = "/socket.io/?EIO=4&transport=polling";
      const get = (more = "", headers = {}) => ask(client, { ":method": "GET", ":path": path + more, ...headers });
      const opened = await get();
      assert.equal(client.alpnProtocol, "h2");
      assert.equal(opened.status, 200);
      const sid = `&sid=${JSON.parse(opened.text.slice(1)).sid}`;
      const post = (body) => ask(client, { ":method": "POST", ":path": path + sid, "content-type": "text/plain" }, body);
      // Packets as polls bring them; the heartbeat is answered on the way.
      const packets = [];
      const next = async () => {
        while (packets.length === 0) {
          for (const packet of (await get(sid)).text.split("\x1e")) {
            if (packet === "2") assert.equal((await post("3")).text, "ok");
            else packets.push(packet);
          }
        }
        return packets.shift();
      };
      assert.equal((await post("40")).text, "ok");
      assert.match(await next(), /^40\{"sid"/);
      assert.equal(await next(), '42["auth",{}]');
      for (let n = 0; n < 50; n += 1) {
        // A poll that waits while a post comes and goes on the same connection.
        const back = next();
        assert.equal((await post(`42["message",${n}]`)).text, "ok");
        assert.equal(await back, `42["message-back",${n}]`);
      }
      const file = await ask(client, { ":method": "GET", ":path": "/socket.io/socket.io.js" });
      assert.equal(file.status, 200);
      const page = await ask(client, { ":method": "GET", ":path": "/nothing" });
      assert.equal(page.status, 404);
      // What HTTP/1.1 refuses is refused here: too many headers, too long an address.
      const many = Object.fromEntries([...Array(80).keys()].map((n) => [`h${n}`, "x"]));
      assert.equal((await get("", many)).status, 431);
      const long = await ask(client, { ":method": "GET", ":path": `/${"u".repeat(9_000)}` });
      assert.equal(long.status, 414);
    } finally {
      client.destroy();
    }
  });
});
