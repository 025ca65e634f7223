// The server of the benches on Node's socket.io, as its documentation shows it.
// `e` comes back to its sender; `b` goes to everybody as `m`.

import { createServer } from "node:http";
import { Server } from "socket.io";

const port = Number(process.argv[2] ?? 9102);

const http = createServer();
const io = new Server(http, { pingInterval: 120_000, pingTimeout: 60_000, serveClient: false });
io.on("connection", (socket) => {
  socket.on("e", (...args) => socket.emit("e", ...args));
  socket.on("b", (text) => io.emit("m", text));
});
http.listen(port, "127.0.0.1", 4096, () =>
  console.log(`listening on http://127.0.0.1:${http.address().port}`),
);
