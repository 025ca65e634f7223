// Canvas2D: the same frame where there is no WebGL2. Plainer, never blank.
//
// Light is added with the `lighter` operator; soft glows are painted once per colour and reused.
import { ARC, BLOCK, GLOW, LIGHT, MOTE, PIECE, PUCK, RING, SPRITE, WELL } from "./batch.js";

const SIDE = 4096;
/** Painted glows kept: 6 bits of colour a channel seldom give more; each is 16 kB. */
const GLOWS_MAX = 256;

const css = (r, g, b, a = 1) => `rgba(${Math.round(r * 255)},${Math.round(g * 255)},${Math.round(b * 255)},${a})`;

/** Dot, triangle, square, cross, bar, ring; a puck's radius is 1. */
const EMBLEM_PATHS = [
  "M.24 0A.24 .24 0 1 0 -.24 0A.24 .24 0 1 0 .24 0",
  "M.4 0L-.2 .35L-.2 -.35Z",
  "M-.22 -.22H.22V.22H-.22Z",
  "M-.34 -.09H-.09V-.34H.09V-.09H.34V.09H.09V.34H-.09V.09H-.34Z",
  "M-.1 -.36H.1V.36H-.1Z",
  "M.34 0A.34 .34 0 1 0 -.34 0A.34 .34 0 1 0 .34 0M.2 0A.2 .2 0 1 0 -.2 0A.2 .2 0 1 0 .2 0",
].map((path) => new Path2D(path));

export class CanvasRenderer {
  kind = "canvas2d";
  #glows = new Map();

  constructor(context) {
    this.context = context;
  }

  draw(batch, view) {
    const c = this.context;
    c.save();
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.beginPath();
    c.rect(view.left, 0, view.width, view.height);
    c.clip();
    c.globalCompositeOperation = "source-over";
    c.fillStyle = "#020409";
    c.fillRect(view.left, 0, view.width, view.height);
    c.setTransform(view.zoom, 0, 0, view.zoom, view.left + view.width / 2 - view.x * view.zoom, view.height / 2 - view.y * view.zoom);
    this.#floor(c, view);
    c.globalCompositeOperation = "lighter";
    this.#pieces(c, batch.pieces);
    this.#sprites(c, batch.sprites, view.seconds);
    c.restore();
  }

