import {
  type Graph,
  GraphBuilder,
  type Model,
  type Node,
  type OutputKind,
  prepare,
  prune,
  renameNode,
} from "@casemate/onnx";
import { DefenseError } from "../errors.ts";
import { outputForm } from "../purification/output-form.ts";

export interface VotingModelOptions {
  readonly inputName: string;
  readonly output: { readonly name: string; readonly kind: OutputKind; readonly classes: number };
}

/**
 * Models of the same input and output as one plain ONNX model, by plurality: its output holds the shares of their votes, or, where theirs
 * hold logits, the logarithms of the shares, down to log 1e-12. A tie goes to the smaller class. Other outputs are left out. Throws a
 * DefenseError INVALID_OPTION without members, UNSUPPORTED_MODEL where one has other inputs or holds no probabilities.
 */
export async function votingModel(
  members: readonly Model[],
  { inputName, output }: VotingModelOptions,
): Promise<Model> {
  const prepared: Model[] = [];
  for (const member of members) prepared.push(onlyOutput(await prepare(member, []), output.name));
  const [first] = prepared;
  if (!first) throw new DefenseError("INVALID_OPTION", "votingModel: expected at least one model, got none");
  const { dtype, toProbabilities, fromProbabilities } = outputForm(first, output);
  const parts = prepared.map(({ graph }, member) => renamed(graph, inputName, `member${member}/`));
  const votes = new GraphBuilder("votes/");
  const [vote, ...others] = parts.map((_, member) => {
    const raw = votes.Cast({ name: `member${member}/${output.name}`, dtype, shape: undefined }, "float32");
    const scores = output.kind === "logits" ? raw : toProbabilities(votes, raw); // a softmax could round to a tie
    const winner = votes.op("ArgMax", [scores], { attributes: { axis: 1, keepdims: 0 }, dtype: "int64" });
    return votes.OneHot(winner, output.classes, scores);
  });
  const sum = others.reduce((total, each) => votes.Add(total, each), vote!);
  const shares = fromProbabilities(votes, votes.Mul(sum, votes.scalar(1 / members.length, sum)));
  const last: Node = {
    name: "votes/last",
    op: "Identity",
    domain: "",
    inputs: [votes.Cast(shares, dtype).name],
    outputs: [output.name],
    attributes: {},
  };
  return {
    ...first,
    graph: {
      ...first.graph,
      nodes: [...parts.flatMap(({ nodes }) => nodes), ...votes.nodes, last],
      initializers: new Map([...parts.flatMap(({ initializers }) => [...initializers]), ...votes.initializers]),
    },
  };
}

function onlyOutput({ graph, ...rest }: Model, name: string): Model {
  return { ...rest, graph: prune({ ...graph, outputs: graph.outputs.filter((output) => output.name === name) }) };
}

/** Nodes and weights of a graph with a prefix before every value but the input, which all share. */
function renamed(graph: Graph, inputName: string, prefix: string): Pick<Graph, "nodes" | "initializers"> {
  const inputs = graph.inputs.map(({ name }) => name);
  if (inputs.length !== 1 || inputs[0] !== inputName)
    throw new DefenseError(
      "UNSUPPORTED_MODEL",
      `votingModel: expected '${inputName}' as the only input of each model, got '${inputs.join("', '")}'`,
    );
  const rename = (name: string): string => (name === inputName ? name : prefix + name);
  return {
    nodes: graph.nodes.map((node) => ({ ...renameNode(node, rename), name: prefix + node.name })),
    initializers: new Map(
      [...graph.initializers].map(([name, weight]) => [rename(name), { ...weight, name: rename(name) }]),
    ),
  };
}
