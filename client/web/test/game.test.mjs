// The game extras, on their own: decoding, interpolation over a seeded rough link, clock, rates, latest.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { random } from "../js/backoff.js";
import { Emitter } from "../js/events.js";
import { ClockSync } from "../js/game/clock.js";
import { Rates } from "../js/game/counters.js";
import { SnapshotBuffer, lerpAngle } from "../js/game/interpolation.js";
import { latest } from "../js/game/latest.js";
import { decodeSnapshot } from "../js/game/snapshot.js";
import { until } from "./helper.mjs";

const TICK_MS = 1000 / 60;
const at = (tick, x, extra = {}) => ({ tick, entities: new Map([[1, { x, y: 0, aim: 0, flags: 0, ...extra }]]) });

describe("snapshot", () => {
  const message = Uint8Array.of(0, 1, 0, 1, 0, 2, 0, 7, 0, 0x34, 0x12, 0xff, 0xff, 64, 3, 9, 1, 0, 0, 1, 0, 255, 0);

  test("is little-endian, at any offset in its buffer", () => {
    const shifted = new Uint8Array(message.length + 3);
    shifted.set(message, 3);
    for (const each of [message, message.buffer, shifted.subarray(3)]) {
      const { tick, entities } = decodeSnapshot(each);
      assert.equal(tick, 65537);
      assert.deepEqual([...entities], [[7, { x: 0x1234, y: 0xffff, aim: 64, flags: 3 }], [265, { x: 0, y: 1, aim: 255, flags: 0 }]]);
    }
  });

  test("cut short, too long, of another kind, or no bytes at all is nothing", () => {
    for (let length = 0; length < message.length; length++) assert.equal(decodeSnapshot(message.subarray(0, length)), undefined);
    assert.equal(decodeSnapshot(Uint8Array.of(...message, 0)), undefined);
    assert.equal(decodeSnapshot(Uint8Array.of(1, ...message.subarray(1))), undefined);
    for (const other of ["text", 7, {}, []]) assert.equal(decodeSnapshot(other), undefined);
  });
});

describe("interpolation", () => {
  test("angles take the shortest arc", () => {
    for (const [a, b, half] of [[0, 64, 32], [250, 6, 256], [6, 250, 0], [10, 10, 10]]) assert.equal(lerpAngle(a, b, 0.5), half);
  });

  test("a jump is not drawn as a flight", () => {
    const buffer = new SnapshotBuffer({ teleport: 500 });
    buffer.push(at(0, 0), 0);
    buffer.push(at(3, 1000), 50);
    const seen = [];
    for (let now = 50; now < 200; now += 5) buffer.sample(now, (_, x) => seen.push(x));
    assert.deepEqual([...new Set(seen)], [0, 1000]);
  });

  test("what is older than the newest is dropped; a server that began anew is not", () => {
    const buffer = new SnapshotBuffer();
    buffer.push(at(1000, 1), 0);
    buffer.push(at(997, 2), 1);
    assert.equal(buffer.newest.tick, 1000);
    buffer.push(at(3, 3), 2);
    assert.equal(buffer.newest.tick, 3);
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
    const buffer = new SnapshotBuffer();
    const steps = [];
    let last;
    let held = 0;
    for (let now = 0; now < 19_000; now += TICK_MS) {
      while (arrivals[0]?.now <= now) buffer.push(at(arrivals[0].tick, arrivals.shift().tick * 10), now);
      buffer.sample(now, (_, x) => {
        if (now > 4000 && last !== undefined) {
          steps.push(x - last);
          if (x === last) held++;
        }
        last = x;
      });
    }
    return { steps, held, delayMs: buffer.delayMs };
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
      assert.ok(held < steps.length * 0.06, `seed ${seed}: waited in ${held} of ${steps.length} frames`);
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
