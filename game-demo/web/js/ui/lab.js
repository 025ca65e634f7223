// The network, laid open: figures, a worse network on sliders, and switches whose effect shows at once.
//
// Promises: what it shows is measured (the page's own counters, the server's `/stats`); what cannot be had is grey and says
// why. Leaves out: the effects themselves (`net.js`, and the server).
import { msgpackBytes } from "./msgpack.js";

const PERIOD_MS = 250;
const STATS_MS = 1000;
/** For what stalled clients get elsewhere: figures of the project's own measurement. */
const STALL_NOTE = "Colyseus 0.18 delivered 405 stale messages after a stall of 20 s";

const SLIDERS = [
  { key: "pingMs", text: "latency", unit: "ms", max: 400, step: 10 },
  { key: "jitterMs", text: "jitter", unit: "ms", max: 150, step: 5 },
  { key: "loss", text: "loss", unit: "%", max: 100, step: 5, show: (v) => `${v / 10} %` },
];
/** Snapshots a second that can be asked for, of the 20 that there are: one in so many. */
const RATES = [1, 2, 3, 4, 5, 10];
const SWITCHES = [
  { key: "prediction", text: "prediction", note: "off: you fly where the server last saw you, a round trip late" },
  { key: "smoothing", text: "smoothing", note: "off: corrections jump instead of gliding" },
  { key: "interpolation", text: "interpolation", note: "off: the others hop from snapshot to snapshot" },
  { key: "extrapolation", text: "extrapolation", note: "off: the others stop when a snapshot is late" },
  { key: "delta", text: "delta", note: "off: every snapshot is a keyframe; see kB/s" },
];

const element = (tag, props = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), props);
  made.append(...children);
  return made;
};

export class Lab {
  #figures = new Map();
  #drawnAt = 0;
  #askedAt = 0;
  #server;
  #marks = [];
  #json = { text: "", bytes: 0, packed: 0 };

  /** `actions`: `{ split(on), stall() }`. */
  constructor(root, button, net, actions) {
    Object.assign(this, { root, button, net, actions, overlay: false });
    this.weather = { pingMs: 0, jitterMs: 0, loss: 0 };
    this.oneIn = 1;
    this.#build();
    button.addEventListener("click", () => this.toggle());
    addEventListener("keydown", (event) => event.code === "KeyN" && !(event.target instanceof HTMLInputElement) && !event.ctrlKey && this.toggle());
  }

  get open() {
    return !this.root.hidden;
  }

  toggle(open = this.root.hidden) {
    this.root.hidden = !open;
    document.body.classList.toggle("lab", open);
    this.button.setAttribute("aria-expanded", String(open));
    this.button.blur();
  }

