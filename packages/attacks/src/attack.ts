import type { Norm } from "@casemate/tensor";
import type { Search } from "./engine/search.ts";
import type { Classifier } from "./models/classifier.ts";
import type { BaseLoss } from "./models/losses.ts";
import type { Threat } from "./threats/threat.ts";

/** An evasion attack with its parameters set: an immutable value to be handed to `run`. */
export interface Attack {
  /** As papers call it: "PGD", "APGD-CE". */
  readonly name: string;
  /** What it needs of the model: gradients, scores, or decisions only. */
  readonly access: "gradient" | "score" | "decision";
  /**
   * "inside" searches the ball; "nearest" searches for the smallest perturbation wherever it is, so that one run answers for
   * every epsilon; "anywhere" is not bounded by a ball at all.
   */
  readonly aim: "inside" | "nearest" | "anywhere";
  readonly norms: readonly Norm[];
  /** How often the search is begun anew on what still stands. */
  readonly restarts: number;
  /** What a gradient attack climbs. */
  readonly loss?: BaseLoss | "targeted-dlr";
  readonly parameters: Readonly<Record<string, number | string | boolean>>;
  /**
   * For an assembly of attacks, such as AutoAttack: its members in their order, each run on what the ones before it left
   * standing. A member that does not know the threat's norm is left out. `attempt` is then not called.
   */
  readonly stages?: readonly Attack[];
  /** Why it cannot attack such a model within such a threat: "expected …, got …". Absent where it always can. */
  obstacle?(model: Pick<Classifier, "inputShape" | "layout">, threat: Threat): string | undefined;
  readonly citation: { readonly text: string; readonly url: string };
  /** One attempt on all samples of `search`. Yields after each step, for progress; everything found is in `search`. */
  attempt(search: Search): AsyncGenerator<Step, void>;
}

/** How far an attempt is. */
export interface Step {
  readonly step: number;
  readonly steps: number;
}
