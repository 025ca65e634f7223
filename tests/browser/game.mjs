// Starts the arena as a process of its own and tells its address.
//
// Promises: the address comes from what the program printed; an early death or silence is an error
// that carries the output; `stop` resolves when the process is gone. With `keep` the arenas are kept in a
// folder of their own: `kill` ends the program without a word, `again` starts another on the same port. RINGSIDE_GAME names the
// program (absolute, or relative to this folder; one that ends in `.mjs` is run by this Node).
// Leaves out: building it.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const DEFAULT_PROGRAM = resolve(HERE, "../../target/debug/game-demo");

/** The arena listens well within a second; so long a silence is a failure. */
const START_DEADLINE_MS = 20_000;
/** How long the arena may take to leave after SIGTERM before it is killed. */
const STOP_DEADLINE_MS = 5_000;
/** What is kept of the program's output, in characters: enough for a backtrace. */
const KEPT_OUTPUT_MAX = 16_000;

/**
 * Runs `game-demo --port 0 --bots N` and what else is asked.
 * @param {{bots: number, keep?: boolean, more?: string[]}} options
 * @returns {Promise<{url: string, output(): string, printed(what: RegExp): Promise<RegExpExecArray>, stop(): Promise<void>, kill(): Promise<void>, again(): Promise<object>}>}
 */
export async function startGame({ bots, keep = false, more = [], port = 0, folder = undefined }) {
  const program = process.env.RINGSIDE_GAME ? resolve(HERE, process.env.RINGSIDE_GAME) : DEFAULT_PROGRAM;
  if (!existsSync(program)) {
    throw new Error(`${program} is missing: cargo build -p game-demo`);
  }
  if (keep) {
    folder ??= mkdtempSync(join(tmpdir(), "glimmer-"));
  }
  const args = ["--port", String(port), "--bots", String(bots), ...(folder ? ["--keep", folder] : []), ...more];
  const child = program.endsWith(".mjs")
    ? spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] })
    : spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const gone = new Promise((done) => {
    child.once("exit", done);
    child.once("error", done);
  });

  let output = "";
  const url = await new Promise((found, fail) => {
    const giveUp = (why) => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      fail(new Error(`${program} ${args.join(" ")}: ${why}\n${output}`));
    };
    const timer = setTimeout(
      () => giveUp(`printed no address within ${START_DEADLINE_MS} ms`),
      START_DEADLINE_MS,
    );
    const read = (chunk) => {
      output = (output + chunk).slice(-KEPT_OUTPUT_MAX);
      // The character after the port shows that the whole number has arrived.
      const match = /(http:\/\/127\.0\.0\.1:\d+)[^\d]/.exec(output);
      if (match) {
        clearTimeout(timer);
        found(match[1]);
      }
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("error", (error) => giveUp(error.message));
    child.once("exit", (code, signal) => giveUp(`ended early (${signal ?? code})`));
  });

  const end = async (signal) => {
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
    await gone;
    clearTimeout(timer);
  };
  const stop = async () => {
    await end("SIGTERM");
    if (folder) {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  /** What it prints at some time after its address. */
  const printed = (what) =>
    new Promise((found, fail) => {
      const timer = setTimeout(() => fail(new Error(`${what} was not printed: ${output}`)), START_DEADLINE_MS);
      const look = () => {
        const match = what.exec(output);
        if (!match) return;
        clearTimeout(timer);
        child.stdout.off("data", look);
        found(match);
      };
      // Behind the listener that keeps the output.
      child.stdout.on("data", look);
      look();
    });
  const again = () => startGame({ bots, keep, more, folder, port: Number(new URL(url).port) });
  return { url, output: () => output, printed, stop, kill: () => end("SIGKILL"), again };
}

/** What a running game says of its rooms. */
export async function stats(game) {
  const answer = await fetch(`${game.url}/stats`);
  if (!answer.ok) {
    throw new Error(`/stats: ${answer.status}`);
  }
  return answer.json();
}
