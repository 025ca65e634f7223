// The script of transcript.mjs, told by our client and by the stock one over each transport: the lines must be equal.
// And the stock client's public names: ours has each of them, or says here why not.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Manager as StockManager, Socket as StockSocket, io as stockIo } from "socket.io-client";
import WebSocket from "ws";
import { Manager, io } from "../js/ringside.js";
import { fixture } from "./fixture.mjs";
import { CHOICES } from "./helper.mjs";
import { transcript } from "./transcript.mjs";

describe("transcripts", () => {
  let server;
  before(async () => (server = await fixture()));
  after(() => server.stop());

  for (const { name, transports } of CHOICES) {
    test(`ours is the stock client's, line for line: ${name}`, async () => {
      const ours = await transcript(io, server.url, { transports, WebSocket });
      const stock = await transcript(stockIo, server.url, { transports });
      assert.ok(ours.length >= 40, `${ours.length} steps`);
      assert.deepEqual(ours, stock);
    });
  }
});

describe("the stock client's API", () => {
  const internal = new Set(["constructor", "subEvents", "packet", "onopen", "onerror", "onclose", "onpacket", "onevent", "emitEvent", "ack", "onack", "onconnect", "emitBuffered", "ondisconnect", "destroy", "notifyOutgoingListeners", "maybeReconnectOnOpen", "onping", "ondata", "ondecoded", "cleanup", "reconnect", "onreconnect"]);
  const names = (type) => {
    const all = new Set();
    for (let proto = type.prototype; proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) Object.getOwnPropertyNames(proto).forEach((name) => all.add(name));
    return [...all].filter((name) => !internal.has(name) && !name.startsWith("_") && name !== "emitReserved");
  };
  // Events of a manager and of the library are told by the library; nobody outside emits them.
  const manager = new Manager("http://127.0.0.1:1", { autoConnect: false });
  const left = { Manager: ["emit"], Socket: [] };
  for (const [name, stock, ours] of [["Socket", StockSocket, manager.socket("/")], ["Manager", StockManager, manager]]) {
    test(`every public name of ${name}`, () => {
      assert.deepEqual(names(stock).filter((each) => !(each in ours)), left[name]);
    });
  }

  test("every name of io", () => {
    assert.deepEqual(Object.keys(stockIo).filter((name) => !(name in io)), []);
  });
});
