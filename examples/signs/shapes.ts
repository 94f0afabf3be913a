/**
 * A drawing as its signed distance: below 0 inside, above 0 outside, 0 on the edge. The face of a sign lies in −1…1 on both
 * axes, x to the right and y down.
 */
export type Shape = (x: number, y: number) => number;

export type Point = readonly [x: number, y: number];

export function circle(radius: number, [cx, cy]: Point = [0, 0]): Shape {
  return (x, y) => Math.sqrt((x - cx) ** 2 + (y - cy) ** 2) - radius;
}

/** A closed polygon, its corners rounded outwards by `radius`. */
export function polygon(points: readonly Point[], radius = 0): Shape {
  return (x, y) => {
    let nearest = Number.POSITIVE_INFINITY;
    let isInside = false;
    for (let i = 0; i < points.length; i++) {
      const [ax, ay] = points[i]!;
      const [bx, by] = points[(i + 1) % points.length]!;
      nearest = Math.min(nearest, squaredDistance(x, y, ax, ay, bx, by));
      if (ay > y !== by > y && x < ax + ((bx - ax) * (y - ay)) / (by - ay)) isInside = !isInside;
    }
    return (isInside ? -1 : 1) * Math.sqrt(nearest) - radius;
  };
}

/** A polygon of equal sides around the middle; its flat sides are `apothem` away, and `turn` (radians) moves its first corner. */
export function regularPolygon(sides: number, apothem: number, turn: number): Shape {
  const radius = apothem / Math.cos(Math.PI / sides);
  return polygon(
    Array.from({ length: sides }, (_, i) => {
      const angle = turn + (2 * Math.PI * i) / sides;
      return [radius * Math.cos(angle), radius * Math.sin(angle)];
    }),
  );
}

/** A line drawn with a round pen. */
export function stroke(points: readonly Point[], width: number): Shape {
  return (x, y) => {
    let nearest = Number.POSITIVE_INFINITY;
    for (let i = 1; i < points.length; i++) {
      const [ax, ay] = points[i - 1]!;
      const [bx, by] = points[i]!;
      nearest = Math.min(nearest, squaredDistance(x, y, ax, ay, bx, by));
    }
    return Math.sqrt(nearest) - width / 2;
  };
}

export function union(...shapes: readonly Shape[]): Shape {
  return (x, y) => shapes.reduce((nearest, shape) => Math.min(nearest, shape(x, y)), Number.POSITIVE_INFINITY);
}

export function intersection(...shapes: readonly Shape[]): Shape {
  return (x, y) => shapes.reduce((farthest, shape) => Math.max(farthest, shape(x, y)), Number.NEGATIVE_INFINITY);
}

/** Points from their numbers: x, y, x, y … */
export function path(...numbers: readonly number[]): Point[] {
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i]!, numbers[2 * i + 1]!]);
}

/** Points along an ellipse from one angle to another, in degrees: 0 to the right, 90 down. */
export function arc([cx, cy]: Point, [rx, ry]: Point, from: number, to: number): Point[] {
  const steps = Math.max(1, Math.ceil(Math.abs(to - from) / 15));
  return Array.from({ length: steps + 1 }, (_, i) => {
    const angle = ((from + ((to - from) * i) / steps) * Math.PI) / 180;
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
  });
}

function squaredDistance(x: number, y: number, ax: number, ay: number, bx: number, by: number): number {
  const length = (bx - ax) ** 2 + (by - ay) ** 2;
  const along = length === 0 ? 0 : ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length;
  const share = Math.min(1, Math.max(0, along));
  return (x - ax - share * (bx - ax)) ** 2 + (y - ay - share * (by - ay)) ** 2;
}
