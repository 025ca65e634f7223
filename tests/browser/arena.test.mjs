// The arena as people meet it: two pages in headless Chromium, one moves by keyboard, the other
// sees it move.
//
// Promises: the real program, the real page, both over WebSocket and over HTTP long-polling alone;
// the page's own word (`window.__glimmer`) on the state, and a screenshot, left under
// `target/browser/`, on the drawing. No error may reach the console. Every wait has a deadline.
// Leaves out: how the game plays (`round.test.mjs`), and other browsers.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startGame } from "./game.mjs";
import { changed } from "./picture.mjs";
import { DEADLINE_MS, keep, launch, until, visit } from "./page.mjs";

/** How wide the arena is, in the game's own units: 4096 sixteenths. */
const WIDTH = 4096 * 16;
/** How far the other page must see the player travel, in the same units: about the size of a player. */
const TRAVEL = 40 * 16;

let browser;

before(async () => {
  browser = await launch();
});

after(async () => {
  await browser?.close();
});

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
      const mover = await visit(browser, game, query);
      const watcher = await visit(browser, game, query);
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

      const still = await keep(mover, `arena-${transport}-still.png`);
      const seenX = (id) => window.__glimmer.players().find((player) => player.id === id)?.x;
      const start = await watcher.page.evaluate(seenX, ids[0]);
      const tick = await watcher.page.evaluate(() => window.__glimmer.tick);
      // Players appear anywhere near the middle; away from the nearer wall there is room.
      const [key, way] = start < WIDTH / 2 ? ["KeyD", 1] : ["KeyA", -1];
      const past = ({ id, from, way, travel }) => {
        const x = window.__glimmer.players().find((player) => player.id === id)?.x;
        return (x - from) * way > travel;
      };
      const journey = { id: ids[0], from: start, way, travel: TRAVEL };
      await mover.page.keyboard.down(key);
      await until(watcher, `sees the other move (${key})`, past, journey);
      await until(mover, `sees itself move (${key})`, past, journey);
      const moved = await keep(mover, `arena-${transport}-moved.png`);
      await mover.page.keyboard.up(key);

      await keep(watcher, `arena-${transport}-watched.png`);
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
