import { Command } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { table } from "../table.ts";
import { clientOf, type RegistryFlags, versionOf, withRegistry } from "./registry-flags.ts";

interface CommonFlags extends RegistryFlags {
  readonly json?: boolean;
}

interface PromoteFlags extends CommonFlags {
  readonly to: string;
  readonly reason: string;
  readonly dryRun?: boolean;
}

interface Decision {
  readonly policy: string;
  readonly passes: boolean;
  readonly lines: readonly { readonly requirement: string; readonly status: string; readonly reason: string }[];
}

interface Promotion {
  readonly id: string;
  readonly model: string;
  readonly version: number;
  readonly environment: string;
  readonly state: string;
  readonly rootDigest: string;
  readonly approvals: readonly { readonly verdict: string }[];
  readonly approvalsNeeded: number;
}

/** `casemate promote`: asks for a version to be released in an environment. */
export function promoteCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return withRegistry(new Command("promote").description("Ask for a version to be released in an environment."))
    .argument("<version>", "such as digits/3 or digits@champion")
    .requiredOption("--to <environment>", "such as production")
    .option("--reason <text>", "why", "")
    .option("--dry-run", "only show what the environment's gate says, line by line")
    .addHelpText("after", EXAMPLES)
    .action(async (reference: string, flags: PromoteFlags) => {
      const client = clientOf(flags);
      const { model, version, path } = await versionOf(client, reference);
      if (flags.dryRun) {
        const decision = await client.json<Decision>(
          "GET",
          `/environments/${encodeURIComponent(flags.to)}${path}/decision`,
        );
        console.print(flags.json ? JSON.stringify(decision, null, 2) : describeDecision(decision, console));
        return finish(decision.passes ? 0 : 1);
      }
      const promotion = await client.json<Promotion>("POST", "/promotions", {
        model,
        version,
        environment: flags.to,
        reason: flags.reason,
      });
      show(promotion, flags, console);
    });
}

/** `casemate approve`: says yes, or no, to a promotion, about the digest that it has now. */
export function approveCommand(console: Console): Command {
  return withRegistry(new Command("approve").description("Approve or refuse a promotion that somebody else asked for."))
    .argument("<promotion>", "its id")
    .option("--refuse", "say no")
    .option("--digest <sha256>", "the root digest that you looked at (default: what the promotion names)")
    .option("--comment <text>", "why", "")
    .addHelpText("after", "\nExamples:\n  casemate approve p-1aB2cD3eF4gH --comment 'compared with last month'\n")
    .action(
      async (
        id: string,
        flags: CommonFlags & { readonly refuse?: boolean; readonly digest?: string; readonly comment: string },
      ) => {
        const client = clientOf(flags);
        const path = `/promotions/${encodeURIComponent(id)}`;
        const rootDigest = flags.digest ?? (await client.json<Promotion>("GET", path)).rootDigest;
        const body = { verdict: flags.refuse ? "refuse" : "approve", rootDigest, comment: flags.comment };
        show(await client.json<Promotion>("POST", `${path}/approvals`, body), flags, console);
      },
    );
}

/** `casemate release`: releases what was approved. */
export function releaseCommand(console: Console): Command {
  return withRegistry(new Command("release").description("Release what was approved."))
    .argument("<promotion>", "its id")
    .addHelpText("after", "\nExamples:\n  casemate release p-1aB2cD3eF4gH\n")
    .action(async (id: string, flags: CommonFlags) => {
      show(
        await clientOf(flags).json<Promotion>("POST", `/promotions/${encodeURIComponent(id)}/release`),
        flags,
        console,
      );
    });
}

/** `casemate revoke`: takes a promotion back. */
export function revokeCommand(console: Console): Command {
  return withRegistry(
    new Command("revoke").description("Take a promotion back; where it was released, nothing is served any more."),
  )
    .argument("<promotion>", "its id")
    .requiredOption("--reason <text>", "why")
    .addHelpText("after", "\nExamples:\n  casemate revoke p-1aB2cD3eF4gH --reason 'drift on new devices'\n")
    .action(async (id: string, flags: CommonFlags & { readonly reason: string }) => {
      const { reason } = flags;
      show(
        await clientOf(flags).json<Promotion>("POST", `/promotions/${encodeURIComponent(id)}/revoke`, { reason }),
        flags,
        console,
      );
    });
}

const EXAMPLES = `
Exit codes: 0 done, 1 the gate refuses it (--dry-run), 2 refused, wrong use or bad input, 3 the registry does not answer.

Examples:
  casemate promote digits/3 --to production --reason "better on noisy digits"
  casemate promote digits@champion --to production --dry-run
`;

function show(promotion: Promotion, { json = false }: CommonFlags, console: Console): void {
  const { id, model, version, environment, state, approvals, approvalsNeeded } = promotion;
  const yes = approvals.filter(({ verdict }) => verdict === "approve").length;
  console.print(
    json
      ? JSON.stringify(promotion, null, 2)
      : `${id} ${state}: ${model}/${version} to ${environment}, ${yes} of ${approvalsNeeded} approvals`,
  );
}

function describeDecision({ policy, passes, lines }: Decision, { printPaint: paint }: Console): string {
  const rows = lines.map(({ requirement, status, reason }) => [
    requirement,
    status === "met" ? paint.green(status) : paint.red(status),
    reason,
  ]);
  return [
    `${policy}: ${passes ? "passes" : "refused"}`,
    ...(rows.length > 0 ? [table([["requirement", "status", "reason"].map(paint.bold), ...rows])] : []),
  ].join("\n");
}
