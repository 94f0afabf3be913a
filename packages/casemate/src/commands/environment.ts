import { type EnvironmentView, RegistryError } from "@casemate/registry";
import { Command } from "commander";
import type { Console } from "../console.ts";
import { wholeNumber } from "./options.ts";
import { readJson } from "./read-json.ts";
import { clientOf, type RegistryFlags, withRegistry } from "./registry-flags.ts";

interface EnvironmentFlags extends RegistryFlags {
  readonly keyRing?: string;
  readonly policy?: string;
  readonly approvals?: number;
  readonly json?: boolean;
}

/** `casemate environment`: what an environment asks for, and a change of it. */
export function environmentCommand(console: Console): Command {
  return withRegistry(
    new Command("environment").description("Show what an environment asks of a version, or change it."),
  )
    .argument("<name>", "such as production")
    .option("--key-ring <file>", "keys whose signatures count there, as `casemate keys add` writes them")
    .option("--policy <file>", "the gate's policy, as JSON")
    .option("--approvals <n>", "people other than the author who must approve", wholeNumber(0))
    .addHelpText("after", EXAMPLES)
    .action(async (name: string, flags: EnvironmentFlags) => {
      const environment = await change(name, flags);
      console.print(flags.json ? JSON.stringify(environment, null, 2) : describe(environment));
    });
}

const EXAMPLES = `
Exit codes: 0 done, 2 refused, wrong use or bad input, 3 the registry does not answer.

Examples:
  casemate environment production
  casemate environment production --key-ring trusted.json --approvals 2
`;

async function change(name: string, flags: EnvironmentFlags): Promise<EnvironmentView> {
  const client = clientOf(flags);
  const { keyRing, policy, approvals } = flags;
  const body = {
    ...(keyRing === undefined ? {} : { keyRing: await readJson(keyRing) }),
    ...(policy === undefined ? {} : { policy: await readJson(policy) }),
    ...(approvals === undefined ? {} : { approvals }),
  };
  if (Object.keys(body).length > 0)
    return await client.json("PATCH", `/environments/${encodeURIComponent(name)}`, body);
  const { items } = await client.json<{ items: readonly EnvironmentView[] }>("GET", "/environments");
  const found = items.find((environment) => environment.name === name);
  if (found === undefined)
    throw new RegistryError("NOT_FOUND", `expected ${items.map((each) => each.name).join(", ")}, got '${name}'`);
  return found;
}

function describe({ name, approvals, policy, policyDigest, keyRing }: EnvironmentView): string {
  const requirements = policy.requirements.map((requirement) => `  ${JSON.stringify(requirement)}`);
  const keys = keyRing.keys.map(({ id, name: title }) => `  ${title ?? ""} ${id}`);
  return [
    `${name}: ${approvals} approvals, policy ${policyDigest}`,
    "requires",
    ...requirements,
    "trusts",
    ...keys,
  ].join("\n");
}
