// A whole round, played by two pages and two dozen bots; and what the page offers beside playing.
//
// Promises: scores change and a winner is told; what both pages saw at a tick is what the server recorded of it; without
// a late or missing input nothing was mispredicted; no error reaches the console. `RINGSIDE_ROUND` is the length of the
// round (20s; whole ones elsewhere). Pictures of play, figures, split view and a telephone go to `target/browser/`.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startGame, stats } from "./game.mjs";
import { DEADLINE_MS, keep, launch, toldNext, until, visit } from "./page.mjs";

const ROUND = process.env.RINGSIDE_ROUND ?? "20s";
const ROUND_MS = Number.parseInt(ROUND, 10) * (ROUND.endsWith("m") ? 60_000 : 1000);

let browser;

before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
});

/** In the page: keeps what the newest snapshots showed, by tick. */
function remember() {
  const g = window.__glimmer;
  const kept = (window.__kept = new Map());
  const own = ["fine_x", "fine_y", "vx", "vy", "dash_left", "dash_wait", "zap_wait", "away_left"];
  window.__public = (puck) => Object.fromEntries(Object.entries(puck).filter(([name]) => !own.includes(name)));
  g.net.room.on("snapshot", ({ tick }) => {
    const layers = { pucks: g.layer("PuckSeen"), motes: g.layer("MoteSeen"), standings: g.layer("Standing"), stage: g.layer("Stage") };
    kept.set(tick, layers);
    for (const old of kept.keys()) if (kept.size > 100) kept.delete(old);
  });
}

/** In the page: compares what was kept with the server's recording. What a cell's refresh had to wait for is told apart. */
async function compare() {
  const g = window.__glimmer;
  const { decodeReplay } = await import("/js/net/replay.js");
  const file = await new Promise((done, fail) => g.net.socket.timeout(5000).emit("replay", g.room, (error, bytes) => (error ? fail(error) : done(bytes))));
  const frames = decodeReplay(file, g.tick - 150, g.tick);
  let compared = 0;
  const wrong = [];
  for (const { tick, pucks, motes, standings, stage } of frames) {
    const mine = window.__kept.get(tick);
    if (!mine) continue;
    const check = (what, seen, truth) => {
      // A cell that had to wait is shown as of an older tick.
      if (seen.tick !== tick) return;
      compared++;
      if (JSON.stringify(window.__public(seen.value)) !== JSON.stringify(window.__public(truth ?? {}))) wrong.push({ tick, what, index: seen.index, seen: seen.value, truth });
    };
    for (const seen of mine.pucks) check("puck", seen, pucks.get(seen.index));
    for (const seen of mine.motes) check("mote", seen, motes.get(seen.index));
    for (const seen of mine.standings) check("standing", seen, standings.get(seen.index));
    for (const seen of mine.stage) check("stage", seen, stage);
  }
  return { frames: frames.length, compared, wrong: wrong.slice(0, 3) };
}

/** In the page: flies about and zaps, as a person would who looks at nothing. */
function flyAbout(way) {
  let step = way;
  const keys = ["KeyD", "KeyS", "KeyA", "KeyW"];
  const send = (type, code) => dispatchEvent(new KeyboardEvent(type, { code }));
  setInterval(() => {
    send("keyup", keys[step % 4]);
    step++;
    send("keydown", keys[step % 4]);
    if (step % 3 === 0) send("keydown", "KeyE");
    else send("keyup", "KeyE");
    if (step % 7 === 0) {
      send("keydown", "Space");
      send("keyup", "Space");
    }
  }, 600);
}

test(`two pages and 24 bots play a round of ${ROUND}`, { timeout: ROUND_MS + 6 * DEADLINE_MS }, async () => {
  const game = await startGame({ bots: 26, more: ["--round", ROUND] });
  try {
    const pages = [await visit(browser, game, "/?name=Ada"), await visit(browser, game, "/?name=Bob")];
    for (const [way, visitor] of pages.entries()) {
      await until(visitor, "is in", () => window.__glimmer?.connected === true && window.__glimmer.me());
      await visitor.page.evaluate(remember);
      await visitor.page.evaluate(flyAbout, way * 2);
    }
    await until(pages[0], "sees 26 players", () => window.__glimmer.standings().length === 26);
    for (const visitor of pages) {
      await until(visitor, "sees scores change", () => window.__glimmer.standings().filter(({ score }) => score > 0).length > 2);
    }
    await keep(pages[0], "round-play.png");
    for (const [n, visitor] of pages.entries()) {
      const { frames, compared, wrong } = await visitor.page.evaluate(compare);
      assert.deepEqual(wrong, [], `page ${n} and the server disagree`);
      assert.ok(frames > 20 && compared > 2000, `page ${n}: ${compared} values of ${frames} frames were compared`);
    }
    for (const visitor of pages) {
      await until(visitor, "hears who won", () => window.__glimmer.events.over > 0, undefined, ROUND_MS + DEADLINE_MS);
    }
    await keep(pages[0], "round-over.png");
    const { rooms } = await stats(game);
    const { late, repeated, missing } = rooms[0].inputs;
    const wrong = await Promise.all(pages.map(({ page }) => page.evaluate(() => window.__glimmer.network().mispredictions)));
    const excused = late + repeated + missing;
    assert.ok(wrong[0] + wrong[1] <= excused, `${wrong} mispredictions, but only ${excused} inputs late or missing`);
    for (const visitor of pages) {
      assert.deepEqual(visitor.errors, []);
      assert.ok((await visitor.page.evaluate(() => window.__glimmer.events)).hit > 0, "nobody was hit");
    }
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await game.stop();
  }
});

