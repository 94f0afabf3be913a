import { editInput, editOutput, type GraphBuilder, type LogitsModel, type Model, type Value } from "@casemate/onnx";
import type { Taps } from "./activations.ts";
import type { FittedScore } from "./detector.ts";

/** A classifier with the outputs logits, features and layers. */
export function observedModel({ model, output }: LogitsModel, { features, layers }: Taps): Model {
  const names: string[] = [];
  const taps = [features, ...layers];
  const edited = editOutput(model, value(output), (graph, logits) => {
    const all = taps.map(({ name, flat }) => flat(graph, value(name)));
    names.push(logits.name, ...all.map(({ name }) => name));
    return all[0]!;
  });
  return withOutputs(edited, names);
}

/**
 * A classifier with the outputs logits and score. It runs on its inputs and on the detector's views of them, one after another
 * in one batch; `copies` is how many rows each sample takes there.
 */
export function scoredModel(
  { model, output }: LogitsModel,
  { features, layers }: Taps,
  { views, score }: FittedScore,
): { readonly model: Model; readonly copies: number } {
  const input = model.graph.inputs[0]!;
  let seen: readonly Value[] = [];
  const wide = views
    ? editInput(model, input.name, (graph, x) => {
        seen = views(graph, x);
        return graph.Concat([x, ...seen], 0);
      })
    : model;
  const copies = 1 + seen.length;
  const names: string[] = [];
  const scored = editOutput(wide, value(output), (graph, all) => {
    const own = (y: Value) => (views ? graph.Squeeze(graph.Slice(stacked(graph, y, copies), [0], [1], [0]), [0]) : y);
    const logits = own(all);
    const seenAt = (name: string) => (name === input.name ? value(name) : own(value(name)));
    const result = score(graph, {
      x: { ...value(input.name), dtype: input.dtype },
      logits,
      features: features.flat(graph, seenAt(features.name)),
      layers: layers.map(({ name, flat }) => flat(graph, seenAt(name))),
      views: seen,
      others: views ? graph.Slice(stacked(graph, all, copies), [1], [copies], [0]) : undefined,
    });
    names.push(logits.name, result.name);
    return result;
  });
  return { model: withOutputs(scored, names), copies };
}

/** [copies · batch, ...] as [copies, batch, ...]. */
function stacked(graph: GraphBuilder, y: Value, copies: number): Value {
  const shape = graph.op("Shape", [y], { dtype: "int64", attributes: { start: 1 } });
  return graph.Reshape(y, graph.Concat([graph.ints([copies, -1]), shape], 0));
}

function value(name: string): Value {
  return { name, dtype: "float32", shape: undefined };
}

function withOutputs(model: Model, names: readonly string[]): Model {
  const outputs = names.map((name) => ({ name, dtype: "float32", shape: undefined, kind: "tensor" }) as const);
  return { ...model, graph: { ...model.graph, outputs } };
}
