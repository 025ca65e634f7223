// What the player wants, from keyboard and mouse, a gamepad, or two thumbs, whichever spoke last.
//
// Promises: a key tapped between two ticks is in the next one; keys typed into a field are not the game's; losing
// the window lets go of everything; analogue sticks keep their direction (64 to the turn). `read()` once a tick.
import { angleOf } from "../sim/trig.js";
import { Pad } from "./pad.js";
import { Thumbs } from "./thumbs.js";

const [UP, DOWN, LEFT, RIGHT, DASH, FIRE] = [1, 2, 4, 8, 16, 32];
const KEYS = {
  KeyW: UP, ArrowUp: UP, KeyS: DOWN, ArrowDown: DOWN, KeyA: LEFT, ArrowLeft: LEFT, KeyD: RIGHT, ArrowRight: RIGHT,
  Space: DASH, ShiftLeft: DASH, ShiftRight: DASH, KeyE: FIRE, KeyJ: FIRE,
};
/** Headings of a turn. */
const HEADINGS = 64;

export class Input {
  /** Which of them spoke last: `keys`, `pad`, `touch`. */
  device = matchMedia("(pointer: coarse)").matches ? "touch" : "keys";
  #held = 0;
  #tapped = 0;
  #mouse = { x: innerWidth / 2 + 100, y: innerHeight / 2 };
  #aim = 0;

  /** `centre()`: where the own puck is on the page, CSS px. `assist(aim)`: an aim drawn gently to a target nearby. */
  constructor(target, centre, assist) {
    Object.assign(this, { centre, assist });
    this.pad = new Pad();
    this.thumbs = new Thumbs(target, () => (this.device = "touch"));
    addEventListener("keydown", (event) => this.#key(event, true));
    addEventListener("keyup", (event) => this.#key(event, false));
    addEventListener("blur", () => this.#letGo());
    addEventListener("pointermove", (event) => event.pointerType === "mouse" && this.#point(event));
    addEventListener("pointerup", (event) => event.pointerType === "mouse" && (this.#held &= ~(event.button === 2 ? DASH : FIRE)));
    target.addEventListener("pointerdown", (event) => {
      document.activeElement?.blur?.();
      if (event.pointerType !== "mouse") return;
      this.#point(event);
      if (event.button === 0) this.#press(FIRE);
      else if (event.button === 2) this.#press(DASH);
    });
    addEventListener("contextmenu", (event) => event.target === target && event.preventDefault());
  }

  #letGo() {
    this.#held = 0;
    this.thumbs.clear();
  }

  #press(bit) {
    this.#held |= bit;
    this.#tapped |= bit;
    this.device = "keys";
  }

  #key(event, down) {
    const bit = KEYS[event.code];
    if (!bit || event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (!down) this.#held &= ~bit;
    else if (!event.repeat) this.#press(bit);
  }

  #point({ clientX, clientY }) {
    this.#mouse = { x: clientX, y: clientY };
    if (this.device === "touch") this.device = "keys";
  }

  /** What is wanted now: `{ heading, thrust, aim, dash, fire }`. */
  read() {
    const pad = this.pad.read();
    if (pad?.active) this.device = "pad";
    const wish = this.device === "pad" && pad ? pad : this.device === "touch" ? this.thumbs.read() : this.#keys();
    if (wish.aim !== undefined) this.#aim = wish.aim;
    const aim = this.device === "keys" ? this.#aim : this.assist(this.#aim);
    this.#tapped = 0;
    return { heading: wish.heading ?? 0, thrust: wish.heading !== undefined, aim, dash: wish.dash, fire: wish.fire };
  }

  #keys() {
    const down = this.#held | this.#tapped;
    const x = !!(down & RIGHT) - !!(down & LEFT);
    const y = !!(down & DOWN) - !!(down & UP);
    const [cx, cy] = this.centre();
    return {
      heading: x || y ? heading(x, y) : undefined,
      aim: angleOf(this.#mouse.x - cx, this.#mouse.y - cy),
      dash: !!(down & DASH),
      fire: !!(down & FIRE),
    };
  }
}

/** A direction as one of the 64. */
export const heading = (x, y) => Math.round((Math.atan2(y, x) / (2 * Math.PI)) * HEADINGS) & (HEADINGS - 1);
