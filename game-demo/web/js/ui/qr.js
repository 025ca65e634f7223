// A QR code of a short text: byte mode, error correction L, versions 1 to 5 (up to 106 bytes).
//
// Promises: `qr(text)` gives the modules as rows of booleans, dark is true; a text that is too long gives `undefined`.
// Leaves out: everything else of ISO/IEC 18004.

/** Per version, 1 to 5, at level L: data codewords, and check codewords; one block each. */
const CAPACITY = [
  [19, 7],
  [34, 10],
  [55, 15],
  [80, 20],
  [108, 26],
];

const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i++) {
  EXP[i] = EXP[i + 255] = x;
  LOG[x] = i;
  x = (x << 1) ^ (x & 128 ? 0x11d : 0);
}
const times = (a, b) => (a && b ? EXP[LOG[a] + LOG[b]] : 0);

/** The Reed-Solomon check codewords of `data`. */
function checks(data, count) {
  let generator = [1];
  for (let i = 0; i < count; i++) {
    const next = new Array(generator.length + 1).fill(0);
    generator.forEach((value, at) => {
      next[at] ^= value;
      next[at + 1] ^= times(value, EXP[i]);
    });
    generator = next;
  }
  const rest = [...data, ...new Array(count).fill(0)];
  for (let i = 0; i < data.length; i++) {
    const factor = rest[i];
    generator.forEach((value, at) => (rest[i + at] ^= times(value, factor)));
  }
  return rest.slice(data.length);
}

function codewords(bytes, [room, count]) {
  const bits = [];
  const put = (value, width) => {
    for (let i = width - 1; i >= 0; i--) bits.push((value >> i) & 1);
  };
  put(0b0100, 4);
  put(bytes.length, 8);
  for (const byte of bytes) put(byte, 8);
  put(0, Math.min(4, room * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  const data = [];
  for (let i = 0; i < bits.length; i += 8) data.push(bits.slice(i, i + 8).reduce((sum, bit) => sum * 2 + bit, 0));
  for (let pad = 0xec; data.length < room; pad ^= 0xec ^ 0x11) data.push(pad);
  return [...data, ...checks(data, count)];
}

/** The 15 bits that tell level L and the mask. */
function formatBits(mask) {
  const data = (0b01 << 3) | mask;
  let rest = data << 10;
  for (let i = 14; i >= 10; i--) if ((rest >> i) & 1) rest ^= 0x537 << (i - 10);
  return ((data << 10) | rest) ^ 0x5412;
}

const MASKS = [
  (r, c) => (r + c) % 2 === 0,
  (r) => r % 2 === 0,
  (r, c) => c % 3 === 0,
  (r, c) => (r + c) % 3 === 0,
  (r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2 === 0,
  (r, c) => ((r * c) % 2) + ((r * c) % 3) === 0,
  (r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2 === 0,
  (r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2 === 0,
];

/** Finders, timing, alignment, room for the format: `undefined` where data goes. */
function frame(version) {
  const size = 17 + 4 * version;
  const grid = Array.from({ length: size }, () => new Array(size).fill(undefined));
  const finder = (row, column) => {
    for (let r = -1; r < 8; r++) {
      for (let c = -1; c < 8; c++) {
        if (grid[row + r]?.[column + c] === undefined && !(row + r in grid && column + c >= 0 && column + c < size)) continue;
        const edge = Math.max(Math.abs(r - 3), Math.abs(c - 3));
        grid[row + r][column + c] = edge === 3 || edge < 2;
      }
    }
  };
  finder(0, 0);
  finder(0, size - 7);
  finder(size - 7, 0);
  for (let i = 8; i < size - 8; i++) grid[6][i] = grid[i][6] = i % 2 === 0;
  if (version > 1) {
    const at = size - 7;
    for (let r = -2; r < 3; r++) for (let c = -2; c < 3; c++) grid[at + r][at + c] = Math.max(Math.abs(r), Math.abs(c)) !== 1;
  }
  for (let i = 0; i < 9; i++) {
    grid[8][i] ??= false;
    grid[i][8] ??= false;
  }
  for (let i = 0; i < 8; i++) {
    grid[8][size - 1 - i] ??= false;
    grid[size - 1 - i][8] ??= false;
  }
  grid[size - 8][8] = true;
  return grid;
}

function putFormat(grid, mask) {
  const size = grid.length;
  const bits = formatBits(mask);
  const bit = (i) => Boolean((bits >> i) & 1);
  for (let i = 0; i < 15; i++) {
    // Round the finder above left, then split between the other two.
    if (i < 6) grid[i][8] = bit(i);
    else if (i < 8) grid[i + 1][8] = bit(i);
    else if (i === 8) grid[8][7] = bit(i);
    else grid[8][14 - i] = bit(i);
    if (i < 8) grid[8][size - 1 - i] = bit(i);
    else grid[size - 15 + i][8] = bit(i);
  }
}

/** How hard a picture is to read: runs, squares, and an uneven share of dark. */
function penalty(grid) {
  const size = grid.length;
  let sum = 0;
  for (const at of [(r, c) => grid[r][c], (r, c) => grid[c][r]]) {
    for (let r = 0; r < size; r++) {
      for (let c = 0, run = 0; c < size; c++) {
        run = c && at(r, c) === at(r, c - 1) ? run + 1 : 1;
        sum += run === 5 ? 3 : run > 5 ? 1 : 0;
      }
    }
  }
  let dark = 0;
  for (let r = 0; r < size; r++) {
    for (let c = 0; c < size; c++) {
      dark += grid[r][c];
      if (r && c && grid[r][c] === grid[r - 1][c] && grid[r][c] === grid[r][c - 1] && grid[r][c] === grid[r - 1][c - 1]) sum += 3;
    }
  }
  return sum + Math.floor(Math.abs((dark / size / size) * 100 - 50) / 5) * 10;
}

export function qr(text) {
  const bytes = new TextEncoder().encode(text);
  const version = CAPACITY.findIndex(([room]) => bytes.length + 2 <= room) + 1;
  if (!version) return undefined;
  const bits = codewords(bytes, CAPACITY[version - 1]).flatMap((word) => Array.from({ length: 8 }, (_, i) => (word >> (7 - i)) & 1));
  const blank = frame(version);
  const size = blank.length;
  // Up and down in columns of two, from the right; the timing column is passed over.
  const places = [];
  for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) right--;
    for (let i = 0; i < size; i++) {
      const row = up ? size - 1 - i : i;
      for (const column of [right, right - 1]) if (blank[row][column] === undefined) places.push([row, column]);
    }
  }
  const pictures = MASKS.map((masks, number) => {
    const grid = blank.map((row) => [...row]);
    places.forEach(([row, column], i) => (grid[row][column] = Boolean(bits[i]) !== masks(row, column)));
    putFormat(grid, number);
    return grid;
  });
  return pictures.reduce((best, grid) => (penalty(grid) < penalty(best) ? grid : best));
}

/** Paints a code on a canvas, with the quiet zone of four modules. */
export function paintQr(canvas, text) {
  const grid = qr(text);
  if (!grid) return false;
  const c = canvas.getContext("2d");
  const side = grid.length + 8;
  const scale = Math.max(2, Math.floor(440 / side));
  canvas.width = canvas.height = side * scale;
  c.fillStyle = "#fff";
  c.fillRect(0, 0, canvas.width, canvas.height);
  c.fillStyle = "#04060c";
  grid.forEach((row, r) => row.forEach((dark, x) => dark && c.fillRect((x + 4) * scale, (r + 4) * scale, scale, scale)));
  return true;
}
