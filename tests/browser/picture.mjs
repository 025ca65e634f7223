// What a screenshot shows, in numbers: is there a picture, and did it change?
//
// Promises: pure functions over PNG bytes. `describe` tells the share of the commonest colour, how
// many colours there are and how far brightness varies; `changed` tells which share of the pixels
// differs between two pictures. Leaves out: any judgement of beauty, and recognising things in the
// picture.

import { PNG } from "pngjs";

/** Channels this near are one colour: anti-aliasing and gradients must not count as content. */
const SAME_CHANNEL = 16;

/**
 * @param {Buffer} png
 * @returns {{width: number, height: number, colours: number, foreground: number, deviation: number}} `colours`:
 *   how many differ in the upper four bits of a channel; `foreground`: share (0 to 1) of the pixels that are not of the
 *   commonest colour; `deviation`: the standard deviation of brightness, 0 to 127.5
 */
export function describe(png) {
  const { width, height, data } = PNG.sync.read(png);
  const counts = new Map();
  let sum = 0;
  let squares = 0;
  for (let at = 0; at < data.length; at += 4) {
    const key = ((data[at] >> 4) << 8) | ((data[at + 1] >> 4) << 4) | (data[at + 2] >> 4);
    const entry = counts.get(key);
    if (entry) {
      entry.count += 1;
    } else {
      counts.set(key, { count: 1, at });
    }
    const brightness = (data[at] + data[at + 1] + data[at + 2]) / 3;
    sum += brightness;
    squares += brightness * brightness;
  }
  const pixels = width * height;
  const background = [...counts.values()].reduce((a, b) => (b.count > a.count ? b : a));
  let foreground = 0;
  for (let at = 0; at < data.length; at += 4) {
    foreground += differs(data, at, data, background.at) ? 1 : 0;
  }
  const mean = sum / pixels;
  return {
    width,
    height,
    colours: counts.size,
    foreground: foreground / pixels,
    deviation: Math.sqrt(Math.max(0, squares / pixels - mean * mean)),
  };
}

/**
 * The share (0 to 1) of the pixels that differ between two pictures of one size.
 * @param {Buffer} before
 * @param {Buffer} after
 */
export function changed(before, after) {
  const a = PNG.sync.read(before);
  const b = PNG.sync.read(after);
  if (a.width !== b.width || a.height !== b.height) {
    throw new RangeError("the pictures differ in size");
  }
  let count = 0;
  for (let at = 0; at < a.data.length; at += 4) {
    count += differs(a.data, at, b.data, at) ? 1 : 0;
  }
  return count / (a.width * a.height);
}

function differs(a, atA, b, atB) {
  for (let channel = 0; channel < 3; channel += 1) {
    if (Math.abs(a[atA + channel] - b[atB + channel]) > SAME_CHANNEL) {
      return true;
    }
  }
  return false;
}
