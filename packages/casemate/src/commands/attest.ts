import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import {
  AuditReport,
  attestAudit,
  attestScan,
  attestTraining,
  TrainingProvenance,
  violationOf,
  writeFileWhole,
} from "@casemate/audit";
import {
  attestationOf,
  bundleOf,
  EvidenceError,
  type EvidenceThreshold,
  type PredicateKind,
  predicateKinds,
  type Statement,
  type Subject,
  type SubjectRole,
  signStatement,
  subjectOf,
} from "@casemate/evidence";
import { ScanReport } from "@casemate/scan";
import { Command, InvalidArgumentError, Option } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { duration } from "./options.ts";
import { certificatesOf, type SigningFlags, signerOf, withSigningFlags } from "./signing-flags.ts";
import { bytesOf } from "./trust-flags.ts";

interface AttestFlags extends SigningFlags {
  readonly kind: PredicateKind;
  readonly report?: string;
  readonly model?: string;
  readonly predicate?: string;
  readonly subject: readonly SubjectFlag[];
  readonly thresholds?: string;
  readonly expiresIn: number;
  readonly environment?: string;
  readonly alias?: string;
  readonly output?: string;
  readonly json?: boolean;
}

interface SubjectFlag {
  readonly role: SubjectRole;
  readonly path: string;
}

