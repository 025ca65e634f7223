// The judge of screenshots is judged: it must call a blank page blank and a drawn one drawn.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PNG } from "pngjs";
import { changed, describe } from "./picture.mjs";

/** A picture of 100 by 50 pixels, each coloured by `paint(x, y)`. */
function picture(paint) {
  const png = new PNG({ width: 100, height: 50 });
  for (let y = 0; y < 50; y += 1) {
    for (let x = 0; x < 100; x += 1) {
      png.data.set([...paint(x, y), 255], (y * 100 + x) * 4);
    }
  }
  return PNG.sync.write(png);
}

test("one colour is blank", () => {
  const seen = describe(picture(() => [5, 6, 20]));
  assert.deepEqual(seen, { width: 100, height: 50, colours: 1, foreground: 0, deviation: 0 });
});

test("a faint gradient has no foreground", () => {
  assert.equal(describe(picture((x) => [x % 8, 0, 0])).foreground, 0);
});

test("a bright square on a dark page is seen and measured", () => {
  const seen = describe(picture((x, y) => (x < 10 && y < 5 ? [255, 255, 255] : [0, 0, 0])));
  assert.equal(seen.colours, 2);
  assert.equal(seen.foreground, 0.01);
  assert.ok(seen.deviation > 20);
});

test("a square that moves by its width changes twice its area", () => {
  const at = (left) => picture((x, y) => (x >= left && x < left + 10 && y < 5 ? [255, 255, 255] : [0, 0, 0]));
  assert.equal(changed(at(0), at(0)), 0);
  assert.equal(changed(at(0), at(10)), 0.02);
});
