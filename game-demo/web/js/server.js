// The server's page: `/stats` as tables, once a second; rates are of the last second.

const at = (id) => document.getElementById(id);
const ms = (us) => `${(us / 1000).toFixed(2)} ms`;
const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB/s`;
let last;

function table(id, head, rows) {
  const line = (cells, tag) => {
    const row = document.createElement("tr");
    for (const text of cells) row.append(Object.assign(document.createElement(tag), { textContent: text }));
    return row;
  };
  at(id).replaceChildren(line(head, "th"), ...rows.map((cells) => line(cells, "td")));
}

function show(stats, seconds) {
  const before = (code) => last?.rooms.find((room) => room.code === code);
  table(
    "rooms",
    ["room", "people", "away", "bots", "watching", "tick", "step p50", "step p99", "late p99", "rate", "sent", "a person", "frames/s", "in flight", "conflated"],
    stats.rooms.map((room) => {
      const { counters } = room;
      const old = before(room.code)?.counters ?? counters;
      const bytes = (counters.frameBytes - old.frameBytes) / seconds;
      const people = Math.max(1, room.people - room.away + room.spectators);
      return [room.code, room.people, room.away, room.bots, room.spectators, room.tick, ms(room.stepUs[0]), ms(room.stepUs[1]), ms(room.lateUs[1]), `${room.ratePercent} %`, kB(bytes), kB(bytes / people), Math.round((counters.frames - old.frames) / seconds), room.inFlight, counters.conflated];
    }),
  );
  const names = Object.keys(stats.rooms[0]?.inputs ?? {});
  table("inputs", ["room", ...names], stats.rooms.map((room) => [room.code, ...names.map((name) => room.inputs[name])]));
  const named = stats.rooms.flatMap((room) => room.slowest.map((client) => [room.code, client]));
  const worst = named.sort(([, a], [, b]) => b.inFlight - a.inFlight || (b.roundTripMs ?? 0) - (a.roundTripMs ?? 0)).slice(0, 20);
  table(
    "slowest",
    ["room", "seat", "name", "round trip", "in flight", "frames", "twice", "bytes a frame", "conflated", "over budget"],
    worst.map(([code, client]) => [code, client.player ?? "watching", client.name, client.roundTripMs === null ? "–" : `${client.roundTripMs} ms`, client.inFlight, client.frames, client.repeated, Math.round(client.frameBytes / Math.max(1, client.frames)), client.conflated, client.overBudget]),
  );
  const plain = Object.entries(stats).filter(([, value]) => typeof value === "number");
  table("sockets", plain.map(([name]) => name), [plain.map(([, value]) => value)]);
  at("state").textContent = `room threads, busy: ${stats.threads.map(([busy, rooms]) => `${busy / 10} % (${rooms} rooms)`).join(", ")}`;
}

async function renew() {
  try {
    const stats = { ...(await (await fetch("/stats", { cache: "no-store" })).json()), at: performance.now() };
    if (stats.rooms) show(stats, last ? (stats.at - last.at) / 1000 : 1);
    last = stats;
  } catch (error) {
    at("state").textContent = `the server does not answer: ${error.message}`;
  }
  setTimeout(renew, 1000);
}
renew();
