// One script of a client's life, told line by line: the same lines from every client that keeps to the API.
//
// `transcript(io, url, opts)` runs in a browser or on Node, with our client or the stock one, against fixture.mjs or
// any server with the same answers. Promises: no ids, times or ports in the lines; a step that hangs fails by name.

const STEP_MS = 8000;

/** Bytes as text, whatever a platform calls them; everything else as JSON. */
function show(value) {
  if (value === undefined) return "undefined";
  return JSON.stringify(value, function (key) {
    const raw = this[key];
    if (raw instanceof ArrayBuffer || ArrayBuffer.isView(raw)) {
      const bytes = new Uint8Array(raw.buffer ?? raw, raw.byteOffset ?? 0, raw.byteLength);
      return `bytes ${bytes}`;
    }
    return raw instanceof Error ? raw.message : raw;
  });
}

export async function transcript(io, url, opts = {}) {
  const lines = [];
  const base = { forceNew: true, reconnectionDelay: 10, reconnectionDelayMax: 50, ...opts };
  const within = (promise, what) => {
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`step "${what}" took more than ${STEP_MS} ms`)), STEP_MS)));
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  };
  const step = async (what, run) => lines.push(`${lines.length + 1}. ${what}: ${show(await within(Promise.resolve().then(run), what))}`);
  /** The first argument of the next event: recovery appends an offset behind the others. */
  const first = (emitter, name) => new Promise((done) => emitter.once(name, (value) => done(value)));
  const reply = (name, answer, ...args) => {
    const heard = first(socket, answer);
    socket.emit(name, ...args);
    return heard;
  };
  const ask = (name, ...args) => new Promise((done) => socket.emit(name, ...args, (...answer) => done(answer)));
  const bytes = Uint8Array.of(0, 1, 127, 128, 255);
  const isDate = (text) => !Number.isNaN(Date.parse(text));

  const socket = io(url, { ...base, auth: { token: "abc" } });
  const manager = socket.io;

  await step("before connecting", () => [socket.connected, socket.disconnected, socket.active, socket.id]);
  await step("connect", () => first(socket, "connect"));
  await step("connected, with an id", () => [socket.connected, socket.active, typeof socket.id, socket.id.length]);
  await step("not recovered the first time", () => !!socket.recovered);
  await step("connect() again changes nothing", () => socket.connect().connected);
  await step("an event without arguments", () => reply("hi", "hi").then(() => "hi"));
  for (const value of [7, -1.5, "text", "日本 ünï 🚀 \u2028", "", null, true, [1, [2, [3]]], { a: { b: [null, { c: "d" }] } }]) {
    await step(`echo ${show(value)}`, () => ask("echo", value));
  }
  await step("echo of undefined", () => ask("echo", undefined));
  await step("echo of bytes", () => ask("echo", bytes));
  await step("echo of no bytes", () => ask("echo", new Uint8Array(0)));
  await step("echo of an ArrayBuffer", () => ask("echo", bytes.slice().buffer));
  await step("echo of bytes in depth", () => ask("echo", { list: [{ one: bytes }, "between", { two: bytes.subarray(1, 3) }] }));
  await step("emitWithAck", () => socket.emitWithAck("echo", "promised"));
  await step("an ack in time has no error", () => new Promise((done) => socket.timeout(5000).emit("echo", 1, (...all) => done(all))));
  await step("an ack that is late", () => new Promise((done) => socket.timeout(20).emit("nobody", (error) => done(error))));
  await step("a promise that is late", () => socket.timeout(20).emitWithAck("nobody").catch((error) => error));
  await step("the server's ack", async () => {
    const got = first(socket, "got it");
    socket.once("ack", (answer) => answer(5, { test: true }));
    socket.emit("ack");
    await got;
    return "got it";
  });
  await step("a date in an ack", async () => isDate((await ask("getAckDate", { test: true }))[0]));
  await step("a date", async () => isDate(await reply("getDate", "takeDate")));
  await step("a date in an object", async () => isDate((await reply("getDateObj", "takeDateObj")).date));
  await step("five texts of many scripts", async () => {
    const texts = [];
    const five = new Promise((done) => socket.on("takeUtf8", (text) => texts.push(text) === 5 && done()));
    socket.emit("getUtf8");
    await five;
    socket.off("takeUtf8");
    return texts;
  });
  await step("false", () => reply("false", "false"));
  await step("bytes from the server", () => reply("doge", "doge"));
  await step("bytes from the server again", () => reply("getbin", "takebin"));
  for (const [name, answer, value] of [["buffa", "buffack", bytes], ["jsonbuff", "jsonbuff-ack", { hello: "lol", message: bytes, goodbye: "gotcha" }], ["blob", "back", bytes], ["jsonblob", "jsonblob-ack", { hello: "lol", message: bytes, goodbye: "gotcha" }]]) {
    await step(`${name} is understood`, () => reply(name, answer, value).then(() => answer));
  }
  await step("two in order", () => (socket.emit("abuff1", bytes), reply("abuff2", "abuff2-ack", "please").then(() => "yes")));
  await step("three in order, bytes and text", () => (socket.emit("blob1", bytes), socket.emit("blob2", "second"), reply("blob3", "blob3-ack", bytes).then(() => "yes")));
  await step("the handshake's auth and protocol", async () => {
    const [{ auth, query }] = await ask("getHandshake");
    return [auth, query.EIO, query.transport];
  });
  await step("the server's id for us is ours", async () => (await ask("getId"))[0] === socket.id);
  await step("fifty acks in order", () => Promise.all(Array.from({ length: 50 }, (_, i) => socket.emitWithAck("echo", i))));
  await step("a large text", async () => (await socket.emitWithAck("echo", "ü".repeat(100_000))).length);
  await step("large bytes", async () => (await socket.emitWithAck("echo", new Uint8Array(300_000).fill(9))).byteLength);
  await step("compress and volatile take nothing away", async () => {
    // Skipped while the large message before it is on its way, as it shall be: then once more.
    for (;;) {
      const answer = await socket.compress(false).volatile.timeout(500).emitWithAck("echo", "v").catch(() => undefined);
      if (answer) return answer;
    }
  });

  await step("once is once", async () => {
    let count = 0;
    socket.once("hi", () => count++);
    await reply("hi", "hi");
    await reply("hi", "hi");
    return count;
  });
  await step("off, by name and listener", async () => {
    let count = 0;
    const listener = () => count++;
    socket.on("hi", listener);
    const had = socket.hasListeners("hi");
    socket.off("hi", listener);
    await reply("hi", "hi");
    return [had, count, socket.listeners("hi").length];
  });
  await step("onAny and prependAny, in their order", async () => {
    const seen = [];
    socket.onAny((name) => seen.push(`any ${name}`)).prependAny((name) => seen.push(`before ${name}`));
    await reply("hi", "hi");
    const count = socket.listenersAny().length;
    socket.offAny();
    await reply("hi", "hi");
    return [count, seen, socket.listenersAny().length];
  });
  await step("onAnyOutgoing", async () => {
    const seen = [];
    const listener = (...args) => seen.push(args);
    socket.onAnyOutgoing(listener);
    await reply("hi", "hi", 1, "a");
    socket.offAnyOutgoing(listener);
    await reply("hi", "hi");
    return seen;
  });
  for (const name of ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]) {
    await step(`the name ${name} is reserved`, () => {
      try {
        return socket.emit(name);
      } catch (error) {
        return error.message;
      }
    });
  }

  const foo = manager.socket("/foo");
  await step("a namespace", () => first(foo, "connect").then(() => foo.connected));
  await step("shares the connection", () => [foo.io === manager, foo.nsp, foo.id !== socket.id]);
  await step("has its own id at the server", async () => (await foo.emitWithAck("getId")) === foo.id);
  await step("auth of a namespace", () => {
    const abc = manager.socket("/abc", { auth: { level: 3 } });
    return new Promise((done) => abc.once("handshake", ({ auth }) => (abc.disconnect(), done(auth))));
  });
  await step("a namespace that refuses", async () => {
    const no = manager.socket("/no");
    const error = await first(no, "connect_error");
    return [error.message, no.connected, no.active];
  });
  await step("a namespace that is not there", async () => (await first(manager.socket("/nowhere"), "connect_error")).message);
  await step("leaving a namespace", async () => {
    const gone = first(foo, "disconnect");
    foo.disconnect();
    return [await gone, foo.connected, foo.active, socket.connected];
  });
  await step("the main namespace goes on", () => socket.emitWithAck("echo", "still"));
  await step("refused by the query", async () => {
    const refused = io(`${url}/?fail=1`, { ...base });
    const error = await first(refused, "connect_error");
    refused.disconnect();
    return error.message;
  });
  await step("a manager of one's own", async () => {
    const own = new io.Manager(url, { ...base, autoConnect: false });
    const one = own.socket("/");
    const before = [one.connected, one.active];
    one.connect();
    await first(one, "connect");
    const answer = await one.emitWithAck("echo", "own");
    one.disconnect();
    return [before, answer];
  });

  await step("the connection breaks, and comes back by itself", async () => {
    const attempts = first(manager, "reconnect_attempt");
    const reconnected = first(manager, "reconnect");
    const lost = first(socket, "disconnect");
    const back = first(socket, "connect");
    manager.engine.close();
    return [await lost, await attempts, await reconnected, await back, socket.connected];
  });
  await step("and answers", () => socket.emitWithAck("echo", "back"));
  await step("disconnect()", async () => {
    const lost = first(socket, "disconnect");
    socket.disconnect();
    return [await lost, socket.connected, socket.active, socket.id];
  });
  await step("what is emitted meanwhile waits", async () => {
    const waiting = socket.emitWithAck("echo", "kept");
    socket.volatile.emit("hi");
    let heard = false;
    socket.once("hi", () => (heard = true));
    socket.connect();
    const answer = await waiting;
    await socket.emitWithAck("echo", "after");
    socket.off("hi");
    return [answer, heard];
  });
  await step("an ack in flight when it ends", async () => {
    const waiting = socket.timeout(5000).emitWithAck("nobody").catch((error) => error);
    socket.disconnect();
    return waiting;
  });
  await step("retries", async () => {
    const stubborn = io(url, { ...base, retries: 2, ackTimeout: 2000 });
    const answers = await Promise.all([1, 2, 3].map((n) => stubborn.emitWithAck("echo", n)));
    stubborn.disconnect();
    return answers;
  });
  return lines;
}
