import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { listFiles } from "@casemate/evidence";
import { RegistryError } from "@casemate/registry";
import { Command } from "commander";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import type { RegistryClient } from "../registry-client.ts";
import { clientOf, type RegistryFlags, withRegistry } from "./registry-flags.ts";

interface RegisterFlags extends RegistryFlags {
  readonly name: string;
  readonly signature?: string;
  readonly description?: string;
  readonly run?: string;
  readonly json?: boolean;
}

interface VersionView {
  readonly model: string;
  readonly version: number;
  readonly state: string;
  readonly stateReason: string;
  readonly rootDigest: string;
}

/** `casemate register`: uploads a file or folder as a new version, and waits until it was looked at. */
export function registerCommand(console: Console, finish: (code: ExitCode) => void): Command {
  return withRegistry(
    new Command("register").description("Add a model file or folder to the registry as a new version."),
  )
    .argument("<path>", "a file or a folder")
    .requiredOption("--name <name>", "the model; it is made where there is none")
    .option("--signature <file>", "the signature that `casemate sign` made")
    .option("--description <text>", "what is new")
    .option("--run <id>", "the run that trained it")
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, flags: RegisterFlags) => {
      const version = await register(path, flags, console);
      console.print(flags.json ? JSON.stringify(version, null, 2) : describe(version));
      finish(version.state === "ready" ? 0 : 1);
    });
}

const EXAMPLES = `
Exit codes: 0 the version is ready, 1 the scan or its signature refuses it, 2 wrong use or bad input, 3 the registry does not answer.

Examples:
  casemate register model.onnx --name digits --signature model.onnx.sig
  casemate register exported/ --name fraud-scores --description "retrained on May" --json
`;

async function register(path: string, flags: RegisterFlags, console: Console): Promise<VersionView> {
  const client = clientOf(flags);
  const { name, description, signature, run } = flags;
  const { files: found } = await listFiles(path);
  const bundle = signature === undefined ? undefined : JSON.parse(await readFile(signature, "utf8"));
  await client.json("POST", "/models", { name }).catch((error) => {
    if (!(error instanceof RegistryError && error.code === "ALREADY_EXISTS")) throw error;
  });
  const model = `/models/${encodeURIComponent(name)}`;
  const files: { path: string; sha256: string; size: number }[] = [];
  for (const file of found) {
    const { sha256, size } = await digestOf(file.path);
    console.draw(`Uploading ${file.name} (${size} bytes)`);
    await client.upload(
      `${model}/blobs/${sha256}`,
      Readable.toWeb(createReadStream(file.path)) as ReadableStream<Uint8Array>,
      size,
    );
    files.push({ path: file.name, sha256, size });
  }
  const added = await client.json<VersionView>("POST", `${model}/versions`, {
    files,
    ...(description === undefined ? {} : { description }),
    ...(run === undefined ? {} : { runId: run }),
    ...(bundle === undefined ? {} : { signature: bundle }),
  });
  return await untilDecided(client, `${model}/versions/${added.version}`);
}

async function untilDecided(client: RegistryClient, path: string): Promise<VersionView> {
  for (let wait = 50; ; wait = Math.min(2000, wait * 2)) {
    const version = await client.json<VersionView>("GET", path);
    if (version.state !== "pending") return version;
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

async function digestOf(path: string): Promise<{ readonly sha256: string; readonly size: number }> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { sha256: hash.digest("hex"), size };
}

function describe({ model, version, state, stateReason, rootDigest }: VersionView): string {
  return `${model}/${version} is ${state}: ${stateReason}\nroot ${rootDigest}`;
}
