// The stock socket.io-client in real browsers over WebTransport: alone, after polling, and among all three.
//
//   node --test tests/interop/webtransport.browser.mjs     (RINGSIDE_BROWSERS=firefox-esr for that one,
//                                                          RINGSIDE_CHROMIUM names another Chromium)
//
// A page runs each script by itself and posts what it saw, so any browser that opens an address will do. The
// certificate is made for this run and named by its hash, as in development; pages and polling are plain HTTP.
// Promises: a browser that is missing is a failure with its mend, not a skip; each run has a profile of its own.
// Leaves out: datagrams, which stock clients do not know, and our own client.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { BROWSERS, hear } from "../../client/web/test/headless.mjs";
import { startFixture } from "./fixture.mjs";

/** Starting a browser on a loaded machine takes seconds, a script two. */
const PAGE_MS = 60_000;
/** What each page does; `null`: whichever of the two comes first, for WebSocket waits only 200 ms for the other. */
const CHOICES = [
  { transports: ["webtransport"], ends: "webtransport" },
  { transports: ["polling", "webtransport"], ends: "webtransport" },
  { transports: ["polling", "websocket", "webtransport"], ends: null },
];

/** Runs in the page. Tells what happened, line by line; what depends on time alone is left out. */
async function script(io, query) {
  const hash = Uint8Array.from(atob(query.get("hash")), (c) => c.charCodeAt(0));
  const options = {
    transports: query.get("transports").split(","),
    transportOptions: { webtransport: { serverCertificateHashes: [{ algorithm: "sha-256", value: hash }] } },
    reconnectionDelay: 100,
    reconnectionDelayMax: 200,
    auth: { token: "a secret" },
  };
  const told = [];
  const tell = (line) => told.push(line);
  const late = (what) => new Promise((_, fail) => setTimeout(() => fail(new Error(`${what}: not in time; ${told.join("; ")}`)), 20_000));
  const within = (what, promise) => Promise.race([promise, late(what)]);
  const next = (emitter, event) => within(event, new Promise((found) => emitter.once(event, (...args) => found(args))));
  const socket = io(query.get("server"), options);
  const auth = next(socket, "auth");
  await next(socket, "connect");
  const { engine } = socket.io;
  tell(`auth ${JSON.stringify((await auth)[0])}`);
  if (options.transports[0] === "polling" && engine.transport.name === "polling") await next(engine, "upgrade");
  const first = engine.transport.name;

  const show = (value) => {
    if (value instanceof ArrayBuffer) return `${value.byteLength} bytes, ${new Uint8Array(value).reduce((sum, byte, at) => (sum * 31 + byte + at) % 65_521, 7)}`;
    if (typeof value === "string") return value.length < 40 ? value : `${value.length} characters, ${value.slice(0, 3)}${value.slice(-3)}`;
    if (Array.isArray(value)) return `[${value.map(show)}]`;
    return value && typeof value === "object" ? `{${Object.entries(value).map(([k, v]) => `${k}:${show(v)}`)}}` : String(value);
  };
  const bytes = (length) => Uint8Array.from({ length }, (_, n) => n % 251).buffer;
  const values = ["text", "Я € 𝄞 ✓", "x".repeat(70_000), bytes(5), bytes(0), bytes(100_000), { deep: [bytes(3), { also: bytes(125) }], n: 1.5, t: true, z: null }];
  for (const value of values) {
    socket.emit("message", value);
    tell(`echo ${show((await next(socket, "message-back"))[0])}`);
  }
  tell(`ack ${show(await within("ack", new Promise((found) => socket.emit("message-with-ack", 1, "two", bytes(3), (...args) => found(args)))))}`);
  // Many at once: what is coalesced is told apart again.
  const many = within("fifty", new Promise((found) => {
    const seen = [];
    const each = (value) => {
      seen.push(show(value));
      if (seen.length === 50) found(seen.join() === Array.from({ length: 50 }, (_, n) => show(n % 7 ? `m${n}` : bytes(n))).join());
    };
    socket.on("message-back", each);
  }));
  for (let n = 0; n < 50; n += 1) socket.emit("message", n % 7 ? `m${n}` : bytes(n));
  tell(`fifty in order ${await many}`);
  socket.off("message-back");
  for (let n = 0; n < 3; n += 1) await next(engine, "ping");
  tell("three heartbeats");

  // A namespace that is left by the server's or its own wish.
  const custom = socket.io.socket("/custom");
  await next(custom, "connect");
  custom.disconnect();
  tell("another namespace");

  const over = [first];
  const lost = [];
  /** Connected, and on the transport it ends with: a server that is about to end may still open a session or two. */
  const settled = async () => {
    for (;;) {
      if (!socket.connected) await next(socket, "connect");
      const { engine } = socket.io;
      if (engine.transport.name !== "polling") return engine.transport.name;
      let ended;
      const over = new Promise((done) => socket.once("disconnect", (ended = done)));
      await Promise.race([next(engine, "upgrade"), over]);
      socket.off("disconnect", ended);
    }
  };
  for (const way of ["drain", "kill"]) {
    const gone = next(socket, "disconnect");
    await fetch(`/restart?${way}`, { method: "POST" });
    lost.push(`${way}: ${(await gone)[0]}`);
    over.push(await within("connected again", settled()));
    socket.emit("message", bytes(100_000));
    tell(`echo ${show((await next(socket, "message-back"))[0])}`);
  }
  socket.disconnect();
  return { told, over, lost };
}

