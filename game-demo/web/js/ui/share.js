// Playing with friends: the room's address, as text and as a QR code, and a room of one's own.
//
// Promises: where the address leads only on this machine it says so, with the option that mends it.
import { paintQr } from "./qr.js";

const at = (id) => document.getElementById(id);

export class Share {
  /** `room()`: the room's code. `openPrivate()`: goes to a new private room. */
  constructor({ room, openPrivate }) {
    Object.assign(this, { room });
    const dialog = at("share");
    at("b-share").addEventListener("click", () => this.show());
    at("share-close").addEventListener("click", () => dialog.close());
    at("share-copy").addEventListener("click", () => this.#copy());
    at("share-private").addEventListener("click", async () => {
      await openPrivate();
      this.show();
    });
  }

  get url() {
    return `${location.origin}/?room=${this.room() ?? ""}`;
  }

  show() {
    at("b-share").blur();
    at("share-url").value = this.url;
    at("qr").hidden = !paintQr(at("qr"), this.url);
    const local = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
    at("share-note").textContent = local
      ? "This address works on this machine only. For friends in your network start the server with --host 0.0.0.0 and open its network address."
      : "Whoever opens it is in this room.";
    if (!at("share").open) at("share").showModal();
  }

  async #copy() {
    const field = at("share-url");
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      at("share-copy").textContent = "copied";
    } catch {
      // Without the permission the text is selected: Ctrl-C does it.
    }
  }
}
