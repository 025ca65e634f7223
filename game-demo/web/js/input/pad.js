// A gamepad with two sticks: the left one flies, the right one aims and, held far out, zaps; triggers do too.
//
// Promises: nothing happens without a gamepad; a resting stick means nothing. Standard mapping only.
import { angleOf } from "../sim/trig.js";
import { heading } from "./input.js";

const DEAD = 0.25;
/** The aiming stick zaps by itself beyond this. */
const FAR = 0.85;
const [A, B, LB, RB, LT, RT] = [0, 1, 4, 5, 6, 7];

export class Pad {
  /** `undefined` without a gamepad. */
  read() {
    const pad = [...(navigator.getGamepads?.() ?? [])].find((each) => each?.connected && each.mapping === "standard");
    if (!pad) return undefined;
    const [lx, ly, rx, ry] = pad.axes;
    const out = Math.hypot(rx, ry);
    const down = (...numbers) => numbers.some((number) => pad.buttons[number]?.pressed);
    const flies = Math.hypot(lx, ly) > DEAD;
    const wish = {
      heading: flies ? heading(lx, ly) : undefined,
      aim: out > DEAD ? angleOf(rx, ry) : flies ? angleOf(lx, ly) : undefined,
      dash: down(A, LB, LT),
      fire: down(B, RB, RT) || out > FAR,
    };
    wish.active = flies || out > DEAD || wish.dash || wish.fire;
    return wish;
  }
}