const PAGE = `<!doctype html><meta charset=utf-8><link rel=icon href=data:,><title>WebTransport</title><script type=module>
  const post = (result) => fetch("/told", { method: "POST", body: JSON.stringify({ ...result, agent: navigator.userAgent }) });
  const uncaught = [];
  addEventListener("unhandledrejection", (event) => uncaught.push(String(event.reason)));
  addEventListener("error", (event) => uncaught.push(String(event.message)));
  try {
    const { io } = await import("/client.js");
    const script = ${script};
    post({ ...(await script(io, new URLSearchParams(location.search))), uncaught });
  } catch (error) {
    post({ error: String(error), uncaught });
  }
</script>`;

/** Serves the page and the client; `told` hears what the page posts, `restart` is done when it asks. */
async function pages(told, restart) {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, "http://x").pathname;
    if (path === "/restart") {
      await restart(request.url.endsWith("?kill"));
      return response.end();
    }
    if (path === "/told") {
      let body = "";
      for await (const part of request) body += part;
      response.end();
      return told(JSON.parse(body));
    }
    if (path === "/") return response.writeHead(200, { "Content-Type": "text/html" }).end(PAGE);
    const file = path === "/client.js" && (await readFile(new URL("node_modules/socket.io-client/dist/socket.io.esm.min.js", import.meta.url)));
    response.writeHead(file ? 200 : 404, { "Content-Type": "text/javascript" }).end(file || undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => new Promise((done) => (server.close(done), server.closeAllConnections())) };
}

/** What the page told in that browser. */
const inBrowser = (name, query, restart) => hear(name, (told) => pages(told, restart), query, { ms: PAGE_MS });

const folder = mkdtempSync(join(tmpdir(), "ringside-webtransport-"));
const [cert, key] = ["cert.pem", "key.pem"].map((name) => join(folder, name));
let hash;
let running;

const start = (port) => startFixture("socketio", ["--webtransport", "--cert", cert, "--key", key, "--plain", "--ping-timeout", "5000", "--port", port]);

before(async () => {
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const fresh = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", [...fresh, "-keyout", key, "-out", cert, ...subject], { stdio: "ignore" });
  const { fingerprint256 } = new X509Certificate(readFileSync(cert));
  hash = Buffer.from(fingerprint256.replaceAll(":", ""), "hex").toString("base64");
  running = await start("0");
});
after(async () => {
  await running?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function restart(kill) {
  await (kill ? running.kill() : running.stop());
  running = await start(new URL(running.url).port);
}

test("WebTransport is offered only when asked for", async () => {
  const upgrades = async (url) => JSON.parse((await (await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).text()).slice(1)).upgrades;
  assert.deepEqual(await upgrades(running.url), ["websocket", "webtransport"]);
  for (const shape of ["socketio", "socketio-client"]) {
    const plain = await startFixture(shape);
    try {
      assert.deepEqual(await upgrades(plain.url), ["websocket"]);
    } finally {
      await plain.stop();
    }
  }
});

const EXPECTED = [
  'auth {"token":"a secret"}',
  "echo text",
  "echo Я € 𝄞 ✓",
  "echo 70000 characters, xxxxxx",
  "echo 5 bytes",
  "echo 0 bytes",
  "echo 100000 bytes",
  "echo {deep:[3 bytes,{also:125 bytes}],n:1.5,t:true,z:null}",
  "ack [1,two,3 bytes]",
  "fifty in order true",
  "three heartbeats",
  "another namespace",
  "echo 100000 bytes",
  "echo 100000 bytes",
];

for (const browser of BROWSERS) {
  describe(`${browser}, stock socket.io-client`, () => {
    for (const { transports, ends } of CHOICES) {
      test(transports.join(), async (t) => {
        const query = { server: running.url, transports: transports.join(), hash };
        const { error, told, over, lost, uncaught, agent } = await inBrowser(browser, query, restart);
        assert.equal(error, undefined);
        assert.match(agent, browser.includes("firefox") ? /Firefox/ : /Chrom/);
        // The checksums are the page's own proof: the same function made them of what was sent.
        assert.deepEqual(told.map((line) => line.replaceAll(/ bytes, \d+/g, " bytes")), EXPECTED);
        t.diagnostic(`over ${over}, lost by ${lost}; uncaught by the client itself: ${uncaught.join() || "nothing"}`);
        // A server that ends well says so; if the page is slow to hear, its connection is gone first. One that is killed
        // is missed by the heartbeat, or heard of by its successor.
        assert.match(lost[0], /^drain: transport (close|error)$/);
        assert.match(lost[1], /^kill: (ping timeout|transport (close|error))$/);
        for (const name of over) {
          if (ends) assert.equal(name, ends);
          else assert.ok(["webtransport", "websocket"].includes(name), name);
        }
      });
    }
  });
}
