// The server of the benches on Node's ws, with the loop over all clients that its documentation shows.
// A message that begins with E comes back to its sender; any other goes to everybody.

import { WebSocketServer, WebSocket } from "ws";

const port = Number(process.argv[2] ?? 9103);
const E = "E".charCodeAt(0);

const server = new WebSocketServer({ host: "127.0.0.1", port, perMessageDeflate: false, backlog: 4096 });
server.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => {
    if (data[0] === E) return socket.send(data, { binary: isBinary });
    for (const client of server.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(data, { binary: isBinary });
    }
  });
});
server.on("listening", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
