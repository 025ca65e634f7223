// The client in a real Chromium: every stage while the server dies, stays away and comes back.
//
//   node --test client/web/test/*.browser.mjs        (RINGSIDE_CHROMIUM names another binary than /usr/bin/chromium)
//
// Promises: no Chromium is a failure with its mend, not a skip. Leaves out: the transcript (everywhere.browser.mjs), the arena's page
// (its own test).
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { plain, stock, until } from "./helper.mjs";

const binary = process.env.RINGSIDE_CHROMIUM ?? "/usr/bin/chromium";
const ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
// Pages come from another origin than the servers, so that CORS and cookies are as in life.
const cors = { cors: { origin: "*" } };

let browser;
let files;

before(async () => {
  assert.ok(existsSync(binary), `no Chromium at ${binary}: apt-get install chromium, or set RINGSIDE_CHROMIUM`);
  browser = await chromium.launch({ executablePath: binary, args: ARGS });
  files = await plain(async (request, response) => {
    const path = new URL(request.url, "http://x").pathname;
    if (path === "/") return response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html><link rel=icon href=data:,><title>test</title>");
    const body = await readFile(new URL(`..${path}`, import.meta.url)).catch(() => undefined);
    response.writeHead(body ? 200 : 404, { "Content-Type": "text/javascript" }).end(body);
  });
});
after(async () => {
  await browser?.close();
  await files?.stop();
});

async function page() {
  const one = await browser.newPage();
  const errors = [];
  one.on("pageerror", (error) => errors.push(error.message));
  await one.goto(files.url);
  return { one, errors, close: () => (assert.deepEqual(errors, []), one.close()) };
}

/** A socket in the page whose stages are written to `window.seen`. */
async function watch(one, url, opts) {
  await one.evaluate(async ([url, opts]) => {
    const { io } = await import("/js/ringside.js");
    window.seen = [];
    window.socket = io(url, { reconnectionDelay: 100, reconnectionDelayMax: 200, seed: 1, ...opts });
    for (const name of ["connecting", "connect", "connect_failed", "connect_error", "disconnect", "error", "reconnecting", "reconnect_attempt", "reconnect", "reconnect_failed"]) {
      window.socket.on(name, (first) => window.seen.push(`${name}${first === undefined || typeof first === "object" ? "" : ` ${first}`} | ${window.socket.state}`));
    }
  }, [url, opts]);
  return { seen: () => one.evaluate(() => window.seen), wait: (text) => one.waitForFunction((text) => window.seen.some((line) => line.startsWith(text)), text, { timeout: 10_000 }) };
}

