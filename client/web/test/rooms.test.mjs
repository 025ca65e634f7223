// The page's half of a room: inputs on the wire, the pace of ticks, prediction, and the room over a socket that fails.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { random } from "../js/backoff.js";
import { Emitter } from "../js/events.js";
import { BitWriter, InputSender, rawField } from "../js/game/inputs.js";
import { Pace } from "../js/game/pace.js";
import { Prediction } from "../js/game/prediction.js";
import { RoomClient } from "../js/game/room.js";

const TICK_MS = 1000 / 60;
const FIELDS = [
  { name: "buttons", bits: 6, kind: "unsigned" },
  { name: "aim", bits: 10, kind: "wrapping" },
  { name: "turn", bits: 3, kind: "signed" },
  { name: "push", bits: 7, kind: "ranged", min: -1, max: 1 },
  { name: "fire", bits: 1, kind: "bool" },
];

/** Reads what BitWriter wrote, bit by bit. */
function reader(bytes) {
  let at = 0;
  const get = (bits) => {
    let value = 0;
    for (let i = 0; i < bits; i++, at++) value += ((bytes[at >> 3] >> (at & 7)) & 1) * 2 ** i;
    return value;
  };
  return { get, spent: () => bytes.length * 8 - at < 8 };
}

describe("inputs", () => {
  test("bits come out as they went in", () => {
    const next = random(1);
    const out = new BitWriter();
    const put = Array.from({ length: 500 }, () => {
      const bits = Math.floor(next() * 33);
      return [Math.floor(next() * 2 ** bits), bits];
    });
    for (const [value, bits] of put) out.put(value, bits);
    const { get, spent } = reader(out.bytes());
    for (const [value, bits] of put) assert.equal(get(bits), value);
    assert.ok(spent());
  });

  test("fields are cut to their widths as the server's derive does", () => {
    const [buttons, aim, turn, push, fire] = FIELDS;
    assert.deepEqual([rawField(buttons, 99), rawField(buttons, -1), rawField(buttons, undefined)], [63, 0, 0]);
    assert.deepEqual([rawField(aim, 1025), rawField(aim, -1)], [1, 1023]);
    assert.deepEqual([rawField(turn, -4), rawField(turn, 9), rawField(turn, -1)], [4, 3, 7]);
    assert.deepEqual([rawField(push, -1), rawField(push, 1), rawField(push, 0), rawField(push, NaN)], [0, 127, 64, 0]);
    assert.deepEqual([rawField(fire, true), rawField(fire, undefined)], [1, 0]);
  });

  test("a packet has what is new, newest first, and equal ones in a bit", () => {
    const sender = new InputSender(FIELDS);
    sender.push(70000, { buttons: 1 });
    sender.push(70001, { buttons: 1 });
    sender.push(70002, { buttons: 2, fire: true });
    const { get, spent } = reader(sender.packet({ ack: { newest: 0xabcd, earlier: 0 }, view: 65.5 }));
    assert.deepEqual([get(1), get(16), get(1), get(16), get(4)], [1, 0xabcd, 0, 65.5 * 16, 3]);
    assert.deepEqual([get(16), get(16)], [3, 70002 & 0xffff]);
    const input = () => FIELDS.map(({ bits }) => get(bits));
    assert.deepEqual(input(), [2, 0, 0, 64, 1]);
    assert.equal(get(1), 0);
    assert.deepEqual(input(), [1, 0, 0, 64, 0]);
    assert.equal(get(1), 1);
    assert.ok(spent());
    assert.equal(sender.unsent, 0);
  });

  test("on datagrams what is not acknowledged is repeated, at most eight, and not over a jump of the clock", () => {
    const sender = new InputSender(FIELDS);
    const count = () => {
      const { get } = reader(sender.packet({ redundant: true }));
      get(17);
      return get(4);
    };
    for (let tick = 1; tick <= 20; tick++) sender.push(tick, {});
    assert.equal(count(), 8);
    sender.acknowledge(17);
    assert.equal(count(), 3);
    sender.push(40, {});
    assert.equal(count(), 1);
  });
});

