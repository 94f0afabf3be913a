/**
 * Philox4x32-10 (Salmon et al., 2011, https://doi.org/10.1145/2063384.2063405): four random words for a counter of four
 * words under a key of two, written to `output` from `offset`.
 */
export function philox4x32(counter: Uint32Array, key: Uint32Array, output: Uint32Array, offset = 0): void {
  let c0 = counter[0]! | 0; // all int32, so that no step leaves integer arithmetic
  let c1 = counter[1]! | 0;
  let c2 = counter[2]! | 0;
  let c3 = counter[3]! | 0;
  let k0 = key[0]! | 0;
  let k1 = key[1]! | 0;
  for (let round = 0; round < 10; round++) {
    // The high halves of two 32×32-bit products, by 16-bit limbs.
    const a = c0 & 0xffff;
    const b = c0 >>> 16;
    const s = Math.imul(b, 0x1f53) + (Math.imul(a, 0x1f53) >>> 16);
    const high0 = Math.imul(b, 0xd251) + (s >>> 16) + ((Math.imul(a, 0xd251) + (s & 0xffff)) >>> 16);
    const c = c2 & 0xffff;
    const d = c2 >>> 16;
    const t = Math.imul(d, 0x8d57) + (Math.imul(c, 0x8d57) >>> 16);
    const high1 = Math.imul(d, 0xcd9e) + (t >>> 16) + ((Math.imul(c, 0xcd9e) + (t & 0xffff)) >>> 16);
    const low0 = Math.imul(c0, 0xd2511f53);
    const low1 = Math.imul(c2, 0xcd9e8d57);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  output[offset] = c0;
  output[offset + 1] = c1;
  output[offset + 2] = c2;
  output[offset + 3] = c3;
}
