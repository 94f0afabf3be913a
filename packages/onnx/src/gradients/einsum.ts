import { OnnxError } from "../errors.ts";
import type { GraphBuilder } from "../graph-builder.ts";
import type { Node } from "../model.ts";
import { type Extent, rankOf, type Value } from "../value.ts";
import { extentLess, listOf } from "./axes.ts";
import { describe, type Gradient } from "./gradient.ts";

// The gradient of one operand is the Einsum of dy and the other operands into its letters. Letters that only it has were
// summed, so the gradient repeats along them.
export const Einsum: Gradient = ({ graph, node, dy, inputs, wants, string }) => {
  const { terms, result } = lettersOf(string("equation", ""), inputs, node);
  const extents = extentsOf(terms, inputs);
  return inputs.map((x, index) => {
    if (!wants(index)) {
      return undefined;
    }
    const others = inputs.filter((_, other) => other !== index);
    const otherTerms = terms.filter((_, other) => other !== index);
    const term = terms[index]!;
    const reached = [...term].filter((letter) => [result, ...otherTerms].some((other) => other.includes(letter)));
    const product = einsum(graph, [dy, ...others], [result, ...otherTerms], reached.join(""));
    const lost = [...term].flatMap((letter, axis) => (reached.includes(letter) ? [] : [axis]));
    const spread =
      lost.length === 0
        ? product
        : graph.Expand(
            graph.Unsqueeze(product, lost),
            listOf(
              graph,
              x.shape!.map((_, axis) => (lost.includes(axis) ? extentLess(graph, x, axis, 0) : 1)),
            ),
          );
    const full = [...term].map((letter) => extents.get(letter)!);
    return graph.sumTo(spread, { ...x, shape: full }, x);
  });
};

/** A scalar stands under a letter of its own, since an empty term is not taken everywhere. */
function einsum(graph: GraphBuilder, operands: readonly Value[], terms: readonly string[], result: string): Value {
  if (operands.length === 1 && terms[0] === result) {
    return operands[0]!;
  }
  const lone = letters.find((letter) => !terms.some((term) => term.includes(letter)))!;
  const shaped = operands.map((operand, index) =>
    terms[index] === "" ? graph.Reshape(operand, graph.ints([1])) : operand,
  );
  const named = terms.map((term) => term || lone);
  if (result === "") {
    const [only] = shaped;
    return shaped.length === 1 && named[0] === lone
      ? graph.Reshape(only!, graph.ints([]))
      : graph.op("Einsum", shaped, { attributes: { equation: `${named.join(",")}->` } });
  }
  return graph.op("Einsum", shaped, { attributes: { equation: `${named.join(",")}->${result}` } });
}

/** The terms of an equation with the ellipsis spelled out and the result written, and no spaces. */
function lettersOf(
  equation: string,
  inputs: readonly Value[],
  node: Node,
): { terms: readonly string[]; result: string } {
  const [left = "", right] = equation.replaceAll(" ", "").split("->");
  const written = left.split(",");
  const free = letters.filter((letter) => !equation.includes(letter));
  const hidden = written.map((term, index) =>
    term.includes("...") ? rankOf(inputs[index]!) - (term.length - "...".length) : 0,
  );
  const ellipsis = (rank: number): string =>
    rank === 0
      ? ""
      : free
          .slice(0, Math.max(...hidden))
          .slice(-rank)
          .join("");
  const terms = written.map((term, index) => term.replace("...", ellipsis(hidden[index]!)));
  const once = [...new Set(left.replaceAll(/[.,]/g, ""))].filter((letter) => left.split(letter).length === 2).sort();
  const result = right === undefined ? `${"..."}${once.join("")}` : right;
  for (const term of terms) {
    if (new Set(term).size !== term.length) {
      throw new OnnxError(
        "UNSUPPORTED_OPERATOR",
        `${describe(node)}: expected an equation that takes no diagonal, got '${equation}'`,
      );
    }
  }
  return { terms, result: result.replace("...", ellipsis(Math.max(...hidden))) };
}

/** The size of each letter: that of the operand which is not broadcast. */
function extentsOf(terms: readonly string[], inputs: readonly Value[]): ReadonlyMap<string, Extent> {
  const extents = new Map<string, Extent>();
  for (const [index, term] of terms.entries()) {
    for (const [axis, letter] of [...term].entries()) {
      const extent = inputs[index]!.shape![axis]!;
      if (extent !== 1 || !extents.has(letter)) {
        extents.set(letter, extent);
      }
    }
  }
  return extents;
}

const letters: readonly string[] = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"];