  #floor(c, view) {
    c.fillStyle = "#060a15";
    c.fillRect(0, 0, SIDE, SIDE);
    const [w, h] = [view.width / view.zoom / 2, view.height / view.zoom / 2];
    const clamp = (v) => Math.max(0, Math.min(SIDE, v));
    const [left, right, top, bottom] = [clamp(view.x - w), clamp(view.x + w), clamp(view.y - h), clamp(view.y + h)];
    for (const [step, style] of [[64, "rgba(70,120,210,.10)"], [512, "rgba(90,150,240,.26)"]]) {
      c.beginPath();
      for (let x = Math.ceil(left / step) * step; x <= right; x += step) c.moveTo(x, top), c.lineTo(x, bottom);
      for (let y = Math.ceil(top / step) * step; y <= bottom; y += step) c.moveTo(left, y), c.lineTo(right, y);
      c.strokeStyle = style;
      c.lineWidth = 1.2;
      c.stroke();
    }
    for (const [width, alpha] of [[26, 0.08], [12, 0.16], [4, 0.9]]) {
      c.strokeStyle = `rgba(95,200,255,${alpha})`;
      c.lineWidth = width;
      c.strokeRect(0, 0, SIDE, SIDE);
    }
  }

  #pieces(c, { data, count }) {
    c.lineCap = "butt";
    for (let at = 0; at < count * PIECE; at += PIECE) {
      c.strokeStyle = css(data[at + 12], data[at + 13], data[at + 14], (data[at + 10] + data[at + 11]) * 0.4);
      c.lineWidth = (data[at + 8] + data[at + 9]) * 0.5;
      c.beginPath();
      c.moveTo(data[at], data[at + 1]);
      c.lineTo(data[at + 2], data[at + 3]);
      c.stroke();
    }
  }

  #sprites(c, { data, count }, seconds) {
    for (let at = 0; at < count * SPRITE; at += SPRITE) {
      const [x, y, w, h, rotation, shape, r, g, b, a] = data.subarray(at, at + SPRITE);
      if (shape >= PUCK) this.#puck(c, x, y, w / 2, rotation, css(r, g, b, a), shape - PUCK);
      else if (shape === RING) this.#circle(c, x, y, w * 0.9, 1, css(r, g, b, a), Math.max(1.5, w * 0.05));
      else if (shape === ARC) {
        this.#circle(c, x, y, w * 0.9, 1, css(r, g, b, a * 0.16), w * 0.13);
        this.#circle(c, x, y, w * 0.9, rotation, css(r, g, b, a), w * 0.13);
      } else if (shape === GLOW || shape === LIGHT || shape === MOTE) {
        const size = shape === MOTE ? w * 0.7 : w;
        c.globalAlpha = Math.min(1, shape === LIGHT ? a * 0.14 : a);
        c.drawImage(this.#glow(r, g, b), x - size, y - size, size * 2, size * 2);
        if (shape === MOTE) {
          c.fillStyle = css(1, 0.95, 0.8, a);
          c.fillRect(x - w * 0.12, y - w * 0.12, w * 0.24, w * 0.24);
        }
        c.globalAlpha = 1;
      } else if (shape === WELL) this.#well(c, x, y, w, [r, g, b], a, seconds);
      else if (shape === BLOCK) this.#block(c, x, y, w - 40, h - 40, css(r, g, b, a));
      else {
        const [dx, dy] = [Math.cos(rotation) * w, Math.sin(rotation) * w];
        c.strokeStyle = css(r, g, b, a);
        c.lineWidth = h;
        c.beginPath();
        c.moveTo(x - dx, y - dy);
        c.lineTo(x + dx, y + dy);
        c.stroke();
      }
    }
  }

  #circle(c, x, y, radius, part, style, width) {
    c.strokeStyle = style;
    c.lineWidth = width;
    c.beginPath();
    c.arc(x, y, radius, -Math.PI / 2, -Math.PI / 2 + part * 2 * Math.PI);
    c.stroke();
  }

  #well(c, x, y, w, [r, g, b], a, seconds) {
    c.fillStyle = css(r, g, b, a * 0.1);
    c.beginPath();
    c.arc(x, y, w * 0.93, 0, 7);
    c.fill();
    this.#circle(c, x, y, w * 0.93, 1, css(r, g, b, a * 0.9), 4);
    for (const n of [0, 1, 2]) {
      const part = 1 - ((seconds * 0.2 + n / 3) % 1);
      this.#circle(c, x, y, w * 0.9 * part, 1, css(r, g, b, a * 0.4 * part), 3);
    }
    c.drawImage(this.#glow(r, g, b), x - w * 0.4, y - w * 0.4, w * 0.8, w * 0.8);
  }

  #block(c, x, y, w, h, style) {
    c.globalCompositeOperation = "source-over";
    c.fillStyle = "#04070f";
    c.beginPath();
    c.roundRect(x - w, y - h, w * 2, h * 2, 7);
    c.fill();
    c.strokeStyle = style;
    c.lineWidth = 2.5;
    c.stroke();
    c.globalCompositeOperation = "lighter";
  }

  #puck(c, x, y, radius, rotation, style, emblem) {
    c.save();
    c.translate(x, y);
    c.rotate(rotation);
    c.scale(radius, radius);
    c.globalCompositeOperation = "source-over";
    c.fillStyle = "#070b16";
    c.beginPath();
    c.arc(0, 0, 1, 0, 7);
    c.fill();
    c.globalCompositeOperation = "lighter";
    c.strokeStyle = c.fillStyle = style;
    c.lineWidth = 0.24;
    c.beginPath();
    c.arc(0, 0, 0.87, 0, 7);
    c.stroke();
    c.fill(EMBLEM_PATHS[emblem] ?? EMBLEM_PATHS[0], "evenodd");
    c.fillStyle = "rgba(255,255,255,.85)";
    c.beginPath();
    c.moveTo(1.5, 0);
    c.lineTo(1.18, 0.2);
    c.lineTo(1.18, -0.2);
    c.fill();
    c.restore();
  }

  #glow(r, g, b) {
    const key = (Math.round(r * 31) << 10) | (Math.round(g * 31) << 5) | Math.round(b * 31);
    let painted = this.#glows.get(key);
    if (painted) return painted;
    if (this.#glows.size >= GLOWS_MAX) this.#glows.clear();
    painted = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
    const c = painted.getContext("2d");
    const light = c.createRadialGradient(32, 32, 0, 32, 32, 32);
    for (const stop of [0, 0.15, 0.3, 0.5, 0.75, 1]) light.addColorStop(stop, css(r, g, b, Math.max(0, Math.exp(-stop * stop * 5) - 0.0067)));
    c.fillStyle = light;
    c.fillRect(0, 0, 64, 64);
    this.#glows.set(key, painted);
    return painted;
  }
}
