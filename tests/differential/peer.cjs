// The reference parsers behind a pipe: one JSON request a line in, one JSON answer a line out.
//
// Promises: whatever a parser throws becomes {"error": message}; bytes travel as {"$hex": "..."}.
// It judges nothing: the comparison is in tests/tests/proto_node.rs.
"use strict";

const readline = require("node:readline");
const eio4 = require("engine.io-parser");
const eio3 = require("engine.io-parser-v3");
const sio = require("socket.io-parser");
const msgpack = require("socket.io-msgpack-parser");

/** Bytes to {"$hex"}, at any depth; undefined to null; a lone surrogate, which has no UTF-8, to U+FFFD. */
function dump(value) {
  if (value === undefined) return null;
  if (typeof value === "string") return value.toWellFormed();
  if (value instanceof ArrayBuffer) return { $hex: Buffer.from(value).toString("hex") };
  if (ArrayBuffer.isView(value)) {
    return { $hex: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex") };
  }
  if (Array.isArray(value)) return value.map(dump);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toWellFormed(), dump(inner)]));
  }
  return value;
}

/** {"$hex"} to bytes, at any depth. */
function load(value) {
  if (Array.isArray(value)) return value.map(load);
  if (value !== null && typeof value === "object") {
    if (typeof value.$hex === "string") return Buffer.from(value.$hex, "hex");
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, load(inner)]));
  }
  return value;
}

/** A Socket.IO packet through a decoder; its attachments follow the text. */
function socketIoDecode(decoder, first, attachments) {
  let decoded;
  decoder.on("decoded", (packet) => (decoded = packet));
  decoder.add(first);
  for (const attachment of attachments) {
    if (decoded) break;
    decoder.add(Buffer.from(attachment, "hex"));
  }
  if (!decoded) return { pending: true };
  return { packet: dump({ type: decoded.type, nsp: decoded.nsp, id: decoded.id, data: decoded.data }) };
}

function engineIoPacket(packet) {
  return { type: packet.type, data: dump(packet.data === undefined ? "" : packet.data) };
}

const operations = {
  "sio.decode": ({ text, attachments }) => socketIoDecode(new sio.Decoder(), text, attachments),
  "sio.encode": ({ packet }) => {
    const [text, ...attachments] = new sio.Encoder().encode(load(packet));
    return { text, attachments: attachments.map((bytes) => Buffer.from(bytes).toString("hex")) };
  },
  "msgpack.decode": ({ hex }) => socketIoDecode(new msgpack.Decoder(), Buffer.from(hex, "hex"), []),
  "msgpack.encode": ({ packet }) => ({
    hex: Buffer.from(new msgpack.Encoder().encode(load(packet))[0]).toString("hex"),
  }),
  "eio4.decode": ({ text }) => ({ packets: eio4.decodePayload(text).map(engineIoPacket) }),
  "eio4.encode": ({ packets }) => {
    let text;
    eio4.encodePayload(packets.map(load), (encoded) => (text = encoded));
    return { text };
  },
  "eio3.decode": ({ text, hex }) => {
    const packets = [];
    eio3.decodePayload(text === undefined ? Buffer.from(hex, "hex") : text, (packet) => {
      packets.push(engineIoPacket(packet));
    });
    return { packets };
  },
  "eio3.encode": ({ packets, binary }) => {
    let encoded;
    const encode = binary ? eio3.encodePayloadAsBinary : (list, done) => eio3.encodePayload(list, false, done);
    encode(packets.map(load), (result) => (encoded = result));
    return typeof encoded === "string" ? { text: encoded } : { hex: Buffer.from(encoded).toString("hex") };
  },
};

/** A WebTransport stream through the reference's transform, chunk by chunk. */
async function webTransportDecode({ chunks, limit }) {
  const stream = eio4.createPacketDecoderStream(limit, "nodebuffer");
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  const packets = [];
  const reading = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      packets.push(engineIoPacket(value));
    }
  })();
  for (const chunk of chunks) await writer.write(new Uint8Array(Buffer.from(chunk, "hex")));
  await writer.close();
  await reading;
  return { packets };
}

async function webTransportEncode({ packets }) {
  const stream = eio4.createPacketEncoderStream();
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  const parts = [];
  const reading = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      parts.push(Buffer.from(value));
    }
  })();
  for (const packet of packets) await writer.write(load(packet));
  await writer.close();
  await reading;
  return { hex: Buffer.concat(parts).toString("hex") };
}

operations["webtransport.decode"] = webTransportDecode;
operations["webtransport.encode"] = webTransportEncode;

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let answer;
    try {
      answer = await operations[request.op](request);
    } catch (error) {
      answer = { error: String(error && error.message) };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
}

main();