describe("pace", () => {
  /**
   * A server that is `lag` ms away and measures as ours does (`InputBuffer`): from arrival until the step of an input's tick
   * is due, within the tick, smoothed over eight inputs, up to 32 ticks, told in quarter ticks rounded down. `measured`: the
   * page's idea of the jitter; `rate`: of the server's clock. Gives how early inputs came in each ten seconds, in ticks.
   */
  function settle({ hz = 60, lag, jitter, measured = jitter / 3, rate = 1, seed = 1, seconds = 60 }) {
    const next = random(seed);
    const pace = new Pace({ tickHz: hz });
    const every = Math.max(1, Math.floor(hz / 20));
    const begun = 1000 + (seed % 8) / 8;
    const server = (at) => begun + (at * rate * hz) / 1000;
    const way = () => lag / 2 + next() * jitter;
    const leads = [];
    const arriving = [];
    const told = [];
    let stepped = Math.floor(begun);
    let smoothed;
    let late = 0;
    let sum = 0;
    let count = 0;
    for (let now = 1; now <= seconds * 1000; now++) {
      while (arriving[0]?.at <= now) {
        const { at, tick } = arriving.shift();
        const lead = tick - server(at);
        const sample = Math.max(-32, Math.min(32, Math.floor(lead * 64) / 64));
        smoothed = smoothed === undefined ? sample : smoothed + (sample - smoothed) / 8;
        if (lead < 0) late++;
        sum += lead;
        count++;
      }
      if (now % 10_000 === 0) {
        leads.push(sum / count);
        sum = count = 0;
      }
      if (server(now) >= stepped + 1) {
        stepped = Math.floor(server(now));
        if (stepped % every === 0) told.push({ at: now + way(), tick: stepped, depth: Math.min(127, Math.floor((smoothed ?? 0) * 4)) });
      }
      told.sort((a, b) => a.at - b.at);
      while (told[0]?.at <= now) {
        const { tick, depth } = told.shift();
        pace.heard(tick, now, depth, lag + jitter, measured);
      }
      for (const tick of pace.due(now)) arriving.push({ at: now + way(), tick });
      arriving.sort((a, b) => a.at - b.at);
    }
    return { leads, last: leads.at(-1), late, jumps: pace.jumps, wanted: pace.wanted(measured) };
  }

  test("inputs arrive as early as they should, at any rate, near and far, and stay there without a jump", () => {
    for (const hz of [10, 20, 30, 60, 128]) {
      for (const [lag, jitter] of [[5, 0], [60, 10], [150, 30], [300, 0], [300, 30]]) {
        const { leads, late, jumps, wanted } = settle({ hz, lag, jitter, seconds: 120 });
        const what = `${hz} Hz, ${lag} ms, jitter ${jitter} ms`;
        assert.ok(Math.abs((wanted * 1000) / hz - (Math.min(25, 1500 / hz) + (2 * jitter) / 3)) < 1e-9, `${what}: wanted ${wanted}`);
        const low = Math.min(...leads.slice(2));
        const high = Math.max(...leads.slice(2));
        // An eighth is what the report leaves open.
        assert.ok(low > wanted - 0.25 && high < wanted + 0.25, `${what}: ${low} to ${high} ticks early, wanted ${wanted}`);
        assert.ok(high - low < 0.2, `${what}: from ${low} to ${high}`);
        assert.deepEqual([jumps, late], [0, 0], what);
      }
    }
  });

  test("however unsteady the link seems, inputs come no earlier than the server can tell", () => {
    for (const measured of [260, 390, 1036, 60_000]) {
      const { last, jumps, wanted } = settle({ lag: 60, jitter: 10, measured });
      assert.ok(wanted <= 16 && Math.abs(last - wanted) < 0.25, `${measured} ms: ${last} ticks early, wanted ${wanted}`);
      assert.ok(jumps <= 1, `${measured} ms: ${jumps} jumps`);
    }
  });

  test("a server whose clock runs faster or slower is followed", () => {
    for (const [rate, most] of [[0.9997, 0.25], [1.0003, 0.25], [0.99, 2.2], [1.01, 2.2]]) {
      const { last, wanted } = settle({ lag: 60, jitter: 5, rate });
      assert.ok(Math.abs(last - wanted) < most, `${rate}: ${last}, wanted ${wanted}`);
    }
  });

  test("after a pause it does not make up for it; ticks are given once and in order", () => {
    const pace = new Pace();
    pace.heard(100, 0, null, 50, 0);
    const ticks = [];
    for (const now of [0, 20, 40, 60, 10_000, 10_020]) ticks.push(...pace.due(now));
    assert.ok(ticks.length < 12, `${ticks}`);
    assert.ok(ticks.every((tick, i) => i === 0 || tick > ticks[i - 1]));
    assert.equal(pace.jumps, 1);
  });
});

