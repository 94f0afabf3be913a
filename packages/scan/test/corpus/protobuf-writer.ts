/** A message: field numbers with numbers, texts, bytes or messages. */
export type Message = readonly (readonly [field: number, value: number | string | Uint8Array | Message])[];

/** A protobuf message. */
export function writeMessage(message: Message): Uint8Array {
  return Buffer.concat(
    message.map(([field, value]) => {
      if (typeof value === "number") return Buffer.concat([varint(field * 8), varint(value)]);
      const bytes =
        typeof value === "string" ? Buffer.from(value) : value instanceof Uint8Array ? value : writeMessage(value);
      return Buffer.concat([varint(field * 8 + 2), varint(bytes.length), bytes]);
    }),
  );
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}
