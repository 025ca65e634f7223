// One line that says what to do now: the next thing a new player has not done yet.
//
//   fly → gather → bank → zap → silence
//
// Promises: each step leaves as soon as it is done; whoever has done all in an earlier visit is not told again.

const KEYS = (text) => text.replace(/\[(.+?)\]/g, "<kbd>$1</kbd>");
const STEPS = {
  fly: ["[W] [A] [S] [D] to fly — collect the golden lights", "Left thumb flies — collect the golden lights"],
  gather: ["Collect the golden lights", "Collect the golden lights"],
  bank: ["Follow the golden arrow and bank your light in the well", "Follow the golden arrow: bank your light in the well"],
  zap: ["Click to zap the others: they spill their light. [Space] dashes", "Right thumb aims and zaps; a tap dashes"],
};
/** Light at which banking is worth a hint. */
const ENOUGH = 4;
const KEPT = "glimmer.knows";

export class Hint {
  #shown;
  #done = new Set();
  #flownAt;

  constructor(element) {
    this.element = element;
    try {
      if (localStorage.getItem(KEPT)) this.#done = new Set(Object.keys(STEPS));
    } catch {
      // A page without storage tells it every time.
    }
  }

  /** The step that is shown, for tests: `undefined` when there is nothing left to say. */
  get step() {
    return this.#shown;
  }

  /** What the player did: `fly`, `gather`, `bank`, `zap`. */
  did(step) {
    if (step === "fly") this.#flownAt ??= performance.now();
    else this.#done.add(step);
    if (this.#done.has("bank") && this.#done.has("zap")) {
      try {
        localStorage.setItem(KEPT, "1");
      } catch {
        // See above.
      }
    }
  }

  update(view, now, touch) {
    if (this.#flownAt && now - this.#flownAt > 1500) this.#done.add("fly");
    if (view.me?.light > 0) this.#done.add("gather");
    const next = this.#next(view.me);
    if (next === this.#shown) return;
    this.#shown = next;
    this.element.classList.toggle("done", !next);
    if (next) this.element.innerHTML = KEYS(STEPS[next][touch ? 1 : 0]);
  }

  #next(me) {
    if (!me) return undefined;
    const open = (step) => !this.#done.has(step);
    if (open("fly")) return "fly";
    if (me.light >= ENOUGH && open("bank")) return "bank";
    if (open("gather")) return "gather";
    if (open("bank")) return me.light > 0 ? "bank" : "gather";
    return open("zap") ? "zap" : undefined;
  }
}
