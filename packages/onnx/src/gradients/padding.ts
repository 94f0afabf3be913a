import { OnnxError } from "../errors.ts";
import { rankOf, type Value } from "../value.ts";
import { everyAxis, extentLess, fromFront, padAxis } from "./axes.ts";
import { describe, type Gradient, type Site } from "./gradient.ts";

export const Pad: Gradient = (site) => {
  const mode = site.string("mode", "constant");
  return mode === "constant" ? padWithConstant(site) : [foldBack(site, mode)];
};

// Taking the padding off again, and putting zeros where a negative pad cropped, is a pad with the opposite sign.
const padWithConstant: Gradient = ({ graph, dy, inputs: [x, pads, value, axes], outputs: [y], has, wants }) => {
  const inner = graph.op("Pad", [dy, graph.Neg(pads), undefined, has(3) ? axes : undefined]);
  const sum = (each: Value) => graph.Reshape(graph.ReduceSum(each, everyAxis(y)), graph.shapeOf(value), value.shape);
  return [
    wants(0) ? { ...inner, shape: x.shape } : undefined,
    undefined,
    has(2) && wants(2) ? graph.Sub(sum(dy), sum(inner)) : undefined,
  ];
};

/** Adds the gradient of the padding to that of the elements which it repeats, axis by axis. */
function foldBack(site: Site, mode: string): Value {
  const { graph, inputs, numbers, has } = site;
  const [x] = inputs;
  const axes = has(3) ? numbers(3).map((axis) => fromFront(axis, rankOf(x!))) : everyAxis(x!);
  const pads = numbers(1);
  return axes.reduce<Value>((gradient, axis, index) => {
    const before = pads[index]!;
    const after = pads[index + axes.length]!;
    refuseUnlessFolded(site, axis, before, after, mode);
    const inner = graph.Pad(gradient, graph.ints([-before, -after]), [axis]);
    const parts = [inner];
    if (before > 0) {
      parts.push(foldedStrip(site, graph.Slice(gradient, [0], [before], [axis]), axis, before, mode, "front"));
    }
    if (after > 0) {
      const strip = graph.Slice(gradient, [-after], [Number.MAX_SAFE_INTEGER], [axis]);
      parts.push(foldedStrip(site, strip, axis, after, mode, "back"));
    }
    return graph.Sum(...parts);
  }, site.dy);
}

/** A strip of padding as a gradient of the whole axis: turned round or summed as the mode asks, zeros elsewhere. */
function foldedStrip(
  { graph, inputs: [x] }: Site,
  strip: Value,
  axis: number,
  width: number,
  mode: string,
  end: "front" | "back",
): Value {
  const edge = mode === "reflect" ? 1 : 0; // reflect leaves out the border element
  const length = mode === "edge" ? 1 : width;
  const rest = extentLess(graph, x!, axis, length + edge);
  const source =
    mode === "reflect"
      ? graph.Slice(strip, [-1], [Number.MIN_SAFE_INTEGER], [axis], [-1])
      : mode === "edge"
        ? graph.ReduceSum(strip, [axis])
        : strip;
  const isAtFront = (end === "front") !== (mode === "wrap"); // wrap takes its front padding from the back
  return isAtFront ? padAxis(graph, source, axis, edge, rest) : padAxis(graph, source, axis, rest, edge);
}

function refuseUnlessFolded({ node, inputs }: Site, axis: number, before: number, after: number, mode: string): void {
  const extent = inputs[0]!.shape![axis]!;
  const widest = typeof extent !== "number" || mode === "edge" ? Infinity : mode === "reflect" ? extent - 1 : extent;
  const isCropped = before < 0 || after < 0;
  if (Math.max(before, after) > widest || (isCropped && (before > 0 || after > 0))) {
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `${describe(node)}: expected ${mode} padding of at most ${widest} without cropping on axis ${axis}, got ${before} and ${after}`,
    );
  }
}
