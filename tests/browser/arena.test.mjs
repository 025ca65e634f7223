// The arena as people meet it: two pages in headless Chromium, one moves by keyboard, the other
// sees it move.
//
// Promises: the real program, the real page, both over WebSocket and over HTTP long-polling alone;
// the page's own word (`window.__glimmer`) on the state, and a screenshot, left under
// `target/browser/`, on the drawing. No error may reach the console. Every wait has a deadline.
// Leaves out: how the game plays, and other browsers.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { startGame } from "./game.mjs";
import { changed, describe } from "./picture.mjs";

const PICTURES = resolve(dirname(fileURLToPath(import.meta.url)), "../../target/browser");
const CHROMIUM = process.env.RINGSIDE_CHROMIUM ?? "/usr/bin/chromium";
/** Longer than any step takes on a loaded machine without a GPU; reached only on failure. */
const DEADLINE_MS = 30_000;
/** How wide the arena is, in the game's own units: 4096 sixteenths. */
const WIDTH = 4096 * 16;
/** How far the other page must see the player travel, in the same units: about the size of a player. */
const TRAVEL = 40 * 16;
/** Pages are this large, in CSS pixels. */
const VIEWPORT = { width: 960, height: 600 };

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

let browser;

before(async () => {
  assert.ok(existsSync(CHROMIUM), `${CHROMIUM} is missing: apt-get install chromium, or set RINGSIDE_CHROMIUM`);
  mkdirSync(PICTURES, { recursive: true });
  // Playwright gives every launch a fresh profile in a folder of its own and removes it afterwards.
  browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS });
});

after(async () => {
  await browser?.close();
});

/** Opens the arena in a window of its own, so that neither page is in the background. */
async function visit(game, query) {
  const context = await browser.newContext({ viewport: VIEWPORT });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  const errors = [];
  page.on("console", (message) => {
    if (message.type() === "error") {
      errors.push(`${message.text()} (${message.location().url})`);
    }
  });
  page.on("pageerror", (error) => errors.push(error.stack ?? String(error)));
  // What the page does on the wire, beside what it says of itself.
  const webSockets = [];
  page.on("websocket", (socket) => webSockets.push(socket.url()));
  await page.goto(game.url + query, { waitUntil: "load" });
  return { page, game, errors, webSockets };
}

/** Waits until `condition`, which runs in the page, is truthy; a failure tells what the page knew. */
async function until(visitor, what, condition, argument) {
  try {
    return await visitor.page.waitForFunction(condition, argument, { timeout: DEADLINE_MS });
  } catch (error) {
    const state = await visitor.page
      .evaluate(() => {
        const g = window.__glimmer;
        return g && { ...g, players: g.players?.(), me: g.me?.() };
      })
      .catch((failure) => String(failure));
    throw new Error(
      `${what}: ${error.message}\nthe page knew: ${JSON.stringify(state)}\n` +
        `its errors: ${visitor.errors.join("\n") || "none"}\nthe server said: ${visitor.game.output()}`,
    );
  }
}

function assertDrawn(png, name) {
  writeFileSync(join(PICTURES, name), png);
  const seen = describe(png);
  const told = `${name}: ${JSON.stringify(seen)}`;
  assert.ok(seen.colours >= 8, `few colours in ${told}`);
  assert.ok(seen.foreground >= 0.002, `all background in ${told}`);
  assert.ok(seen.deviation >= 2, `no contrast in ${told}`);
}

const ROUTES = [
  { query: "/", transport: "websocket" },
  { query: "/?transport=polling", transport: "polling" },
];

for (const { query, transport } of ROUTES) {
  test(`two pages see each other move over ${transport}`, { timeout: 8 * DEADLINE_MS }, async () => {
    // A game of its own: in one arena, the players of the test before could still be about to
    // leave.
    const game = await startGame({ bots: 0 });
    try {
      const mover = await visit(game, query);
      const watcher = await visit(game, query);
      for (const visitor of [mover, watcher]) {
        await until(visitor, "connects", () => window.__glimmer?.connected === true);
        await until(visitor, "sees two players", () => window.__glimmer.players().length === 2);
        // A page that upgrades is given the time to.
        await until(visitor, `is on ${transport}`, (name) => window.__glimmer.transport === name, transport);
        assert.equal(visitor.webSockets.length > 0, transport === "websocket", `${visitor.webSockets}`);
        await until(visitor, "draws", () => window.__glimmer.frames > 2);
      }
      const ids = await Promise.all([mover, watcher].map(({ page }) => page.evaluate(() => window.__glimmer.id)));
      assert.notEqual(ids[0], ids[1]);

      const still = await mover.page.screenshot();
      assertDrawn(still, `arena-${transport}-still.png`);

      const seenX = (id) => window.__glimmer.players().find((player) => player.id === id)?.x;
      const start = await watcher.page.evaluate(seenX, ids[0]);
      const tick = await watcher.page.evaluate(() => window.__glimmer.tick);
      // Players appear anywhere; away from the nearer wall there is room.
      const [key, way] = start < WIDTH / 2 ? ["KeyD", 1] : ["KeyA", -1];
      const past = ({ id, from, way, travel }) => {
        const x = window.__glimmer.players().find((player) => player.id === id)?.x;
        return (x - from) * way > travel;
      };
      const journey = { id: ids[0], from: start, way, travel: TRAVEL };
      await mover.page.keyboard.down(key);
      await until(watcher, `sees the other move (${key})`, past, journey);
      await until(mover, `sees itself move (${key})`, past, journey);
      const moved = await mover.page.screenshot();
      await mover.page.keyboard.up(key);

      assertDrawn(moved, `arena-${transport}-moved.png`);
      assertDrawn(await watcher.page.screenshot(), `arena-${transport}-watched.png`);
      assert.ok(changed(still, moved) > 0.0005, "the picture did not change although the player moved");
      assert.ok((await watcher.page.evaluate(() => window.__glimmer.tick)) !== tick, "the tick stood still");

      assert.deepEqual(mover.errors, [], "errors on the mover's console");
      assert.deepEqual(watcher.errors, [], "errors on the watcher's console");
    } finally {
      for (const context of browser.contexts()) {
        await context.close();
      }
      await game.stop();
    }
  });
}
