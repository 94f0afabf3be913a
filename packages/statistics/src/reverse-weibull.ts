import { StatisticsError } from "./statistics-error.ts";

/** A reverse Weibull distribution: P(X ≤ x) = exp(−((location − x) / scale)^shape) below its end `location`, SciPy's `weibull_max`. */
export interface ReverseWeibull {
  readonly shape: number;
  /** The right end: no value exceeds it. */
  readonly location: number;
  readonly scale: number;
}

/**
 * The reverse Weibull distribution of largest likelihood among those of shape ≥ 1; below that the likelihood grows without end as
 * the location nears the largest value. The location is sought up to 10⁴ standard deviations above that value, so values that
 * rather follow a Gumbel distribution have theirs there. Throws OUT_OF_RANGE for fewer than three values, values that are not finite, or all equal.
 */
export function fitReverseWeibull(values: ArrayLike<number>): ReverseWeibull {
  const numbers = Float64Array.from(values);
  const largest = numbers.reduce((most, each) => Math.max(most, each), -Infinity);
  const mean = numbers.reduce((sum, each) => sum + each / numbers.length, 0);
  const deviation = Math.sqrt(numbers.reduce((sum, each) => sum + (each - mean) ** 2 / numbers.length, 0));
  if (numbers.length < 3 || !(deviation > 0 && Number.isFinite(deviation))) {
    const got = numbers.length < 3 ? `${numbers.length}` : `a standard deviation of ${deviation}`;
    throw new StatisticsError(
      "OUT_OF_RANGE",
      `fitReverseWeibull: expected three finite values that differ, got ${got}`,
    );
  }
  const at = (logGap: number) => fitBelow(largest + deviation * Math.exp(logGap), numbers);
  const [first, last] = [Math.log(1e-6), Math.log(1e4)];
  const width = (last - first) / GRID;
  let best = first;
  for (let i = 1; i <= GRID; i++) {
    if (at(first + i * width).likelihood > at(best).likelihood) best = first + i * width;
  }
  let [low, high] = [Math.max(first, best - width), Math.min(last, best + width)];
  while (high - low > 1e-9) {
    const [left, right] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
    if (at(left).likelihood > at(right).likelihood) high = right;
    else low = left;
  }
  const { shape, location, scale } = at((low + high) / 2);
  return { shape, location, scale };
}

const GRID = 40; // steps of a factor of 1.8 in the distance of the location
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** The most likely shape and scale for one location. */
function fitBelow(location: number, values: Float64Array): ReverseWeibull & { readonly likelihood: number } {
  const count = values.length;
  const logs = values.map((value) => Math.log(location - value));
  const top = logs.reduce((most, each) => Math.max(most, each), -Infinity);
  let meanLog = 0;
  for (let i = 0; i < count; i++) {
    logs[i]! -= top; // powers of at most 1
    meanLog += logs[i]! / count;
  }
  let [low, high] = [1, MOST_SHAPE];
  let shape = Math.min(high, Math.max(low, -1 / meanLog));
  let sum = count;
  for (let step = 0; step < 60; step++) {
    let [first, second] = [0, 0];
    sum = 0;
    for (let i = 0; i < count; i++) {
      const power = Math.exp(shape * logs[i]!);
      sum += power;
      first += power * logs[i]!;
      second += power * logs[i]! ** 2;
    }
    const slope = first / sum - 1 / shape - meanLog; // rises with the shape
    if (slope > 0) high = shape;
    else low = shape;
    const newton = shape - slope / (second / sum - (first / sum) ** 2 + 1 / shape ** 2);
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    const isSettled = Math.abs(next - shape) <= 1e-13 * shape;
    shape = next;
    if (isSettled) break;
  }
  sum = logs.reduce((total, each) => total + Math.exp(shape * each), 0);
  const logScale = Math.log(sum / count) / shape;
  const likelihood = count * (Math.log(shape) - shape * logScale + (shape - 1) * meanLog - top - 1);
  return { shape, location, scale: Math.exp(logScale + top), likelihood };
}

const MOST_SHAPE = 1e6; // a location 10⁴ deviations away has shapes of about as many
