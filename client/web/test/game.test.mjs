// The game extras, on their own: interpolation over a seeded rough link, clock, pace, rates, latest.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { random } from "../js/backoff.js";
import { Emitter } from "../js/events.js";
import { ClockSync } from "../js/game/clock.js";
import { Rates } from "../js/game/counters.js";
import { Playback, Timeline, blendFields, lerpAngle } from "../js/game/interpolation.js";
import { latest } from "../js/game/latest.js";
import { Pace } from "../js/game/pace.js";
import { until } from "./helper.mjs";

const TICK_MS = 1000 / 60;

describe("interpolation", () => {
  const LINE = [{ name: "x", bits: 16, kind: "unsigned" }, { name: "aim", bits: 8, kind: "wrapping" }];
  const track = (jumps) => {
    const playback = new Playback();
    return { playback, line: new Timeline(playback, blendFields(LINE, jumps)) };
  };
  const at = (tick, x, known = tick) => [{ index: 1, tick: known, value: { x, aim: 0 } }];

  test("angles take the shortest arc", () => {
    for (const [a, b, half] of [[0, 64, 32], [250, 6, 256], [6, 250, 0], [10, 10, 10]]) assert.equal(lerpAngle(a, b, 0.5), half);
  });

  test("a jump is not drawn as a flight", () => {
    const { playback, line } = track((a, b) => Math.abs(a.x - b.x) > 500);
    playback.push(0, 0);
    line.push(0, at(0, 0));
    playback.push(3, 50);
    line.push(3, at(3, 1000));
    const seen = new Set();
    for (let now = 50; now < 200; now += 5) {
      playback.advance(now);
      line.sample((_, { x }) => seen.add(x));
    }
    assert.deepEqual([...seen], [0, 1000]);
  });

  test("what is older than the newest is dropped; a server that began anew is not", () => {
    const { playback } = track();
    assert.ok(playback.push(1000, 0));
    assert.ok(!playback.push(997, 1));
    assert.ok(playback.push(3, 2));
  });

  test("an entity whose cell had to wait is shown by the ticks it is known at", () => {
    const { playback, line } = track();
    for (let tick = 0; tick <= 30; tick += 3) {
      playback.push(tick, tick * TICK_MS);
      // Its cell is refreshed with every other frame only.
      const known = tick - (tick % 6);
      line.push(tick, at(tick, known * 10, known));
    }
    for (let now = 30 * TICK_MS; now < 40 * TICK_MS; now += 4) {
      playback.advance(now);
      line.sample((_, { x }) => assert.ok(Math.abs(x - playback.tick * 10) < 1e-6, `${x} at ${playback.tick}`));
    }
  });

  test("who leaves the view is shown until playback is there, and not after", () => {
    const { playback, line } = track();
    for (let tick = 0; tick <= 60; tick += 3) {
      playback.push(tick, tick * TICK_MS);
      line.push(tick, tick < 30 ? at(tick, tick) : []);
      playback.advance(tick * TICK_MS);
      let seen = 0;
      line.sample(() => seen++);
      if (playback.tick > 0) assert.equal(seen, playback.tick < 30 ? 1 : 0, `at ${playback.tick}`);
    }
    assert.deepEqual([...line.all()], []);
  });

  // A puck at constant speed, snapshots every third tick with a seeded, jittered and lossy way: how it moves on the screen.
  function drive({ seed, jitterMs, loss, latencyMs = 40 }) {
    const next = random(seed);
    const arrivals = [];
    let clear = 0;
    for (let tick = 0; tick < 60 * 20; tick += 3) {
      if (next() < loss) continue;
      // Ordered, as over TCP: nobody overtakes.
      clear = Math.max(clear, tick * TICK_MS + latencyMs + next() * jitterMs);
      arrivals.push({ tick, now: clear });
    }
    const { playback, line } = track();
    const steps = [];
    let last;
    let held = 0;
    for (let now = 0; now < 19_000; now += TICK_MS) {
      while (arrivals[0]?.now <= now) {
        const { tick } = arrivals.shift();
        playback.push(tick, now);
        line.push(tick, at(tick, tick * 10));
      }
      playback.advance(now);
      line.sample((_, { x }) => {
        if (now > 4000 && last !== undefined) {
          steps.push(x - last);
          if (x === last) held++;
        }
        last = x;
      });
    }
    return { steps, held, delayMs: playback.delayMs };
  }

  test("over a clean link every frame moves as far as the server's tick, 100 ms late", () => {
    const { steps, held, delayMs } = drive({ seed: 1, jitterMs: 0, loss: 0 });
    assert.equal(held, 0);
    assert.equal(delayMs, 100);
    assert.ok(Math.min(...steps) > 9.4 && Math.max(...steps) < 10.6, `${Math.min(...steps)} to ${Math.max(...steps)}`);
  });

  test("over rough links it slows or hurries by 5 %, seldom waits, and never goes back", () => {
    for (let seed = 0; seed < 40; seed++) {
      const { steps, held, delayMs } = drive({ seed, jitterMs: 60, loss: 0.05 });
      assert.ok(Math.min(...steps) >= 0, `seed ${seed}: went back ${Math.min(...steps)}`);
      assert.ok(Math.max(...steps) <= 10.5 + 1e-6, `seed ${seed}: jumped ${Math.max(...steps)}`);
      assert.ok(held < steps.length * 0.02, `seed ${seed}: waited in ${held} of ${steps.length} frames`);
      assert.ok(delayMs > 100 && delayMs <= 260, `seed ${seed}: ${delayMs} ms`);
    }
  });
});