  #build() {
    const { root } = this;
    const names = ["ping", "jitter", "skipped", "snapshots", "in", "out", "tick p50", "tick p99", "load", "input depth", "view delay", "baseline age", "mispredicted", "in flight", "replay", "via"];
    const list = element("dl");
    for (const name of names) {
      const value = element("dd", { textContent: "–" });
      this.#figures.set(name, value);
      list.append(element("div", {}, element("dt", { textContent: name }), value));
    }
    this.note = element("p", { className: "note" });
    this.codec = element("p", { className: "note" });
    root.append(element("h3", { textContent: "MEASURED" }), list);
    root.append(element("h3", { textContent: "A WORSE NETWORK" }), ...SLIDERS.map((each) => this.#slider(each)), this.#rate());
    root.append(element("h3", { textContent: "SWITCHES" }), element("div", { className: "row" }, ...this.#switches()), this.note);
    root.append(element("h3", { textContent: "ENCODING" }), element("div", { className: "row" }, ...this.#codecs()), this.codec);
    root.append(element("h3", { textContent: "TRANSPORT" }), element("div", { className: "row" }, ...this.#transports()));
    root.append(element("h3", { textContent: "TRY" }), element("div", { className: "row" }, ...this.#tries()));
    this.transportNote = element("p", { className: "note" });
    root.append(this.transportNote);
  }

  #slider({ key, text, unit, max, step, show = (v) => `${v} ${unit}` }) {
    const output = element("output", { textContent: show(0) });
    const input = element("input", { type: "range", min: 0, max, step, value: 0, id: `s-${key}` });
    input.setAttribute("aria-label", text);
    input.addEventListener("input", () => {
      this.weather[key] = +input.value;
      output.textContent = show(+input.value);
      this.applyWeather();
    });
    return element("div", { className: "slider" }, element("label", { textContent: text, htmlFor: `s-${key}` }), input, output);
  }

  /** Snapshots a second, fewer to the left. */
  #rate() {
    const show = (at) => `${(this.#rateOfAll() / RATES[at]).toFixed(0)}/s`;
    const most = RATES.length - 1;
    const output = element("output", { textContent: show(0) });
    const input = element("input", { type: "range", min: 0, max: most, step: 1, value: most, id: "s-rate" });
    input.setAttribute("aria-label", "snapshots a second");
    input.addEventListener("input", () => {
      this.oneIn = RATES[most - input.value];
      output.textContent = show(most - input.value);
      this.net.room.thin(this.oneIn);
    });
    return element("div", { className: "slider" }, element("label", { textContent: "snapshots", htmlFor: "s-rate" }), input, output);
  }

  /** Snapshots a second of the room itself. */
  #rateOfAll() {
    const { welcome } = this.net.room;
    return welcome ? welcome.tickHz / welcome.snapshotEvery : 20;
  }

  /** Tells the server of the sliders; also after coming back. */
  applyWeather() {
    const { weather, net } = this;
    if (this.oneIn > 1) net.room.thin(this.oneIn);
    const bad = Object.values(weather).some(Boolean);
    // Nothing to say to a room that has never heard of it.
    if (bad || this.told === net.room.seat?.token) net.room.weather(bad ? weather : null);
    this.told = bad ? net.room.seat?.token : undefined;
  }

  #button(id, text, pressed, act) {
    const made = element("button", { id, textContent: text, className: pressed ? "on" : "" });
    made.setAttribute("aria-pressed", String(pressed));
    made.addEventListener("click", () => {
      made.blur();
      const now = act(made);
      if (now === undefined) return;
      made.classList.toggle("on", now);
      made.setAttribute("aria-pressed", String(now));
    });
    return made;
  }

  #switches() {
    const { net } = this;
    const made = SWITCHES.map(({ key, text, note }) =>
      this.#button(`t-${key}`, text, true, () => {
        net.options[key] = !net.options[key];
        this.note.textContent = net.options[key] ? "" : note;
        return net.options[key];
      }),
    );
    made.push(
      this.#button("t-compensate", "lag compensation", true, () => {
        net.try({ compensate: !net.lab.compensate });
        this.note.textContent = net.lab.compensate ? "" : "off: zaps are judged by where the others are by now; lead your target";
        return net.lab.compensate;
      }),
      this.#button("t-hitboxes", "hitboxes", false, () => {
        net.try({ hitboxes: !net.lab.hitboxes });
        this.note.textContent = net.lab.hitboxes ? "red rings: what your zap was judged by" : "";
        return net.lab.hitboxes;
      }),
      this.#button("t-overlay", "interest and ghosts", false, () => {
        this.overlay = !this.overlay;
        this.note.textContent = this.overlay ? "green: the squares you are told of; pink: where the server last said everybody is" : "";
        return this.overlay;
      }),
    );
    return made;
  }

  #codecs() {
    return [
      this.#button("c-json", "send JSON beside the bits", false, () => {
        this.net.try({ json: !this.net.lab.json });
        return this.net.lab.json;
      }),
    ];
  }

  #transports() {
    const { net } = this;
    const move = (name) => () => {
      if (net.transport !== name) net.move(name);
    };
    this.ws = this.#button("x-websocket", "WebSocket", false, move("websocket"));
    this.polling = this.#button("x-polling", "polling", false, move("polling"));
    this.wt = this.#button("x-webtransport", "WebTransport", false, move("webtransport"));
    this.wt.disabled = true;
    this.wt.title = "This browser offers no WebTransport on this page: it takes https, or this machine";
    if (globalThis.WebTransport) this.#offer();
    return [this.ws, this.wt, this.polling];
  }

  async #offer() {
    const offered = await this.net.webTransport();
    this.wt.disabled = !offered;
    this.wt.title = offered ? "Snapshots and inputs as datagrams" : "This server does not offer WebTransport";
  }

  #tries() {
    return [
      this.#button("y-split", "split view: 150 ms ±30, 3 %", false, (button) => this.actions.split(!button.classList.contains("on"))),
      this.#button("y-stall", "stall me 5 s", false, () => this.actions.stall()),
    ];
  }

  /** After a stall: what had piled up. */
  stalled(seconds, frames) {
    this.transportNote.textContent = `After ${seconds.toFixed(1)} s: ${frames} snapshot${frames === 1 ? "" : "s"} had piled up. (${STALL_NOTE})`;
  }

  /** A state as JSON arrived. */
  heardJson(event) {
    const text = JSON.stringify(event);
    this.#json.bytes += text.length;
    this.#json.packed += msgpackBytes(event);
  }

  update(now) {
    if (now - this.#drawnAt < PERIOD_MS) return;
    this.#drawnAt = now;
    const figures = this.figures(now);
    document.getElementById("n-ping").textContent = figures.ping;
    document.getElementById("n-bytes").textContent = figures.in;
    drawSpark(document.getElementById("spark"), this.net.arrivals, now);
    if (!this.open) return;
    for (const [name, value] of this.#figures) value.textContent = figures[name] ?? "–";
    for (const [button, name] of [[this.ws, "websocket"], [this.wt, "webtransport"], [this.polling, "polling"]]) button.classList.toggle("on", this.net.transport === name);
    this.codec.textContent = figures.codec;
    if (now - this.#askedAt > STATS_MS) this.#ask(now);
  }

  async #ask(now) {
    this.#askedAt = now;
    try {
      const stats = await (await fetch("/stats", { cache: "no-store" })).json();
      this.#server = stats.rooms?.find(({ code }) => code === this.net.room.welcome?.room);
    } catch {
      this.#server = undefined;
    }
  }

  /** Everything measured, as text; also for tests. */
  figures(now = performance.now()) {
    const { net } = this;
    const { sync, pace, stats, age } = net.room;
    const rates = net.rates.update(now);
    this.#marks = [...this.#marks.filter(({ at }) => at > now - 3000), { at: now, frames: stats.frames, bytes: stats.bytes, json: this.#json.bytes, packed: this.#json.packed }];
    const [first] = this.#marks;
    const last = this.#marks.at(-1);
    const seconds = (last.at - first.at) / 1000 || 1;
    const a_second = (key) => (last[key] - first[key]) / seconds;
    const ms = (v) => (v === undefined ? "–" : `${v < 10 ? v.toFixed(1) : Math.round(v)} ms`);
    const kB = (v) => `${(v / 1000).toFixed(1)} kB/s`;
    const expected = this.#rateOfAll() / this.oneIn;
    const server = this.#server;
    const us = (v) => (v === undefined ? "–" : `${(v / 1000).toFixed(2)} ms`);
    const json = a_second("json");
    return {
      ping: ms(sync.rtt),
      jitter: ms(sync.jitter),
      skipped: `${Math.max(0, Math.round(100 * (1 - a_second("frames") / expected)))} %`,
      snapshots: `${a_second("frames").toFixed(0)}/s`,
      in: kB(rates.bytesIn),
      out: kB(rates.bytesOut),
      "tick p50": us(server?.stepUs?.[0]),
      "tick p99": us(server?.stepUs?.[1]),
      load: server ? (server.ratePercent < 100 || server.dropped ? `slow ${server.ratePercent} %` : "keeps up") : "–",
      "input depth": pace.depth === undefined ? "–" : `${pace.depth.toFixed(1)} ticks`,
      "view delay": ms(net.playback.delayMs),
      "baseline age": age ? `${age} ticks` : "keyframe",
      mispredicted: `${net.mispredictionsAMinute}/min`,
      "in flight": server ? String(server.inFlight) : "–",
      replay: server?.recordedMs ? `${(server.recordedMs / 1000).toFixed(1)} s` : "–",
      via: net.transport ?? net.socket.state,
      codec: `bits ${kB(a_second("bytes"))}` + (json > 0 ? ` · the same as JSON ${kB(json)} · as msgpack ${kB(a_second("packed"))} (computed here)` : ""),
    };
  }
}

/** One bar a snapshot, as high as the gap before it; evenly spaced, they are all half as high as the strip. */
function drawSpark(canvas, arrivals, now) {
  const c = canvas.getContext("2d");
  const { width, height } = canvas;
  c.clearRect(0, 0, width, height);
  arrivals.forEach((time, i) => {
    const gap = i ? time - arrivals[i - 1] : 50;
    const x = width - ((now - time) / 3000) * width;
    if (x < 0) return;
    c.fillStyle = gap < 75 ? "rgba(95,242,255,.75)" : gap < 150 ? "rgba(255,200,90,.9)" : "rgba(255,100,120,.95)";
    const bar = Math.min(height, (gap / 100) * height);
    c.fillRect(Math.round(x), height - bar, 2, bar);
  });
}
