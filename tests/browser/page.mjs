// Pages of the arena in headless Chromium: opening them, waiting, and keeping what they look like.
//
// Promises: what reaches a page's console as an error is kept; a wait that ends in vain tells what the page and the
// server knew; pictures go to `target/browser/` and must show something.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { describe } from "./picture.mjs";

const PICTURES = resolve(dirname(fileURLToPath(import.meta.url)), "../../target/browser");
const CHROMIUM = process.env.RINGSIDE_CHROMIUM ?? "/usr/bin/chromium";
/** Longer than any step takes on a loaded machine without a GPU; reached only on failure. */
export const DEADLINE_MS = 30_000;
/** Pages are this large, in CSS pixels, unless a test asks otherwise. */
export const VIEWPORT = { width: 960, height: 600 };

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Playwright gives every launch a fresh profile in a folder of its own and removes it afterwards. */
export function launch() {
  assert.ok(existsSync(CHROMIUM), `${CHROMIUM} is missing: apt-get install chromium, or set RINGSIDE_CHROMIUM`);
  mkdirSync(PICTURES, { recursive: true });
  return chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS });
}

/** Opens the arena in a window of its own, so that no page is in the background. */
export async function visit(browser, game, query, options = {}) {
  const context = await browser.newContext({ viewport: VIEWPORT, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  const errors = [];
  page.on("console", (message) => {
    if (message.type() === "error") {
      errors.push(`${message.text()} (${message.location().url})`);
    }
  });
  page.on("pageerror", (error) => errors.push(error.stack ?? String(error)));
  // What the page does on the wire, beside what it says of itself.
  const webSockets = [];
  page.on("websocket", (socket) => webSockets.push(socket.url()));
  await page.goto(game.url + query, { waitUntil: "load" });
  return { page, game, errors, webSockets, close: () => context.close() };
}

/** Waits until `condition`, which runs in the page, is truthy; a failure tells what the page knew. */
export async function until(visitor, what, condition, argument, timeout = DEADLINE_MS) {
  try {
    return await visitor.page.waitForFunction(condition, argument, { timeout });
  } catch (error) {
    const state = await visitor.page
      .evaluate(() => {
        const g = window.__glimmer;
        return g && { id: g.id, tick: g.tick, connected: g.connected, transport: g.transport, frames: g.frames, hint: g.hint, events: g.events, me: g.me(), standings: g.standings(), network: g.network() };
      })
      .catch((failure) => String(failure));
    throw new Error(
      `${what}: ${error.message}\nthe page knew: ${JSON.stringify(state)}\n` +
        `its errors: ${visitor.errors.join("\n") || "none"}\nthe server said: ${visitor.game.output()}`,
    );
  }
}

/** Keeps a screenshot, and demands that there is something on it. */
export async function keep(visitor, name) {
  const png = await visitor.page.screenshot();
  writeFileSync(join(PICTURES, name), png);
  const seen = describe(png);
  const told = `${name}: ${JSON.stringify(seen)}`;
  assert.ok(seen.colours >= 8, `few colours in ${told}`);
  assert.ok(seen.foreground >= 0.002, `all background in ${told}`);
  assert.ok(seen.deviation >= 2, `no contrast in ${told}`);
  return png;
}

/**
 * In the page: whether it tells somebody who has flown what comes next. The well begins in the middle, where people do: they
 * may have banked before they know, and then the line goes on to the zap.
 */
export function toldNext() {
  const { hint, id, standings } = window.__glimmer;
  const banked = standings().some((each) => each.id === id && each.score > 0);
  return ["gather", "bank"].includes(hint) || (banked && hint === "zap");
}
