// The tables of docs/client.md: each name in them exists where its column says, and each public name stands in them.
//
// Names of the stock client and of ours are looked up in the running modules, options in the types; those of Rust
// are read off the sources, where they are `pub fn name` or `pub name:`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Manager as StockManager, io as stockIo } from "socket.io-client";
import { Manager, io } from "../js/ringside.js";

const read = (path) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
const page = read("docs/client.md");

/** The table under a heading, as rows of lists of names. */
function table(heading) {
  const lines = page.split(`### ${heading}\n`)[1].split("\n");
  const start = lines.findIndex((line) => line.startsWith("|"));
  const rows = lines.slice(start + 2, lines.findIndex((line, i) => i > start && !line.startsWith("|")));
  return rows.map((row) => row.split("|").slice(1, -1).map((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name)));
}

const column = (rows, at) => rows.flatMap((row) => row[at]);
const functions = (...paths) => new Set(paths.flatMap((path) => [...read(path).matchAll(/^\s*pub (?:async )?fn (\w+)/gm)].map(([, name]) => name)));
/** Properties that are there only when there is a connection, or auth. */
const LATER = new Set(["id", "auth", "engine"]);
const missing = (names, there) => names.filter((name) => !there(name));

const SERVER = functions(...["socket", "namespace", "emitter", "target/mod", "target/members", "target/others"].map((name) => `gateway/src/socketio/${name}.rs`), "gateway/src/gateway.rs", "gateway/src/builder.rs");
/** What the stock client has and does not mean to show. */
const INTERNAL = new Set(["constructor", "subEvents", "packet", "onopen", "onerror", "onclose", "onpacket", "onevent", "emitEvent", "ack", "onack", "onconnect", "emitBuffered", "ondisconnect", "destroy", "notifyOutgoingListeners", "maybeReconnectOnOpen", "onping", "ondata", "ondecoded", "cleanup", "reconnect", "onreconnect", "emitReserved"]);

function names(object) {
  const all = new Set();
  for (let proto = Object.getPrototypeOf(object); proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) Object.getOwnPropertyNames(proto).forEach((name) => all.add(name));
  return [...all].filter((name) => !INTERNAL.has(name) && !name.startsWith("_"));
}

const stock = new StockManager("http://127.0.0.1:1", { autoConnect: false });
const ours = new Manager("http://127.0.0.1:1", { autoConnect: false });
const kinds = [
  { heading: "Sockets", stock: stock.socket("/"), ours: ours.socket("/"), rust: "client/src/socket.rs", entry: ["io"] },
  { heading: "Managers", stock, ours, rust: "client/src/manager.rs", entry: ["Manager"] },
];

for (const kind of kinds) {
  describe(kind.heading, () => {
    const rows = table(kind.heading);
    test("there are rows, with four columns", () => {
      assert.ok(rows.length > 15);
      assert.deepEqual([...new Set(rows.map((row) => row.length))], [4]);
    });

    test("every name of the stock client is real, and none is missing", () => {
      const told = column(rows, 0);
      assert.deepEqual(missing(told, (name) => name in kind.stock || name in stockIo || LATER.has(name)), []);
      assert.deepEqual(missing(names(kind.stock), (name) => told.includes(name)), []);
    });

    test("every name of ours in the browser is real", () => {
      assert.deepEqual(missing(column(rows, 1), (name) => name in kind.ours || name in io || LATER.has(name)), []);
    });

    test("every name in Rust is real, and none is missing", () => {
      const there = functions(kind.rust, "client/src/cache.rs");
      const told = column(rows, 2);
      assert.deepEqual(missing(told, (name) => there.has(name)), []);
      assert.deepEqual(missing([...functions(kind.rust)], (name) => told.includes(name)), []);
    });

    test("every name of the server is real", () => {
      assert.deepEqual(missing(column(rows, 3), (name) => SERVER.has(name)), []);
    });

    test("what the stock client has, both of ours have, unless it says otherwise", () => {
      const lacking = rows.filter(([theirs, web, rust]) => theirs.length && (!web.length || !rust.length)).map(([theirs]) => theirs.join());
      const said = { Sockets: [], Managers: ["listeners", "hasListeners", "emit"] };
      assert.deepEqual(lacking, said[kind.heading]);
    });
  });
}

test("every name of io", () => {
  assert.deepEqual(Object.keys(stockIo).filter((name) => !(name in io)), []);
});

describe("Options", () => {
  const rows = table("Options");
  const typed = read("client/web/js/ringside.d.ts");
  const stockTyped = ["socket.io-client/build/esm/manager.d.ts", "socket.io-client/build/esm/socket.d.ts", "socket.io-client/build/esm/index.d.ts", "engine.io-client/build/esm/socket.d.ts"];
  const text = stockTyped.map((path) => read(`client/web/test/node_modules/${path}`)).join("\n");
  const fields = new Set([...read("client/src/options.rs").matchAll(/^ {4}pub (\w+): /gm)].map(([, name]) => name));

  test("every name is real in its column", () => {
    const option = (source) => (name) => new RegExp(`^\\s*${name}\\??:`, "m").test(source);
    assert.deepEqual(missing(column(rows, 0), option(text)), []);
    assert.deepEqual(missing(column(rows, 1), option(typed)), []);
    assert.deepEqual(missing(column(rows, 2), (name) => fields.has(name)), []);
  });

  test("every option of ours stands there", () => {
    const web = typed.split("export interface SocketOptions")[1].split("type Name<Events>")[0];
    const all = [...web.matchAll(/^ {2}(\w+)\?:/gm)].map(([, name]) => name);
    assert.ok(all.length > 20);
    assert.deepEqual(missing(all, (name) => column(rows, 1).includes(name)), []);
    assert.deepEqual(missing([...fields], (name) => column(rows, 2).includes(name)), []);
  });
});

describe("stages and reasons", () => {
  const cells = (heading) => [...page.split(heading)[1].split("\n\n")[0].matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);

  test("the stages are those of the types, and those of Rust", () => {
    const typed = read("client/web/js/ringside.d.ts").split("interface Lifecycle")[1].split("\n}")[0];
    const web = [...typed.matchAll(/^ {2}(\w+): \(/gm)].map(([, name]) => name);
    const rust = [...read("client/src/stage.rs").matchAll(/Self::\w+(?:\(.*?\))? => "(\w+)"/g)].map(([, name]) => name);
    // `message` is the event that `send` emits: no stage, but one of the names to know.
    const told = cells("| event | arguments | `state` then |\n").filter((name) => name !== "message").sort();
    assert.deepEqual(told, [...web].sort());
    assert.deepEqual(missing(told, (name) => rust.includes(name)), []);
  });

  test("the reasons are those of the types, and those of Rust", () => {
    const typed = read("client/web/js/ringside.d.ts").split("export type FailureReason")[1].split("export interface")[0];
    const web = [...typed.matchAll(/"(\w+)"/g)].map(([, name]) => name);
    const rust = [...read("client/src/failure.rs").matchAll(/Self::\w+ => "(\w+)"/g)].map(([, name]) => name);
    const told = cells("| reason | it means |\n").sort();
    assert.deepEqual(told, [...web].sort());
    assert.deepEqual(told, [...rust].sort());
  });
});
