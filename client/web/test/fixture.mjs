// The public fixture that test clients of Socket.IO expect, on the stock server: the other side of transcript.mjs.
//
// The same names and answers are the Rust fixture's (`fixture socketio-client`), so that one script can be run against both.
import { stock } from "./helper.mjs";

export function fixture(opts = {}, port = 0) {
  const all = { pingInterval: 2000, connectionStateRecovery: {}, allowRequest: (_, done) => setTimeout(done, 10, null, true), ...opts };
  return stock(all, setup, port);
}

function setup(io) {
  io.use((socket, done) => done(socket.request._query.fail ? new Error("Auth failed (main namespace)") : undefined));
  io.of("/foo").on("connection", (socket) => socket.on("getId", (ack) => ack(socket.id)));
  for (const name of ["/timeout_socket", "/valid", "/asd"]) io.of(name);
  io.of("/abc").on("connection", (socket) => socket.emit("handshake", socket.handshake));
  io.of("/no").use((_, done) => done(new Error("Auth failed (custom namespace)")));
  io.on("connection", (socket) => {
    const bytes = Buffer.from("asdfasdf");
    const answers = {
      hi: () => socket.emit("hi"),
      echo: (arg, ack) => ack(arg),
      ack: () => socket.emit("ack", (a, b) => a === 5 && b.test && socket.emit("got it")),
      getAckDate: (_, ack) => ack(new Date()),
      getDate: () => socket.emit("takeDate", new Date()),
      getDateObj: () => socket.emit("takeDateObj", { date: new Date() }),
      getUtf8: () => ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"].forEach((text) => socket.emit("takeUtf8", text)),
      false: () => socket.emit("false", false),
      doge: () => socket.emit("doge", bytes),
      getbin: () => socket.emit("takebin", bytes),
      buffa: (a) => Buffer.isBuffer(a) && socket.emit("buffack"),
      jsonbuff: (a) => a.hello === "lol" && Buffer.isBuffer(a.message) && a.goodbye === "gotcha" && socket.emit("jsonbuff-ack"),
      abuff1: (a) => Buffer.isBuffer(a) && (socket.data.first = true),
      abuff2: () => socket.data.first && socket.emit("abuff2-ack"),
      blob: (a) => Buffer.isBuffer(a) && socket.emit("back"),
      jsonblob: (a) => a.hello === "lol" && Buffer.isBuffer(a.message) && a.goodbye === "gotcha" && socket.emit("jsonblob-ack"),
      blob1: (a) => Buffer.isBuffer(a) && (socket.data.blobs = 1),
      blob2: (a) => a === "second" && socket.data.blobs++,
      blob3: (a) => Buffer.isBuffer(a) && socket.data.blobs === 2 && socket.emit("blob3-ack"),
      getHandshake: (ack) => ack(socket.handshake),
      getId: (ack) => ack(socket.id),
    };
    for (const [name, answer] of Object.entries(answers)) socket.on(name, answer);
  });
}
