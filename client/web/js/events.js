// Named listeners, and the isolation of what they throw.
//
// Promises: listeners run in the order they were added; one that throws is reported as an uncaught
// error and neither silences the others nor disturbs the connection that called it.
// Leaves out: wildcards (the socket's onAny family has its own lists).

/** Runs a user's function; what it throws surfaces as an uncaught error, never inside our state. */
export function guarded(fn, self, args) {
  try {
    return fn.apply(self, args);
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}

export class Emitter {
  // Lists are replaced, never changed, so one may be walked while listeners come and go.
  _listeners = new Map();

  on(name, fn) {
    this._listeners.set(name, [...this.listeners(name), fn]);
    return this;
  }

  once(name, fn) {
    const wrapped = (...args) => {
      this.off(name, wrapped);
      fn.apply(this, args);
    };
    wrapped.fn = fn;
    return this.on(name, wrapped);
  }

  /** Without `fn`: every listener of `name`. Without `name`: every listener. */
  off(name, fn) {
    if (name === undefined) this._listeners.clear();
    else {
      const list = this.listeners(name);
      const at = fn ? list.findIndex((each) => each === fn || each.fn === fn) : -1;
      const kept = fn ? list.filter((_, i) => i !== at) : [];
      if (kept.length) this._listeners.set(name, kept);
      else this._listeners.delete(name);
    }
    return this;
  }

  listeners(name) {
    return this._listeners.get(name) ?? [];
  }

  hasListeners(name) {
    return this._listeners.has(name);
  }

  _fire(name, ...args) {
    for (const fn of this.listeners(name)) guarded(fn, this, args);
    return this;
  }
}

// The field's other names for the same three.
const names = Emitter.prototype;
names.addEventListener = names.on;
names.removeListener = names.removeEventListener = names.removeAllListeners = names.off;
