// The server API, step by step, on the reference server and on ours: the same lines.
//
// Promises: a difference is shown with both lines, and none is expected. With RINGSIDE_FIXTURE=reference.mjs the
// reference is compared with itself, which shows that the script tells nothing of chance.

import assert from "node:assert/strict";
import { test } from "node:test";
import { io } from "socket.io-client";
import { startFixture } from "./fixture.mjs";
import { transcript } from "./transcript.mjs";

/** Steps there are at least. */
const STEPS_MIN = 60;

async function lines(program, options) {
  const server = await startFixture("api", [], program);
  try {
    return await transcript(io, server.url, options);
  } finally {
    await server.stop();
  }
}

for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
  test(`a script of the server API gives the reference's lines, over ${transports.join(" and ")}`, async () => {
    // The transport is the one thing that may differ from run to run, while it changes.
    const steady = (line) => line.replace(/the transport: .*/, "the transport");
    const expected = await lines("reference.mjs", { transports });
    const actual = await lines(undefined, { transports });
    assert.ok(expected.length >= STEPS_MIN, `${expected.length} steps`);
    assert.deepEqual(actual.map(steady), expected.map(steady));
  });
}
