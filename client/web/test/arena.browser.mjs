// The arena's page in Chromium against the stand-in server: it joins, moves, sees others, survives a restart, draws either way.
//
// Screenshots go to target/arena/. Leaves out: the real server (the workspace's own browser test).
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";

const binary = process.env.RINGSIDE_CHROMIUM ?? "/usr/bin/chromium";
const ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const shots = fileURLToPath(new URL("../../../target/arena/", import.meta.url));
/** The processor draws, and others use it too. */
const WAIT = { timeout: 20_000 };

async function mock(port = 0) {
  const script = fileURLToPath(new URL("./mock-glimmer.mjs", import.meta.url));
  const child = spawn(process.execPath, [script, "--port", String(port), "--bots", "9"], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await new Promise((done) => child.stdout.once("data", (text) => done(String(text).split("\n"))));
  return { url: line, port: +new URL(line).port, stop: () => new Promise((done) => (child.once("exit", done), child.kill())) };
}

let browser;
let server;

before(async () => {
  assert.ok(existsSync(binary), `no Chromium at ${binary}: apt-get install chromium, or set RINGSIDE_CHROMIUM`);
  mkdirSync(shots, { recursive: true });
  browser = await chromium.launch({ executablePath: binary, args: ARGS });
  server = await mock();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function open(query, options = {}) {
  const context = await browser.newContext({ viewport: { width: 960, height: 600 }, ...options });
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.stack));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.goto(`${server.url}/${query}`);
  await page.waitForFunction(() => window.__glimmer?.me(), null, WAIT);
  return { page, errors, close: () => context.close() };
}

/** A picture with something on it: flat colour compresses to next to nothing. */
async function shoot(page, name) {
  const png = await page.screenshot({ path: `${shots}${name}.png` });
  assert.ok(png.length > 25_000, `${name} is ${png.length} bytes: blank?`);
}

describe("the arena's page", () => {
  for (const query of ["?name=Ada", "?name=Ada&transport=polling", "?name=Ada&renderer=canvas"]) {
    test(`joins, moves by keyboard, and another page sees it: ${query}`, async () => {
      const [ada, bob] = [await open(query), await open("?name=Bob&renderer=canvas")];
      const me = await ada.page.evaluate(() => window.__glimmer.me());
      assert.equal(me.name, "Ada");
      await ada.page.keyboard.down("KeyD");
      await bob.page.waitForFunction(({ id, x }) => window.__glimmer.players().find((each) => each.id === id)?.x > x + 2000, me, WAIT);
      const seen = await bob.page.evaluate((id) => window.__glimmer.players().find((each) => each.id === id), me.id);
      assert.equal(seen.name, "Ada");
      await shoot(ada.page, query.includes("canvas") ? "canvas" : query.includes("polling") ? "polling" : "webgl");
      assert.equal(await ada.page.evaluate(() => window.__glimmer.transport), query.includes("polling") ? "polling" : "websocket");
      assert.equal(await ada.page.evaluate(() => window.__glimmer.renderer), query.includes("canvas") ? "canvas2d" : "webgl2");
      // Left as people leave, so that the page can say goodbye.
      await ada.page.goto("about:blank");
      await bob.page.waitForFunction((id) => !window.__glimmer.players().some((each) => each.id === id), me.id, WAIT);
      assert.deepEqual([...ada.errors, ...bob.errors], []);
      await ada.close();
      await bob.close();
    });
  }

  test("a name can be changed in the field; keys typed there fly nobody", async () => {
    const [one, other] = [await open("?renderer=canvas"), await open("?renderer=canvas")];
    const { id } = await one.page.evaluate(() => window.__glimmer.me());
    await one.page.locator("#name").fill("wasd");
    await one.page.keyboard.press("Enter");
    await other.page.waitForFunction((id) => window.__glimmer.players().find((each) => each.id === id)?.name === "wasd", id, WAIT);
    assert.equal(await one.page.locator("#notice").isVisible(), false);
    assert.deepEqual([...one.errors, ...other.errors], []);
    await one.close();
    await other.close();
  });

  test("the server is killed and comes back: the page says so, and plays on", async () => {
    const { page, close } = await open("?renderer=canvas");
    await server.stop();
    await page.waitForFunction(() => !window.__glimmer.connected, null, WAIT);
    await page.locator("#notice").waitFor({ state: "visible" });
    assert.match(await page.locator("#notice").textContent(), /Connection lost|Cannot connect/);
    await shoot(page, "lost");
    server = await mock(server.port);
    await page.waitForFunction(() => window.__glimmer.connected && window.__glimmer.me(), null, WAIT);
    await page.locator("#notice").waitFor({ state: "hidden" });
    const { x } = await page.evaluate(() => window.__glimmer.me());
    await page.keyboard.down("ArrowLeft");
    await page.waitForFunction((x) => window.__glimmer.me()?.x < x - 1000, x, WAIT);
    await close();
  });

  test("small screens, touch and reduced motion", async () => {
    const { page, errors, close } = await open("", { viewport: { width: 390, height: 760 }, hasTouch: true, isMobile: true, reducedMotion: "reduce" });
    assert.equal(await page.locator(".thumbs").isVisible(), true);
    assert.equal(await page.locator(".keys").isVisible(), false);
    await shoot(page, "small");
    assert.deepEqual(errors, []);
    await close();
  });
});
