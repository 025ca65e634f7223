// The gateway's examples and the README's server, each put to its use by a stock client.
//
// Promises: the README's program is the example `hello`, word for word, and runs with the README's page. The others are
// asked for their page and used as the page does. Leaves out: how the pages look.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import { DEADLINE_MS, next, within } from "./waiting.mjs";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** Runs an example; `line()` is the next line it prints. */
function run(name, args, cwd = ROOT) {
  const program = join(ROOT, "target/debug/examples", name);
  assert.ok(existsSync(program), `${program} is missing: cargo build -p ringside-gateway --examples`);
  const child = spawn(program, args, { cwd, stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    line: async () => (await within(lines.next(), `a line of ${name}`)).value,
    stop: () => (child.kill("SIGKILL"), new Promise((done) => child.once("exit", done))),
  };
}

async function serve(name) {
  const example = run(name, ["0"]);
  const url = (await example.line()).replace("listening on ", "");
  const page = await (await fetch(url)).text();
  assert.ok(page.includes("/socket.io/socket.io.js"), page);
  assert.equal((await fetch(`${url}/socket.io/socket.io.js`)).status, 200);
  const dial = (path = "/", options = {}) => io(url + path, { forceNew: true, ...options });
  return { url, dial, stop: example.stop };
}

const block = (text, language) => new RegExp("```" + language + "[^\\n]*\\n([^]*?)```").exec(text)[1];

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await next(server, "listening");
  const { port } = server.address();
  server.close();
  await next(server, "close");
  return port;
}

test("the README's server runs as written, and greets", async () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const program = block(readme, "rust");
  const body = program.slice(program.indexOf("{", program.indexOf("fn main")) + 1).trim().split("\n");
  assert.ok(body.length - 1 <= 10, `${body.length - 1} lines`);
  const hello = readFileSync(join(ROOT, "gateway/examples/hello.rs"), "utf8");
  assert.ok(hello.includes(program.replace('"127.0.0.1:3000"', "address()")), "the example is the README's program");

  const folder = mkdtempSync(join(tmpdir(), "ringside-readme-"));
  writeFileSync(join(folder, "index.html"), block(readme, "html"));
  const port = await freePort();
  const example = run("hello", [`127.0.0.1:${port}`], folder);
  const url = `http://127.0.0.1:${port}`;
  const socket = io(url, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50 });
  assert.equal(await example.line(), "a user connected");
  assert.equal(await (await fetch(url)).text(), block(readme, "html"));
  socket.disconnect();
  assert.equal(await example.line(), "a user disconnected");
  await example.stop();
  rmSync(folder, { recursive: true });
});

test("chat: rooms, who is there, and what was said before", async () => {
  const { dial, stop } = await serve("chat");
  const [ann, ben] = [dial(), dial()];
  const join = (socket, name, room) => socket.timeout(DEADLINE_MS).emitWithAck("join", { name, room });
  assert.deepEqual(await join(ann, "ann", "lobby"), []);
  const joined = next(ann, "joined");
  await join(ben, "ben", "lobby");
  assert.equal((await joined)[0], "ben");
  const heard = next(ann, "message");
  assert.equal(await ben.timeout(DEADLINE_MS).emitWithAck("message", "hello"), true);
  assert.deepEqual((await heard)[0], { from: "ben", text: "hello" });
  const typing = next(ben, "typing");
  ann.emit("typing");
  assert.equal((await typing)[0], "ann");
  const late = dial();
  assert.deepEqual(await join(late, "cat", "lobby"), [{ from: "ben", text: "hello" }]);
  const left = next(ann, "left");
  ben.disconnect();
  assert.equal((await left)[0], "ben");
  [ann, late].forEach((socket) => socket.disconnect());
  await stop();
});

test("push: the time from a thread, and a notification from a POST", async () => {
  const { url, dial, stop } = await serve("push");
  const [ann, ben] = [dial("/", { query: { user: "ann" } }), dial("/", { query: { user: "ben" } })];
  await Promise.all([next(ann, "time"), next(ben, "time")]);
  let strayed = false;
  ben.on("notification", () => (strayed = true));
  const heard = next(ann, "notification");
  const post = (body) => fetch(`${url}/notify`, { method: "POST", body });
  assert.deepEqual(await (await post(JSON.stringify({ user: "ann", text: "hello" }))).json(), { sent: true });
  assert.equal((await heard)[0], "hello");
  assert.deepEqual(await (await post("no JSON")).json(), { sent: false });
  await next(ben, "time");
  assert.ok(!strayed);
  [ann, ben].forEach((socket) => socket.disconnect());
  await stop();
});

test("whiteboard: strokes and cursors reach the others, and strokes whoever comes later", async () => {
  const { dial, stop } = await serve("whiteboard");
  const [ann, ben, other] = [dial("/board-1"), dial("/board-1"), dial("/board-2")];
  await Promise.all([next(ann, "connect"), next(ben, "connect"), next(other, "connect")]);
  const stroke = Buffer.from([7, 0, 1, 0, 2]);
  const drawn = next(ben, "stroke");
  assert.equal(await ann.timeout(DEADLINE_MS).emitWithAck("stroke", stroke), true);
  assert.deepEqual([...(await drawn)[0]], [...stroke]);
  const moved = next(ben, "cursor");
  ann.emit("cursor", 0.5, 0.25);
  assert.deepEqual(await moved, [ann.id, [0.5, 0.25]]);
  const late = dial("/board-1");
  const all = await late.timeout(DEADLINE_MS).emitWithAck("strokes");
  assert.deepEqual(all.map((bytes) => [...bytes]), [[...stroke]]);
  assert.deepEqual(await other.timeout(DEADLINE_MS).emitWithAck("strokes"), []);
  const cleared = next(ben, "clear");
  late.emit("clear");
  await cleared;
  const gone = next(ben, "gone");
  const { id } = ann;
  ann.disconnect();
  assert.equal((await gone)[0], id);
  [ben, other, late].forEach((socket) => socket.disconnect());
  await stop();
});
