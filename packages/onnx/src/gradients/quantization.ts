import type { DType } from "@casemate/tensor";
import { OnnxError } from "../errors.ts";
import { rankOf, type Value } from "../value.ts";
import { everyAxis, fromFront } from "./axes.ts";
import { numberAt } from "./constants.ts";
import { describe, type Gradient, type Site } from "./gradient.ts";
import { keepWhere, whereWithin } from "./masks.ts";

// y = saturate(round(x / scale) + zero). Rounding is passed straight through, as if it were not there; what saturates gets
// no gradient. The gradient of an integer tensor is kept in floats.
export const QuantizeLinear: Gradient = (site) => {
  const { graph, dy, inputs, outputs, wants, node } = site;
  const [x, scale] = inputs;
  const range = ranges[outputs[0]!.dtype as DType];
  if (!range || wants(1)) {
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `${describe(node)}: expected integers of 8 or 16 bits and a scale that needs no gradient, got ${outputs[0]!.dtype}`,
    );
  }
  return [graph.Div(insideRange(site, graph.Cast(dy, x!.dtype), range), perAxis(site, scale!))];
};

const ranges: Partial<Record<DType, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
};

/** `gradient` where rounding ends within the range of the integers, else 0. */
function insideRange(site: Site, gradient: Value, [lowest, highest]: readonly [number, number]): Value {
  const { graph, inputs, has, constant } = site;
  const [x, scale, zero] = inputs;
  const knownScale = constant(scale);
  const knownZero = has(2) ? constant(zero) : undefined;
  const isKnown = knownScale?.data.length === 1 && (!has(2) || knownZero);
  if (isKnown) {
    const bound = (integer: number) => (integer - (knownZero ? numberAt(knownZero) : 0)) * numberAt(knownScale);
    return whereWithin(graph, gradient, x!, bound(lowest - 0.5), bound(highest + 0.5));
  }
  const scaled = graph.Div(x!, perAxis(site, scale!));
  const place = has(2) ? graph.Add(scaled, perAxis(site, graph.Cast(zero!, x!.dtype))) : scaled;
  const isInside = graph.And(
    graph.GreaterOrEqual(place, graph.scalar(lowest - 0.5, place)),
    graph.LessOrEqual(place, graph.scalar(highest + 0.5, place)),
  );
  return keepWhere(graph, isInside, gradient);
}

// y = (x − zero) · scale
export const DequantizeLinear: Gradient = (site) => {
  const { graph, dy, inputs, outputs, wants, has } = site;
  const [x, scale, zero] = inputs;
  const scaleGradient = () => {
    const [integers, offset] = [graph.Cast(x!, dy.dtype), has(2) ? graph.Cast(zero!, dy.dtype) : undefined];
    const steps = offset ? graph.Sub(integers, perAxis(site, offset)) : integers;
    const axis = axisOf(site);
    const summed = everyAxis(outputs[0]!).filter((each) => rankOf(scale!) === 0 || each !== axis);
    return graph.reshapeLike(graph.ReduceSum(graph.Mul(dy, steps), summed), scale!);
  };
  return [wants(0) ? graph.Mul(dy, perAxis(site, scale!)) : undefined, wants(1) ? scaleGradient() : undefined];
};

/** A scale or zero point in the shape that broadcasts against x: one number, or one for each index of the axis. */
function perAxis(site: Site, value: Value): Value {
  const { graph, inputs, int, node } = site;
  const rank = rankOf(inputs[0]!);
  if (int("block_size", 0) !== 0) {
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `${describe(node)}: expected one scale in all or per axis, got blocks of ${int("block_size", 0)}`,
    );
  }
  if (rankOf(inputs[1]!) === 0 || inputs[1]!.shape![0] === 1) {
    return value;
  }
  const axis = axisOf(site);
  return graph.Reshape(value, graph.ints(Array.from({ length: rank }, (_, each) => (each === axis ? -1 : 1))));
}

function axisOf({ inputs, int }: Site): number {
  return fromFront(int("axis", 1), rankOf(inputs[0]!));
}