describe("prediction", () => {
  const step = ({ x, v }, { push }) => ({ x: x + v + push, v: Math.trunc((v + push) / 2) });
  const equal = (a, b) => a.x === b.x && a.v === b.v;
  const make = () => new Prediction({ step, equal, position: ({ x }) => [x], snap: 1000 });

  /** `lost(tick)`: the input did not arrive, the server played none. */
  function play(lost) {
    const own = make();
    let server = { x: 0, v: 0 };
    own.confirm(0, server);
    const states = new Map();
    const jumps = [];
    let last;
    for (let tick = 1; tick <= 300; tick++) {
      const input = { push: (tick % 7) * 20 };
      own.predict(tick, input);
      server = step(server, lost(tick) ? { push: 0 } : input);
      states.set(tick, server);
      if (tick % 3 === 0 && tick > 12) own.confirm(tick - 9, states.get(tick - 9));
      const [x] = own.shown(tick * TICK_MS);
      if (last !== undefined) jumps.push(Math.abs(x - last));
      last = x;
    }
    return { own, jumps };
  }

  test("with inputs that arrive nothing is corrected", () => {
    const { own } = play(() => false);
    assert.equal(own.mispredictions, 0);
    assert.equal(own.ahead, 9);
  });

  test("an input that was lost is corrected once, and what is shown does not jump", () => {
    const clean = Math.max(...play(() => false).jumps);
    const { own, jumps } = play((tick) => tick % 50 === 25);
    // Six were lost; the one of tick 175 was an input that does nothing.
    assert.equal(own.mispredictions, 5);
    assert.ok(Math.max(...jumps) < clean * 1.5, `${Math.max(...jumps)}, without losses ${clean}`);
  });

  test("what is too far off is not smoothed", () => {
    const own = make();
    own.confirm(0, { x: 0, v: 0 });
    own.predict(1, { push: 0 });
    own.confirm(1, { x: 5000, v: 0 });
    assert.deepEqual(own.shown(0), [5000]);
  });
});

