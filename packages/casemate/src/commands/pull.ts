import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseNoteKey, rootDigestOf, verifyProof } from "@casemate/evidence";
import { type LoadedRelease, manifestOf, RegistryError } from "@casemate/registry";
import { Command } from "commander";
import type { Console } from "../console.ts";
import type { RegistryClient } from "../registry-client.ts";
import { clientOf, type RegistryFlags, withRegistry } from "./registry-flags.ts";

interface PullFlags extends RegistryFlags {
  readonly environment: string;
  readonly out: string;
  readonly logKey?: string;
  readonly json?: boolean;
}

/** `casemate pull`: fetches what an environment serves, and verifies all of it here. */
export function pullCommand(console: Console): Command {
  return withRegistry(
    new Command("pull").description("Fetch what an environment serves, after verifying digests, state and log here."),
  )
    .argument("<model>", "its name")
    .requiredOption("--environment <name>", "such as production")
    .requiredOption("--out <folder>", "a folder that is not there yet")
    .option("--log-key <vkey>", "the key of the registry's log, pinned (default: the one that the registry names)")
    .addHelpText("after", EXAMPLES)
    .action(async (model: string, flags: PullFlags) => {
      const release = await pull(clientOf(flags), model, flags);
      const { version, rootDigest, environment } = release;
      console.print(
        flags.json
          ? JSON.stringify(release, null, 2)
          : `${model}/${version} of ${environment} in ${flags.out}, root ${rootDigest}, verified`,
      );
    });
}

const EXAMPLES = `
Exit codes: 0 fetched and verified, 2 refused, not what was released, or wrong use, 3 the registry does not answer.

Examples:
  casemate pull digits --environment production --out served
  casemate pull digits --environment production --out served --log-key "$(cat log.vkey)"
`;

async function pull(
  client: RegistryClient,
  model: string,
  { environment, out, logKey }: PullFlags,
): Promise<LoadedRelease> {
  const path = `/environments/${encodeURIComponent(environment)}/models/${encodeURIComponent(model)}`;
  const release = await client.json<LoadedRelease>("GET", path);
  const refuse = (why: string) => new RegistryError("CONFLICT", `${model} of ${environment}: ${why}`);
  if (logKey !== undefined && logKey.trim() !== release.logKey)
    throw refuse(`the registry's log has the key ${release.logKey}, not the one that was pinned`);
  verifyProof(release.proof, Buffer.from(release.event), parseNoteKey(release.logKey));
  const event: { readonly action?: string; readonly after?: string } = JSON.parse(release.event);
  const manifest = manifestOf(release.files);
  const root = rootDigestOf(manifest);
  if (event.action !== "promotion:release" || event.after !== root || release.rootDigest !== root)
    throw refuse("the log has another release than these files");

  const folder = resolve(out);
  const incoming = `${folder}.incoming`;
  await rm(incoming, { recursive: true, force: true });
  try {
    for (const file of manifest) {
      const place = join(incoming, file.path);
      if (!place.startsWith(incoming + sep)) throw refuse(`${file.path} leaves its folder`);
      await mkdir(dirname(place), { recursive: true });
      const hash = createHash("sha256");
      const content = Readable.fromWeb(
        (await client.download(`${path}/files/${file.path.split("/").map(encodeURIComponent).join("/")}`)) as never,
      );
      content.on("data", (chunk) => hash.update(chunk));
      await pipeline(content, createWriteStream(place, { flags: "wx" }));
      if (hash.digest("hex") !== file.sha256) throw refuse(`${file.path} is not the file that was released`);
    }
    await rename(incoming, folder).catch((cause) => {
      throw new RegistryError(
        "INVALID",
        `--out: cannot make ${out}: ${cause instanceof Error ? cause.message : cause}`,
        { cause },
      );
    });
  } finally {
    await rm(incoming, { recursive: true, force: true });
  }
  return release;
}
