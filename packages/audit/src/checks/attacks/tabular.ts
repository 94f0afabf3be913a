import { lowProFool, treeExact, treePath } from "@casemate/attacks";
import type { AttackRow } from "./attack-row.ts";

/** Attacks on rows of a table and on trees. */
export const tabularRows: readonly AttackRow[] = [
  {
    id: "tree-exact",
    title: "Exact evasion of trees",
    attack: treeExact(),
    profiles: ["standard", "thorough"],
    only: "trees",
    cost: 20,
  },
  {
    id: "low-prof-fool",
    title: "LowProFool",
    attack: lowProFool(),
    profiles: [],
    reason:
      "Its 20,000 steps find about what FMN finds in 100, in the norms of an audit; its weights are costs in the contract.",
    only: "tables",
    cost: 60_000,
  },
  {
    id: "tree-path",
    title: "Decision tree path",
    attack: treePath(),
    profiles: [],
    reason: "For single trees, where the exact evasion says more in as few queries.",
    only: "trees",
    cost: 3,
  },
];
