// The small parts alone: packets against the stock parser (seeded differential), backoff, listeners, URLs.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { Backoff, random } from "../js/backoff.js";
import { Emitter } from "../js/events.js";
import { baseOf } from "../js/manager.js";
import { Decoder, EVENT, ACK, CONNECT, CONNECT_ERROR, DISCONNECT, encode } from "../js/packet.js";
import { fromBase64, toBase64, travelSize } from "../js/polling.js";

// The stock parser is a dependency of the stock client.
const parser = createRequire(createRequire(import.meta.url).resolve("socket.io-client"))("socket.io-parser");

/** What the stock decoder makes of messages: the packets, or "refused". */
function stockDecode(messages) {
  const decoder = new parser.Decoder();
  const packets = [];
  decoder.on("decoded", (packet) => packets.push(packet));
  try {
    for (const message of messages) decoder.add(typeof message === "string" ? message : Buffer.from(message.buffer ?? message));
  } catch {
    return "refused";
  }
  return packets;
}

function ourDecode(messages) {
  const decoder = new Decoder(10);
  try {
    return messages.map((message) => decoder.add(typeof message === "string" ? message : (message.buffer ?? message))).filter(Boolean);
  } catch {
    return "refused";
  }
}

/** One form for both: bytes as lists, types without "binary", absent as null. */
function plain(packets) {
  const form = (value) => {
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return { bytes: [...new Uint8Array(value.buffer ?? value, value.byteOffset ?? 0, value.byteLength)] };
    if (Array.isArray(value)) return value.map(form);
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, form(each)]));
    return value ?? null;
  };
  return packets === "refused" ? packets : packets.map(({ type, nsp, id, data }) => form({ type: type > 4 ? type - 3 : type, nsp, id, data }));
}

function generator(seed) {
  const next = random(seed);
  const pick = (list) => list[Math.floor(next() * list.length)];
  const value = (depth) => {
    switch (Math.floor(next() * (depth > 3 ? 6 : 9))) {
      case 0: return null;
      case 1: return next() < 0.5;
      case 2: return Math.round((next() - 0.5) * 1e6) / 10 ** Math.floor(next() * 4);
      case 3: return pick(["", "a", "ünï", "🚀\u2028", '"q"\\', "1-[", "/x,", "\x1e\0"]);
      case 4: return Uint8Array.from({ length: next() * 9 }, () => next() * 256);
      case 5: return pick([0, -1, 2 ** 53]);
      case 6: return Array.from({ length: next() * 4 }, () => value(depth + 1));
      default: return Object.fromEntries(Array.from({ length: next() * 4 }, () => [pick(["a", "b", "num", "placeholder"]), value(depth + 1)]));
    }
  };
  const binaries = (each) => (each instanceof Uint8Array ? 1 : each && typeof each === "object" ? Object.values(each).reduce((sum, one) => sum + binaries(one), 0) : 0);
  const packet = () => {
    const type = pick([EVENT, EVENT, EVENT, ACK, ACK, CONNECT, CONNECT_ERROR, DISCONNECT]);
    const nsp = pick(["/", "/custom", "/a/b-1"]);
    if (type === CONNECT) return { type, nsp, data: pick([undefined, { sid: "x" }, { token: "a,b" }]) };
    if (type === CONNECT_ERROR) return { type, nsp, data: pick([{ message: "no" }, "plain"]) };
    if (type === DISCONNECT) return { type, nsp };
    let data;
    do data = Array.from({ length: next() * 4 }, () => value(0));
    while (binaries(data) > 10);
    if (type === EVENT) data.unshift(pick(["e", "ev 2", "日本"]));
    return { type, nsp, id: type === ACK || next() < 0.3 ? Math.floor(next() * 1e6) : undefined, data };
  };
  return { next, pick, packet };
}

