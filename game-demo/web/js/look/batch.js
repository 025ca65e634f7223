// What a frame is made of: sprites and ribbons, as flat arrays that both renderers draw.
//
// Promises: no garbage per frame once the arrays have grown; a bound on both. Positions are arena pixels (4096 a side).

export const GLOW = 0; // soft light
export const RING = 2; // thin circle
export const SPARK = 3; // short streak along its rotation
export const LIGHT = 4; // light on the floor: shows the grid beneath
export const MOTE = 5; // a star of four points: light to gather
export const WELL = 6; // rings that run inwards: where light is banked
export const BLOCK = 7; // a dark body with a bright edge: a wall
export const ARC = 8; // a part of a circle; "rotation" is which part, 0 to 1, clockwise from the top
export const PUCK = 10; // a player: dark body, bright rim, notch where it aims; + 0 to 5: the emblem within
export const EMBLEMS = 6; // dot, triangle, square, cross, bar, ring: who cannot tell colours tells these
export const PUCK_RADIUS = 22;

/** Floats of one sprite: x, y, half width, half height, rotation, shape, r, g, b, a. */
export const SPRITE = 10;
/** Floats of one ribbon piece: x0, y0, x1, y1, nx0, ny0, nx1, ny1, w0, w1, a0, a1, r, g, b. */
export const PIECE = 15;
/** Per frame, sprites and pieces each: 500 players with all they throw off. */
const COUNT_MAX = 40_000;

class Floats {
  count = 0;

  constructor(stride) {
    this.stride = stride;
    this.data = new Float32Array(stride * 512);
  }

  /** Where the next one's floats begin, or -1 when there is no room for more. */
  claim() {
    if (this.count === COUNT_MAX) return -1;
    const at = this.count++ * this.stride;
    if (at === this.data.length) {
      const grown = new Float32Array(this.data.length * 2);
      grown.set(this.data);
      this.data = grown;
    }
    return at;
  }
}

export class Batch {
  sprites = new Floats(SPRITE);
  pieces = new Floats(PIECE);

  clear() {
    this.sprites.count = this.pieces.count = 0;
  }

  sprite(shape, x, y, halfWidth, halfHeight, rotation, colour, alpha) {
    const at = this.sprites.claim();
    if (at < 0) return;
    const { data } = this.sprites;
    data[at] = x;
    data[at + 1] = y;
    data[at + 2] = halfWidth;
    data[at + 3] = halfHeight;
    data[at + 4] = rotation;
    data[at + 5] = shape;
    data[at + 6] = colour[0];
    data[at + 7] = colour[1];
    data[at + 8] = colour[2];
    data[at + 9] = alpha;
  }

  /** A tapering band through `points` (`{ x, y, age }`, oldest first), `age` 0 (fresh) to 1 (gone). */
  ribbon(points, width, colour, alpha) {
    let nx0 = 0;
    let ny0 = 0;
    for (let i = 0; i < points.length; i++) {
      const point = points[i];
      const ahead = points[i + 1] ?? point;
      const behind = points[i - 1] ?? point;
      const length = Math.hypot(ahead.x - behind.x, ahead.y - behind.y) || 1;
      const nx = (behind.y - ahead.y) / length;
      const ny = (ahead.x - behind.x) / length;
      const at = i ? this.pieces.claim() : -1;
      if (at >= 0) {
        const { data } = this.pieces;
        data[at] = behind.x;
        data[at + 1] = behind.y;
        data[at + 2] = point.x;
        data[at + 3] = point.y;
        data[at + 4] = nx0;
        data[at + 5] = ny0;
        data[at + 6] = nx;
        data[at + 7] = ny;
        data[at + 8] = width * (1 - 0.75 * behind.age);
        data[at + 9] = width * (1 - 0.75 * point.age);
        data[at + 10] = alpha * (1 - behind.age) ** 2;
        data[at + 11] = alpha * (1 - point.age) ** 2;
        data[at + 12] = colour[0];
        data[at + 13] = colour[1];
        data[at + 14] = colour[2];
      }
      nx0 = nx;
      ny0 = ny;
    }
  }

  /** A straight band with hard ends, for beams and outlines. */
  line(x0, y0, x1, y1, width, colour, alpha, alphaEnd = alpha) {
    const at = this.pieces.claim();
    if (at < 0) return;
    const length = Math.hypot(x1 - x0, y1 - y0) || 1;
    const [nx, ny] = [(y0 - y1) / length, (x1 - x0) / length];
    this.pieces.data.set([x0, y0, x1, y1, nx, ny, nx, ny, width, width, alpha, alphaEnd, colour[0], colour[1], colour[2]], at);
  }
}

/** The colour of light itself: what is gathered, carried and banked. */
export const GOLD = [1, 0.8, 0.36];
export const WHITE = [0.92, 0.97, 1];

/** Hue (256 to the turn), saturation and lightness (0 to 1) as red, green, blue (0 to 1). */
export function colour(hue, saturation = 0.95, lightness = 0.58) {
  // Blue and violet look darker than they count: lift them, most at 170 (pure blue).
  lightness += 0.13 * Math.exp(-(((hue - 172) / 26) ** 2));
  const part = (n) => {
    const k = (n + (hue / 256) * 12) % 12;
    return lightness - saturation * Math.min(lightness, 1 - lightness) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  };
  return [part(0), part(8), part(4)];
}

export const css = ([r, g, b], a = 1) => `rgba(${Math.round(r * 255)},${Math.round(g * 255)},${Math.round(b * 255)},${a})`;
