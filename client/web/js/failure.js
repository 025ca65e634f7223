// Why a connection could not be made or kept, said so that its user can act.
//
// `reason` is one word of a fixed list (see ringside.d.ts, FailureReason); `message` is the sentence for people;
// `description` is what the transport saw (an HTTP status, a close code, the error underneath).

export function failure(reason, message, description) {
  return Object.assign(new Error(message), { type: "TransportError", reason, description });
}

/** An HTTP answer that is not Engine.IO's: says what stands there instead. */
export function wrongAnswer(url, status, type, text) {
  const at = String(url).split("?")[0];
  let said = "";
  try {
    // Engine.IO's own refusals: {"code":5,"message":"Unsupported protocol version"}.
    said = JSON.parse(text).message ?? "";
  } catch {}
  if (/version/i.test(said)) return failure("version", `${at} speaks another Engine.IO version: ${said}`, status);
  if (status !== 200 && (said || !/html/.test(type))) {
    return failure("refused", `${at} refused the connection: HTTP ${status} ${said}`.trim(), status);
  }
  const what = /^\s*</.test(text) || /html/.test(type) ? "an HTML page" : JSON.stringify(text.slice(0, 40));
  return failure("not_a_server", `${at} answered HTTP ${status} with ${what} where an Engine.IO handshake was expected: is the path right?`, status);
}
