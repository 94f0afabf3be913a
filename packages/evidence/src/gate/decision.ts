/** From best to worst. */
export const lineStatuses = ["met", "failing", "stale", "out of scope", "untrusted", "missing"] as const;
export type LineStatus = (typeof lineStatuses)[number];

/** What is found of a requirement. */
export interface Finding {
  readonly status: LineStatus;
  /** In plain words. */
  readonly reason: string;
  /** The exhibits that it is about. */
  readonly evidence: readonly string[];
}

export interface GateLine extends Finding {
  readonly requirement: string;
}

export interface GateDecision {
  readonly policy: string;
  readonly passes: boolean;
  readonly lines: readonly GateLine[];
}

/** The best first. */
export function byStatus(a: Finding, b: Finding): number {
  return lineStatuses.indexOf(a.status) - lineStatuses.indexOf(b.status);
}
