import { RegistryError } from "@casemate/registry";
import type { Command } from "commander";
import { type RegistryClient, registryClient } from "../registry-client.ts";

export interface RegistryFlags {
  readonly registry?: string;
}

/** What every command that asks a registry takes. Tokens come from the environment, so that no list of processes shows them. */
export function withRegistry(command: Command): Command {
  return command
    .option("--registry <url>", "the registry (default: CASEMATE_REGISTRY); the token is read from CASEMATE_TOKEN")
    .option("--json", "print JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from");
}

/** The client for the flags and the environment. Throws INVALID where the registry or the token is not named. */
export function clientOf(
  { registry }: RegistryFlags,
  { needsToken = true }: { readonly needsToken?: boolean } = {},
): RegistryClient {
  const { CASEMATE_REGISTRY = "", CASEMATE_TOKEN = "" } = process.env;
  if (needsToken && CASEMATE_TOKEN === "")
    throw new RegistryError("INVALID", "no token: set CASEMATE_TOKEN, which `casemate login` prints");
  return registryClient({ url: registry ?? CASEMATE_REGISTRY, token: needsToken ? CASEMATE_TOKEN : "" });
}

/** `digits/3`, or `digits@production` for what an alias points at. */
export function parseReference(text: string): {
  readonly model: string;
  readonly version?: number;
  readonly alias?: string;
} {
  const [, model, version, alias] = /^([^/@]+)(?:\/(\d+)|@([\w-]+))$/.exec(text) ?? [];
  if (model === undefined)
    throw new RegistryError(
      "INVALID",
      `expected a model and its version, such as digits/3 or digits@champion, got '${text}'`,
    );
  return {
    model,
    ...(version === undefined ? {} : { version: Number(version) }),
    ...(alias === undefined ? {} : { alias }),
  };
}

/** The number of a version, aliases followed. */
export async function versionOf(
  client: RegistryClient,
  text: string,
): Promise<{ readonly model: string; readonly version: number; readonly path: string }> {
  const { model, version: given, alias } = parseReference(text);
  const name = encodeURIComponent(model);
  const version = given ?? (await client.json<{ version: number }>("GET", `/models/${name}/aliases/${alias}`)).version;
  return { model, version, path: `/models/${name}/versions/${version}` };
}
