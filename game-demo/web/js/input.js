// What the player wants: buttons and a direction, from keyboard and mouse, or from two thumbs.
//
// Promises: a key tapped between two packets is in the next one; keys typed into a field are not the game's;
// losing the window lets go of everything. Leaves out: gamepads.

export const UP = 1;
export const DOWN = 2;
export const LEFT = 4;
export const RIGHT = 8;
export const DASH = 16;
export const FIRE = 32;

const KEYS = {
  KeyW: UP, ArrowUp: UP, KeyS: DOWN, ArrowDown: DOWN, KeyA: LEFT, ArrowLeft: LEFT, KeyD: RIGHT, ArrowRight: RIGHT,
  Space: DASH, ShiftLeft: DASH, ShiftRight: DASH,
};
/** A thumb farther from where it landed than this, CSS px, means it. */
const THUMB_PX = 14;
/** A touch shorter than this, ms, that did not move is a tap. */
const TAP_MS = 220;

export class Input {
  /** 256 to the turn, 0 = right, clockwise on the screen. */
  aim = 0;
  /** Whether anything was pressed since the page opened. */
  used = false;
  #held = 0;
  #tapped = 0;
  #thumbs = new Map();

  /** `centre()`: where the own puck is on the screen, `[x, y]` in CSS px. */
  constructor(target, centre) {
    this.centre = centre;
    addEventListener("keydown", (event) => this.#key(event, true));
    addEventListener("keyup", (event) => this.#key(event, false));
    addEventListener("blur", () => (this.#held = 0));
    addEventListener("pointermove", (event) => this.#move(event));
    addEventListener("pointerup", (event) => this.#lift(event));
    addEventListener("pointercancel", (event) => this.#lift(event));
    target.addEventListener("pointerdown", (event) => this.#touch(event));
    addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** The buttons down now, or tapped since the last call. */
  take() {
    const buttons = this.#held | this.#tapped;
    this.#tapped = 0;
    return buttons;
  }

  #press(bits) {
    this.#held |= bits;
    this.#tapped |= bits;
    this.used = true;
  }

  #key(event, down) {
    const bit = KEYS[event.code];
    if (!bit || event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (!down) this.#held &= ~bit;
    else if (!event.repeat) this.#press(bit);
  }

  #towards(x, y) {
    this.aim = Math.round((Math.atan2(y, x) / (2 * Math.PI)) * 256) & 255;
  }

  #touch(event) {
    document.activeElement?.blur?.();
    if (event.pointerType === "mouse") return event.button === 0 ? this.#press(FIRE) : event.button === 2 && this.#press(DASH);
    this.#thumbs.set(event.pointerId, { x: event.clientX, y: event.clientY, left: event.clientX < innerWidth / 2, at: event.timeStamp, moved: false });
  }

  #move(event) {
    const thumb = this.#thumbs.get(event.pointerId);
    if (!thumb) {
      const [x, y] = this.centre();
      if (event.pointerType === "mouse") this.#towards(event.clientX - x, event.clientY - y);
      return;
    }
    const [dx, dy] = [event.clientX - thumb.x, event.clientY - thumb.y];
    const length = Math.hypot(dx, dy);
    thumb.moved ||= length > THUMB_PX;
    if (!thumb.moved) return;
    if (!thumb.left) return this.#towards(dx, dy);
    // Eight directions: a component counts from sin 22.5° on.
    this.#held &= ~(UP | DOWN | LEFT | RIGHT);
    const [x, y] = [dx / length, dy / length];
    this.#press((y < -0.38 && UP) | (y > 0.38 && DOWN) | (x < -0.38 && LEFT) | (x > 0.38 && RIGHT));
  }

  #lift(event) {
    if (event.pointerType === "mouse") return (this.#held &= ~(event.button === 2 ? DASH : FIRE));
    const thumb = this.#thumbs.get(event.pointerId);
    this.#thumbs.delete(event.pointerId);
    if (thumb?.left) this.#held &= ~(UP | DOWN | LEFT | RIGHT);
    else if (thumb && !thumb.moved && event.timeStamp - thumb.at < TAP_MS) this.#tapped |= DASH;
  }
}