describe("packets", () => {
  test("2,000 random packets: each parser reads what the other wrote, and the same in it", () => {
    const { packet } = generator(11);
    for (let i = 0; i < 2000; i++) {
      const one = packet();
      const ours = encode(one);
      assert.deepEqual(plain(stockDecode(ours)), plain([one]), `packet ${i}`);
      assert.deepEqual(plain(ourDecode(ours)), plain([one]), `packet ${i}`);
      const theirs = new parser.Encoder().encode(structuredClone(one));
      assert.deepEqual(plain(ourDecode(theirs)), plain([one]), `packet ${i}`);
    }
  });

  test("20,000 damaged messages: what we accept, the stock parser reads the same", () => {
    const { next, pick, packet } = generator(23);
    let accepted = 0;
    for (let i = 0; i < 20_000; i++) {
      const messages = encode(packet());
      const chars = [...messages[0]];
      for (let cuts = 1 + next() * 3; cuts > 0; cuts--) {
        const at = Math.floor(next() * Math.min(chars.length + 1, 14));
        if (next() < 0.5) chars.splice(at, 1);
        else chars.splice(at, next() < 0.5 ? 1 : 0, pick([..."0123456789-/,[]{}\"ab"]));
      }
      messages[0] = chars.join("");
      const ours = plain(ourDecode(messages));
      // Refused, or waiting for attachments: JSON is looked at when they are there.
      if (ours === "refused" || !ours.length) continue;
      accepted++;
      assert.deepEqual(ours, plain(stockDecode(messages)), `message ${i}: ${messages[0]}`);
    }
    assert.ok(accepted > 2000, `only ${accepted} were accepted: the damage is too great to show anything`);
  });

  test("toJSON is honoured, a Buffer stays binary, nothing is what JSON makes of it", () => {
    const [text, bytes] = encode({ type: EVENT, nsp: "/", data: ["e", new Date(0), undefined, Buffer.from("b"), { toJSON: () => ({ inner: 1 }) }] });
    assert.equal(text, '51-["e","1970-01-01T00:00:00.000Z",null,{"_placeholder":true,"num":0},{"inner":1}]');
    assert.equal(String(bytes), "b");
  });

  test("base64 of every length and every byte is Node's", () => {
    for (let length = 0; length < 300; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 255);
      assert.equal(toBase64(bytes), Buffer.from(bytes).toString("base64"));
      assert.deepEqual(new Uint8Array(fromBase64(toBase64(bytes))), bytes);
      assert.equal(travelSize(bytes, true), 1 + toBase64(bytes).length);
    }
    assert.equal(toBase64(new Uint8Array(100_000)).length, 133_336);
  });
});

describe("backoff", () => {
  test("grows from min to max, never above, spread everywhere, the same for the same seed", () => {
    for (let seed = 0; seed < 200; seed++) {
      const [a, b] = [new Backoff(1000, 5000, 0.5, seed), new Backoff(1000, 5000, 0.5, seed)];
      for (let attempt = 0; attempt < 60; attempt++) {
        const ms = a.duration();
        assert.equal(ms, b.duration());
        assert.ok(ms >= 500 && ms <= 5000, `${ms}`);
        if (attempt === 0) assert.ok(ms <= 1500, `${ms}`);
      }
    }
    const atMax = Array.from({ length: 500 }, (_, seed) => Object.assign(new Backoff(1000, 5000, 0.5, seed), { attempts: 9 }).duration());
    assert.ok(Math.min(...atMax) < 2000 && Math.max(...atMax) > 4800);
    assert.ok(new Set(atMax).size > 300, "clients come back at different times");
  });

  test("without jitter it doubles", () => {
    const backoff = new Backoff(100, 1000, 0);
    assert.deepEqual(Array.from({ length: 6 }, () => backoff.duration()), [100, 200, 400, 800, 1000, 1000]);
  });
});

describe("listeners", () => {
  test("once, off, and changes while firing", () => {
    const emitter = new Emitter();
    const got = [];
    const a = () => got.push("a");
    emitter.on("x", a).once("x", () => got.push("once")).on("x", () => emitter.off("x", a).on("x", () => got.push("late")));
    emitter._fire("x");
    assert.deepEqual(got, ["a", "once"]);
    emitter._fire("x");
    assert.deepEqual(got, ["a", "once", "late"]);
    const never = () => assert.fail();
    emitter.once("y", never).off("y", never);
    emitter._fire("y");
    assert.equal(emitter.hasListeners("y"), false);
    emitter.removeAllListeners();
    assert.deepEqual(emitter.listeners("x"), []);
  });
});

describe("addresses", () => {
  test("what people write", () => {
    const at = (uri) => baseOf(uri).href;
    assert.equal(at("http://h:1/chat?a=1"), "http://h:1/chat?a=1");
    assert.equal(at("ws://h"), "http://h/");
    assert.equal(at("wss://h/x"), "https://h/x");
    assert.equal(at("h:3000"), "http://h:3000/");
    assert.equal(at("localhost:3000/chat"), "http://localhost:3000/chat");
    assert.equal(at("/chat"), "http://localhost/chat");
    assert.equal(at("//h/chat"), "http://h/chat");
    assert.equal(at(), "http://localhost/");
  });
});
