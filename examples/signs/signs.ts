import { circle, regularPolygon, type Shape } from "./shapes.ts";
import * as symbols from "./symbols.ts";
import { text } from "./text.ts";

/** A traffic sign: what is painted, one over the other. The first is its outline. */
export interface Sign {
  readonly name: string;
  readonly layers: readonly Layer[];
}

type Layer = readonly [colour: Colour, shape: Shape];

type Colour = readonly [red: number, green: number, blue: number];

const red: Colour = [0.78, 0.07, 0.12];
const white: Colour = [0.95, 0.95, 0.94];
const black: Colour = [0.09, 0.09, 0.1];
const blue: Colour = [0.04, 0.27, 0.62];
const yellow: Colour = [0.98, 0.76, 0.06];
const grey: Colour = [0.45, 0.45, 0.46];

const prohibition: readonly Layer[] = [
  [red, circle(0.98)],
  [white, circle(0.74)],
];

/** The classes, in the order of the logits: signs as the Vienna Convention draws them. */
export const signs: readonly Sign[] = [
  { name: "speed limit 30", layers: [...prohibition, [black, text("30", 0.78, 0.16)]] },
  { name: "speed limit 50", layers: [...prohibition, [black, text("50", 0.78, 0.16)]] },
  { name: "speed limit 80", layers: [...prohibition, [black, text("80", 0.78, 0.16)]] },
  {
    name: "no overtaking",
    layers: [...prohibition, [red, symbols.car([-0.35, 0.02])], [black, symbols.car([0.33, 0.02])]],
  },
  { name: "no vehicles", layers: prohibition },
  { name: "no entry", layers: [...disc(white, red), [white, symbols.bar]] },
  { name: "end of limits", layers: [...disc(grey, white), [black, symbols.slashes]] },
  {
    name: "stop",
    layers: [
      [white, octagon(0.97)],
      [red, octagon(0.9)],
      [white, text("STOP", 0.6, 0.12)],
    ],
  },
  { name: "yield", layers: triangle("down") },
  {
    name: "priority road",
    layers: [
      [white, regularPolygon(4, 0.68, 0)],
      [yellow, regularPolygon(4, 0.46, 0)],
    ],
  },
  { name: "danger", layers: [...triangle("up"), [black, symbols.exclamationMark]] },
  { name: "pedestrians", layers: [...triangle("up"), [black, symbols.pedestrian]] },
  { name: "ahead only", layers: [...disc(white, blue), [white, symbols.arrowAhead]] },
  { name: "turn right ahead", layers: [...disc(white, blue), [white, symbols.arrowRight]] },
  { name: "keep right", layers: [...disc(white, blue), [white, symbols.arrowPast]] },
  { name: "roundabout", layers: [...disc(white, blue), [white, symbols.arrowsAround]] },
];

function disc(edge: Colour, inside: Colour): Layer[] {
  return [
    [edge, circle(0.98)],
    [inside, circle(0.93)],
  ];
}

function octagon(apothem: number): Shape {
  return regularPolygon(8, apothem, Math.PI / 8);
}

/** A white triangle in a red border, one corner up or down. */
function triangle(direction: "up" | "down"): Layer[] {
  const sign = direction === "up" ? -1 : 1;
  const shapeOf = (apothem: number): Shape => {
    const sharp = regularPolygon(3, apothem, (sign * Math.PI) / 2);
    return (x, y) => sharp(x, y + 0.26 * sign) - 0.06; // its corners reach farther than its sides: moved to the middle, rounded
  };
  return [
    [red, shapeOf(0.53)],
    [white, shapeOf(0.3)],
  ];
}
