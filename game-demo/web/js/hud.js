// The figures, the notice, the hint and the name: everything on the page that is words in boxes.
//
// Promises: touches the page four times a second, not sixty. Leaves out: the arena itself.

const PERIOD_MS = 250;
/** How long a player must have played before the hint leaves, ms. */
const HINT_MS = 6000;

const at = (id) => document.getElementById(id);

export class Hud {
  #updatedAt = 0;
  #usedAt;
  #shown = {};

  /** `rename(name)` is called when the player chose another name. */
  constructor(net, rename) {
    this.net = net;
    this.spark = at("spark").getContext("2d");
    const field = at("name");
    field.value = net.name;
    field.addEventListener("keydown", (event) => event.key === "Enter" && field.blur());
    field.addEventListener("change", () => rename((field.value = field.value.trim() || net.name)));
  }

  #set(id, text) {
    if (this.#shown[id] === text) return;
    this.#shown[id] = text;
    at(id).textContent = text;
  }

  update(now, own, used) {
    if (now - this.#updatedAt < PERIOD_MS) return;
    this.#updatedAt = now;
    const { net } = this;
    const rates = net.rates.update(now);
    const { rtt } = net.room.sync;
    this.#set("h-ping", rtt === undefined ? "–" : `${rtt < 10 ? rtt.toFixed(1) : Math.round(rtt)} ms`);
    this.#set("h-players", String(net.players.size));
    this.#set("h-transport", net.transport ?? net.socket.state);
    this.#set("h-rate", net.arrivals.length ? (net.arrivals.filter((time) => now - time < 2000).length / 2).toFixed(0) : "–");
    this.#set("h-bytes", (rates.bytesIn / 1000).toFixed(1));
    this.#set("h-tick", String(net.room.decoder.tick ?? "–"));
    this.#arrivals(now);
    const notice = at("notice");
    this.#set("notice", net.notice);
    notice.hidden = !net.notice;
    notice.classList.toggle("calm", net.notice.startsWith("Connecting"));
    if (own) at("dot").style.cssText = `background:${own};box-shadow:0 0 10px ${own}`;
    if (used) this.#usedAt ??= now;
    at("hint").classList.toggle("done", this.#usedAt !== undefined && now - this.#usedAt > HINT_MS);
  }

  /** One bar a snapshot, as high as the gap before it; evenly spaced, they are all half as high as the strip. */
  #arrivals(now) {
    const { spark: c, net } = this;
    const { width, height } = c.canvas;
    c.clearRect(0, 0, width, height);
    const seconds = 3;
    net.arrivals.forEach((time, i) => {
      const gap = i ? time - net.arrivals[i - 1] : 50;
      const x = width - ((now - time) / (seconds * 1000)) * width;
      if (x < 0) return;
      c.fillStyle = gap < 75 ? "rgba(95,242,255,.75)" : gap < 150 ? "rgba(255,200,90,.9)" : "rgba(255,100,120,.95)";
      const bar = Math.min(height, (gap / 100) * height);
      c.fillRect(Math.round(x), height - bar, 2, bar);
    });
  }
}
