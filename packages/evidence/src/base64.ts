import { EvidenceError } from "./errors.ts";

const ALPHABET = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Bytes from base64 of either alphabet, padded or not. Throws MALFORMED on anything else, where Node would skip it. */
export function decodeBase64(text: string, where: string): Buffer {
  const isInAlphabet = ALPHABET.test(text); // before anything else looks at it: whatever passes has two "=" at most
  const digits = isInAlphabet ? text.replace(/={1,2}$/, "").length : 0;
  const bytes = Buffer.from(isInAlphabet ? text : "", "base64");
  if (!isInAlphabet || digits % 4 === 1 || Math.floor((digits * 3) / 4) !== bytes.length) {
    throw new EvidenceError("MALFORMED", `${where}: expected base64`);
  }
  return bytes;
}
