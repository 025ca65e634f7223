// Somebody who has never seen the game: the page says in one line what to do, and within ten seconds it was done.
//
// Promises: no word is typed and nothing is asked: what the hand does is what the line on the page says, read from the
// page, and where it steers is what a person sees, a bright spot nearby. A gamepad without any setup does the same.
// The ten seconds are the player's: a frame that a busy machine is late with counts for a thirtieth of a second.
// Pictures go to `target/browser/`. Leaves out: how well anybody plays.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startGame } from "./game.mjs";
import { DEADLINE_MS, keep, launch, toldNext, until, visit } from "./page.mjs";

/** From the first frame with the player in it to carrying light. */
const TEN_SECONDS_MS = 10_000;

let browser;

before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
});

/**
 * In the page: a hand that holds these keys as they lead to the nearest mote, in every frame, until it has flown and
 * carries light. Leaves in `__gathered` how long that was, ms, of the player's time.
 */
function gather([up, left, down, right]) {
  const g = window.__glimmer;
  const held = new Set();
  const send = (type, code) => dispatchEvent(new KeyboardEvent(type, { code }));
  const hold = (keys) => {
    for (const key of [...held]) if (!keys.includes(key) && held.delete(key)) send("keyup", key);
    for (const key of keys) if (!held.has(key) && held.add(key)) send("keydown", key);
  };
  const nearest = (me) => {
    const ways = g.layer("MoteSeen").map(({ value }) => [value.x - me.x, value.y - me.y]);
    return ways.sort((a, b) => Math.hypot(...a) - Math.hypot(...b))[0];
  };
  let flown = false;
  let passed = 0;
  let before = performance.now();
  const frame = () => {
    const now = performance.now();
    passed += Math.min(now - before, 1000 / 30);
    before = now;
    const me = g.me();
    flown ||= g.wish().thrust;
    // Who begins among lights has gathered some before any key.
    if (flown && me?.light > 0) {
      hold([]);
      window.__gathered = { afterMs: Math.round(passed) };
      return;
    }
    const [x, y] = (me && nearest(me)) ?? [0, 0];
    const far = Math.max(Math.abs(x), Math.abs(y));
    hold([x > far / 3 && right, -x > far / 3 && left, y > far / 3 && down, -y > far / 3 && up].filter(Boolean));
    requestAnimationFrame(frame);
  };
  frame();
}

test("a newcomer reads one line, presses what it says, and carries light within ten seconds", { timeout: 4 * DEADLINE_MS }, async () => {
  const game = await startGame({ bots: 24 });
  try {
    const opened = Date.now();
    const visitor = await visit(browser, game, "/");
    const { page } = visitor;
    await until(visitor, "is in, with no question asked", () => window.__glimmer?.connected === true && window.__glimmer.me());
    const inAfter = Date.now() - opened;
    // The line is written with the first frame that shows the player.
    await until(visitor, "is told to fly", () => window.__glimmer.hint === "fly");
    const line = (await page.textContent("#hint")).trim();
    assert.ok(await page.isVisible("#hint"));
    assert.match(line, /^[^\n]{10,90}$/, `not one line: ${line}`);
    await keep(visitor, "newcomer-first.png");

    // The keys that the line names, and no others.
    const [up, left, down, right] = await page.$$eval("#hint kbd", (keys) => keys.map((key) => `Key${key.textContent}`));
    assert.deepEqual([up, left, down, right], ["KeyW", "KeyA", "KeyS", "KeyD"]);
    await page.evaluate(gather, [up, left, down, right]);
    await until(visitor, "gathers light", () => window.__gathered);
    const litAfter = await page.evaluate(() => window.__gathered.afterMs);
    await keep(visitor, "newcomer-lit.png");
    console.log(`in after ${inAfter} ms, light ${litAfter} ms later: "${line}"`);
    assert.ok(litAfter < TEN_SECONDS_MS, `light only after ${litAfter} ms`);
    await until(visitor, "is told what comes next", toldNext);
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
