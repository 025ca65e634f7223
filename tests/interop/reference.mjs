// The reference: npm `socket.io` in the shape of the `socketio` fixture, behind the same command
// line.
//
// `node reference.mjs socketio --port 0` prints `listening on http://127.0.0.1:PORT` and serves
// until SIGTERM. A test that passes against this program and fails against ours has found a fault
// of ours; a test that fails here is wrong itself. Leaves out: every other shape of the fixture.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "3000" },
    eio3: { type: "boolean", default: false },
  },
});
if (positionals.length !== 1 || positionals[0] !== "socketio") {
  console.error("usage: reference.mjs socketio [--host H] [--port N] [--eio3]");
  process.exit(2);
}

// Timings in milliseconds, as the public protocol suite expects them.
const http = createServer();
const io = new Server(http, {
  pingInterval: 300,
  pingTimeout: 200,
  maxHttpBufferSize: 1_000_000,
  connectTimeout: 1_000,
  allowEIO3: values.eio3,
  cors: { origin: "*" },
});

io.on("connection", (socket) => {
  socket.emit("auth", socket.handshake.auth);
  socket.on("message", (...args) => socket.emit("message-back", ...args));
  socket.on("message-with-ack", (...args) => args.pop()(...args));
});
io.of("/custom").on("connection", (socket) => {
  socket.emit("auth", socket.handshake.auth);
});

http.listen(Number(values.port), values.host, () => {
  console.log(`listening on http://${values.host}:${http.address().port}`);
});
process.on("SIGTERM", () => process.exit(0));
