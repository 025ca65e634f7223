// The script that is run against the reference server and against ours: the server API, step by step.
//
// Promises: the lines hold no ids, times or ports, so that two servers that do the same give the same lines; a
// step that hangs fails by its name. Three clients, so that what leaves somebody out can be told.

const STEP_MS = 10_000;

/** Bytes as text, whatever a platform calls them. */
function show(value) {
  if (value === undefined) return "nothing";
  return JSON.stringify(value, function (key) {
    const raw = this[key];
    if (raw instanceof ArrayBuffer || ArrayBuffer.isView(raw)) {
      return `bytes ${new Uint8Array(raw.buffer ?? raw, raw.byteOffset ?? 0, raw.byteLength)}`;
    }
    return raw;
  });
}

export async function transcript(io, url, options = {}) {
  const lines = [];
  const step = async (what, run) => {
    let timer;
    const late = new Promise((_, fail) => {
      timer = setTimeout(() => fail(new Error(`step "${what}" took more than ${STEP_MS} ms`)), STEP_MS);
    });
    const value = await Promise.race([Promise.resolve().then(run), late]).finally(() => clearTimeout(timer));
    lines.push(`${lines.length + 1}. ${what}: ${show(value)}`);
  };
  const dial = (auth, path = "/") => io(url + path, { forceNew: true, transports: ["websocket"], reconnectionDelay: 20, auth, ...options });
  const once = (emitter, event) => new Promise((found) => emitter.once(event, (...args) => found(args)));
  /** Only the first argument: recovery appends an offset behind the others. */
  const first = (emitter, event) => once(emitter, event).then(([value]) => value);
  const ask = (socket, event, ...args) => socket.timeout(STEP_MS).emitWithAck(event, ...args);
  const sockets = ["a", "b", "c"].map((name) => dial({ name }));
  const [a, b, c] = sockets;
  await Promise.all(sockets.map((socket) => once(socket, "connect")));

  // What each has received since it was last asked: `[event, first argument]`.
  const inbox = new Map(sockets.map((socket) => [socket, []]));
  for (const [socket, box] of inbox) {
    socket.onAny((event, arg) => !["mark", "question"].includes(event) && box.push([event, arg]));
  }
  /** A mark to everybody by way of `by`: what was sent before it has arrived when it does. */
  const received = async (by = a) => {
    const marks = sockets.filter((socket) => socket.connected).map((socket) => once(socket, "mark"));
    await ask(by, "say", { from: "io" }, "mark", 0);
    await Promise.all(marks);
    return sockets.map((socket) => inbox.get(socket).splice(0).map(([event, arg]) => `${event} ${show(arg)}`).join(", "));
  };
  const say = async (whom, event = "e", arg = 1) => {
    await ask(a, "say", whom, event, arg);
    return received();
  };
  /** The log without what steps before have left in it. */
  const fresh = async (run, by = a) => {
    await ask(by, "log");
    await run();
    return ask(by, "log");
  };
  /** Asks for the log until it has this many lines of ends: an end is noticed when it is. */
  const logged = async (count, by = a) => {
    const all = [];
    while (all.length < count) all.push(...(await ask(by, "log")).filter((line) => line.startsWith("disconnect")));
    return all;
  };

  await step("the auth arrives", () => ask(a, "auth"));
  await step("the transport", () => ask(a, "transport"));
  await step("the handshake", async () => {
    const { headers, time, issued, url, query, ...rest } = await ask(a, "handshake");
    const isNow = Math.abs(Date.now() - issued) < 60_000 && Math.abs(Date.parse(time) - issued) < 2_000;
    return [isNow, "host" in headers, url.startsWith("/socket.io/?EIO=4&transport="), Object.keys(query).sort(), Object.entries(rest).sort()];
  });
  await step("not recovered", () => ask(a, "recovered"));
  await step("no rooms at first", () => ask(a, "rooms"));
  await step("join one", async () => (await ask(a, "join", ["red"]), ask(a, "rooms")));
  await step("join several, again one", async () => (await ask(a, "join", ["red", "blue"]), ask(a, "rooms")));
  await step("leave one", async () => (await ask(a, "leave", "red"), ask(a, "rooms")));
  await step("leave what one is not in", async () => (await ask(a, "leave", "gold"), ask(a, "rooms")));
  await step("others join", async () => {
    await ask(a, "join", ["red"]);
    await ask(b, "join", ["red", "green"]);
    await ask(c, "join", ["green", "blue"]);
    return Promise.all(sockets.map((socket) => ask(socket, "rooms")));
  });

  await step("io to everybody", () => say({ from: "io" }));
  await step("broadcast leaves the sender out", () => say({}));
  await step("io to a room", () => say({ from: "io", to: ["red"] }));
  await step("a room leaves the sender out", () => say({ to: ["red"] }));
  await step("a union reaches each once", () => say({ from: "io", to: ["red", "green", "blue"] }));
  await step("a union without the sender", () => say({ to: ["red", "green", "blue"] }));
  await step("io except a room", () => say({ from: "io", except: ["red"] }));
  await step("a union except a room", () => say({ from: "io", to: ["red", "green"], except: ["blue"] }));
  await step("except wins", () => say({ from: "io", to: ["red"], except: ["red"] }));
  await step("broadcast except", () => say({ except: ["blue"] }));
  await step("to nobody", () => say({ from: "io", to: ["nowhere"] }));
  await step("except nobody", () => say({ from: "io", except: ["nowhere"] }));
  await step("volatile", async () => {
    // Who is between two polls just then misses it: again, until it has reached all at once.
    for (;;) {
      const got = await say({ from: "io", to: ["green"], volatile: true });
      if (got[1] && got[2]) return got;
    }
  });
  await step("local", () => say({ from: "io", local: true }));
  await step("compress", () => say({ from: "io", compress: false }));
  await step("to a socket's id", async () => (await ask(a, "to-id", b.id, "psst"), received()));
  await step("to one's own id", async () => (await ask(a, "to-id", a.id, "psst"), received()));
  await step("except a socket's id", () => say({ from: "io", except: [b.id] }));
  await step("ids and rooms together", () => say({ from: "io", to: [a.id, "green"], except: [c.id] }));
  await step("send is a message", async () => (await ask(a, "send", "hello"), received()));
  await step("bytes to others", async () => (await ask(a, "bytes", Buffer.from([1, 2, 255])), received()));
  await step("to oneself", async () => (await ask(a, "own", "mine", { x: [1, null, "ü"] }), received()));
  await step("order of many", async () => {
    for (let n = 0; n < 20; n += 1) a.emit("say", { from: "io", to: n % 2 ? ["red", "green"] : ["red"] }, "n", n, () => {});
    return received();
  });

  await step("the server asks, and is answered", () => {
    a.once("question", (arg, ack) => ack(arg + 1));
    return ask(a, "ask", "question", 41, 5_000);
  });
  await step("an answer that does not come", () => ask(a, "ask", "unheard", 0, 100));
  await step("the server asks many", () => {
    sockets.forEach((socket, n) => socket.once("question", (ack) => ack(n)));
    return ask(a, "ask-many", { from: "io" }, "question", 5_000);
  });
  await step("of many, some answer", () => {
    sockets.slice(0, 2).forEach((socket, n) => socket.once("question", (ack) => ack(n)));
    return ask(a, "ask-many", { from: "io" }, "question", 300);
  });
  await step("a room without the asker is asked", () => {
    b.once("question", (ack) => ack("b"));
    return ask(a, "ask-many", { to: ["red"] }, "question", 5_000);
  });
  await step("nobody is asked", () => ask(a, "ask-many", { from: "io", to: ["nowhere"] }, "question", 5_000));
  inbox.forEach((box) => box.splice(0));

  await step("data is kept", async () => (await ask(b, "data", { score: 7 }), ask(b, "get-data")));
  await step("sockets are fetched", () => ask(a, "fetch", { from: "io" }));
  await step("sockets of a room", () => ask(a, "fetch", { from: "io", to: ["green"] }));
  await step("sockets except some", () => ask(a, "fetch", { from: "io", except: ["blue"] }));
  await step("others are fetched", () => ask(a, "fetch", { to: ["red"] }));
  await step("sockets are made to join", async () => {
    await ask(a, "sockets-join", { from: "io", to: ["green"] }, ["made", "more"]);
    return ask(a, "fetch", { from: "io", to: ["made"] });
  });
  await step("sockets are made to leave", async () => {
    await ask(a, "sockets-leave", { from: "io", to: ["made"], except: ["blue"] }, ["made", "more"]);
    return ask(a, "fetch", { from: "io", to: ["made"] });
  });
  await step("rooms are told as they come and go", () => fresh(async () => {
    await ask(a, "join", ["gold"]);
    await ask(b, "join", ["gold"]);
    await ask(a, "leave", "gold");
    await ask(b, "leave", "gold");
    await ask(b, "rooms");
  }));

  await step("once is once", async () => [await ask(a, "once"), await a.timeout(200).emitWithAck("once").catch((error) => error.message)]);
  await step("off", async () => [await ask(a, "counted"), await ask(a, "off"), await a.timeout(200).emitWithAck("counted").catch((error) => error.message)]);
  await step("catch-all", () => fresh(async () => (a.emit("any"), ask(a, "rooms"))));
  await step("a filter keeps an event from its handlers", () => fresh(async () => (a.emit("forbidden"), ask(a, "rooms"))));
  await step("catch-alls of one socket, in and out", async () => {
    const seen = await fresh(async () => {
      await ask(a, "watch");
      await ask(a, "own", "mine", 1);
      a.emit("any");
      await ask(a, "unwatch");
    });
    await received();
    return seen;
  });
  await step("and after they are taken back", () => fresh(async () => (await ask(a, "own", "mine", 1), received())));
  await step("an event nobody handles", async () => (a.emit("unknown", 1), ask(a, "rooms")));
  await step("to other servers, of which there are none", () => ask(a, "server-side"));

  const refused = async (path, auth) => {
    const socket = dial(auth, path);
    const error = await first(socket, "connect_error");
    socket.disconnect();
    return [error.message, error.data ?? null];
  };
  const admitted = async (path, auth) => {
    const socket = dial(auth, path);
    await once(socket, "connect");
    return socket;
  };
  await step("a namespace that is not there", () => refused("/nowhere"));
  await step("middleware refuses with data", () => refused("/guarded", { ban: 1 }));
  await step("the second middleware refuses", () => refused("/guarded", {}));
  await step("middleware agrees", async () => {
    const socket = await admitted("/guarded", { token: 1 });
    socket.disconnect();
    return socket.nsp;
  });
  await step("a name like no pattern", () => refused("/dyn-x"));
  await step("a name a predicate refuses", () => refused("/secret", {}));
  await step("a name a predicate agrees to", async () => {
    const socket = await admitted("/secret", { word: "sesame" });
    socket.disconnect();
    return socket.nsp;
  });
  await step("namespaces of a pattern are apart", async () => {
    const [one, two] = [await admitted("/dyn-1"), await admitted("/dyn-2")];
    let crossed = false;
    two.on("all", () => (crossed = true));
    const heard = first(one, "all");
    one.emit("all", "to one");
    const result = [await ask(one, "where"), await ask(two, "where"), await heard];
    await ask(two, "where");
    one.disconnect();
    two.disconnect();
    return [...result, crossed];
  });
  await step("they were told of", async () => (await ask(a, "log")).filter((line) => line.startsWith("namespace")).sort());

  await step("the connection is lost: its rooms are in sight", async () => {
    await ask(a, "log");
    const back = once(c, "connect");
    c.io.engine.close();
    const seen = await logged(2);
    await back;
    return seen.slice(0, 2);
  });
  await step("it came back as who it was", async () => [c.recovered, await ask(c, "recovered"), await ask(c, "rooms")]);
  await step("what it missed arrives", async () => {
    await ask(a, "log");
    const back = once(c, "connect");
    c.io.engine.close();
    await logged(2);
    await ask(a, "say", { from: "io", to: ["blue"] }, "missed", 1);
    await ask(a, "say", { from: "io", to: ["red"] }, "missed", 2);
    await ask(a, "say", { from: "io", to: ["green", "red"] }, "missed", 3);
    await back;
    return [c.recovered, (await received())[2]];
  });
  await step("and once more", async () => {
    await ask(a, "log");
    const back = once(c, "connect");
    c.io.engine.close();
    await logged(2);
    await ask(a, "say", { from: "io" }, "missed", 4);
    await back;
    return [c.recovered, (await received())[2]];
  });

  await step("the server has one leave", async () => {
    await ask(a, "log");
    const gone = first(b, "disconnect");
    b.emit("quit", false);
    return [await gone, b.active, await logged(2)];
  });
  await step("who left gets nothing", async () => (await ask(a, "say", { from: "io" }, "e", 2), received()));
  await step("it comes in again, as somebody else", async () => {
    const back = once(b, "connect");
    b.connect();
    await back;
    return [b.recovered, await ask(b, "rooms"), await ask(b, "get-data")];
  });
  await step("the server ends a connection", async () => {
    await ask(a, "log");
    const gone = first(b, "disconnect");
    b.emit("quit", true);
    return [await gone, b.active, (await logged(2)).slice(0, 2)];
  });
  await step("the server ends many", async () => {
    await ask(a, "log");
    const gone = first(c, "disconnect");
    await ask(a, "kick", { from: "io", to: ["green"] }, true);
    return [await gone, (await logged(2)).slice(0, 2), await ask(a, "fetch", { from: "io" })];
  });
  await step("a client leaves", async () => {
    const other = await admitted("/", { name: "d" });
    await ask(other, "join", ["late"]);
    await ask(a, "log");
    other.disconnect();
    return logged(2);
  });
  sockets.forEach((socket) => socket.disconnect());
  return lines;
}
