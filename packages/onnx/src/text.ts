import { isUtf8 } from "node:buffer";
import { OnnxError } from "./errors.ts";

/** Bytes of a file as text. Throws an OnnxError for bytes that are no UTF-8, since they could not be written back. */
export function decodeText(bytes: Uint8Array, where: string): string {
  if (!isUtf8(bytes)) {
    throw new OnnxError("UNSUPPORTED_OPERATOR", `${where}: expected text in UTF-8, got other bytes`);
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
