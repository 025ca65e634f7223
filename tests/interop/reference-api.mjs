// The reference server in the shape of `fixture api`: the whole server API behind events.
//
// The same names and answers as tests/src/bin/fixture/api.rs, in the words of npm `socket.io`. What the server
// sees by itself goes into a log that the script asks for. Leaves out: everything the script does not use.

/** Rooms as both servers can tell them: sorted, without the socket's own. */
const roomsOf = (socket) => [...socket.rooms].filter((room) => room !== socket.id).sort();

export function api(io) {
  let log = [];
  const numbered = io.of(/^\/dyn-\d+$/);
  const secret = io.of((name, auth, next) => next(null, name === "/secret" && JSON.stringify(auth).includes("sesame")));
  secret.on("connection", () => {});
  io.on("new_namespace", (nsp) => log.push(`namespace ${nsp.name}`));
  numbered.on("connection", (socket) => {
    socket.on("where", (ack) => ack(socket.nsp.name));
    socket.on("all", (text) => socket.nsp.emit("all", text));
  });
  // A client of the old kind has no auth: it says so in its query.
  const banned = ({ handshake }, next) => {
    if (!JSON.stringify(handshake.auth).includes('"ban"') && !("ban" in handshake.query)) return next();
    const error = new Error("banned");
    error.data = { code: 403 };
    next(error);
  };
  const guarded = io.of("/guarded");
  guarded.use(banned);
  guarded.use((socket, next) => setImmediate(() => next("token" in socket.handshake.auth ? undefined : new Error("no token"))));

  // Own rooms come and go with every socket: only others are told.
  const isOwn = (room) => /^[\w-]{20}$/.test(room);
  for (const name of ["/", "/custom"]) whole(io.of(name));

  function whole(nsp) {
    nsp.use(banned);
    nsp.adapter.on("create-room", (room) => isOwn(room) || log.push(`create ${room}`));
    nsp.adapter.on("delete-room", (room) => isOwn(room) || log.push(`delete ${room}`));
    nsp.on("connection", (socket) => connected(socket, nsp));
  }

  function connected(socket, nsp) {
    const target = ({ from, to = [], except = [], volatile, local, compress }) => {
      let all = from === "io" ? nsp.to(to) : to.length > 0 ? socket.to(to) : socket.broadcast;
      if (except.length > 0) all = all.except(except);
      if (volatile) all = all.volatile;
      if (local) all = all.local;
      return compress === undefined ? all : all.compress(compress);
    };
    const sortedText = (values) => values.map((value) => JSON.stringify(value)).sort();
    socket.on("disconnecting", (reason) => log.push(`disconnecting: ${reason} [${roomsOf(socket).join(" ")}]`));
    socket.on("disconnect", (reason) => log.push(`disconnect: ${reason}`));
    socket.on("error", (error) => log.push(`error: ${error.message}`));
    socket.onAny((event) => event === "any" && log.push("onAny any"));
    socket.use(([event], next) => next(event === "forbidden" ? new Error("not allowed") : undefined));

    socket.on("join", (rooms, ack) => (socket.join(rooms), ack()));
    socket.on("leave", (room, ack) => (socket.leave(room), ack()));
    socket.on("rooms", (ack) => ack(roomsOf(socket)));
    socket.on("say", (whom, event, arg, ack) => (target(whom).emit(event, arg), ack()));
    socket.on("send", (text, ack) => (target({}).send?.(text) ?? target({}).emit("message", text), ack()));
    socket.on("bytes", (bytes, ack) => (target({}).emit("bytes", bytes, { deep: [1] }), ack()));
    socket.on("own", (event, arg, ack) => (socket.emit(event, arg), ack()));
    socket.on("to-id", (id, arg, ack) => (socket.to(id).emit("direct", arg), ack()));
    socket.on("ask", (event, arg, ms, ack) => {
      socket.timeout(ms).emitWithAck(event, arg).then(
        (answer) => ack({ answer }),
        (error) => ack({ error: error.message }),
      );
    });
    socket.on("ask-many", (whom, event, ms, ack) => {
      target(whom).timeout(ms).emit(event, (error, answers) => {
        ack({ answers: sortedText(answers), missing: Boolean(error) });
      });
    });
    socket.on("bytes-of", (text, ack) => ack(Buffer.from(text)));
    socket.on("ask-bytes", async (bytes, ack) => ack(await socket.emitWithAck("question", bytes)));
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => args.pop()(...args));
    socket.on("fetch", async (whom, ack) => {
      const sockets = await target(whom).fetchSockets();
      const all = sockets.map((it) => ({ data: it.data.value ?? null, rooms: roomsOf(it) }));
      ack(all.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)));
    });
    socket.on("data", (data, ack) => ((socket.data.value = data), ack(true)));
    socket.on("get-data", (ack) => ack(socket.data.value ?? null));
    socket.on("sockets-join", (whom, rooms, ack) => (target(whom).socketsJoin(rooms), ack()));
    socket.on("sockets-leave", (whom, rooms, ack) => (target(whom).socketsLeave(rooms), ack()));
    socket.on("kick", (whom, close, ack) => (target(whom).disconnectSockets(close), ack?.()));
    socket.on("quit", (close) => socket.disconnect(close));
    socket.on("recovered", (ack) => ack(socket.recovered));
    socket.on("auth", (ack) => ack(withoutClaim(socket.handshake.auth)));
    socket.on("handshake", (ack) => ack(socket.handshake));
    socket.on("transport", (ack) => ack(socket.conn.transport.name));
    socket.on("server-side", (ack) => ack(nsp.serverSideEmit("x", 1)));
    socket.on("log", (ack) => {
      ack(log);
      log = [];
    });

    socket.once("once", (ack) => ack?.("once"));
    const counted = (ack) => ack("counted");
    socket.on("counted", counted);
    socket.on("off", (ack) => (socket.off("counted", counted), ack(true)));
    socket.on("watch", (ack) => {
      socket.onAny((event) => log.push(`any ${event}`));
      socket.prependAny((event) => log.push(`first ${event}`));
      socket.onAnyOutgoing((event) => log.push(`out ${event}`));
      ack();
    });
    socket.on("unwatch", (ack) => {
      socket.offAny();
      socket.offAnyOutgoing();
      ack();
    });
  }
}

const withoutClaim = ({ pid, offset, ...auth }) => auth;
