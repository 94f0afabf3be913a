const NOT_A_NUMBER = /("(?:[^"\\]|\\.)*")|-?\b(?:NaN|Infinity)\b/g;

/** A JSON value, of Python's dialect too, which knows NaN and Infinity; undefined if it is none. */
export function parsePythonJson(content: string): unknown {
  for (const variant of [
    () => content,
    () => content.replace(NOT_A_NUMBER, (whole, quoted) => quoted ?? (whole ? "null" : "")),
  ]) {
    try {
      return JSON.parse(variant());
    } catch {
      // the other dialect, or none
    }
  }
  return undefined;
}
