import { backUpRegistry, restoreRegistry } from "@casemate/registry";
import type { StoreBackup } from "@casemate/store";
import { Command } from "commander";
import type { Console } from "../console.ts";
import { STORE_HELP, storeLocation } from "./store-location.ts";

interface Flags {
  readonly folder: string;
  readonly json?: boolean;
}

/** `casemate backup`: a copy of a registry, also while it serves. */
export function backupCommand(console: Console): Command {
  return withFlags(new Command("backup").description("Copy a registry into a new folder, also while it serves."))
    .argument("<target>", "a folder that is empty or not there; it will hold the registry's private keys")
    .addHelpText("after", examples("casemate backup /backup/2026-11-23 --folder /srv/registry"))
    .action(async (target: string, { folder, json }: Flags) => {
      show(
        await backUpRegistry(folder, target, storeLocation(folder, process.env)),
        `backed up to ${target}`,
        json,
        console,
      );
    });
}

/** `casemate restore`: a registry from its backup. */
export function restoreCommand(console: Console): Command {
  return withFlags(new Command("restore").description("Make a registry from a backup; every part is verified."))
    .argument("<backup>", "the folder that `casemate backup` made")
    .addHelpText("after", examples("casemate restore /backup/2026-11-23 --folder /srv/registry"))
    .action(async (backup: string, { folder, json }: Flags) => {
      show(
        await restoreRegistry(backup, folder, storeLocation(folder, process.env)),
        `restored to ${folder}`,
        json,
        console,
      );
    });
}

function withFlags(command: Command): Command {
  return command
    .option("--folder <path>", "the registry's folder", "casemate-registry")
    .option("--json", "print JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from");
}

function examples(line: string): string {
  return `
${STORE_HELP}
A backup of one home restores to any other.
Exit codes: 0 done, 2 wrong use, bad input or a damaged backup, 3 it cannot run.

Examples:
  ${line}
`;
}

function show({ tables, blobs }: StoreBackup, what: string, json: boolean | undefined, console: Console): void {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  console.print(
    json ? JSON.stringify({ rows, blobs: blobs.length }) : `${rows} rows and ${blobs.length} blobs ${what}`,
  );
}
