// What an arena of many bots costs: tick times, and bytes a second of a player in bits and in JSON.
//
//   RINGSIDE_GAME=../../target/release/game-demo node figures.mjs [bots, 500] [seconds, 15]
//
// Promises: the player sits in the middle of it, with the page's own network code; both encodings are of the same ticks.
// Prints one line of JSON. Leaves out: any judgement (`round.test.mjs` and `network.test.mjs` judge).
import { startGame, stats } from "./game.mjs";
import { hunter, Player } from "./player.mjs";

const [bots = "500", seconds = "15"] = process.argv.slice(2);
const passes = (ms) => new Promise((done) => setTimeout(done, ms));

const game = await startGame({ bots: +bots });
const player = await Player.join(game.url, { name: "Meter", think: hunter, lab: { json: true } });
await passes(4000);
const mark = () => ({ at: performance.now(), bits: player.net.room.stats.bytes, frames: player.net.room.stats.frames, json: player.net.jsonBytes });
const from = mark();
const steps = [];
for (let n = 0; n < +seconds; n++) {
  await passes(1000);
  const [room] = (await stats(game)).rooms;
  steps.push(room);
}
const to = mark();
const a_second = (key) => Math.round((to[key] - from[key]) / ((to.at - from.at) / 1000));
const worst = (key, at) => Math.max(...steps.map((room) => room[key][at]));
console.log(
  JSON.stringify({
    bots: +bots,
    stepUsP50: worst("stepUs", 0),
    stepUsP99: worst("stepUs", 1),
    lateUsP99: worst("lateUs", 1),
    dropped: steps.reduce((sum, room) => sum + room.dropped, 0),
    snapshotsPerSecond: (to.frames - from.frames) / ((to.at - from.at) / 1000),
    bitsBytesPerSecond: a_second("bits"),
    jsonBytesPerSecond: a_second("json"),
    pucksInView: player.view?.pucks.size,
    motesInView: player.view?.motes.size,
  }),
);
player.close();
await game.stop();
process.exit(0);
