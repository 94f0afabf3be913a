import { OnnxError } from "../errors.ts";
import { rankOf, type Value } from "../value.ts";
import { fromFront } from "./axes.ts";
import { describe, type Gradient, type Site } from "./gradient.ts";

/** How a scatter operator reads and writes at its indices. */
interface Access {
  read(from: Value): Value;
  write(into: Value, updates: Value, reduction: string): Value;
}

export const ScatterElements: Gradient = (site) => {
  const { graph, inputs, int } = site;
  const [x, indices] = inputs;
  const axis = fromFront(int("axis", 0), rankOf(x!));
  return scatterGradient(site, {
    read: (from) => graph.GatherElements(from, indices!, axis),
    write: (into, updates, reduction) => graph.ScatterElements(into, indices!, updates, axis, reduction),
  });
};

export const ScatterND: Gradient = (site) => {
  const { graph, inputs } = site;
  const indices = inputs[1]!;
  return scatterGradient(site, {
    read: (from) => graph.op("GatherND", [from, indices]),
    write: (into, updates, reduction) => graph.ScatterND(into, indices, updates, reduction),
  });
};

function scatterGradient(site: Site, access: Access): readonly (Value | undefined)[] {
  const { graph, node, dy, inputs, wants, string } = site;
  const [, , updates] = inputs;
  const reduction = string("reduction", "none");
  switch (reduction) {
    case "none":
      return [
        wants(0) ? access.write(dy, graph.filled(updates!, 0), "none") : undefined,
        undefined,
        wants(2) ? access.read(dy) : undefined,
      ];
    case "add":
      return [dy, undefined, wants(2) ? access.read(dy) : undefined];
    case "mul":
      if (wants(2)) {
        break;
      }
      return [access.write(dy, updates!, "mul")];
    case "max":
    case "min":
      return winners(site, access);
  }
  throw new OnnxError(
    "UNSUPPORTED_OPERATOR",
    `${describe(node)}: expected reduction none, add, max or min, or mul with constant updates, got ${reduction}`,
  );
}

// Equal winners share the gradient evenly, as in Max.
function winners({ graph, dy, inputs, outputs, wants }: Site, access: Access): readonly (Value | undefined)[] {
  const [x, , updates] = inputs;
  const [y] = outputs;
  const dataWins = graph.Cast(graph.Equal(x!, y!), dy.dtype);
  const updateWins = graph.Cast(graph.Equal(updates!, access.read(y!)), dy.dtype);
  const share = graph.Div(dy, access.write({ ...dataWins, shape: x!.shape }, updateWins, "add"));
  return [
    wants(0) ? graph.Mul(share, dataWins) : undefined,
    undefined,
    wants(2) ? graph.Mul(access.read(share), updateWins) : undefined,
  ];
}
