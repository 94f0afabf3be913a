import { gradientKind } from "./gradients/index.ts";
import type { Graph, Model } from "./model.ts";

export interface OperatorRow {
  readonly name: string;
  readonly count: number;
  readonly gradient: ReturnType<typeof gradientKind>;
}

/** Which operators a model uses, subgraphs and functions included, how often, and how each is differentiated; by name. */
export function operatorsOf(model: Model): readonly OperatorRow[] {
  const rows = new Map<string, { name: string; count: number; gradient: OperatorRow["gradient"] }>();
  const functions = new Set(model.functions.map((each) => `${each.domain}.${each.name}`));
  const visit = (nodes: Graph["nodes"]): void => {
    for (const node of nodes) {
      const name = node.domain === "" || node.domain === "ai.onnx" ? node.op : `${node.domain}.${node.op}`;
      if (!functions.has(`${node.domain}.${node.op}`)) {
        const row = rows.get(name) ?? { name, count: 0, gradient: gradientKind(node) };
        rows.set(name, { ...row, count: row.count + 1 });
      }
      for (const attribute of Object.values(node.attributes)) {
        if (attribute.type === "graph") {
          visit(attribute.value.nodes);
        }
      }
    }
  };
  visit(model.graph.nodes);
  for (const each of model.functions) {
    visit(each.nodes);
  }
  return [...rows.values()].sort((a, b) => a.name.localeCompare(b.name, "en"));
}
