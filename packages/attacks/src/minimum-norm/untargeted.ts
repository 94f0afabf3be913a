import type { Search } from "../engine/search.ts";
import { AttackError } from "../errors.ts";

/** Throws an AttackError where samples have classes that they are to become: for attacks that only know how to leave one. */
export function refuseTargets(search: Search, name: string): void {
  if (search.active === 0 || search.goal(0).target === undefined) return;
  throw new AttackError("UNSUPPORTED_THREAT", `${name}: expected misclassification as the criterion, got targets`);
}
