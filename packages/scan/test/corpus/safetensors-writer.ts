/** A safetensors file with a header as it is given, text or value, and the bytes behind it. */
export function writeSafetensors(header: unknown, data: Uint8Array = new Uint8Array(0), length?: number): Uint8Array {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(length ?? text.length));
  return Buffer.concat([start, text, data]);
}
