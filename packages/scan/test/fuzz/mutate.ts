const INTERESTING = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x28, 0x2e, 0x50, 0x52, 0x63, 0x7b, 0x93];

/** A sequence of draws between 0 and 1 from a seed (mulberry32). */
export function drawsFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A file damaged in one to six places: bits, bytes, lengths, pieces lost, repeated or taken from another file. */
export function mutate(file: Uint8Array, other: Uint8Array, draw: () => number): Uint8Array {
  let bytes = Buffer.from(file);
  const below = (limit: number): number => Math.floor(draw() * limit);
  for (let times = 1 + below(6); times > 0 && bytes.length > 0; times--) {
    const at = below(bytes.length);
    const length = 1 + below(Math.min(64, bytes.length - at));
    switch (below(9)) {
      case 0:
        bytes[at]! ^= 1 << below(8);
        break;
      case 1:
        bytes[at] = INTERESTING[below(INTERESTING.length)]!;
        break;
      case 2:
        bytes.fill(below(2) === 0 ? 0xff : 0, at, Math.min(bytes.length, at + 8));
        break;
      case 3:
        bytes = bytes.subarray(0, at);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
        break;
      case 6: {
        const from = below(Math.max(1, other.length));
        bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + length), bytes.subarray(at)]);
        break;
      }
      case 7: {
        const from = below(Math.max(1, other.length));
        bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(from)]).subarray(0, 65_536);
        break;
      }
      case 8:
        if (at + 4 <= bytes.length) bytes.writeUInt32LE(below(2 ** 32), at);
        break;
    }
    bytes = Buffer.from(bytes);
  }
  return bytes;
}
