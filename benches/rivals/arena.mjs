// ARENA-N in JavaScript: one moving scene of integers, whose hash says whether it was computed and carried right.
// Both of Colyseus' programs here play it; `netcode/src/arena_n.rs` is the same scene in Rust.

const COS = Array.from({ length: 256 }, (_, i) => Math.round(16384 * Math.cos((2 * Math.PI * i) / 256)));
const WALL = 65535;

/** The workload: see ARENA-N's page. The seven numbers of an entity and its private turn rate. */
export class Arena {
  constructor(variant, n) {
    this.variant = variant;
    this.random = 0x9e3779b9;
    this.tick = 0;
    this.movers = [];
    for (let i = 0; i < n; i++) {
      const a = this.next();
      const b = this.next();
      this.movers.push({
        x: a & 0xffff,
        y: a >>> 16,
        dir: b & 255,
        speed: 96 + ((b >>> 8) & 127),
        turn: ((b >>> 16) & 7) - 3,
        hp: 100 - 10 * ((b >>> 20) & 3),
        flags: (b >>> 24) & 3,
        kind: (b >>> 26) & 3,
      });
    }
  }

  next() {
    let x = this.random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (this.random = x >>> 0);
  }

  step() {
    this.tick++;
    this.movers.forEach((m, i) => {
      const r = this.next();
      if (this.variant !== 'M30' || ((this.tick >>> 5) + 7 * i) % 10 < 3) this.advance(m, r);
      if (((r >>> 8) & 63) === 0) m.hp = m.hp <= 10 ? 100 : m.hp - 10;
      if (((r >>> 14) & 31) === 0) m.flags ^= 1 << ((r >>> 19) & 3);
    });
  }

  advance(m, r) {
    if ((r & 7) === 0) m.turn = ((r >>> 3) & 7) - 3;
    let dir = (m.dir + m.turn) & 255;
    let x = m.x + ((COS[dir] * m.speed) >> 14);
    let y = m.y + ((COS[(dir - 64) & 255] * m.speed) >> 14);
    if (this.variant === 'J100') {
      x += ((r >>> 23) & 7) - 3;
      y += ((r >>> 26) & 7) - 3;
    }
    if (x < 0 || x > WALL) {
      x = x < 0 ? -x : 2 * WALL - x;
      dir = (128 - dir) & 255;
    }
    if (y < 0 || y > WALL) {
      y = y < 0 ? -y : 2 * WALL - y;
      dir = (256 - dir) & 255;
    }
    Object.assign(m, { x, y, dir });
  }
}

/** FNV-1a over what is replicated, in id order. */
export function hash(entities) {
  let h = 0x811c9dc5;
  const add = (byte) => (h = Math.imul(h ^ byte, 0x01000193));
  for (const e of entities) {
    for (const byte of [e.x & 255, e.x >>> 8, e.y & 255, e.y >>> 8, e.dir, e.hp, e.flags, e.kind]) add(byte);
  }
  return h >>> 0;
}
