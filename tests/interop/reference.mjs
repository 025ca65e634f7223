// The reference: npm `socket.io` in the shape of the fixtures `socketio` and `api`, behind the
// same command line.
//
// `node reference.mjs socketio --port 0` prints `listening on http://127.0.0.1:PORT` and serves
// until SIGTERM. A test that passes against this program and fails against ours has found a fault
// of ours; a test that fails here is wrong itself. Leaves out: the fixture's other shapes.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server } from "socket.io";
import parser from "socket.io-msgpack-parser";
import { api } from "./reference-api.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "3000" },
    eio3: { type: "boolean", default: false },
    msgpack: { type: "boolean", default: false },
    "ping-timeout": { type: "string" },
  },
});
const shapes = {
  // Timings in milliseconds, as the public protocol suite expects them.
  socketio: { pingInterval: 300, pingTimeout: Number(values["ping-timeout"] ?? 200), connectTimeout: 1_000 },
  api: { connectionStateRecovery: {} },
};
const shape = positionals[0];
if (positionals.length !== 1 || !(shape in shapes)) {
  console.error(`usage: reference.mjs ${Object.keys(shapes).join("|")} [--host H] [--port N] [--eio3]`);
  process.exit(2);
}

const http = createServer();
const io = new Server(http, {
  maxHttpBufferSize: 1_000_000,
  allowEIO3: values.eio3,
  cors: { origin: "*" },
  ...(values.msgpack ? { parser } : {}),
  ...shapes[shape],
});

if (shape === "api") {
  api(io);
} else {
  io.on("connection", (socket) => {
    socket.emit("auth", socket.handshake.auth);
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => args.pop()(...args));
  });
  io.of("/custom").on("connection", (socket) => {
    socket.emit("auth", socket.handshake.auth);
  });
}

http.listen(Number(values.port), values.host, () => {
  console.log(`listening on http://${values.host}:${http.address().port}`);
});
process.on("SIGTERM", () => process.exit(0));