describe("room", () => {
  /** A socket whose server is the test. */
  class Fake extends Emitter {
    connected = true;
    sent = [];
    answers = [];
    timeout() {
      return this;
    }
    get volatile() {
      return this;
    }
    emit(event, ...args) {
      this.sent.push([event, ...args]);
      if (event === "join") this.answers.shift()?.(args[0], args[1]);
    }
  }

  class Decoder {
    read(bytes) {
      if (bytes[0] === this.acknowledgement?.newest) return { kind: "stale" };
      this.acknowledgement = { newest: bytes[0], earlier: 0 };
      return bytes[1] ? { kind: "missing-baseline", tick: 0 } : { kind: "used", tick: bytes[0], age: 1, feedback: null, cells: 1 };
    }
    reset() {
      this.acknowledgement = null;
    }
  }

  const WELCOME = { room: "ABCDEF", id: 4, token: "t", resumed: false, gap: false, tick: 9, tickHz: 60, lastEvent: 7, players: [{ id: 4, name: "A" }] };
  const say = (answer) => (_, done) => done(null, answer);

  function start() {
    const socket = new Fake();
    let now = 0;
    const room = new RoomClient(socket, { Decoder, INPUT: FIELDS, SCHEMA_HASH: 5 }, { clock: () => now });
    const told = [];
    room.on("event", (event, { id }) => told.push([id, event]));
    return { socket, room, told, pass: (ms) => (now += ms), stop: () => room.close() };
  }

  test("events are told once, in whatever order two lanes bring them, and none from before", async () => {
    const { socket, room, told, stop } = start();
    socket.answers.push(say(WELCOME));
    await room.join({ name: "A" });
    for (const id of [7, 8, 9, 9, 12, 11, 12, 8, 30, 3]) socket._fire("e", [id, 1, `e${id}`]);
    socket._fire("e", [0, 1, "volatile"]);
    socket._fire("e", [0, 1, "volatile"]);
    assert.deepEqual(told.map(([id]) => id), [8, 9, 12, 11, 30, 0, 0]);
    stop();
  });

  test("a connection that comes back claims its seat with the newest event it has", async () => {
    const { socket, room, told, stop } = start();
    socket.answers.push(say(WELCOME));
    await room.join({ name: "A", kind: "arena" });
    socket._fire("e", [8, 1, "x"]);
    socket._fire("disconnect", "transport close");
    assert.equal(room.welcome, undefined);
    socket.answers.push(say({ ...WELCOME, resumed: true, lastEvent: 20 }));
    socket._fire("connect");
    const [, request] = socket.sent.at(-1);
    assert.deepEqual(request, { name: "A", kind: "arena", room: "ABCDEF", token: "t", lastEvent: 8, schema: 5 });
    // What it missed comes after the welcome, and counts although it is older than the welcome's last.
    for (const id of [8, 9, 20]) socket._fire("e", [id, 1, "y"]);
    assert.deepEqual(told.map(([id]) => id), [8, 9, 20]);
    stop();
  });

  test("a server that began anew is believed", async () => {
    const { socket, room, told, stop } = start();
    socket.answers.push(say({ ...WELCOME, lastEvent: 500 }));
    await room.join({ name: "A" });
    socket._fire("e", [501, 1, "x"]);
    socket.answers.push(say({ ...WELCOME, resumed: true, gap: true, lastEvent: 2 }));
    socket._fire("disconnect");
    socket._fire("connect");
    socket._fire("e", [3, 1, "y"]);
    assert.deepEqual(told.map(([id]) => id), [501, 3]);
    stop();
  });

  test("a placed player comes in with the seat it was promised", async () => {
    const { socket, room, stop } = start();
    socket.answers.push(say({ waiting: 1, needed: 2 }));
    assert.deepEqual(await room.join({ queue: "gold" }), { waiting: 1, needed: 2 });
    socket.answers.push(say(WELCOME));
    socket._fire("placed", { room: "ABCDEF", token: "p" });
    assert.equal(socket.sent.at(-1)[1].token, "p");
    assert.equal(room.me, 4);
    stop();
  });

  test("who is sent away stays away; who is refused hears why", async () => {
    const { socket, room, stop } = start();
    socket.answers.push(say({ code: "full", error: "the room is full" }));
    await assert.rejects(room.join({}), { code: "full" });
    socket.answers.push(say(WELCOME));
    await room.join({});
    socket._fire("bye", { code: "kicked", reason: "enough" });
    const before = socket.sent.length;
    socket._fire("connect");
    assert.equal(socket.sent.length, before);
    assert.equal(room.seat, undefined);
    stop();
  });

  test("frames are acknowledged with inputs, or without, and again when nobody answers", async () => {
    const { socket, room, pass, stop } = start();
    socket.answers.push(say(WELCOME));
    await room.join({});
    const packets = () => socket.sent.filter(([event]) => event === "i").length;
    socket._fire("s", Uint8Array.of(10, 0));
    pass(60);
    assert.ok(room.flush());
    assert.ok(!room.flush());
    pass(600);
    assert.ok(room.flush(), "what was said may have been lost");
    assert.equal(packets(), 2);
    room.input(12, { buttons: 1 });
    assert.ok(room.flush());
    stop();
  });

  test("who only watches acknowledges every second frame, in text, and after a pause at once", async () => {
    const { socket, room, pass, stop } = start();
    socket.answers.push(say(WELCOME));
    await room.join({});
    const packets = () => socket.sent.filter(([event]) => event === "i").map(([, packet]) => packet);
    for (let n = 0; n < 20; n++, pass(25)) {
      socket._fire("s", Uint8Array.of(10 + n, 0));
      room.flush();
      pass(25);
      room.flush();
    }
    // The first, and then a pair each; the last of all waits for the second of its pair.
    assert.equal(packets().length, 10);
    // ack: 1, tick 28: 16 bits, no bits: 1, view: 16, no inputs: 4.
    const { get } = reader(Buffer.from(packets().at(-1), "base64"));
    assert.deepEqual([get(1), get(16), get(1)], [1, 28, 0]);
    pass(900);
    socket._fire("s", Uint8Array.of(30, 0));
    assert.ok(room.flush());
    stop();
  });

  test("of a frame that comes twice the second is no news: it is neither told, nor answered, nor asked for", async () => {
    const { socket, room, pass, stop } = start();
    socket.io = { engine: { datagrams: true } };
    socket.answers.push(say(WELCOME));
    await room.join({});
    let told = 0;
    room.on("snapshot", () => told++);
    const said = () => socket.sent.filter(([event]) => event !== "join").length;
    for (let n = 0; n < 20; n++) {
      for (const late of [1, 49]) {
        socket._fire("s", Uint8Array.of(10 + n, 0));
        pass(late);
        room.flush();
      }
    }
    // One acknowledgement a frame, and no "k".
    assert.deepEqual([told, said()], [20, 20]);
    assert.ok(socket.sent.every(([event]) => event === "join" || event === "i"));
    assert.deepEqual([room.stats.frames, room.stats.stale, room.stats.keyframesAsked], [20, 20, 0]);
    stop();
  });

  test("a frame that cannot be read is asked for anew, again and again, but not at every frame", async () => {
    const { socket, room, pass, stop } = start();
    socket.answers.push(say(WELCOME));
    await room.join({});
    const asked = () => socket.sent.filter(([event]) => event === "k").length;
    for (let n = 0; n < 10; n++) socket._fire("s", Uint8Array.of(10 + n, 1));
    assert.equal(asked(), 1);
    pass(600);
    socket._fire("s", Uint8Array.of(30, 1));
    assert.equal(asked(), 2);
    socket._fire("s", Uint8Array.of(31, 0));
    socket._fire("s", Uint8Array.of(32, 1));
    assert.equal(asked(), 3);
    stop();
  });
});
