import { roles } from "@casemate/registry";
import { Command, Option } from "commander";
import type { Console } from "../console.ts";
import { clientOf, type RegistryFlags, withRegistry } from "./registry-flags.ts";

interface AddFlags extends RegistryFlags {
  readonly role: readonly string[];
  readonly model: string;
  readonly environment: string;
  readonly service?: boolean;
  readonly json?: boolean;
}

/** `casemate user add`: an account with roles, and its first token. */
export function userCommand(console: Console): Command {
  const add = withRegistry(new Command("add").description("Make an account with roles; prints its first token."))
    .argument("<name>", "the account's name")
    .addOption(new Option("--role <names...>", "what it may do").choices([...roles]).makeOptionMandatory())
    .option("--model <pattern>", "for which models: a name, or the beginning of one before *", "*")
    .option("--environment <name>", "in which environment", "*")
    .option("--service", "a service, which approves nothing")
    .addHelpText("after", EXAMPLES)
    .action(async (name: string, flags: AddFlags) => {
      const made = await addUser(name, flags);
      console.print(flags.json ? JSON.stringify(made) : made.token);
    });
  return new Command("user").description("Accounts of the registry.").addCommand(add);
}

const EXAMPLES = `
Exit codes: 0 done, 2 wrong use or bad input, 3 the registry does not answer.

Examples:
  casemate user add ada --role contributor
  casemate user add serving --service --role service --model 'fraud-*' --environment production
`;

async function addUser(name: string, flags: AddFlags): Promise<{ readonly id: string; readonly token: string }> {
  const client = clientOf(flags);
  const { role, model, environment, service = false } = flags;
  const { id } = await client.json<{ id: string }>("POST", "/users", { name, kind: service ? "service" : "person" });
  for (const each of role) await client.json("POST", `/users/${id}/grants`, { role: each, model, environment });
  const { token } = await client.json<{ token: string }>("POST", `/users/${id}/tokens`, { name: "first" });
  return { id, token };
}
