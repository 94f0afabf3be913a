/** What an audit found, as written to report.json. Everything else (HTML, SARIF, JUnit, gate) is derived from it. */
export interface AuditReport {
  readonly schema: "https://casemate.dev/schemas/audit-report/1";
  readonly tool: { readonly name: "casemate"; readonly version: string };
  /** "partial" when a signal, the budget or a crash ended the run before its last check. */
  readonly status: "complete" | "partial";
  readonly interruption?: { readonly reason: "signal" | "budget" | "crash"; readonly message: string };
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly settings: AuditSettings;
  /** The models, in the order given; the report compares them side by side. */
  readonly subjects: readonly SubjectReport[];
  /** Absent when no gate file was given. */
  readonly gate?: GateResult;
}

/** Everything needed to reproduce the run. */
export interface AuditSettings {
  readonly profile: "quick" | "standard" | "thorough";
  readonly seed: number;
  readonly epsilons: readonly number[];
  readonly norm: Norm;
  readonly budget?: { readonly seconds?: number; readonly queries?: number };
  readonly device: string;
  readonly threads: number;
  /** The command line as it would be typed again. */
  readonly command: string;
  readonly environment: { readonly node: string; readonly platform: string; readonly onnxruntime: string };
}

export type Norm = "linf" | "l2" | "l1" | "l0";

export interface SubjectReport {
  readonly name: string;
  readonly model: ModelReport;
  readonly data: DataReport;
  /** The contract in force, after what was inferred was filled in. */
  readonly contract: unknown;
  /** One sentence per thing that was inferred or edited: bounds, output kind, layers that were cut. */
  readonly assumptions: readonly string[];
  readonly checks: readonly CheckReport[];
  /** Planned checks that did not run, because the audit ended early. */
  readonly notRun: readonly string[];
  /** Accuracy per class: clean, and after the strongest attack at the main epsilon. */
  readonly perClass: readonly ClassRow[];
  readonly gallery: readonly GalleryItem[];
}

export interface ModelReport {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly irVersion: number;
  readonly opset: number;
  readonly producer: string;
  readonly parameters: number;
  readonly inputs: readonly { readonly name: string; readonly dtype: string; readonly shape: readonly (number | string | null)[] }[];
  readonly outputs: readonly { readonly name: string; readonly dtype: string; readonly shape: readonly (number | string | null)[] }[];
  readonly operators: readonly { readonly name: string; readonly count: number; readonly gradient: "exact" | "zero" | "straight-through" | "none" }[];
}

export interface DataReport {
  readonly path: string;
  readonly sha256: string;
  readonly samples: number;
  readonly shape: readonly number[];
}

/** One named measurement. A check that could not run is "failed", never "completed". */
export interface CheckReport {
  readonly id: string;
  readonly title: string;
  readonly kind: "inspection" | "accuracy" | "attack" | "validity";
  readonly status: "completed" | "failed";
  readonly error?: string;
  readonly citation: { readonly text: string; readonly url: string };
  readonly taxonomy: { readonly owasp: readonly string[]; readonly atlas: readonly string[]; readonly nist: readonly string[] };
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  readonly seconds: number;
  readonly queries: { readonly forward: number; readonly backward: number };
  readonly metrics: readonly Metric[];
  readonly warnings: readonly Warning[];
  /** Only of attacks. */
  readonly attack?: AttackReport;
}

/** A number with its name, and for a proportion the counts and the Clopper-Pearson interval behind it. */
export interface Metric {
  /** Stable and unique within the check: "accuracy.clean", "accuracy.robust". */
  readonly name: string;
  readonly value: number;
  readonly unit: "proportion" | "count" | "distance" | "seconds";
  readonly count?: number;
  readonly of?: number;
  readonly interval?: { readonly lower: number; readonly upper: number; readonly confidence: number };
}

export interface Warning {
  /** Stable: "gradient-masking", "zero-gradients", … */
  readonly id: string;
  readonly message: string;
  /** Anchor in docs/guide/validity.md that explains it. */
  readonly documentation: string;
}

export interface AttackReport {
  readonly access: "gradient" | "score" | "decision";
  readonly norm: Norm;
  /** The radius that the verdict is about. */
  readonly epsilon: number;
  readonly broken: number;
  readonly robust: number;
  readonly wrong: number;
  readonly failed: number;
  /** Accuracy after the attack at each radius, 0 included. */
  readonly curve: readonly { readonly epsilon: number; readonly accuracy: number; readonly lower: number; readonly upper: number }[];
  /** Over the broken samples: size of the perturbation in `norm`, at the quantiles 0, .1, .25, .5, .75, .9, 1. */
  readonly distances?: { readonly quantiles: readonly number[]; readonly histogram: readonly { readonly from: number; readonly to: number; readonly count: number }[] };
  /** Samples whose verdict hangs on a margin below 1e-4. */
  readonly borderline: number;
}

export interface ClassRow {
  readonly name: string;
  readonly samples: number;
  readonly clean: number;
  readonly robust: number;
  /** The class that its broken samples most often turn into. */
  readonly becomes?: string;
}

/** One sample before and after. Pictures are PNG data URLs; absent for tables. */
export interface GalleryItem {
  readonly sample: number;
  readonly check: string;
  readonly label: string;
  readonly original: { readonly image?: string; readonly prediction: string; readonly confidence: number };
  readonly adversarial: { readonly image?: string; readonly prediction: string; readonly confidence: number };
  readonly perturbation: { readonly image?: string; readonly distance: number };
  /** For tables: the features that changed most. */
  readonly changes?: readonly { readonly feature: string; readonly from: number; readonly to: number }[];
}

export interface GateResult {
  readonly path: string;
  readonly met: boolean;
  readonly rules: readonly {
    readonly subject: string;
    readonly rule: string;
    readonly met: boolean;
    readonly actual?: number;
    /** Why, in words: "accuracy.robust of pgd is 0.12, below the 0.80 that the gate asks for". */
    readonly reason: string;
  }[];
}
