// Events, acknowledgements, binary and namespaces against the stock server, over each choice of transport.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CHOICES, bytes, client, next, stock, until } from "./helper.mjs";

let server;

before(async () => {
  server = await stock({ pingInterval: 200, pingTimeout: 1000 }, (io) => {
    const serve = (socket) => {
      socket.on("echo", (...args) => {
        const ack = typeof args.at(-1) === "function" ? args.pop() : null;
        ack ? ack(...args) : socket.emit("echo", ...args);
      });
      socket.on("ask", (question) => socket.emit("question", question, (...answer) => socket.emit("answered", ...answer)));
      socket.on("message", (...args) => socket.send(...args));
      socket.on("leave", () => socket.disconnect());
    };
    io.on("connection", serve);
    io.of("/custom").on("connection", (socket) => (serve(socket), socket.emit("auth", socket.handshake.auth)));
    io.of("/locked").use((_, done) => done(Object.assign(new Error("no entry"), { data: { code: 7 } })));
  });
});
after(() => server.stop());

for (const { name, transports, ends } of CHOICES) {
  describe(name, () => {
    let socket;
    before(async () => {
      socket = client(server.url, { transports });
      assert.equal(socket.state, "connecting");
      await next(socket, "connect");
      await until(() => socket.io.engine.transport.name === ends, "the upgrade");
    });
    after(() => socket.disconnect());

    test("is connected, with an id", () => {
      assert.equal(socket.connected, true);
      assert.equal(socket.state, "connected");
      assert.match(socket.id, /^[\w-]{20}$/);
    });

    test("events go both ways with their arguments", async () => {
      const args = [1, "two", { three: [4, null, true] }, "日本 — ünï 🚀\u2028\x1e"];
      const back = next(socket, "echo");
      socket.emit("echo", ...args);
      assert.deepEqual(await back, args);
    });

    test("send is the event message", async () => {
      const back = next(socket, "message");
      socket.send("hello", 2);
      assert.deepEqual(await back, ["hello", 2]);
    });

    test("acks: callback, promise, and answers to the server", async () => {
      assert.deepEqual(await new Promise((done) => socket.emit("echo", "a", 1, (...args) => done(args))), ["a", 1]);
      assert.equal(await socket.emitWithAck("echo", "b"), "b");
      socket.once("question", (question, ack) => (ack(question, "yes"), ack("twice")));
      const answered = next(socket, "answered");
      socket.emit("ask", "sure?");
      assert.deepEqual(await answered, ["sure?", "yes"]);
    });

    test("an ack that does not come is a timeout", async () => {
      await assert.rejects(socket.timeout(30).emitWithAck("nobody listens"), /operation has timed out/);
      assert.equal(socket.acks.size, 0);
    });

    test("binary at any depth, both ways, every byte value", async () => {
      const all = Uint8Array.from({ length: 256 }, (_, i) => i);
      const part = new Uint8Array(all.buffer, 10, 5);
      const back = next(socket, "echo");
      socket.emit("echo", all, { deep: [{ part }], buffer: all.buffer.slice(0, 3) }, Buffer.from("buf"), new Blob(["blob"]));
      const [whole, { deep, buffer }, node, blob] = await back;
      assert.deepEqual(bytes(whole), [...all]);
      assert.deepEqual(bytes(deep[0].part), [10, 11, 12, 13, 14]);
      assert.deepEqual(bytes(buffer), [0, 1, 2]);
      assert.equal(Buffer.from(node).toString() + Buffer.from(blob), "bufblob");
      assert.deepEqual(bytes(await socket.emitWithAck("echo", part)), [10, 11, 12, 13, 14]);
      assert.deepEqual(bytes(await socket.emitWithAck("echo", new Uint8Array(0))), []);
    });

    test("a large message survives", async () => {
      const text = "x".repeat(300_000);
      assert.equal(await socket.emitWithAck("echo", text), text);
      assert.equal((await socket.emitWithAck("echo", new Uint8Array(200_000))).byteLength, 200_000);
    });

    test("order holds over many messages", async () => {
      const got = [];
      socket.on("echo", (i, data) => got.push([i, data && bytes(data)[0]]));
      for (let i = 0; i < 200; i++) i % 3 ? socket.emit("echo", i) : socket.emit("echo", i, Uint8Array.of(i));
      await until(() => got.length === 200, "200 echoes");
      socket.off("echo");
      assert.deepEqual(got, Array.from({ length: 200 }, (_, i) => [i, i % 3 ? undefined : i]));
    });

    test("namespaces share the connection; auth reaches its own", async () => {
      const custom = socket.io.socket("/custom", { auth: { token: "t" } });
      const [auth] = await next(custom, "auth");
      assert.deepEqual(auth, { token: "t" });
      assert.equal(await custom.emitWithAck("echo", 5), 5);
      assert.notEqual(custom.id, socket.id);
      custom.disconnect();
      assert.equal(custom.connected, false);
      assert.equal(await socket.emitWithAck("echo", "still here"), "still here");
    });

    test("a namespace that refuses says why", async () => {
      const locked = socket.io.socket("/locked");
      const failed = next(locked, "connect_failed");
      const [error] = await next(locked, "connect_error");
      assert.equal(error.message, "no entry");
      assert.deepEqual(error.data, { code: 7 });
      assert.deepEqual((await failed)[0], "rejected");
      assert.equal(locked.state, "failed");
      const [unknown] = await next(socket.io.socket("/unknown"), "connect_error");
      assert.equal(unknown.message, "Invalid namespace");
    });

    test("the onAny family sees both directions", async () => {
      const seen = [];
      const listen = (...args) => seen.push(args);
      socket.onAny(listen).onAnyOutgoing((...args) => seen.push(["out", ...args]));
      await Promise.all([next(socket, "echo"), socket.emit("echo", 1)]);
      socket.offAny(listen).offAnyOutgoing();
      assert.deepEqual(seen, [["out", "echo", 1], ["echo", 1]]);
      assert.deepEqual([socket.listenersAny(), socket.listenersAnyOutgoing()], [[], []]);
    });

    test("lives through pings", async () => {
      await next(socket.io, "ping");
      await next(socket.io, "ping");
      assert.equal(socket.connected, true);
    });

    test("reserved names are refused", () => {
      assert.throws(() => socket.emit("connect_error"), /reserved/);
    });

    test("the server may end it: no reconnection by itself, connect() brings it back", async () => {
      const gone = next(socket, "disconnect");
      socket.emit("leave");
      assert.equal((await gone)[0], "io server disconnect");
      assert.deepEqual([socket.state, socket.active], ["disconnected", false]);
      socket.connect();
      await next(socket, "connect");
    });
  });
}