test("figures, split view, encodings, transports, a stall, a replay", { timeout: 8 * DEADLINE_MS }, async () => {
  const game = await startGame({ bots: 24 });
  try {
    const visitor = await visit(browser, game, "/?name=Ada", { viewport: { width: 1280, height: 720 } });
    const { page } = visitor;
    const network = () => page.evaluate(() => window.__glimmer.network());
    await until(visitor, "is in", () => window.__glimmer?.connected === true && window.__glimmer.me());
    await page.click("#b-lab");
    await until(visitor, "the server's figures are there", () => /ms/.test(window.__glimmer.network().figures["tick p99"]));
    await keep(visitor, "lab.png");

    // JSON beside the bits: the same state, many times as large.
    await page.click("#c-json");
    await until(visitor, "JSON arrives", () => window.__glimmer.network().jsonBytes > 100_000);
    const { figures } = await network();
    const [bits, json, packed] = figures.codec.match(/[\d.]+(?= kB)/g).map(Number);
    assert.ok(json > 5 * bits && packed > 2 * bits && packed < json, figures.codec);
    await page.click("#c-json");

    // Delta off: every snapshot is a keyframe.
    await page.click("#t-delta");
    await until(visitor, "gets keyframes", () => window.__glimmer.network().figures["baseline age"] === "keyframe");
    await page.click("#t-delta");
    await until(visitor, "gets deltas again", () => window.__glimmer.network().figures["baseline age"] !== "keyframe");

    // Fewer snapshots: one in ten.
    await page.fill("#s-rate", "0");
    await until(visitor, "gets two snapshots a second", () => Number.parseInt(window.__glimmer.network().figures.snapshots) <= 3);
    await page.fill("#s-rate", "5");
    await until(visitor, "gets more again", () => Number.parseInt(window.__glimmer.network().figures.snapshots) > 5);
    assert.match((await network()).figures.replay, /^\d+\.\d s$/);

    await page.click("#t-overlay");
    await page.click("#y-split");
    await until(visitor, "the twin is in", () => window.__glimmer.twin()?.net.joined && window.__glimmer.twin().net.room.stats.frames > 20);
    await keep(visitor, "split.png");
    await page.click("#y-split");
    await page.click("#t-overlay");

    // The same player over another transport, and back.
    const id = await page.evaluate(() => window.__glimmer.id);
    for (const name of ["webtransport", "polling", "websocket"]) {
      await page.click(`#x-${name}`);
      await until(visitor, `goes on over ${name}`, (name) => window.__glimmer.transport === name && window.__glimmer.connected, name);
      const { stats: before, datagrams: earlier } = await network();
      await until(visitor, `gets snapshots over ${name}`, (frames) => window.__glimmer.network().stats.frames > frames + 5, before.frames);
      if (name === "webtransport") await until(visitor, "as datagrams, both ways", ({ in: heard, out }) => window.__glimmer.network().datagrams.in > heard + 5 && window.__glimmer.network().datagrams.out > out + 5, earlier);
      const { datagrams: later } = await network();
      if (name !== "webtransport") assert.deepEqual(later, earlier, "datagrams without WebTransport");
      assert.equal(await page.evaluate(() => window.__glimmer.id), id, "another player");
    }

    await page.click("#y-stall");
    await until(visitor, "wakes up", () => window.__glimmer.network().stalled);
    const { stalled } = await network();
    // A hundred were due. What is in flight is bounded by the round trip, 16 at most; fresh ones come once it is over.
    const fresh = 20 * (stalled.seconds - 5);
    assert.ok(stalled.seconds >= 5 && stalled.frames <= 16 + fresh, JSON.stringify(stalled));

    // Shattered just before and just after one asks for the last seconds: it is these that are shown.
    await page.keyboard.press("KeyN");
    const shattered = () => page.evaluate(() => window.__glimmer.cam.shattered(window.__glimmer.players()[0].id, window.__glimmer.tick));
    await shattered();
    await page.keyboard.press("KeyR");
    await until(visitor, "replays the last seconds", () => window.__glimmer.replaying && document.getElementById("cam-text").textContent === "the last 10 seconds");
    await shattered();
    // Saved, and shown by another server to somebody who opens what it prints.
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#cam-save")]);
    await keep(visitor, "replay.png");
    assert.equal(await page.textContent("#cam-text"), "the last 10 seconds");
    await page.keyboard.press("Escape");
    const film = await startGame({ bots: 0, more: ["--play", await download.path()] });
    try {
      const [, query] = await film.printed(/The recording is at http:\/\/[^/]+(\/\S+)\s/);
      const viewer = await visit(browser, film, query);
      await until(viewer, "watches", () => window.__glimmer?.connected === true && window.__glimmer.net.watching);
      const seen = await viewer.page.evaluate(() => window.__glimmer.tick ?? 0);
      await until(viewer, "sees it go on", (seen) => window.__glimmer.tick > seen + 60 && window.__glimmer.players().length >= 20, seen);
      await keep(viewer, "film.png");
      assert.deepEqual(viewer.errors, []);
    } finally {
      await film.stop();
    }

    await page.keyboard.press("Enter");
    await page.keyboard.type("hello <b>there</b>");
    await page.keyboard.press("Enter");
    await page.getByText("hello <b>there</b>").waitFor();

    await page.click("#b-share");
    assert.match(await page.inputValue("#share-url"), /\?room=[A-Z2-8]{6}$/);
    await keep(visitor, "share.png");
    const shared = await page.evaluate(() => window.__glimmer.room);
    await page.click("#share-private");
    await until(visitor, "is in a room of its own", (old) => window.__glimmer.connected && window.__glimmer.room !== old, shared);
    assert.equal(new URL(page.url()).searchParams.get("room"), await page.evaluate(() => window.__glimmer.room));
    // A poll may cross the goodbye of the session that it is of, when the page takes another transport: the browser,
    // and not the page, then tells of the refusal.
    const crossed = /status of 400 .*transport=polling&sid=/;
    assert.deepEqual(visitor.errors.filter((error) => !crossed.test(error)), []);
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await game.stop();
  }
});

