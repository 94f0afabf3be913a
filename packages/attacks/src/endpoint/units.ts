/** Integers that the Open Inference Protocol knows, with their range. */
const integers: Readonly<Record<string, readonly [number, number]>> = {
  BOOL: [0, 1],
  UINT8: [0, 2 ** 8 - 1],
  UINT16: [0, 2 ** 16 - 1],
  UINT32: [0, 2 ** 32 - 1],
  UINT64: [0, Number.MAX_SAFE_INTEGER],
  INT8: [-(2 ** 7), 2 ** 7 - 1],
  INT16: [-(2 ** 15), 2 ** 15 - 1],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
  INT64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};

/** Values in an endpoint's units: times `scale` and, where it takes integers, the nearest of its range. */
export function inUnits(values: Float32Array, scale: number, datatype: string | undefined): number[] {
  const range = datatype === undefined ? undefined : integers[datatype];
  return Array.from(values, (value) => {
    const scaled = value * scale;
    return range ? Math.min(Math.max(Math.round(scaled), range[0]), range[1]) : scaled;
  });
}
