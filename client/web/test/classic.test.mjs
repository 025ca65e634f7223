// The classic script as it is served: the same client, so the same transcript. The crate makes it, so this needs cargo.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { runInThisContext } from "node:vm";
import { io as stockIo } from "socket.io-client";
import WebSocket from "ws";
import { fixture } from "./fixture.mjs";
import { transcript } from "./transcript.mjs";

test("the classic script, as served, is the same client", async () => {
  const cargo = ["run", "-q", "-p", "ringside-web", "--example", "served", "--", "socket.io.js"];
  const script = execFileSync("cargo", cargo, { cwd: new URL("..", import.meta.url), encoding: "utf8" });
  // What `<script src="/socket.io/socket.io.js">` does: it sets the global `io`, and nothing else.
  const before = Object.keys(globalThis);
  runInThisContext(script, "socket.io.js");
  assert.deepEqual(Object.keys(globalThis).filter((name) => !before.includes(name)), ["io"]);
  const server = await fixture();
  try {
    assert.deepEqual(await transcript(globalThis.io, server.url, { WebSocket }), await transcript(stockIo, server.url));
  } finally {
    await server.stop();
  }
});
