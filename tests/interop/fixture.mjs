// Starts the server under test as a process of its own and tells where it listens.
//
// Promises: the caller gets an address only after the server has printed it; a server that
// dies early or says nothing within the deadline is an error that carries what it printed; `stop`
// resolves when the process is gone. RINGSIDE_FIXTURE names the program: a path relative to this
// folder or absolute; one that ends in `.mjs` is run by this Node. Unset, it is the workspace's own
// `target/debug/fixture`. Leaves out: building the program, and retries.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const DEFAULT_PROGRAM = resolve(HERE, "../../target/debug/fixture");

/** A server that prints nothing for so long is broken: starting takes well under a second. */
const START_DEADLINE_MS = 20_000;
/** How long a server may take to leave after SIGTERM before it is killed. */
const STOP_DEADLINE_MS = 5_000;
/** What is kept of the server's standard error for a failure's message, in characters. */
const KEPT_STDERR_MAX = 4_000;

/**
 * Runs `fixture <shape> [extra]`, on a free port if `extra` names none.
 * @param {string} shape the subcommand, for example "socketio"
 * @param {string[]} [extra] further flags
 * @param {string} [named] the program, in place of RINGSIDE_FIXTURE
 * @returns {Promise<{url: string, stop(): Promise<void>, kill(): Promise<void>}>}
 */
export async function startFixture(shape, extra = [], named = process.env.RINGSIDE_FIXTURE) {
  const program = named ? resolve(HERE, named) : DEFAULT_PROGRAM;
  if (!existsSync(program)) {
    throw new Error(`${program} is missing: cargo build -p ringside-tests --bin fixture`);
  }
  const args = [shape, ...(extra.includes("--port") ? [] : ["--port", "0"]), ...extra];
  const [command, commandArgs] = program.endsWith(".mjs")
    ? [process.execPath, [program, ...args]]
    : [program, args];
  const child = spawn(command, commandArgs, { stdio: ["ignore", "pipe", "pipe"] });

  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr = (stderr + chunk).slice(-KEPT_STDERR_MAX);
  });
  const gone = new Promise((done) => {
    child.once("exit", done);
    child.once("error", done);
  });

  const url = await new Promise((found, fail) => {
    const giveUp = (why) => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      fail(new Error(`${command} ${commandArgs.join(" ")}: ${why}\n${stderr}`));
    };
    const timer = setTimeout(
      () => giveUp(`printed no address within ${START_DEADLINE_MS} ms`),
      START_DEADLINE_MS,
    );
    child.once("error", (error) => giveUp(error.message));
    child.once("exit", (code, signal) => giveUp(`ended early (${signal ?? code})`));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const match = /^listening on (https?:\/\/127\.0\.0\.1:\d+)$/.exec(line);
      if (match) {
        clearTimeout(timer);
        found(match[1]);
      }
    });
  });

  const kill = async () => {
    child.kill("SIGKILL");
    await gone;
  };
  const stop = async () => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
    await gone;
    clearTimeout(timer);
  };
  return { url, stop, kill };
}
