// Somebody who has never seen the game: the page says in one line what to do, and within ten seconds it was done.
//
// Promises: no word is typed and nothing is asked: what the hand does is what the line on the page says, read from the
// page, and where it steers is what a person sees, a bright spot nearby. A gamepad without any setup does the same.
// Pictures go to `target/browser/`. Leaves out: how well anybody plays.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startGame } from "./game.mjs";
import { DEADLINE_MS, keep, launch, until, visit } from "./page.mjs";

/** From opening the page to carrying light. */
const TEN_SECONDS_MS = 10_000;

let browser;

before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
});

/** In the page: where the nearest mote is from here, `[dx, dy]` in units. */
function nearestMote() {
  const g = window.__glimmer;
  const me = g.me();
  if (!me) return undefined;
  const ways = g.layer("MoteSeen").map(({ value }) => [value.x - me.x, value.y - me.y]);
  return ways.sort((a, b) => Math.hypot(...a) - Math.hypot(...b))[0];
}

const lit = () => window.__glimmer.me()?.light > 0;

test("a newcomer reads one line, presses what it says, and carries light within ten seconds", { timeout: 4 * DEADLINE_MS }, async () => {
  const game = await startGame({ bots: 24 });
  try {
    const opened = Date.now();
    const visitor = await visit(browser, game, "/");
    const { page } = visitor;
    await until(visitor, "is in, with no question asked", () => window.__glimmer?.connected === true && window.__glimmer.me());
    const inAfter = Date.now() - opened;
    const line = (await page.textContent("#hint")).trim();
    assert.ok(await page.isVisible("#hint"));
    assert.match(line, /^[^\n]{10,90}$/, `not one line: ${line}`);
    await keep(visitor, "newcomer-first.png");

    // The keys that the line names, and no others.
    const [up, left, down, right] = await page.$$eval("#hint kbd", (keys) => keys.map((key) => `Key${key.textContent}`));
    assert.deepEqual([up, left, down, right], ["KeyW", "KeyA", "KeyS", "KeyD"]);
    const held = new Set();
    const hold = async (keys) => {
      for (const key of [...held]) if (!keys.includes(key) && held.delete(key)) await page.keyboard.up(key);
      for (const key of keys) if (!held.has(key) && held.add(key)) await page.keyboard.down(key);
    };
    const gives = Date.now() + DEADLINE_MS;
    while (!(await page.evaluate(lit))) {
      assert.ok(Date.now() < gives, "no light was gathered");
      const way = await page.evaluate(nearestMote);
      if (!way) continue;
      const far = Math.max(...way.map(Math.abs));
      const keys = [];
      if (Math.abs(way[0]) > far / 3) keys.push(way[0] > 0 ? right : left);
      if (Math.abs(way[1]) > far / 3) keys.push(way[1] > 0 ? down : up);
      await hold(keys);
    }
    const litAfter = Date.now() - opened;
    await hold([]);
    await keep(visitor, "newcomer-lit.png");
    console.log(`in after ${inAfter} ms, light after ${litAfter} ms: "${line}"`);
    assert.ok(litAfter < TEN_SECONDS_MS, `light only after ${litAfter} ms`);
    await until(visitor, "is told what comes next", () => ["gather", "bank"].includes(window.__glimmer.hint));
    assert.deepEqual(visitor.errors, []);
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await game.stop();
  }
});

test("a gamepad flies, aims, zaps and dashes as it is plugged in", { timeout: 4 * DEADLINE_MS }, async () => {
  const game = await startGame({ bots: 0 });
  try {
    const visitor = await visit(browser, game, "/");
    const { page } = visitor;
    await until(visitor, "is in", () => window.__glimmer?.connected === true && window.__glimmer.me());
    await page.evaluate(() => {
      const buttons = Array.from({ length: 17 }, () => ({ pressed: false, value: 0 }));
      window.__pad = { connected: true, mapping: "standard", axes: [0, 0, 0, 0], buttons };
      navigator.getGamepads = () => [null, window.__pad];
    });
    const pad = (axes, ...pressed) =>
      page.evaluate(
        ({ axes, pressed }) => {
          window.__pad.axes = axes;
          window.__pad.buttons.forEach((button, n) => (button.pressed = pressed.includes(n)));
        },
        { axes, pressed },
      );
    // A resting stick means nothing.
    await pad([0.1, -0.1, 0.1, 0]);
    const before = await page.evaluate(() => window.__glimmer.wish());
    assert.deepEqual([before.thrust, before.fire, before.dash], [false, false, false]);
    const from = await page.evaluate(() => window.__glimmer.me());
    // Towards the middle: there is room.
    const way = from.x < 32768 ? 1 : -1;
    await pad([way, 0, 0, -0.6]);
    await until(visitor, "flies where the left stick points", ([x, way]) => (window.__glimmer.me()?.x - x) * way > 1600, [from.x, way]);
    // The right stick aims: up is three quarters of a turn, of 256.
    await until(visitor, "aims where the right stick points", () => Math.abs(window.__glimmer.me()?.aim - 192) < 8);
    const shots = await page.evaluate(() => window.__glimmer.me().shots);
    await pad([0, 0, 0, -1]);
    await until(visitor, "zaps with the right stick held far out", (shots) => window.__glimmer.me().shots !== shots, shots);
    await pad([way, 0, 0, 0], 0);
    await until(visitor, "dashes with A", () => window.__glimmer.me().dash);
    assert.deepEqual(visitor.errors, []);
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await game.stop();
  }
});
