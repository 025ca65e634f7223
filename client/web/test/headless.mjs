// Opens a page in a headless browser and waits for what it tells.
//
// Any browser that opens an address will do: the page runs by itself, and whoever serves it hears what it posts.
// Promises: each run has a profile of its own, thrown away; the browser's helpers end with it; a browser that is
// missing is a failure with its mend, not a skip.
import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FLAGS = {
  chromium: (profile) => ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", `--user-data-dir=${profile}`],
  firefox: (profile) => ["--headless", "--no-remote", "--profile", profile],
};

/** The browsers to try: `RINGSIDE_BROWSERS`, or Chromium. */
export const BROWSERS = (process.env.RINGSIDE_BROWSERS ?? "chromium").split(",");

/**
 * What `serve(told)`'s page told in that browser within `ms`. `serve` gives `{ url, stop() }` and calls `told` with
 * what the page posts; `query` is the page's. `chromium`: further flags of that one.
 */
export async function hear(name, serve, query, { ms, chromium = [] }) {
  const kind = name.includes("firefox") ? "firefox" : "chromium";
  const binary = (kind === "chromium" && process.env.RINGSIDE_CHROMIUM) || name;
  const profile = mkdtempSync(join(tmpdir(), "ringside-browser-"));
  let told;
  const telling = new Promise((done) => (told = done));
  const site = await serve(told);
  const flags = [...FLAGS[kind](profile), ...(kind === "chromium" ? chromium : []), `${site.url}/?${new URLSearchParams(query)}`];
  // A group of its own, so that its helpers end with it.
  const child = spawn(binary, flags, { stdio: "ignore", detached: true });
  const failed = new Promise((_, reject) => child.once("error", (error) => reject(new Error(`${binary} does not start (${error.code}): apt-get install ${name}`))));
  const ended = new Promise((done) => child.once("exit", done));
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`${name} told nothing within ${ms} ms`)), ms)));
  try {
    return await Promise.race([telling, failed, late]);
  } finally {
    clearTimeout(timer);
    if (child.pid) process.kill(-child.pid, "SIGKILL");
    await Promise.race([ended, failed.catch(() => {})]);
    await site.stop();
    // A helper that ends a moment later may still write.
    await rm(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
