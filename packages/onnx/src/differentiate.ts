import { OnnxError } from "./errors.ts";
import { freshPrefix } from "./fresh-names.ts";
import { describe, type Gradient, siteOf, zero } from "./gradients/gradient.ts";
import { gradientOf } from "./gradients/index.ts";
import { GraphBuilder } from "./graph-builder.ts";
import type { Graph, Initializer, Model, Node, ValueInfo } from "./model.ts";
import { prepare } from "./prepare.ts";
import { type Feeds, type Probe, probe } from "./probe.ts";
import { exampleOf, probeRuns } from "./probe-runs.ts";
import { namesUsedBy, prune } from "./prune.ts";
import type { Value } from "./value.ts";

/**
 * Writes a loss after the logits and returns it, one number per sample: [batch]. Further inputs, such as labels, are
 * declared with `graph.input`; the symbol "batch" in their shape is the first axis of the logits.
 */
export type LossSubgraph = (graph: GraphBuilder, logits: Value) => Value;

export interface DifferentiateOptions {
  readonly loss: LossSubgraph;
  /** What to differentiate with respect to: inputs, initializers, or intermediate values such as an embedding. */
  readonly wrt: readonly string[];
  /** The output that the loss acts on; the first if absent. */
  readonly output?: string;
  /** Example inputs, needed where the model leaves sizes open that cannot be guessed. */
  readonly sample?: Feeds;
  /** Pass gradients through rounding and signs as if they did nothing, instead of ending there. */
  readonly straightThrough?: boolean;
}

type RuleOf = (node: Node) => Gradient | undefined;

/**
 * From a forward graph and a loss, a graph that returns in one run: the logits under their own name, the loss of each sample
 * as `loss` [batch], and for each name in `wrt` the gradient of the summed loss as `gradient/<name>`.
 * Throws an OnnxError UNSUPPORTED_OPERATOR that names every operator without a rule on the way from `wrt` to the loss.
 */
export async function differentiate(model: Model, options: DifferentiateOptions): Promise<Model> {
  const ruleOf: RuleOf = (node) => gradientOf(node, options);
  const logitsName = options.output ?? model.graph.outputs[0]!.name;
  const forward = await prepare(withOutput(model, logitsName), options.wrt, options.sample);
  refuseUnknown(forward.graph, [logitsName, ...options.wrt]);
  refuseWithoutRule(pathTo(forward.graph, logitsName, options.wrt, ruleOf).nodes, ruleOf);
  const runs = await probeRuns(forward, options.sample);
  const seen = await probe(forward, runs);

  const lossBuilder = new GraphBuilder(freshPrefix(forward.graph, "loss"));
  const loss = options.loss(lossBuilder, seen.value(logitsName));
  const lossSeen = await probeLoss(forward, lossBuilder, logitsName, seen);

  const graph = join(forward.graph, lossBuilder);
  const whole = merge(seen, lossSeen, lossBuilder);
  const backward = new GraphBuilder(freshPrefix(forward.graph, "backward"));
  const gradients = backpropagate(graph, { loss: loss.name, wrt: options.wrt, ruleOf }, whole, backward);
  const outputs: ValueInfo[] = [
    forward.graph.outputs[0]!,
    { name: "loss", dtype: loss.dtype, shape: [undefined], kind: "tensor" },
    ...options.wrt.map(
      (name): ValueInfo => ({
        name: `gradient/${name}`,
        dtype: whole.value(name).dtype,
        shape: undefined,
        kind: "tensor",
      }),
    ),
  ];
  const copies = [
    alias(loss.name, "loss"),
    ...options.wrt.map((name, index) => alias(gradients[index]!.name, `gradient/${name}`)),
  ];
  const derived = join(graph, backward);
  return { ...forward, graph: prune({ ...derived, nodes: [...derived.nodes, ...copies], outputs }) };
}

/** Walks the graph backwards and writes the gradient of `loss` with respect to each name in `wrt`. */
function backpropagate(
  graph: Graph,
  { loss, wrt, ruleOf }: { readonly loss: string; readonly wrt: readonly string[]; readonly ruleOf: RuleOf },
  seen: Probe,
  builder: GraphBuilder,
): Value[] {
  const { nodes: path, wanted } = pathTo(graph, loss, wrt, ruleOf);
  refuseWithoutRule(path, ruleOf);
  const arriving = new Map<string, Value[]>([[loss, [builder.filled(seen.value(loss), 1)]]]);
  const collected = new Map<string, Value>();
  const collect = (name: string): Value | undefined => {
    const parts = arriving.get(name);
    if (parts && !collected.has(name)) {
      collected.set(name, { ...builder.Sum(...parts), shape: seen.value(name).shape });
    }
    return collected.get(name);
  };
  for (const node of path.toReversed()) {
    const dys = node.outputs.map(collect);
    if (dys.every((dy) => dy === undefined)) {
      continue;
    }
    const parts = ruleOf(node)!(siteOf(builder, node, dys, seen, wanted));
    node.inputs.forEach((name, index) => {
      const part = parts[index];
      if (part && wanted.has(name)) {
        arriving.set(name, [...(arriving.get(name) ?? []), part]);
      }
    });
  }
  return wrt.map((name) => collect(name) ?? builder.filled(seen.value(name), 0));
}

