// The two servers every client must agree about: Node's socket.io 4.8.4, and our gateway's fixture of the same names.
//
// RINGSIDE_FIXTURE names the fixture's program, RINGSIDE_TRANSCRIPT that of the Rust client's transcript; by default
// both are where cargo puts them. Promises: a program that is missing is a failure with its mend, not a skip.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { fixture } from "./fixture.mjs";

function program(name, variable) {
  const path = process.env[variable] ?? fileURLToPath(new URL(`../../../target/debug/${name}`, import.meta.url));
  assert.ok(existsSync(path), `no ${path}: cargo build -p ringside-tests --bins, or set ${variable}`);
  return path;
}

/** `fixture socketio-client` on a free port. */
async function gateway() {
  const child = spawn(program("fixture", "RINGSIDE_FIXTURE"), ["socketio-client", "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((done) => child.once("exit", done));
  let url;
  for await (const line of createInterface({ input: child.stdout })) {
    url = /listening on (\S+)/.exec(line)?.[1];
    if (url) break;
  }
  assert.ok(url, "the fixture did not say where it listens");
  return { url, stop: () => (child.kill(), ended) };
}

export const SERVERS = [
  { server: "socket.io 4.8.4", start: () => fixture({ cors: { origin: "*" } }) },
  { server: "our gateway", start: gateway },
];

/** The Rust client's transcript, as lines. */
export async function rust(url, transports) {
  const { stdout } = await promisify(execFile)(program("transcript", "RINGSIDE_TRANSCRIPT"), [url, transports.join()]);
  return stdout.trimEnd().split("\n");
}
