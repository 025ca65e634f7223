// What the tests share: a stock server on a free port, clients that are closed afterwards, and waiting for conditions.
//
// Nothing here sleeps for luck: `until` polls a condition against a deadline, `next` waits for one event.
import { createServer } from "node:http";
import { Server } from "socket.io";
import WebSocket from "ws";
import { io } from "../js/ringside.js";

/** The transports a page may choose, and what it plays over in the end. */
export const CHOICES = [
  { name: "websocket only", transports: ["websocket"], ends: "websocket" },
  { name: "polling only", transports: ["polling"], ends: "polling" },
  { name: "polling, then upgrade", transports: ["polling", "websocket"], ends: "websocket" },
];

/** A socket.io 4.8.4 server on a free port (or a given one); `stop` cuts its connections. */
export async function stock(opts = {}, setup = () => {}, port = 0) {
  const http = createServer();
  const server = new Server(http, { transports: ["polling", "websocket"], ...opts });
  setup(server);
  await new Promise((done) => http.listen(port, "127.0.0.1", done));
  const at = http.address().port;
  const stop = async () => {
    const closed = new Promise((done) => server.close(done));
    http.closeAllConnections();
    await closed;
  };
  return { server, http, port: at, url: `http://127.0.0.1:${at}`, stop };
}

/** A plain HTTP server with one handler, for servers that misbehave. */
export async function plain(handler, upgrade) {
  const http = createServer(handler);
  if (upgrade) http.on("upgrade", upgrade);
  await new Promise((done) => http.listen(0, "127.0.0.1", done));
  const stop = () => new Promise((done) => (http.close(done), http.closeAllConnections()));
  return { http, url: `http://127.0.0.1:${http.address().port}`, stop };
}

/** Our client, with `ws` put in where Node has no WebSocket; short waits, own connection. */
export function client(url, opts = {}) {
  return io(url, { WebSocket, forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50, seed: 7, ...opts });
}

export function next(emitter, name, ms = 5000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "${name}" within ${ms} ms`)), ms);
    emitter.once(name, (...args) => (clearTimeout(timer), resolve(args)));
  });
}

export async function until(condition, what = "condition", ms = 5000) {
  const deadline = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

/** Every stage a socket goes through, as the names and first arguments it was told. */
export function stages(socket) {
  const seen = [];
  const names = ["connecting", "connect", "connect_failed", "connect_error", "disconnect", "error", "reconnecting", "reconnect_attempt", "reconnect", "reconnect_failed"];
  for (const name of names) {
    socket.on(name, (first) => seen.push(first === undefined || typeof first === "object" ? name : `${name} ${first}`));
  }
  return seen;
}

export const bytes = (value) => [...new Uint8Array(value.buffer ?? value)];
