import { RegistryError } from "@casemate/registry";
import { Command } from "commander";
import type { Console } from "../console.ts";
import { registryClient } from "../registry-client.ts";
import { clientOf, type RegistryFlags, withRegistry } from "./registry-flags.ts";

interface LoginFlags extends RegistryFlags {
  readonly tenant?: string;
  readonly name: string;
  readonly days: number;
  readonly json?: boolean;
}

/** `casemate login`: a token for the other commands, by name and password. */
export function loginCommand(console: Console): Command {
  return withRegistry(new Command("login").description("Print a token for the registry, by name and password."))
    .requiredOption("--name <name>", "the account")
    .option("--tenant <name>", "whose account it is (default: the first tenant)")
    .option("--days <n>", "how long the token is good for", Number, 30)
    .addHelpText("after", EXAMPLES)
    .action(async (flags: LoginFlags) => {
      const token = await login(flags);
      console.print(flags.json ? JSON.stringify({ token }) : token);
    });
}

const EXAMPLES = `
The password is read from CASEMATE_PASSWORD; where it must be changed, the new one from CASEMATE_NEW_PASSWORD.
Exit codes: 0 done, 2 wrong use or bad input, 3 the registry does not answer.

Examples:
  read -rs CASEMATE_PASSWORD; export CASEMATE_PASSWORD
  export CASEMATE_TOKEN=$(casemate login --registry http://127.0.0.1:7420 --name admin)
`;

async function login({ registry, tenant, name, days }: LoginFlags): Promise<string> {
  const { CASEMATE_PASSWORD: password, CASEMATE_NEW_PASSWORD: newPassword } = process.env;
  if (password === undefined) throw new RegistryError("INVALID", "no password: set CASEMATE_PASSWORD");
  if (!(days > 0 && days <= 365)) throw new RegistryError("INVALID", `--days: expected 1 to 365, got ${days}`);
  const client = clientOf(registry === undefined ? {} : { registry }, { needsToken: false });
  const account = { ...(tenant === undefined ? {} : { tenant }), name };
  if (newPassword !== undefined)
    await client.json("POST", "/password", { ...account, oldPassword: password, newPassword });
  const basic = { name: tenant === undefined ? name : `${tenant}/${name}`, password: newPassword ?? password };
  const me = registryClient({ url: client.url, basic });
  const expiresAt = new Date(Date.now() + days * 24 * 60 * 60 * 1000).toISOString();
  return (await me.json<{ token: string }>("POST", "/tokens", { name: "casemate login", expiresAt })).token;
}
