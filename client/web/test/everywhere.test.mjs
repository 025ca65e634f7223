// The script of transcript.mjs, told by the Rust client: line for line what the stock client tells.
//
// RINGSIDE_TRANSCRIPT names the program `transcript` of the crate ringside-tests, RINGSIDE_FIXTURE its fixture; by
// default both are where cargo puts them.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { io as stockIo } from "socket.io-client";
import { fixture } from "./fixture.mjs";
import { CHOICES } from "./helper.mjs";
import { transcript } from "./transcript.mjs";

const built = (name) => fileURLToPath(new URL(`../../../target/debug/${name}`, import.meta.url));
const program = process.env.RINGSIDE_TRANSCRIPT ?? built("transcript");

async function rust(url, transports) {
  const { stdout } = await promisify(execFile)(program, [url, transports.join()]);
  return stdout.trimEnd().split("\n");
}

before(() => assert.ok(existsSync(program), `no ${program}: cargo build -p ringside-tests --bins, or set RINGSIDE_TRANSCRIPT`));

describe("the Rust client and the stock server", () => {
  let server;
  before(async () => (server = await fixture()));
  after(() => server.stop());

  for (const { name, transports } of CHOICES) {
    test(`the stock client's transcript, line for line: ${name}`, async () => {
      const stock = await transcript(stockIo, server.url, { transports });
      assert.ok(stock.length >= 40, `${stock.length} steps`);
      assert.deepEqual(await rust(server.url, transports), stock);
    });
  }
});
