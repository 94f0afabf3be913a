/** Widens float16 bits (IEEE 754 binary16) to float32, exactly. */
export function float16ToFloat32(bits: Uint16Array, target = new Float32Array(bits.length)): Float32Array {
  const words = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < bits.length; i++) {
    const sign = (bits[i]! & 0x8000) << 16;
    const exponent = (bits[i]! >>> 10) & 0x1f;
    const mantissa = bits[i]! & 0x3ff;
    if (exponent === 0x1f) words[i] = sign | 0x7f800000 | (mantissa << 13);
    else if (exponent !== 0) words[i] = sign | ((exponent + 112) << 23) | (mantissa << 13);
    else target[i] = (sign ? -1 : 1) * mantissa * 2 ** -24;
  }
  return target;
}

/** Narrows float32 to float16 bits, rounding to nearest, ties to even; beyond 65504 to infinity as IEEE 754 asks. */
export function float32ToFloat16(values: Float32Array, target = new Uint16Array(values.length)): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    const word = words[i]!;
    const sign = (word >>> 16) & 0x8000;
    const magnitude = word & 0x7fffffff;
    if (magnitude > 0x7f800000) target[i] = sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
    else if (magnitude >= 0x47800000) target[i] = sign | 0x7c00;
    else if (magnitude >= 0x38800000) {
      // Normal: rebias 127 → 15; a carry out of the mantissa moves into the exponent, up to infinity.
      target[i] = sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
    } else {
      // Subnormal: a whole number of 2^-24; the product is exact and so is the rounding below.
      const scaled = Math.abs(values[i]!) * 2 ** 24;
      const floor = Math.floor(scaled);
      const rest = scaled - floor;
      target[i] = sign | (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor);
    }
  }
  return target;
}

/** Widens bfloat16 bits (the upper half of a float32) to float32, exactly. */
export function bfloat16ToFloat32(bits: Uint16Array, target = new Float32Array(bits.length)): Float32Array {
  const words = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return target;
}

/** Narrows float32 to bfloat16 bits, rounding to nearest, ties to even; a NaN stays one. */
export function float32ToBfloat16(values: Float32Array, target = new Uint16Array(values.length)): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    const word = words[i]!;
    const notANumber = (word & 0x7fffffff) > 0x7f800000;
    target[i] = notANumber ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return target;
}
