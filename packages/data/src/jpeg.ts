import jpeg from "jpeg-js";
import { DataError } from "./data-error.ts";
import type { Image } from "./image.ts";

/** Decodes a grey or colour JPEG, within jpeg-js's limits on pixels and memory. */
export function decodeJpeg(bytes: Uint8Array, where: string): Image {
  const components = componentsOf(bytes);
  if (components !== 1 && components !== 3) {
    throw new DataError(
      "UNSUPPORTED_FORMAT",
      `${where}: expected a JPEG of 1 or 3 components, got ${components ?? "no frame"}`,
    );
  }
  try {
    const { width, height, data } = jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      ...LIMITS,
    });
    const pixels = components === 3 ? data : data.filter((_, i) => i % 3 === 0); // grey comes as three equal channels
    return { width, height, channels: components, depth: 8, data: pixels };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const code = /limit/i.test(reason) ? "LIMIT_EXCEEDED" : "MALFORMED_FILE";
    throw new DataError(code, `${where}: expected a JPEG image, got: ${reason}`, { cause });
  }
}

const LIMITS = { maxResolutionInMP: 64, maxMemoryUsageInMB: 512 };

/** How many components the frame header announces (ITU T.81, B.2.2). */
function componentsOf(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 10 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1]!;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return bytes[at + 9];
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2); // 0xff: padding before a marker
  }
  return undefined;
}
