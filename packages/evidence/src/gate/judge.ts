import type { Bundle } from "../bundles/bundle.ts";
import { verifyAttestation } from "../bundles/verify-bundle.ts";
import { EvidenceError } from "../errors.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { manifestIn, modelPredicateType } from "../model-signing/manifest.ts";
import { attestationIn, predicates } from "../statements/predicates.ts";
import type { Statement, Subject } from "../statements/statement.ts";
import type { Finding, LineStatus } from "./decision.ts";
import { measured } from "./measured.ts";
import type { GatePolicy, Requirement } from "./policy.ts";

/** A signed bundle that may count, and what is known of it beside its content. */
export interface Exhibit {
  /** How the lines of the decision name it. */
  readonly id: string;
  readonly bundle: Bundle;
  /** When somebody other than the signer saw it; the present if nobody did. */
  readonly seenAt?: Date;
  readonly isLogged?: boolean;
  /** Why a proof that came with it does not hold. */
  readonly whyUnlogged?: string;
}

/** What is to pass: a file, or all files of a folder by their paths. Any of the digests, or the root, is a subject. */
export interface GateSubject {
  readonly files: readonly { readonly path: string; readonly sha256: string }[];
  readonly root?: string;
}

/** Whose signatures count, where and when. */
export interface GateContext {
  readonly ring: KeyRing;
  readonly environment?: string;
  /** Who made the subject, where that is known: their own approval does not count. */
  readonly author?: string;
  readonly now: Date;
}

/** What one exhibit is to one requirement; with the statement, where its signature counts. */
export type Judged =
  | { readonly finding: Finding }
  | {
      readonly finding: Finding;
      readonly exhibit: string;
      readonly statement: Statement;
      readonly signer: string;
      readonly keyId: string;
    };

/** What one exhibit is to one requirement. Nothing where the exhibit is of another kind, or about something else. */
export function judge(
  requirement: Requirement,
  policy: GatePolicy,
  exhibit: Exhibit,
  subject: GateSubject,
  context: GateContext,
): readonly Judged[] {
  const { kind, signers } = requirement;
  const claimed = claimedStatement(exhibit.bundle);
  if (claimed === undefined || claimed.predicateType !== predicateTypeOf(kind) || !isAbout(claimed, kind, subject))
    return [];
  const findingOf = (status: LineStatus, reason: string): Finding => ({ status, reason, evidence: [exhibit.id] });
  try {
    const at = exhibit.seenAt ?? context.now;
    const use = { kind, ...(context.environment !== undefined && { environment: context.environment }) };
    const { signedBy, statement } = verifyAttestation(exhibit.bundle, { type: "ring", ring: context.ring, at, use });
    if (signedBy.type !== "key") throw new EvidenceError("UNTRUSTED_SIGNER", "not signed by a key");
    const { id: keyId, name: signer = keyId } = signedBy;
    if (signers !== undefined && !signers.includes(keyId) && !signers.includes(signer))
      throw new EvidenceError("UNTRUSTED_SIGNER", `signed by ${signer}; expected ${signers.join(" or ")}`);
    if (policy.log === true && exhibit.isLogged !== true)
      throw new EvidenceError(
        "UNTRUSTED_SIGNER",
        `no transparency log has it${exhibit.whyUnlogged === undefined ? "" : `: ${exhibit.whyUnlogged}`}`,
      );
    if (kind === "model") manifestIn(statement);
    else attestationIn(statement);
    const finding =
      kind === "model"
        ? findingOf("met", `signed by ${signer}`)
        : findingOf(...measured(requirement, statement, signer, context));
    return [{ finding, exhibit: exhibit.id, statement, signer, keyId }];
  } catch (error) {
    if (error instanceof EvidenceError) return [{ finding: findingOf("untrusted", error.message) }];
    throw error;
  }
}

/** What a bundle says it is, before anybody has verified it: only to find out which requirement it is for. */
function claimedStatement({ envelope }: Bundle): Statement | undefined {
  try {
    const value: Partial<Statement> = JSON.parse(Buffer.from(envelope.payload, "base64").toString("utf8"));
    return typeof value?.predicateType === "string" && Array.isArray(value.subject) ? (value as Statement) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether a statement names the subject. A signature and a scan are about all of its files, or they would say nothing of the one that was
 * changed; a measurement about the one that is the model. Data and contracts are what was measured with, not what passes here.
 */
function isAbout({ subject, predicate }: Statement, kind: Requirement["kind"], { files, root }: GateSubject): boolean {
  if (kind === "model") return isExactly(predicate?.resources, files);
  const named = new Set(subject.flatMap((each) => (isMeasuredWith(each) ? [] : [each?.digest?.sha256])));
  if (root !== undefined && named.has(root)) return true;
  const isNamed = ({ sha256 }: { readonly sha256: string }): boolean => named.has(sha256);
  return files.length > 0 && (kind === "scan" ? files.every(isNamed) : files.some(isNamed));
}

function isMeasuredWith(subject: Subject): boolean {
  return ["data", "contract"].includes(subject?.annotations?.role as string);
}

/** Whether these very files were signed, no more and no fewer. Nothing of it is checked yet, so that anything may be there. */
function isExactly(resources: unknown, files: GateSubject["files"]): boolean {
  if (!Array.isArray(resources) || resources.length !== files.length) return false;
  const signed = new Map<unknown, unknown>(
    resources.map((each) => [each?.name, each?.algorithm === "sha256" ? each.digest : undefined]),
  );
  // released versions of the reference implementation name a single file "."
  const digestOf = (path: string): unknown => signed.get(path) ?? (files.length === 1 ? signed.get(".") : undefined);
  return files.length > 0 && files.every(({ path, sha256 }) => digestOf(path) === sha256);
}

function predicateTypeOf(kind: Requirement["kind"]): string {
  return kind === "model" ? modelPredicateType : predicates[kind].type;
}
