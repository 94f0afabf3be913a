import { EvidenceError } from "./errors.ts";

const ALPHABET = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Bytes from base64 of either alphabet, padded or not. Throws MALFORMED on anything else, where Node would skip it. */
export function decodeBase64(text: string, where: string): Buffer {
  const bytes = Buffer.from(text, "base64");
  const digits = text.replace(/=+$/, "").length;
  if (!ALPHABET.test(text) || Math.floor((digits * 3) / 4) !== bytes.length || digits % 4 === 1) {
    throw new EvidenceError("MALFORMED", `${where}: expected base64`);
  }
  return bytes;
}