describe("in Chromium", () => {
  for (const transports of [["websocket"], ["polling"], ["websocket", "polling"]]) {
    test(`each stage, in order, while the server is killed, stays away, and comes back: ${transports}`, async () => {
      const first = await stock(cors);
      const { one, close } = await page();
      const { seen, wait } = await watch(one, first.url, { transports });
      await wait("connect |");
      await first.stop();
      await wait("reconnecting 3");
      const second = await stock(cors, undefined, first.port);
      await wait("reconnect ");
      const story = await seen();
      const cause = transports.includes("polling") ? "unreachable" : "websocket";
      assert.deepEqual(story.slice(0, 2), ["connecting | connecting", "connect | connected"]);
      const lost = story.findIndex((line) => line.startsWith("disconnect"));
      assert.match(story[lost], /^disconnect transport (close|error) \| reconnecting$/);
      const away = story.slice(lost + 1);
      const attempts = away.filter((line) => line.startsWith("reconnecting")).length;
      const failed = (n) => [`reconnecting ${n} | reconnecting`, `reconnect_attempt ${n} | reconnecting`, "connecting | connecting", `connect_failed ${cause} | reconnecting`, "connect_error | reconnecting"];
      const good = (n) => [...failed(n).slice(0, 3), "connect | connected", `reconnect ${n} | connected`];
      const expected = Array.from({ length: attempts }, (_, i) => (i < attempts - 1 ? failed(i + 1) : good(i + 1))).flat();
      assert.deepEqual(away, expected);
      assert.ok(attempts >= 3);
      await close();
      await second.stop();
    });
  }

  test("a server that never answers", async () => {
    const mute = createServer((socket) => socket.resume().on("error", () => {}));
    await new Promise((done) => mute.listen(0, "127.0.0.1", done));
    for (const transports of [["websocket"], ["polling"]]) {
      const { one, close } = await page();
      const { seen, wait } = await watch(one, `http://127.0.0.1:${mute.address().port}`, { transports, timeout: 200, reconnectionAttempts: 1 });
      await wait("reconnect_failed");
      assert.deepEqual((await seen()).map((line) => line.split(" |")[0]), [
        "connecting", "connect_failed timeout", "connect_error", "reconnecting 1",
        "reconnect_attempt 1", "connecting", "connect_failed timeout", "connect_error", "reconnect_failed 1",
      ]);
      assert.equal(await one.evaluate(() => window.socket.state), "failed");
      await close();
    }
    mute.close();
  });

  test("a way that takes no WebSocket: polling, and one line about it", async () => {
    const server = await stock(cors);
    server.http.removeAllListeners("upgrade");
    server.http.on("upgrade", (_, socket) => socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
    const { one, close } = await page();
    const warnings = [];
    one.on("console", (message) => message.type() === "warning" && warnings.push(message.text()));
    const { wait } = await watch(one, server.url, { transports: ["websocket", "polling"] });
    await wait("connect |");
    assert.equal(await one.evaluate(() => window.socket.io.engine.transport.name), "polling");
    await until(() => warnings.length, "the warning");
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /playing over polling/);
    await close();
    await server.stop();
  });

  test("switching transport in mid-life keeps id and stream", async () => {
    const server = await stock({ ...cors, connectionStateRecovery: {} });
    const { one, close } = await page();
    const { seen, wait } = await watch(one, server.url, { transports: ["websocket", "polling"] });
    await wait("connect |");
    await one.evaluate(() => ((window.got = []), window.socket.on("n", (n) => window.got.push(n))));
    let n = 0;
    const ticker = setInterval(() => server.server.emit("n", n++), 5);
    const id = await one.evaluate(() => window.socket.id);
    for (const name of ["polling", "websocket"]) {
      await one.waitForFunction((count) => window.got.length > count + 5, await one.evaluate(() => window.got.length));
      assert.equal(await one.evaluate((name) => new Promise((done) => (window.socket.once("switch", done), window.socket.io.switchTransport(name))), name), name);
    }
    clearInterval(ticker);
    await one.waitForFunction((n) => window.got.length >= n, n);
    assert.deepEqual(await one.evaluate(() => window.got), Array.from({ length: n }, (_, i) => i));
    assert.equal(await one.evaluate(() => window.socket.id), id);
    assert.equal((await seen()).length, 2);
    await close();
    await server.stop();
  });

  test("leaving the page ends the session at once, over polling too", async () => {
    for (const transports of [["websocket"], ["polling"]]) {
      const reasons = [];
      const server = await stock(cors, (io) => io.on("connection", (socket) => socket.on("disconnect", (reason) => reasons.push(reason))));
      const { one, close } = await page();
      const { wait } = await watch(one, server.url, { transports });
      await wait("connect |");
      await one.goto("about:blank");
      // Long before the ping timeout, which is 45 s here.
      await until(() => reasons.length === 1, "the server to hear of it");
      // Which of the two the server sees first, our word or the poll that breaks off, is the network's choice.
      assert.match(reasons[0], /^transport (close|error)$/);
      await close();
      await server.stop();
    }
  });

  test("the network goes and comes: told at once, and tried at once", async () => {
    const server = await stock(cors);
    const { one, close } = await page();
    const { seen, wait } = await watch(one, server.url, { transports: ["websocket"], reconnectionDelay: 60_000, reconnectionDelayMax: 60_000 });
    await wait("connect |");
    await one.context().setOffline(true);
    await wait("reconnecting 1");
    await one.context().setOffline(false);
    // Long before the minute is over.
    await wait("reconnect 1");
    assert.deepEqual((await seen()).slice(2), ["disconnect forced close | reconnecting", "reconnecting 1 | reconnecting", "reconnect_attempt 1 | reconnecting", "connecting | connecting", "connect | connected", "reconnect 1 | connected"]);
    await close();
    await server.stop();
  });
});
