import { OnnxError } from "./errors.ts";
import { freshNames } from "./fresh-names.ts";
import { tensorInitializer } from "./initializer.ts";
import type { Graph, Initializer, Model, Node } from "./model.ts";
import { encodeScalar } from "./scalar.ts";
import { rules, type UpgradeScope } from "./upgrade-rules.ts";
import { ValueFacts } from "./value-facts.ts";

/**
 * Rewrites a model of opset 7 to 17 so that every standard operator has its form of opset 18; newer models stay as they
 * are. Throws an OnnxError UNSUPPORTED_OPERATOR for the few operators whose old meaning has no new form.
 */
export function upgradeOpset(model: Model): Model {
  if ((model.opsets.get("") ?? FORM) >= FORM) {
    return model;
  }
  if (model.functions.length > 0) {
    const [{ name = "" } = {}] = model.functions;
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `function '${name}': expected functions to be inlined before the upgrade`,
    );
  }
  return {
    ...model,
    graph: upgradeGraph(model.graph, model.opsets, undefined),
    opsets: new Map([...model.opsets, ["", FORM]]),
  };
}

const FORM = 18; // what gradient rules are written for

function upgradeGraph(graph: Graph, opsets: ReadonlyMap<string, number>, outer: GraphUpgrade | undefined): Graph {
  const upgrade = new GraphUpgrade(graph, opsets, outer);
  const nodes = graph.nodes.flatMap((node) => upgrade.node(node));
  return { ...graph, nodes, initializers: new Map([...graph.initializers, ...upgrade.initializers]) };
}

/** One graph on its way up: what is known of its values, and the constants that new forms need. */
class GraphUpgrade implements UpgradeScope {
  readonly opset: number;
  readonly facts: ValueFacts;
  readonly initializers = new Map<string, Initializer>();
  readonly fresh: (name: string) => string;
  readonly #opsets: ReadonlyMap<string, number>;
  readonly #used: ReadonlySet<string>;

  constructor(graph: Graph, opsets: ReadonlyMap<string, number>, outer: GraphUpgrade | undefined) {
    this.opset = opsets.get("") ?? FORM;
    this.facts = new ValueFacts(graph, outer?.facts);
    this.fresh = outer?.fresh ?? freshNames(graph); // names of the outermost graph include those of the graphs within
    this.#opsets = opsets;
    this.#used = new Set([...valuesUsed(graph)]);
  }

  node(node: Node): readonly Node[] {
    const inner = this.#withUpgradedGraphs(node);
    const rule = node.domain === "" && Object.hasOwn(rules, node.op) ? rules[node.op] : undefined;
    const nodes = rule && this.opset < rule.before ? rule.rewrite(inner, this) : [inner];
    this.facts.learn(node);
    return nodes;
  }

  isUsed(name: string): boolean {
    return this.#used.has(name);
  }

  int64(values: readonly number[], name: string): string {
    const data = BigInt64Array.from(values, toInt64);
    return this.#add(tensorInitializer(this.fresh(name), { dtype: "int64", shape: [values.length], data }));
  }

  float32(values: readonly number[], name: string): string {
    const data = Float32Array.from(values);
    return this.#add(tensorInitializer(this.fresh(name), { dtype: "float32", shape: [values.length], data }));
  }

  scalar(value: number, like: string, name: string): string {
    const dtype = this.facts.dtype(like);
    const bytes = dtype && encodeScalar(value, dtype);
    if (!dtype || !bytes) {
      throw new OnnxError(
        "UNSUPPORTED_OPERATOR",
        `'${like}': expected a known float type to upgrade what reads it, got ${dtype}`,
      );
    }
    return this.#add({ name: this.fresh(name), dtype, shape: [], data: { type: "bytes", bytes } });
  }

  #add(initializer: Initializer): string {
    this.initializers.set(initializer.name, initializer);
    return initializer.name;
  }

  #withUpgradedGraphs(node: Node): Node {
    const attributes = Object.entries(node.attributes);
    if (!attributes.some(([, { type }]) => type === "graph")) {
      return node;
    }
    const upgraded = attributes.map(([name, attribute]) =>
      attribute.type === "graph"
        ? [name, { ...attribute, value: upgradeGraph(attribute.value, this.#opsets, this) }]
        : [name, attribute],
    );
    return { ...node, attributes: Object.fromEntries(upgraded) };
  }
}

/** "To the end" as a file writes it became 2^63 when it was read as a number. */
function toInt64(value: number): bigint {
  return BigInt.asIntN(64, value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(value));
}

/** Names that some node or output reads, here or in a graph within. */
function* valuesUsed(graph: Graph): Generator<string> {
  yield* graph.outputs.map(({ name }) => name);
  for (const node of graph.nodes) {
    yield* node.inputs;
    for (const attribute of Object.values(node.attributes)) {
      if (attribute.type === "graph") {
        yield* valuesUsed(attribute.value);
      }
    }
  }
}
