// Who leads, how long the round still takes, what one carries: the figures of the game itself.
//
// Promises: the page is touched only where something changed.
import { colour, css } from "../look/batch.js";

const ROWS = 8;
const at = (id) => document.getElementById(id);

/** Minutes and seconds of `ms`. */
export function clock(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

export class Board {
  #shown = {};

  #set(id, text) {
    if (this.#shown[id] === text) return;
    this.#shown[id] = text;
    at(id).textContent = text;
  }

  update(view) {
    const { standings, ownId, round, me } = view;
    if (round) {
      this.#set("time", clock(round.left));
      this.#set("phase", round.phase === "break" ? "next round in" : `round ${round.number}`);
      at("round").classList.toggle("last", round.phase === "play" && round.left < 15_000);
    }
    const own = standings.find(({ id }) => id === ownId);
    this.#set("light", me ? String(me.light) : "");
    this.#set("banked", own ? String(own.score) : "0");
    at("purse").hidden = !me;
    at("purse").classList.toggle("rich", (me?.light ?? 0) >= 12);
    this.#rows(standings, ownId);
    this.#podium(view);
  }

  #rows(standings, ownId) {
    const place = standings.findIndex(({ id }) => id === ownId);
    const shown = standings.slice(0, ROWS).map((each, i) => ({ ...each, place: i + 1 }));
    if (place >= ROWS) shown[ROWS - 1] = { ...standings[place], place: place + 1 };
    const key = shown.map(({ id, name, score, light, place: at }) => `${id}${name}${score},${light},${at}`).join();
    if (key === this.#shown.rows) return;
    this.#shown.rows = key;
    at("rows").replaceChildren(
      ...shown.map(({ id, name, hue, bot, score, light, place: rank }) => {
        const row = document.createElement("li");
        row.className = `${id === ownId ? "own" : ""} ${bot ? "bot" : ""}`;
        row.style.setProperty("--hue", css(colour(hue)));
        for (const [kind, text] of [["rank", rank], ["name", name], ["light", light ? `✦${light}` : ""], ["score", score]]) {
          const cell = document.createElement("span");
          cell.className = kind;
          cell.textContent = text;
          row.append(cell);
        }
        return row;
      }),
    );
  }

  /** Between rounds: the three best, large. */
  #podium({ round, standings }) {
    const podium = at("podium");
    const show = round?.phase === "break" && standings.some(({ score }) => score > 0);
    if (podium.hidden === !show) return;
    podium.hidden = !show;
    if (!show) return;
    at("podium-names").replaceChildren(
      ...standings.slice(0, 3).map(({ name, hue, score }) => {
        const row = document.createElement("li");
        row.style.color = css(colour(hue, 1, 0.7));
        row.textContent = `${name} — ${score}`;
        return row;
      }),
    );
  }
}
