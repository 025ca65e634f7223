// The game's events, turned into light and lines: hits, banks, rounds, chat; and what only the laboratory hears.
//
// Promises: what concerns the player is told apart from what concerns others. Leaves out: how lines look (feed.js).
import { colour, css, GOLD, WHITE } from "./look/batch.js";

/** Hitboxes are drawn for so long, ms. */
const HITBOX_MS = 900;

export class Hearing {
  /** Events heard by kind, for tests. */
  counts = {};
  #hitboxes = [];

  /** Further parts (`net`, `feed`, `cam`, `lab`, `card`) come as soon as they are there. */
  constructor({ scene, hint, note }) {
    Object.assign(this, { scene, hint, note });
  }

  hear(kind, event, about) {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    this[`on_${kind}`]?.(event, about);
  }

  #name(id) {
    const { name, hue } = this.card(id);
    return { text: name, hue };
  }

  on_hit({ by, to, x, y, spilled, shattered }, { tick }) {
    const { scene, net, feed } = this;
    const now = performance.now();
    // The server's word comes when the page is already past the moment; others are shown a little later still.
    scene.pucks.hit(to, shattered, now);
    const own = net.ownId;
    if (spilled && (by === own || to === own || scene.camera.sees(x, y))) {
      scene.beams.say(x, y, `${to === own ? "−" : ""}${spilled}`, to === own ? [1, 0.45, 0.45] : GOLD);
    }
    if (by === own) {
      this.hits = (this.hits ?? 0) + 1;
      scene.beams.say(x, y - 26, shattered ? "shattered!" : "hit", WHITE);
    }
    if (!shattered) return;
    feed.tell(this.#name(by), "shattered", this.#name(to), ...(spilled ? [{ text: `✦ ${spilled}`, gold: true }] : []));
    if (to === own) this.cam.shattered(by, tick);
  }

  on_bank({ who, light, total }) {
    const { net, feed, scene, hint } = this;
    const puck = scene.pucks.all.get(who);
    if (who === net.ownId) {
      hint.did("bank");
      if (puck) scene.beams.say(puck.x, puck.y, `+${light} banked`, GOLD);
    }
    if (puck && scene.camera.sees(puck.x, puck.y)) scene.beams.ring(puck.x, puck.y, GOLD, 30, 190, 0.6);
    if (light >= 5 || who === net.ownId) feed.tell(this.#name(who), "banked", { text: `✦ ${light}`, gold: true }, who === net.ownId ? `(${total})` : "");
  }

  on_over({ best }) {
    const [first] = best;
    if (first) this.feed.tell(this.#name(first[0]), "wins the round with", { text: `✦ ${first[1]}`, gold: true });
  }

  on_begin({ round }) {
    this.feed.tell(`round ${round} begins`);
  }

  on_chat({ who, text }) {
    this.feed.chatLine(this.card(who), text);
  }

  on_hush({ why }) {
    this.feed.tell(`not sent: ${why}`);
  }

  on_hitboxes(boxes) {
    const until = performance.now() + HITBOX_MS;
    this.#hitboxes = boxes.map((box) => ({ ...box, until }));
  }

  on_state(event) {
    this.lab.heardJson({ state: event });
  }

  on_welcome() {
    const { net, lab } = this;
    lab?.applyWeather();
    if (net.ownId !== undefined) document.documentElement.style.setProperty("--me", css(colour(this.card(net.ownId).hue)));
    // The address of the room, so that a reload leads back to it; private ones are found by it alone.
    const url = new URL(location.href);
    url.searchParams.set("room", net.room.welcome.room);
    history.replaceState(null, "", url);
  }

  on_refused({ code }) {
    // A room that is not there any more: any other will do.
    if (code !== "no-room" || !this.net.wish.room) return;
    this.net.join({ ...this.net.wish, room: undefined });
  }

  /** Adds to the picture what the laboratory has heard. */
  addTo(view, now) {
    this.#hitboxes = this.#hitboxes.filter(({ until }) => until > now);
    if (!this.#hitboxes.length) return;
    view.overlay ??= {};
    view.overlay.hitboxes = this.#hitboxes.map((box) => ({ ...box, alpha: (box.until - now) / HITBOX_MS }));
  }
}
