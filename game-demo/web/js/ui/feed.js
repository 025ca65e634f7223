// What happened, in short lines; and the chat.
//
// Promises: a bound on the lines; text from players is text, never markup.
import { colour, css } from "../look/batch.js";

const LINES_MAX = 6;
const LINE_MS = 7000;
const CHAT_LINES_MAX = 8;
const CHAT_MS = 20_000;

function line(parts) {
  const row = document.createElement("li");
  for (const part of parts) {
    const span = document.createElement("span");
    if (part.hue !== undefined) span.style.color = css(colour(part.hue, 0.95, 0.68));
    if (part.gold) span.className = "gold";
    span.textContent = part.text ?? part;
    row.append(span, " ");
  }
  return row;
}

function put(list, row, most, ms) {
  list.append(row);
  while (list.children.length > most) list.firstChild.remove();
  setTimeout(() => row.classList.add("old"), ms - 1000);
  setTimeout(() => row.remove(), ms);
}

export class Feed {
  /** `say(text)` sends a chat line. */
  constructor({ feed, chat, field, say }) {
    Object.assign(this, { feed, chat, field });
    addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      this.open();
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") field.value = "";
      else if (event.key !== "Enter") return;
      event.preventDefault();
      const text = field.value.trim();
      field.value = "";
      field.blur();
      if (text) say(text);
    });
    field.addEventListener("blur", () => field.parentElement.classList.remove("open"));
  }

  open() {
    this.field.parentElement.classList.add("open");
    this.field.focus();
  }

  /** `parts`: strings, `{ text, hue }` for names, `{ text, gold }` for light. */
  tell(...parts) {
    put(this.feed, line(parts), LINES_MAX, LINE_MS);
  }

  chatLine(who, text) {
    put(this.chat, line([{ text: `${who.name}:`, hue: who.hue }, text]), CHAT_LINES_MAX, CHAT_MS);
  }
}
