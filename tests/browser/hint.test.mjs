// The line that says what to do now, played through without a page.
//
// Promises: each step goes as soon as it is done, in whichever order things are done; nobody is told to do what is done, and
// whoever is away is told nothing new. Leaves out: how it looks (`newcomer.test.mjs`).

import assert from "node:assert/strict";
import { test } from "node:test";
import { Hint } from "../../game-demo/web/js/ui/hint.js";

/** Longer than flying is shown after the first thrust, ms. */
const FLOWN_MS = 2000;

function story() {
  const element = { classList: { toggle: (_, on) => (element.done = on) }, innerHTML: "" };
  const hint = new Hint(element);
  const sees = (light, later = 0) => {
    hint.update({ me: light === undefined ? undefined : { light } }, performance.now() + later, true);
    return hint.step;
  };
  return { element, hint, sees };
}

test("fly, gather, bank, zap, and then silence", () => {
  const { element, hint, sees } = story();
  assert.equal(sees(undefined), undefined, "nobody is there yet");
  assert.equal(sees(0), "fly");
  assert.match(element.innerHTML, /thumb/);
  hint.did("fly");
  assert.equal(sees(0), "fly", "it can still be read");
  assert.equal(sees(0, FLOWN_MS), "gather");
  assert.equal(sees(1, FLOWN_MS), "bank");
  assert.equal(sees(0, FLOWN_MS), "gather", "the light was lost");
  assert.equal(sees(5, FLOWN_MS), "bank");
  hint.did("bank");
  assert.equal(sees(0, FLOWN_MS), "zap");
  hint.did("zap");
  assert.equal(sees(0, FLOWN_MS), undefined);
  assert.equal(element.done, true);
});

test("who begins in the well has banked before they have flown, and is told to zap", () => {
  const { hint, sees } = story();
  assert.equal(sees(2), "fly");
  hint.did("bank");
  assert.equal(sees(0), "fly");
  hint.did("fly");
  assert.equal(sees(0, FLOWN_MS), "zap");
});

test("who zaps first is not told to", () => {
  const { hint, sees } = story();
  hint.did("zap");
  hint.did("fly");
  assert.equal(sees(4, FLOWN_MS), "bank");
  hint.did("bank");
  assert.equal(sees(0, FLOWN_MS), undefined);
});