describe("clock", () => {
  test("the quickest exchange decides; the true offset is within half its round trip", () => {
    const clock = new ClockSync(new Emitter(), { intervalMs: 1e6 });
    const next = random(3);
    for (let sent = 0; sent < 8000; sent += 500) {
      const [there, back] = [20 + next() * 80, 20 + next() * 80];
      clock.add(sent, sent + there + 5000, sent + there + back);
    }
    clock.stop();
    assert.ok(Math.abs(clock.offset - 5000) < 30, String(clock.offset));
    assert.ok(clock.rtt > 80 && clock.rtt < 160 && clock.jitter > 5 && clock.jitter < 60);
  });
});

describe("rates", () => {
  test("are a second's worth over a sliding window", () => {
    const stats = { bytesIn: 0 };
    const rates = new Rates(stats);
    let rate;
    for (let now = 0; now <= 10_000; now += 250) {
      rate = rates.update(now).bytesIn;
      stats.bytesIn += now < 5000 ? 1000 : 500;
    }
    assert.equal(rate, 2000);
  });
});

describe("latest", () => {
  test("hands over the newest once a frame and counts what it skipped", async () => {
    const socket = new Emitter();
    const got = [];
    const handle = latest(socket, "pos", (...args) => got.push(args));
    for (let i = 0; i < 5; i++) socket._fire("pos", i, "x");
    assert.deepEqual(got, []);
    await until(() => got.length > 0);
    assert.deepEqual(got, [[4, "x"]]);
    assert.equal(handle.skipped, 4);
    handle.stop();
    assert.equal(socket.hasListeners("pos"), false);
  });
});

describe("pace", () => {
  test("slews by a little while inputs are early enough, and jumps ahead when they come late", () => {
    const pace = new Pace();
    pace.heard(100, 0, undefined, 20, 0);
    const lead = pace.tick - 100;
    assert.ok(lead > 1 && lead < 4, `${lead} ticks ahead`);
    for (let now = 0; now < 1000; now += 50) [...pace.due(now)];
    // Two ticks early (a little more, for it is rounded down) is half a tick more than wanted: a little slower.
    pace.heard(160, 1000, 8, 20, 0);
    [...pace.due(1000)];
    const before = pace.tick;
    const ticks = [...pace.due(1100)];
    assert.ok(ticks.length >= 5 && ticks.length <= 6 && pace.tick > before + 5.85 && pace.tick < before + 6.01, `${ticks}`);
    assert.equal(pace.jumps, 0);
    // Three ticks late: every input is lost, so at once as many ahead, and as many as wanted.
    const late = pace.tick;
    pace.heard(166, 1110, -12, 20, 0);
    assert.equal(pace.tick, late + 1.5 + 2.875);
    assert.equal(pace.jumps, 1);
    // The report is of before the jump for a while.
    pace.heard(169, 1160, -12, 20, 0);
    assert.equal(pace.jumps, 1);
  });
});
