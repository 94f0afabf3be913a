import type { PredicateOf } from "../statements/predicates.ts";
import { byStatus, type Finding } from "./decision.ts";
import type { Judged } from "./judge.ts";
import type { Requirement } from "./policy.ts";

/** An approval that was looked at: by whom, and whether it counts. */
interface Vote {
  readonly person: string;
  readonly at: number;
  readonly isRejection: boolean;
  readonly finding: Finding;
}

/**
 * Counts the persons who approve, each by what they said last. One who rejects is enough to fail. A key speaks for the person that it is
 * named after, and for others only where the requirement says so; nobody approves what is their own.
 */
export function countApprovals(
  { persons = 1, onBehalf = [] }: Requirement,
  judged: readonly Judged[],
  author: string | undefined,
): Finding {
  const votes = judged.flatMap((each) => ("statement" in each ? [voteOf(each, onBehalf, author)] : []));
  const refused = judged.flatMap((each) => ("statement" in each ? [] : [each.finding]));
  const latest = new Map<string, Vote>();
  for (const vote of votes.filter(({ finding }) => finding.status === "met"))
    if (vote.at >= (latest.get(vote.person)?.at ?? Number.NEGATIVE_INFINITY)) latest.set(vote.person, vote);
  const standing = [...latest.values()];
  const rejection = standing.find(({ isRejection }) => isRejection);
  if (rejection !== undefined) return { ...rejection.finding, status: "failing" };
  const names = standing.map(({ person }) => person).sort();
  const evidence = standing.flatMap(({ finding }) => finding.evidence);
  if (names.length >= persons) return { status: "met", reason: `approved by ${names.join(", ")}`, evidence };

  const others = [...refused, ...votes.map(({ finding }) => finding).filter(({ status }) => status !== "met")].sort(
    byStatus,
  );
  const wanted = `expected ${persons} ${persons === 1 ? "person" : "different persons"}`;
  return {
    status: others[0]?.status ?? "missing",
    reason: [
      `${names.length === 0 ? "nobody approves it" : `approved by ${names.join(", ")} only`}; ${wanted}`,
      ...others.map(({ reason }) => reason),
    ].join("; "),
    evidence: [...evidence, ...others.flatMap((each) => each.evidence)],
  };
}

function voteOf(
  { exhibit, statement, signer, keyId, finding }: Extract<Judged, { statement: unknown }>,
  onBehalf: readonly string[],
  owner: string | undefined,
): Vote {
  const { approver, author, decision, reason, finishedOn } = statement.predicate as unknown as PredicateOf<"approval">;
  const person = approver.id;
  const vote = (given: Finding): Vote => ({
    person,
    at: Date.parse(finishedOn),
    isRejection: decision === "rejected",
    finding: given,
  });
  const no = (why: string): Vote => vote({ status: "untrusted", reason: why, evidence: [exhibit] });
  if (signer !== person && !onBehalf.includes(signer) && !onBehalf.includes(keyId))
    return no(`signed by ${signer}, who does not speak for ${person}`);
  if (owner === undefined && author === undefined) return no(`${person} does not say whose work it is`);
  if (person === owner || person === author?.id) return no(`${person} cannot approve what is their own`);
  if (finding.status !== "met") return vote(finding);
  return vote({
    ...finding,
    reason: decision === "rejected" ? `${person} rejects it: ${reason}` : `approved by ${person}`,
  });
}
