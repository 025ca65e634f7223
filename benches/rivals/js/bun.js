// The server of the benches in Bun: its WebSockets and topics are those of uWebSockets.
// A message that begins with E comes back to its sender; any other goes to everybody.

const port = Number(process.argv[2] ?? 9101);

const server = Bun.serve({
  hostname: "127.0.0.1",
  port,
  fetch: (request, server) =>
    server.upgrade(request) ? undefined : new Response("a WebSocket is spoken here", { status: 426 }),
  websocket: {
    idleTimeout: 960,
    perMessageDeflate: false,
    open: (socket) => socket.subscribe("everybody"),
    message: (socket, message) => {
      if (message[0] === "E") socket.send(message);
      else server.publish("everybody", message);
    },
  },
});
console.log(`listening on http://127.0.0.1:${server.port}`);
