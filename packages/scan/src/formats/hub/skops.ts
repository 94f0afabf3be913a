import type { JsonFormat } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { isAllowed } from "../pickle/allowed/index.ts";
import { dangerOf } from "../pickle/dangerous.ts";
import { isRecord, objectsIn } from "./walk-json.ts";

const RUNS_CODE = { atlas: ["AML.T0010", "AML.T0011"] };

const rules = rulesOf("skops", {
  dangerous: {
    ...RUNS_CODE,
    title: "Names what runs code",
    severity: "critical",
    effect: "Loading the file with this type trusted runs it (CVE-2025-54412, CVE-2025-54886).",
  },
  operator: {
    ...RUNS_CODE,
    title: "Node of another kind than its type",
    severity: "critical",
    effect: "A check of types passes, and the loader calls a function all the same (CVE-2025-54413).",
  },
  unknown: {
    title: "Type on no list of harmless names",
    severity: "medium",
    effect: "Loading the file with this type trusted imports and builds it.",
  },
});

/** schema.json of skops archives: every type that it names, and whether the node loads it in the way that fits. */
export const skops: JsonFormat = {
  id: "skops",
  title: "skops schema",
  rules,
  detect: (value) => isRecord(value) && "__class__" in value && "__module__" in value && "__loader__" in value,
  scan(value, _, context) {
    const check = (node: Readonly<Record<string, unknown>>, path: string): void => {
      const { __class__: name, __module__: module, __loader__: loader } = node;
      if (typeof name !== "string" || typeof module !== "string") return;
      const place = { part: path };
      const full = `${module}.${name}`;
      if (loader === "OperatorFuncNode" && module !== "operator")
        context.report(rules.operator, `${loader} for ${full}`, place);
      else if (loader === "MethodNode" && isRecord(node.content) && String(node.content.func ?? "").startsWith("_"))
        context.report(rules.operator, `${loader} for ${full}.${node.content.func}`, place);
      else if (loader === "JoblibNode" || loader === "PickleNode")
        context.report(rules.dangerous, `${loader} for ${full}`, place);
      else if (dangerOf(module, name)) context.report(rules.dangerous, full, place);
      else if (!isAllowed(module, name) && !/^(numpy|scipy|sklearn|builtins|operator)(\.|$)/.test(module))
        context.report(rules.unknown, full, place);
    };
    for (const { path, value: node } of objectsIn(value)) check(node, path);
  },
};
