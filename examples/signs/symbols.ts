import { arc, circle, intersection, type Point, path, polygon, type Shape, stroke, union } from "./shapes.ts";

export const exclamationMark = union(
  polygon(path(-0.07, -0.26, 0.07, -0.26, 0.03, 0.24, -0.03, 0.24), 0.04),
  circle(0.1, [0, 0.44]),
);

/** Head, body, two legs, two arms. */
export const pedestrian = union(
  circle(0.1, [0.03, -0.24]),
  stroke(path(0.02, -0.06, -0.02, 0.22), 0.16),
  stroke(path(-0.02, 0.22, 0.07, 0.38, 0.12, 0.56), 0.1),
  stroke(path(-0.03, 0.22, -0.08, 0.4, -0.2, 0.55), 0.1),
  stroke(path(0.02, -0.04, 0.18, 0.1, 0.25, 0.18), 0.08),
  stroke(path(0, -0.04, -0.16, 0.06, -0.2, 0.2), 0.08),
);

export const arrowAhead = union(stroke(path(0, 0.62, 0, -0.2), 0.24), polygon(path(0, -0.72, 0.38, -0.2, -0.38, -0.2)));

export const arrowRight = union(
  stroke([...path(-0.34, 0.58, -0.34, 0.1), ...arc([-0.12, 0.1], [0.22, 0.22], 180, 270), [0.2, -0.12]], 0.24),
  polygon(path(0.68, -0.12, 0.18, -0.5, 0.18, 0.26)),
);

export const arrowPast = union(
  stroke(path(-0.42, -0.42, 0.2, 0.2), 0.24),
  polygon(path(0.56, 0.56, -0.06, 0.5, 0.5, -0.06)),
);

/** Three arrows that chase each other anticlockwise. */
export const arrowsAround = union(...[0, 120, 240].map(roundArrow));

function roundArrow(from: number): Shape {
  const at = (radius: number, degrees: number): Point => arc([0, 0], [radius, radius], degrees, degrees)[0]!;
  const head = polygon([at(0.24, from - 72), at(0.76, from - 72), at(0.56, from - 114)]);
  return union(stroke(arc([0, 0], [0.5, 0.5], from - 80, from - 5), 0.17), head);
}

/** Three lines across a disc, from below on the left. */
export const slashes = intersection(
  circle(0.93),
  union(...[-0.26, 0, 0.26].map((offset) => stroke(path(-1 + offset, 1 + offset, 1 + offset, -1 + offset), 0.11))),
);

export const bar = box([-0.68, -0.17], [0.68, 0.17]);

/** A car seen from behind. */
export function car([x, y]: Point): Shape {
  const at = (dx: number, dy: number): Point => [x + dx, y + dy];
  return union(
    polygon([at(-0.24, -0.02), at(0.24, -0.02), at(0.24, 0.16), at(-0.24, 0.16)], 0.03),
    stroke([at(-0.19, 0), at(-0.13, -0.2), at(0.13, -0.2), at(0.19, 0)], 0.07),
    box(at(-0.24, 0.15), at(-0.13, 0.28)),
    box(at(0.13, 0.15), at(0.24, 0.28)),
  );
}

function box([left, top]: Point, [right, bottom]: Point): Shape {
  return polygon(path(left, top, right, top, right, bottom, left, bottom));
}