/** `casemate attest`: a signed statement about the digest of a model. */
export function attestCommand(console: Console, finish: (code: ExitCode) => void): Command {
  const command = new Command("attest")
    .description("Sign a measurement as an attestation about the digests of what was measured.")
    .addOption(new Option("--kind <kind>", "of the attestation").choices([...predicateKinds]).makeOptionMandatory())
    .option(
      "--report <file>",
      "what was measured or made: report.json of an audit, a report of casemate scan, or .training.json of casemate train",
    )
    .option("--model <name>", "which model of the report")
    .option("--predicate <file>", "what was measured, as JSON of the kind's form (docs/evidence.md)")
    .option(
      "--subject <role=file>",
      "model, data or contract that the predicate is about; can be repeated",
      addSubject,
      [],
    )
    .option("--thresholds <file>", "what had been approved before the report was made, as a JSON list")
    .option(
      "--expires-in <duration>",
      "after which a report is stale, such as 30d (default: 90d)",
      duration,
      90 * 86_400,
    )
    .option("--environment <name>", "that the report is about")
    .option("--alias <name>", "that the report is about")
    .option("--output <file>", "write the bundle there (default: KIND.sigstore.json)");
  return withSigningFlags(command)
    .option("--json", "print JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (flags: AttestFlags) => finish(await run(flags, console)));
}

const EXAMPLES = `
Exit codes: 0 signed, 2 wrong use or bad input, 3 the signer failed.

Examples:
  casemate attest --kind robustness --report report/report.json --thresholds plan.json --key evaluation.pem
  casemate attest --kind training --report model.onnx.training.json --key training.pem
  casemate attest --kind scan --report scan.json --key evaluation.pem --expires-in 30d
  casemate attest --kind approval --predicate approval.json --subject model=model.onnx --key approver.pem
`;

async function run(flags: AttestFlags, console: Console): Promise<ExitCode> {
  const { kind, output = `${kind}.sigstore.json`, json = false } = flags;
  const statement = await statementOfFlags(flags);
  const signer = await signerOf(flags);
  const certificates = await certificatesOf(flags);
  const envelope = await signStatement(statement, [signer]);
  const bundle = bundleOf(envelope, certificates === undefined ? signer.publicKey : { certificates });
  await writeFileWhole(output, `${JSON.stringify(bundle.json)}\n`);
  const { subject, predicateType, predicate } = statement;
  const { result } = predicate as { readonly result?: string };
  if (json) {
    const summary = {
      output,
      kind,
      predicateType,
      ...(result !== undefined && { result }),
      key: signer.publicKey.id,
      subject,
    };
    console.print(JSON.stringify(summary, null, 2));
  } else {
    for (const { name = "_", digest } of subject) console.print(`${name} sha256:${digest.sha256}`);
    console.print(
      `${kind}${result === undefined ? "" : `: ${result}`}, signed with key ${signer.publicKey.id}, written to ${output}`,
    );
  }
  return 0;
}

async function statementOfFlags(flags: AttestFlags): Promise<Statement<object>> {
  const { kind, report, predicate, subject } = flags;
  const refuse = (why: string): EvidenceError => new EvidenceError("INVALID_OPTION", why);
  if ((report === undefined) === (predicate === undefined)) throw refuse("expected one of --report and --predicate");
  if (report !== undefined) {
    if (subject.length > 0) throw refuse("--subject: the report names its subjects");
    return statementOfReport(kind, report, flags);
  }
  if (subject.length === 0) throw refuse("--predicate: expected --subject as well");
  for (const name of ["thresholds", "environment", "alias", "model"] as const) {
    if (flags[name] !== undefined) throw refuse(`--${name} goes with --report; the predicate says it itself`);
  }
  const subjects = await Promise.all(subject.map(subjectOfFile));
  return attestationOf(kind, subjects, (await jsonOf(predicate!)) as never);
}

async function statementOfReport(kind: PredicateKind, path: string, flags: AttestFlags): Promise<Statement<object>> {
  const { model, thresholds, expiresIn, environment, alias } = flags;
  const bytes = await bytesOf(path);
  const value = parse(bytes, path);
  const reportDigest = createHash("sha256").update(bytes).digest("hex");
  if (kind === "training") {
    for (const name of ["thresholds", "environment", "alias"] as const)
      if (flags[name] !== undefined) throw new EvidenceError("INVALID_OPTION", `--${name}: training has none`);
    const provenance = meeting(TrainingProvenance, value, path) as TrainingProvenance;
    return attestTraining(provenance, { name: model ?? basename(path).replace(/\.\w+\.json$/, ""), reportDigest });
  }
  const options = {
    expiresOn: new Date(finishOf(value, path).getTime() + expiresIn * 1000),
    reportDigest,
    scope: { ...(environment !== undefined && { environment }), ...(alias !== undefined && { alias }) },
    ...(thresholds !== undefined && { thresholds: (await jsonOf(thresholds)) as readonly EvidenceThreshold[] }),
  };
  if (options.thresholds !== undefined && !Array.isArray(options.thresholds)) {
    throw new EvidenceError("MALFORMED", `${thresholds}: expected a list of thresholds`);
  }
  if (kind === "robustness") return attestAudit(meeting(AuditReport, value, path) as AuditReport, model, options);
  if (kind === "scan") return attestScan(meeting(ScanReport, value, path) as ScanReport, options);
  throw new EvidenceError("INVALID_OPTION", `--report: expected --kind robustness, scan or training, got ${kind}`);
}

function meeting(schema: Parameters<typeof violationOf>[0], value: unknown, path: string): unknown {
  const violation = violationOf(schema, value);
  if (violation === undefined) return value;
  throw new EvidenceError("MALFORMED", `${path}: not a report of this kind: ${violation}`);
}

function finishOf(value: unknown, path: string): Date {
  const { finishedAt } = (value ?? {}) as { readonly finishedAt?: unknown };
  const finished = new Date(typeof finishedAt === "string" ? finishedAt : Number.NaN);
  if (Number.isNaN(finished.getTime()))
    throw new EvidenceError("MALFORMED", `${path}: expected a report with finishedAt`);
  return finished;
}

async function jsonOf(path: string): Promise<unknown> {
  return parse(await bytesOf(path), path);
}

function parse(bytes: Buffer, path: string): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new EvidenceError("MALFORMED", `${path}: expected JSON`, { cause });
  }
}

async function subjectOfFile({ role, path }: SubjectFlag): Promise<Subject> {
  const hash = createHash("sha256");
  try {
    for await (const part of createReadStream(path)) hash.update(part);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EvidenceError("NOT_READABLE", `cannot read ${path}: ${reason}`, { cause });
  }
  return subjectOf(role, basename(path), hash.digest("hex"));
}

function addSubject(text: string, before: readonly SubjectFlag[]): readonly SubjectFlag[] {
  const [, role, path] = /^(model|data|contract)=(.+)$/.exec(text) ?? [];
  if (role === undefined) throw new InvalidArgumentError("expected model=FILE, data=FILE or contract=FILE.");
  return [...before, { role: role as SubjectRole, path: path! }];
}
