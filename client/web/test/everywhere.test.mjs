// The script of transcript.mjs, told by every client against both servers: line for line the same.
//
// On Node: the stock client, ours, and the Rust client; browsers are in everywhere.browser.mjs. What is expected is
// what the stock client tells of the stock server.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { io as stockIo } from "socket.io-client";
import WebSocket from "ws";
import { io } from "../js/ringside.js";
import { fixture } from "./fixture.mjs";
import { CHOICES } from "./helper.mjs";
import { SERVERS, rust } from "./servers.mjs";
import { transcript } from "./transcript.mjs";

const CLIENTS = [
  { client: "the stock client", tell: (url, transports) => transcript(stockIo, url, { transports }) },
  { client: "ours on Node", tell: (url, transports) => transcript(io, url, { transports, WebSocket }) },
  { client: "the Rust client", tell: rust },
];

/** By the names of the choices. */
const expected = new Map();
before(async () => {
  const reference = await fixture();
  for (const { name, transports } of CHOICES) expected.set(name, await transcript(stockIo, reference.url, { transports }));
  await reference.stop();
});

for (const { server, start } of SERVERS) {
  describe(`against ${server}`, () => {
    let running;
    before(async () => (running = await start()));
    after(() => running.stop());

    for (const { client, tell } of CLIENTS) {
      for (const { name, transports } of CHOICES) {
        test(`${client}: ${name}`, async () => {
          const lines = await tell(running.url, transports);
          assert.ok(lines.length >= 40, `${lines.length} steps`);
          assert.deepEqual(lines, expected.get(name));
        });
      }
    }
  });
}
