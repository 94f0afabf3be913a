import type { Dice } from "./dice.ts";

/** Damages encoded bytes: flips bits, cuts the end, removes, doubles or overwrites a stretch. */
export function mutateBytes(bytes: Uint8Array, dice: Dice): Uint8Array {
  const start = dice.roll(bytes.length || 1);
  const end = Math.min(bytes.length, start + 1 + dice.roll(dice.pick([2, 16, 256])));
  const before = bytes.subarray(0, start);
  const stretch = bytes.subarray(start, end);
  const after = bytes.subarray(end);
  switch (dice.roll(5)) {
    case 0:
      return joined(before, Uint8Array.of((stretch[0] ?? 0) ^ (1 << dice.roll(8))), bytes.subarray(start + 1));
    case 1:
      return bytes.slice(0, start);
    case 2:
      return joined(before, after);
    case 3:
      return joined(before, stretch, stretch, after);
    default:
      return joined(
        before,
        stretch.map(() => dice.pick([0x00, 0x7f, 0x80, 0xff])),
        after,
      );
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