/** The nodes between `wrt` and the loss, in order, and the values whose gradient is wanted. */
function pathTo(
  graph: Graph,
  loss: string,
  wrt: readonly string[],
  ruleOf: RuleOf,
): { nodes: Node[]; wanted: ReadonlySet<string> } {
  const wanted = new Set(wrt);
  const after = graph.nodes.filter((node) => {
    const isReached = ruleOf(node) !== zero && namesUsedBy(node).some((name) => wanted.has(name));
    for (const name of isReached ? node.outputs : []) {
      wanted.add(name);
    }
    return isReached;
  });
  const needed = new Set([loss]);
  const nodes = after.toReversed().filter((node) => {
    const isNeeded = node.outputs.some((name) => needed.has(name));
    for (const name of isNeeded ? namesUsedBy(node) : []) {
      needed.add(name);
    }
    return isNeeded;
  });
  return { nodes: nodes.toReversed(), wanted };
}

/** The model with one output, and without what only other outputs need. */
function withOutput(model: Model, name: string): Model {
  const declared = model.graph.outputs.find((output) => output.name === name);
  const output: ValueInfo = declared ?? { name, dtype: "undefined", shape: undefined, kind: "tensor" };
  return { ...model, graph: prune({ ...model.graph, outputs: [output] }) };
}

function refuseUnknown(graph: Graph, names: readonly string[]): void {
  const known = new Set([
    ...graph.inputs.map((input) => input.name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((node) => node.outputs),
  ]);
  for (const name of names) {
    if (!known.has(name)) {
      throw new OnnxError("SHAPE_MISMATCH", `differentiate: expected a value on the way to the output, got '${name}'`);
    }
    if (known.has("loss") || known.has(`gradient/${name}`)) {
      throw new OnnxError(
        "SHAPE_MISMATCH",
        `differentiate: expected the names 'loss' and 'gradient/${name}' to be free`,
      );
    }
  }
}

function refuseWithoutRule(path: readonly Node[], ruleOf: RuleOf): void {
  const missing = path.filter((node) => ruleOf(node) === undefined);
  if (missing.length > 0) {
    const list = missing.slice(0, 10).map(describe).join(", ");
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `expected a gradient rule for every operator between input and loss, got ${missing.length} without: ${list}`,
    );
  }
}

/** Runs the loss alone on logits of the shapes seen, since its values were not part of the forward runs. */
async function probeLoss(forward: Model, loss: GraphBuilder, logitsName: string, seen: Probe): Promise<Probe> {
  const logits = seen.value(logitsName);
  const input: ValueInfo = {
    name: logitsName,
    dtype: logits.dtype,
    shape: logits.shape!.map(() => undefined),
    kind: "tensor",
  };
  const graph: Graph = {
    name: "loss",
    nodes: loss.nodes,
    inputs: [input, ...loss.inputs],
    outputs: [],
    initializers: loss.initializers,
  };
  const runs = seen.observed(logitsName).map((shape): Feeds => {
    const inputs = [{ ...input, shape }, ...loss.inputs];
    return Object.fromEntries(
      inputs.map((each) => [
        each.name,
        exampleOf(
          each,
          each.shape!.map((size) => (size === "batch" ? shape[0]! : Number(size))),
        ),
      ]),
    );
  });
  return probe(
    { irVersion: forward.irVersion, opsets: forward.opsets, producer: "", metadata: new Map(), functions: [], graph },
    runs,
  );
}

function merge(first: Probe, second: Probe, builder: GraphBuilder): Probe {
  const inSecond = new Set([...builder.nodes.flatMap((node) => node.outputs), ...builder.initializers.keys()]);
  for (const input of builder.inputs) {
    inSecond.add(input.name);
  }
  const of = (name: string): Probe => (inSecond.has(name) ? second : first);
  return {
    value: (name) => of(name).value(name),
    constant: (name) => of(name).constant(name),
    observed: (name) => of(name).observed(name),
  };
}

function join(graph: Graph, builder: GraphBuilder): Graph {
  return {
    ...graph,
    nodes: [...graph.nodes, ...builder.nodes],
    inputs: [...graph.inputs, ...builder.inputs],
    initializers: new Map<string, Initializer>([...graph.initializers, ...builder.initializers]),
  };
}

function alias(from: string, to: string): Node {
  return { name: to, op: "Identity", domain: "", inputs: [from], outputs: [to], attributes: {} };
}
