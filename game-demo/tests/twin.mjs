// The page's half of `motion_twins.rs`: plays a file of controls through the page's step and compares the motions.
//
// The file, little-endian: records of { controls: heading u8, bits u8 (thrust 1, dash 2, fire 4, a fresh start 8), aim u16 }
// then, for a fresh start { x i32, y i32 in units }, then the server's answer { x, y, vx, vy i32; dash, dashWait, zapWait, zaps u8 }.
import { readFileSync } from "node:fs";
import { rest, step } from "../web/js/sim/motion.js";
import { cosine } from "../web/js/sim/trig.js";

const data = readFileSync(process.argv[2]);
const view = new DataView(data.buffer, data.byteOffset, data.length);
let at = 0;
const u8 = () => data[at++];
const i32 = () => view.getInt32((at += 4) - 4, true);

for (let angle = 0; angle < 1024; angle++) {
  const expected = i32();
  if (cosine(angle) !== expected) throw new Error(`the cosine of ${angle} is ${cosine(angle)} here and ${expected} there`);
}
let motion;
let steps = 0;
while (at < data.length) {
  const heading = u8();
  const bits = u8();
  const aim = u8() | (u8() << 8);
  if (bits & 8) motion = rest(i32(), i32());
  const before = JSON.stringify(motion);
  const zaps = step(motion, { heading, aim, thrust: !!(bits & 1), dash: !!(bits & 2), fire: !!(bits & 4) });
  const [x, y, vx, vy] = [i32(), i32(), i32(), i32()];
  const [dash, dashWait, zapWait, zapped] = [u8(), u8(), u8(), u8()];
  const same =
    motion.x === x && motion.y === y && Object.is(motion.vx, vx) && Object.is(motion.vy, vy) &&
    motion.dash === dash && motion.dashWait === dashWait && motion.zapWait === zapWait && zaps === !!zapped;
  if (!same) {
    console.error(`step ${steps}, from ${before} by ${JSON.stringify({ heading, bits, aim })}`);
    console.error(`here ${JSON.stringify({ ...motion, zaps })}`);
    console.error(`there ${JSON.stringify({ x, y, vx, vy, dash, dashWait, zapWait, zaps: !!zapped })}`);
    process.exit(1);
  }
  steps++;
}
console.log(JSON.stringify({ steps }));
