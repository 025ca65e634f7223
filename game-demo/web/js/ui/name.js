// The player's name: asked for in the address, remembered, or made up.

const pick = (list) => list[Math.floor(Math.random() * list.length)];
const KEPT = "glimmer.name";
const CHARS_MAX = 20;

/** Storage may be denied to a page; a name is not worth an error. */
function remembered(name) {
  try {
    if (name) localStorage.setItem(KEPT, name);
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function someName() {
  const first = pick(["Swift", "Quiet", "Bright", "Wild", "Amber", "Lunar", "Velvet", "Solar", "Frost", "Neon"]);
  return `${first} ${pick(["Comet", "Heron", "Ember", "Lynx", "Moth", "Pulsar", "Otter", "Quasar", "Raven", "Spark"])}`;
}

/** `wanted`, or the name of the last visit, or some name. `keep`: from now on. */
export function myName(wanted, keep = false) {
  const name = (wanted || remembered() || someName()).slice(0, CHARS_MAX);
  if (keep) remembered(name);
  return name;
}
