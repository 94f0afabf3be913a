import type { ElementType } from "./model.ts";

/** One number as the little-endian bytes of a floating-point type, rounded to nearest even; undefined for other types. */
export function encodeScalar(value: number, dtype: ElementType): Uint8Array | undefined {
  switch (dtype) {
    case "float32":
      return new Uint8Array(Float32Array.of(value).buffer);
    case "float64":
      return new Uint8Array(Float64Array.of(value).buffer);
    case "float16":
      return new Uint8Array(Uint16Array.of(toFloat16(value)).buffer);
    default:
      return undefined;
  }
}

/** The bits of the nearest float16. */
function toFloat16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) {
    return 0x7e00;
  }
  if (magnitude >= 65520) {
    return sign | 0x7c00;
  }
  const exponent = Math.max(Math.floor(Math.log2(magnitude)), SMALLEST_EXPONENT);
  const mantissa = roundToEven(magnitude / 2 ** (exponent - 10)); // 1024 to 2048 for normal numbers, less for subnormal ones
  return sign | ((exponent - SMALLEST_EXPONENT) * 1024 + mantissa);
}

const SMALLEST_EXPONENT = -14;

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
