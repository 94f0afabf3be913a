/** How Resize places and weighs what it reads along one axis; attributes of the operator by the same names. */
export interface Interpolation {
  readonly mode: "nearest" | "linear" | "cubic";
  readonly nearestMode: string;
  readonly coordinates: string;
  readonly cubicCoefficient: number;
  readonly excludeOutside: boolean;
}

/**
 * What one axis of Resize multiplies by: [resized, original], row-major. Coordinates are reckoned in float32, as the runtime
 * does, since a rounding can decide which neighbour is nearest.
 */
export function interpolationMatrix(
  original: number,
  resized: number,
  scale: number,
  interpolation: Interpolation,
): Float32Array {
  const matrix = new Float32Array(resized * original);
  for (let row = 0; row < resized; row++) {
    const place = originalCoordinate(row, original, resized, scale, interpolation.coordinates);
    for (const { at, weight } of taps(place, original, scale, interpolation)) {
      matrix[row * original + Math.min(Math.max(at, 0), original - 1)]! += weight;
    }
  }
  return matrix;
}

function originalCoordinate(at: number, original: number, resized: number, scale: number, coordinates: string): number {
  const f = Math.fround;
  const halfPixel = () => f(f(f(at + 0.5) / f(scale)) - 0.5);
  switch (coordinates) {
    case "asymmetric":
      return f(at / f(scale));
    case "align_corners":
      return resized === 1 ? 0 : f(f(at * (original - 1)) / (resized - 1));
    case "pytorch_half_pixel":
      return resized > 1 ? halfPixel() : 0;
    case "half_pixel_symmetric": {
      const adjustment = f(resized / f(f(scale) * original));
      return f(f(f(original / 2) * f(1 - adjustment)) + halfPixel());
    }
    default:
      return halfPixel();
  }
}

interface Tap {
  readonly at: number;
  readonly weight: number;
}

function taps(place: number, original: number, scale: number, interpolation: Interpolation): readonly Tap[] {
  switch (interpolation.mode) {
    case "nearest":
      return [{ at: nearest(place, scale, interpolation.nearestMode), weight: 1 }];
    case "linear": {
      const inside = Math.min(Math.max(place, 0), original - 1);
      const first = Math.floor(inside);
      const part = Math.fround(inside - first);
      return [
        { at: first, weight: 1 - part },
        { at: first + 1, weight: part },
      ];
    }
    case "cubic":
      return cubicTaps(place, original, interpolation);
  }
}

function nearest(place: number, scale: number, mode: string): number {
  switch (mode) {
    case "floor":
      return Math.floor(place);
    case "ceil":
      return Math.ceil(place);
    case "round_prefer_ceil":
      return Math.floor(place + 0.5);
    case "":
      return scale < 1 ? Math.ceil(place) : Math.trunc(place);
    default:
      return Math.ceil(place - 0.5);
  }
}

// Keys' cubic convolution, 1981; the coefficient a is the operator's cubic_coeff_a.
function cubicTaps(
  place: number,
  original: number,
  { cubicCoefficient: a, excludeOutside }: Interpolation,
): readonly Tap[] {
  const first = Math.floor(place);
  const part = place - first;
  const near = (s: number) => ((a + 2) * s - (a + 3)) * s * s + 1;
  const far = (s: number) => ((a * s - 5 * a) * s + 8 * a) * s - 4 * a;
  const weights = [far(part + 1), near(part), near(1 - part), far(2 - part)];
  const all = weights.map((weight, index) => ({ at: first - 1 + index, weight }));
  if (!excludeOutside) {
    return all;
  }
  const inside = all.filter(({ at }) => at >= 0 && at < original);
  const sum = inside.reduce((total, { weight }) => total + weight, 0);
  return inside.map(({ at, weight }) => ({ at, weight: weight / sum }));
}
