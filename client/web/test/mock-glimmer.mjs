// A stand-in for the arena's server, for work on the page: the same events on a stock socket.io server, no rules of the game.
//
//   node client/web/test/mock-glimmer.mjs [--port 3100 (0: any)] [--bots 12] [--no-websocket]
//
// It serves the page from game-demo/web and the client's modules from client/web/js as they lie there.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

const { values: flags } = parseArgs({
  options: { port: { type: "string", default: "3100" }, bots: { type: "string", default: "12" }, "no-websocket": { type: "boolean", default: false } },
});
const root = fileURLToPath(new URL("../../..", import.meta.url));
const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript" };

async function page(request, response) {
  const { pathname } = new URL(request.url, "http://x");
  const client = pathname.startsWith("/socket.io/");
  const name = normalize(client ? pathname.slice("/socket.io".length) : pathname === "/" ? "/index.html" : pathname);
  const file = join(root, client ? "client/web/js" : "game-demo/web", name);
  try {
    const body = await readFile(file);
    response.writeHead(200, { "Content-Type": `${TYPES[extname(name)] ?? "text/plain"}; charset=utf-8` }).end(body);
  } catch {
    response.writeHead(404).end("not found");
  }
}

const http = createServer();

const io = new Server(http, {
  serveClient: false,
  connectionStateRecovery: {},
  transports: flags["no-websocket"] ? ["polling"] : ["polling", "websocket"],
});
// The stock server takes all of its path; the client's modules live under the same one.
const [engine] = http.listeners("request");
http.removeAllListeners("request");
http.on("request", (request, response) => (/^\/socket\.io\/\?/.test(request.url) ? engine : page)(request, response));

const WORLD = 65_535;
const players = new Map();
let ids = 0;
let tick = 0;
const started = performance.now();
const NAMES = ["Vega", "Lyra", "Orion", "Nova", "Rigel", "Mira", "Altair", "Deneb", "Sirius", "Polaris", "Castor", "Electra", "Maia", "Bellatrix"];

function enter(name, bot) {
  const id = ++ids;
  const player = { id, name, hue: (id * 97) & 255, bot, x: WORLD / 2 + (Math.random() - 0.5) * 16_000, y: WORLD / 2 + (Math.random() - 0.5) * 16_000, vx: 0, vy: 0, aim: 0, buttons: 0, dash: 0 };
  players.set(id, player);
  return player;
}
const card = ({ id, name, hue, bot }) => ({ id, name, hue, bot });
for (let i = 0; i < +flags.bots; i++) enter(NAMES[i % NAMES.length], true);

io.on("connection", (socket) => {
  let player;
  socket.on("join", ({ name }, ack) => {
    if (player) player.name = name;
    else player = enter(name, false);
    ack({ ...card(player), tickHz: 60, snapshotHz: 20, world: 65_536, players: [...players.values()].map(card) });
    socket.broadcast.emit("player", card(player));
  });
  socket.on("input", (bytes) => {
    if (player) [, , player.buttons, player.aim] = bytes;
  });
  socket.on("clock", (ack) => ack(performance.now() - started));
  socket.on("disconnect", () => {
    if (!player) return;
    players.delete(player.id);
    io.emit("left", { id: player.id });
  });
});

function step(p) {
  if (p.bot && Math.random() < 0.04) {
    const inward = Math.atan2(WORLD / 2 - p.y, WORLD / 2 - p.x);
    p.aim = Math.round(((inward + (Math.random() - 0.5) * 4) / (2 * Math.PI)) * 256) & 255;
    p.buttons = Math.random() < 0.85 ? 1 : 0;
    if (Math.random() < 0.1) p.dash = 15;
  }
  const [up, down, left, right] = [1, 2, 4, 8].map((bit) => +!!(p.buttons & bit));
  const angle = (p.aim / 256) * 2 * Math.PI;
  let [ax, ay] = p.bot ? [up * Math.cos(angle), up * Math.sin(angle)] : [right - left, down - up];
  const length = Math.hypot(ax, ay) || 1;
  if (p.buttons & 16 && !p.dash) p.dash = 60;
  if (p.dash) p.dash--;
  const push = p.dash > 45 || (p.bot && p.dash) ? 26 : 5.5;
  p.vx = (p.vx + (ax / length) * push) * 0.975;
  p.vy = (p.vy + (ay / length) * push) * 0.975;
  for (const [axis, speed] of [["x", "vx"], ["y", "vy"]]) {
    p[axis] += p[speed];
    if (p[axis] < 500 || p[axis] > WORLD - 500) (p[speed] *= -0.8), (p[axis] = Math.min(WORLD - 500, Math.max(500, p[axis])));
  }
  p.thrusting = ax || ay;
}

function snapshot() {
  const message = Buffer.alloc(7 + players.size * 8);
  message.writeUInt32LE(tick, 1);
  message.writeUInt16LE(players.size, 5);
  let at = 7;
  for (const p of players.values()) {
    message.writeUInt16LE(p.id, at);
    message.writeUInt16LE(Math.round(p.x), at + 2);
    message.writeUInt16LE(Math.round(p.y), at + 4);
    message[at + 6] = p.aim;
    message[at + 7] = (p.dash > (p.bot ? 0 : 45) ? 1 : 0) | (p.thrusting ? 2 : 0);
    at += 8;
  }
  return message;
}

setInterval(() => {
  for (const due = ((performance.now() - started) * 60) / 1000; tick < due; tick++) {
    for (const p of players.values()) step(p);
    if (tick % 3 === 0) io.volatile.emit("snapshot", snapshot());
  }
}, 4);

http.listen(+flags.port, "127.0.0.1", () => console.log(`http://127.0.0.1:${http.address().port}`));