/** In the page, asked in every frame: whether it flew 25 pixels to the right in one go. A wall or a zap may end the first attempts. */
function fliesRight() {
  const me = window.__glimmer.me();
  if (!me || me.away) return false;
  const from = (window.__flight ??= me);
  if (from.life !== me.life || me.x < from.x) window.__flight = me;
  return me.x - window.__flight.x > 25 * 16;
}

test("on a telephone: thumbs fly, the hint tells what to do next, and motion can be reduced", { timeout: 4 * DEADLINE_MS }, async () => {
  const game = await startGame({ bots: 24 });
  try {
    const telephone = { viewport: { width: 390, height: 760 }, hasTouch: true, isMobile: true, reducedMotion: "reduce" };
    const visitor = await visit(browser, game, "/", telephone);
    const { page } = visitor;
    await until(visitor, "is in", () => window.__glimmer?.connected === true && window.__glimmer.me());
    await until(visitor, "is told to fly", () => window.__glimmer.hint === "fly");
    assert.match(await page.textContent("#hint"), /thumb/);
    const touch = (type, x, y) => page.evaluate(({ type, x, y }) => document.getElementById("arena").dispatchEvent(new PointerEvent(type, { pointerId: 7, pointerType: "touch", clientX: x, clientY: y, bubbles: true })), { type, x, y });
    await touch("pointerdown", 90, 600);
    await touch("pointermove", 140, 600);
    await until(visitor, "flies to the right", fliesRight);
    await keep(visitor, "telephone.png");
    await touch("pointerup", 140, 600);
    await until(visitor, "is told what comes next", toldNext);
    assert.deepEqual(visitor.errors, []);
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await game.stop();
  }
});

test("the server is killed and started again: the player goes on where it was", { timeout: 6 * DEADLINE_MS }, async () => {
  let game = await startGame({ bots: 10, keep: true });
  try {
    const visitor = await visit(browser, game, "/?name=Ada&renderer=canvas");
    await until(visitor, "is in", () => window.__glimmer?.connected === true && window.__glimmer.me());
    const before = await visitor.page.evaluate(() => ({ id: window.__glimmer.id, room: window.__glimmer.room, round: window.__glimmer.stage() }));
    // Saved once a second.
    await until(visitor, "plays for a while", () => window.__glimmer.tick > 200);
    await game.kill();
    await until(visitor, "notices", () => !window.__glimmer.connected);
    game = await game.again();
    visitor.game = game;
    await until(visitor, "is back", () => window.__glimmer.connected && window.__glimmer.me());
    const now = await visitor.page.evaluate(() => ({ id: window.__glimmer.id, room: window.__glimmer.room, round: window.__glimmer.stage() }));
    assert.deepEqual([now.id, now.room, now.round.ends], [before.id, before.room, before.round.ends]);
    const { frames } = await visitor.page.evaluate(() => window.__glimmer.network().stats);
    await until(visitor, "gets snapshots", (frames) => window.__glimmer.network().stats.frames > frames + 10, frames);
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await game.stop();
  }
});
