// The servers every client must agree about, and the Rust client as a program.
//
// RINGSIDE_TRANSCRIPT names the program of the Rust client's transcript; by default it is where cargo puts it. Promises: a program that is missing is a failure with its mend, not a skip.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { fixture } from "./fixture.mjs";

function program(name, variable) {
  const path = process.env[variable] ?? fileURLToPath(new URL(`../../../target/debug/${name}`, import.meta.url));
  assert.ok(existsSync(path), `no ${path}: cargo build -p ringside-tests --bins, or set ${variable}`);
  return path;
}

export const SERVERS = [
  { server: "socket.io 4.8.4", start: () => fixture({ cors: { origin: "*" } }) },
];

/** The Rust client's transcript, as lines. */
export async function rust(url, transports) {
  const { stdout } = await promisify(execFile)(program("transcript", "RINGSIDE_TRANSCRIPT"), [url, transports.join()]);
  return stdout.trimEnd().split("\n");
}
