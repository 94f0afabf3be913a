import { basename, resolve } from "node:path";
import { writeFileWhole } from "@casemate/audit";
import { manifestOf, verifyManifest } from "@casemate/scan";
import { Command } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { table } from "../table.ts";
import { readManifest } from "./read-manifest.ts";

interface ManifestFlags {
  readonly name?: string;
  readonly source?: string;
  readonly licence?: string;
  readonly out?: string;
}

/** `casemate data`: write a data set down, and hold it against what was written. */
export function dataCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return new Command("data")
    .description("Write down what a data set is, and check before training that it still is that.")
    .addHelpText("after", EXAMPLES)
    .addCommand(
      new Command("manifest")
        .description("Write digests, counts, columns, source and licence of a data set.")
        .argument("<path>", "a file or a folder")
        .option("--name <name>", "of the data set (default: that of the file or folder)")
        .option("--source <text>", "where it comes from: an address, a system, a person")
        .option("--licence <text>", "under which it may be used, such as CC-BY-4.0")
        .option("--out <file>", "write it there (default: print it)")
        .option("--verbose", "show where an error came from")
        .addHelpText("after", EXAMPLES)
        .action(async (path: string, flags: ManifestFlags) => finish(await write(path, flags, console))),
    )
    .addCommand(
      new Command("verify")
        .description("List the files of a data set that changed, came or went since its manifest was written.")
        .argument("<path>", "a file or a folder")
        .requiredOption("--manifest <file>", "as casemate data manifest wrote it")
        .option("--json", "print JSON on standard output, and nothing else there")
        .option("--verbose", "show where an error came from")
        .addHelpText("after", EXAMPLES)
        .action(async (path: string, flags: { manifest: string; json?: boolean }) =>
          finish(await verify(path, flags, console)),
        ),
    );
}

const EXAMPLES = `
Exit codes of verify: 0 nothing changed, 1 something changed, 2 wrong use or bad input.

Examples:
  casemate data manifest train/ --source https://example.com/digits --licence CC-BY-4.0 --out train.manifest.json
  casemate data verify train/ --manifest train.manifest.json
`;

async function write(path: string, { name, source, licence, out }: ManifestFlags, console: Console): Promise<ExitCode> {
  const manifest = manifestOf(path, {
    name: name ?? basename(resolve(path)),
    ...(source !== undefined && { source }),
    ...(licence !== undefined && { licence }),
    onFile: (file, done, total) => console.draw(`${done} of ${total} (${Math.floor((100 * done) / total)}%) ${file}`),
  });
  console.draw("");
  const text = JSON.stringify(manifest, null, 2);
  if (out === undefined) console.print(text);
  else {
    await writeFileWhole(out, `${text}\n`);
    console.print(`${manifest.files.length} files, sha256 ${manifest.digest}, written to ${out}`);
  }
  return 0;
}

async function verify(path: string, flags: { manifest: string; json?: boolean }, console: Console): Promise<ExitCode> {
  const differences = verifyManifest(path, await readManifest(flags.manifest));
  if (flags.json) console.print(JSON.stringify(differences, null, 2));
  else if (differences.length === 0) console.print("the data set is what its manifest says");
  else console.print(table(differences.map(({ change, path }) => [change, path])));
  return differences.length === 0 ? 0 : 1;
}
