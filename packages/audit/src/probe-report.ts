import type { AttackResult, Endpoint, SampleResult } from "@casemate/attacks";
import type { AttackRow } from "./checks/attacks/attack-row.ts";
import type { DataReport, Norm } from "./report.ts";

/** What attacks did to a model that is served over HTTP. */
export interface ProbeReport {
  /** Without its query, which may be secret. */
  readonly endpoint: string;
  readonly data: DataReport;
  readonly norm: Norm;
  readonly epsilon: number;
  readonly seed: number;
  readonly assumptions: readonly string[];
  readonly attacks: readonly ProbedAttack[];
  /** All attacks together: a sample stands if it stood in each of them. */
  readonly together: Counts;
  readonly usage: Endpoint["usage"];
}

export interface Counts {
  readonly robust: number;
  readonly broken: number;
  /** Misclassified before any attack. */
  readonly wrong: number;
  /** Without a verdict: a request failed or the budget ended. */
  readonly failed: number;
}

export interface ProbedAttack extends Counts {
  readonly id: string;
  readonly title: string;
  readonly citation: { readonly text: string; readonly url: string };
  readonly queries: number;
  /** The mean over the samples that were attacked. */
  readonly queriesPerSample: number;
  /** Why samples failed, each reason once. */
  readonly reasons: readonly string[];
}

/** What one attack did, in numbers. */
export function summaryOf({ id, title, attack }: AttackRow, { samples, queries }: AttackResult): ProbedAttack {
  const attacked = samples.filter(({ status }) => status !== "wrong");
  const asked = attacked.reduce((sum, { forward }) => sum + forward, 0);
  const messages = samples.map(({ message }) => message).filter((message) => message !== undefined);
  return {
    id,
    title,
    citation: attack.citation,
    ...countsOf(samples.map(({ status }) => status)),
    queries: queries.forward,
    queriesPerSample: attacked.length === 0 ? 0 : asked / attacked.length,
    reasons: [...new Set(messages)],
  };
}

/** How many samples have each status. */
export function countsOf(statuses: readonly SampleResult["status"][]): Counts {
  const count = (wanted: SampleResult["status"]): number => statuses.filter((status) => status === wanted).length;
  return { robust: count("robust"), broken: count("broken"), wrong: count("wrong"), failed: count("failed") };
}

/** What several attacks say of one sample: it stands only if it stood in all. */
export function worstOf(statuses: readonly SampleResult["status"][]): SampleResult["status"] {
  return (["wrong", "broken", "failed"] as const).find((status) => statuses.includes(status)) ?? "robust";
}
