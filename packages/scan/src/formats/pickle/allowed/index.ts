import { numpy } from "./numpy.ts";
import { python } from "./python.ts";
import { scikitLearn } from "./scikit-learn.ts";
import { tables } from "./tables.ts";
import { torch } from "./torch.ts";

/** Exact names that pickles may import and call: never whole modules. Each line is a module and its names. */
const ALLOWED = new Set(
  [numpy, python, scikitLearn, tables, torch].flatMap((list) =>
    list
      .trim()
      .split("\n")
      .flatMap((line) => {
        const [module = "", names = ""] = line.split(": ");
        return names.split(" ").map((name) => `${module}.${name}`);
      }),
  ),
);

/** Whether a name is known to do nothing but build data. */
export function isAllowed(module: string, name: string): boolean {
  return ALLOWED.has(`${module}.${name}`);
}
