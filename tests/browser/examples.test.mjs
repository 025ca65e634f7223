// The gateway's examples as people use them: pages in headless Chromium, typed into, drawn on, and read.
//
// Promises: each page is served by its example, loads without an error, and shows what other pages did. Leaves out: the examples'
// events one by one, which a stock client uses (tests/interop/examples.test.mjs).

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { DEADLINE_MS, launch } from "./page.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
/** Cargo puts them beside the programs. */
const EXAMPLES = resolve(process.env.RINGSIDE_GAME ? dirname(resolve(HERE, process.env.RINGSIDE_GAME)) : resolve(HERE, "../../target/debug"), "examples");

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

/** Runs an example until the test is over; `open(query)` is a page of it, in a window of its own. */
async function run(context, name) {
  const program = resolve(EXAMPLES, name);
  assert.ok(existsSync(program), `${program} is missing: cargo build -p ringside-gateway --examples`);
  const child = spawn(program, ["0"], { stdio: ["ignore", "pipe", "inherit"] });
  const windows = [];
  const errors = [];
  context.after(async () => {
    await Promise.all(windows.map((window) => window.close()));
    child.kill("SIGKILL");
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const url = (await lines.next()).value.replace("listening on ", "");
  const open = async (query) => {
    const window = await browser.newContext({ viewport: { width: 640, height: 480 } });
    windows.push(window);
    const page = await window.newPage();
    page.setDefaultTimeout(DEADLINE_MS);
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(url + query);
    return page;
  };
  return { url, open, errors };
}

/** Waits until the page shows this text in that element. */
const shows = (page, selector, text) =>
  page.waitForFunction(([selector, text]) => document.querySelector(selector).textContent.includes(text), [selector, text]);

test("chat: who comes, what is said, who is typing, who leaves, and a lost connection that nobody notices", async (context) => {
  const { open, errors } = await run(context, "chat");
  const ann = await open("/?name=ann");
  // In the room once it has been told what was said before: the next who joins is announced to her.
  await ann.waitForFunction(() => socket.connected);
  await ann.evaluate(() => socket.emitWithAck("join", { name, room }));
  const ben = await open("/?name=ben");
  await shows(ann, "#said", "ben joined");
  await ann.type("#text", "hello");
  await shows(ben, "#typing", "ann is typing");
  await ann.press("#text", "Enter");
  await shows(ben, "#said", "ann: hello");
  await shows(ann, "#said", "ann: hello");
  assert.equal(await ann.inputValue("#text"), "");

  // Ben's connection breaks. He comes back as who he was: no second welcome, and nothing is missing.
  await ben.evaluate(() => {
    window.back = new Promise((done) => socket.once("connect", () => done(socket.recovered)));
    socket.io.engine.close();
  });
  await ann.type("#text", "still there?");
  await ann.press("#text", "Enter");
  assert.equal(await ben.evaluate(() => window.back), true);
  await shows(ben, "#said", "ann: still there?");

  const late = await open("/?name=cat");
  await shows(late, "#said", "ann: still there?");
  await shows(ann, "#said", "cat joined");
  await ben.close();
  await shows(ann, "#said", "ben left");
  const lines = await ann.locator("#said li").allTextContents();
  assert.equal(lines.filter((line) => line === "ben joined").length, 1, lines.join("\n"));
  assert.deepEqual(errors, []);
});

test("push: the time goes on, and a POST reaches one user on all their pages", async (context) => {
  const { url, open, errors } = await run(context, "push");
  const [ann, again, ben] = [await open("/?user=ann"), await open("/?user=ann"), await open("/?user=ben")];
  for (const page of [ann, again, ben]) await page.waitForFunction(() => document.getElementById("time").textContent !== "–");
  const first = await ben.textContent("#time");
  await ben.waitForFunction((first) => document.getElementById("time").textContent !== first, first);
  const body = JSON.stringify({ user: "ann", text: "your turn" });
  assert.deepEqual(await (await fetch(`${url}/notify`, { method: "POST", body })).json(), { sent: true });
  await shows(ann, "#all", "your turn");
  await shows(again, "#all", "your turn");
  assert.equal(await ben.locator("#all li").count(), 0);
  assert.deepEqual(errors, []);
});

test("whiteboard: a stroke is on every page of its board, whoever comes later too, until it is cleared", async (context) => {
  const { open, errors } = await run(context, "whiteboard");
  const [ann, ben, other] = [await open("/?board=1"), await open("/?board=1"), await open("/?board=2")];
  /** Whether something is drawn around the middle. */
  const isDrawn = () => {
    const { data } = pen.getImageData(canvas.width / 2 - 40, canvas.height / 2 - 40, 80, 80);
    return data.some((value, at) => at % 4 === 3 && value > 0);
  };
  for (const page of [ann, ben, other]) await page.waitForFunction(() => socket.connected);
  await ann.mouse.move(200, 200);
  await ann.mouse.down();
  await ann.mouse.move(320, 240, { steps: 5 });
  await ann.mouse.move(400, 300, { steps: 5 });
  await ann.mouse.up();
  await ben.waitForFunction(isDrawn);
  assert.ok(await ann.evaluate(isDrawn));
  await ben.waitForSelector(".cursor", { state: "attached" });
  const late = await open("/?board=1");
  await late.waitForFunction(isDrawn);
  assert.equal(await other.evaluate(isDrawn), false);

  await ben.click("button");
  for (const page of [ann, ben, late]) {
    await page.waitForFunction(() => strokes.length === 0);
    assert.equal(await page.evaluate(isDrawn), false);
  }
  await ann.close();
  await ben.waitForFunction(() => document.querySelectorAll(".cursor").length === 0);
  assert.deepEqual(errors, []);
});
