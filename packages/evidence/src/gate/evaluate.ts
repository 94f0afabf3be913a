import { countApprovals } from "./approvals.ts";
import { byStatus, type GateDecision, type GateLine } from "./decision.ts";
import { type Exhibit, type GateContext, type GateSubject, judge } from "./judge.ts";
import { boundsOf } from "./measured.ts";
import type { GatePolicy, Requirement } from "./policy.ts";

/**
 * Holds evidence against a policy: for each requirement the exhibit that comes nearest, and why. Nothing that is damaged, unsigned or
 * signed by a stranger counts; it is named where it would have been needed.
 */
export function evaluateGate(
  policy: GatePolicy,
  exhibits: readonly Exhibit[],
  subject: GateSubject,
  context: GateContext,
): GateDecision {
  const lines = policy.requirements.map((requirement): GateLine => {
    const judged = exhibits.flatMap((exhibit) => judge(requirement, policy, exhibit, subject, context));
    const title = titleOf(requirement);
    if (requirement.kind === "approval")
      return { requirement: title, ...countApprovals(requirement, judged, context.author) };
    const [nearest] = judged.map(({ finding }) => finding).sort(byStatus);
    return {
      requirement: title,
      ...(nearest ?? { status: "missing", reason: missingReason(requirement), evidence: [] }),
    };
  });
  return { policy: policy.name, passes: lines.every(({ status }) => status === "met"), lines };
}

function titleOf({ name, kind, metrics = [] }: Requirement): string {
  return (
    name ??
    [kind === "model" ? "signature" : kind, ...metrics.map((rule) => `${rule.metric} ${boundsOf(rule)}`)].join(": ")
  );
}

function missingReason({ kind }: Requirement): string {
  return kind === "model" ? "nobody has signed exactly these files" : `there is no ${kind} attestation about it`;
}
