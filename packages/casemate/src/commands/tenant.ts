import { Command } from "commander";
import type { Console } from "../console.ts";
import { clientOf, type RegistryFlags, withRegistry } from "./registry-flags.ts";

interface TenantFlags extends RegistryFlags {
  readonly json?: boolean;
}

interface NewTenant {
  readonly name: string;
  readonly administrator: { readonly name: string; readonly password: string };
}

/** `casemate tenant`: the tenants of a registry, and a new one. */
export function tenantCommand(console: Console): Command {
  const add = withRegistry(
    new Command("add").description("Make a tenant; prints the one-time password of its administrator."),
  )
    .argument("<name>", "small letters, digits and -")
    .addHelpText("after", EXAMPLES)
    .action(async (name: string, flags: TenantFlags) => {
      const made = await clientOf(flags).json<NewTenant>("POST", "/tenants", { name });
      const { administrator } = made;
      console.print(
        flags.json
          ? JSON.stringify(made)
          : `${name}: sign in as ${administrator.name} with the one-time password ${administrator.password}`,
      );
    });
  const list = withRegistry(new Command("list").description("List the tenants.")).action(async (flags: TenantFlags) => {
    const { items } = await clientOf(flags).json<{ items: readonly { name: string }[] }>("GET", "/tenants");
    console.print(flags.json ? JSON.stringify(items) : items.map(({ name }) => name).join("\n"));
  });
  return new Command("tenant")
    .description("Tenants of the registry, each with accounts, models and keys of its own.")
    .addCommand(add)
    .addCommand(list);
}

const EXAMPLES = `
Exit codes: 0 done, 2 refused, wrong use or bad input, 3 the registry does not answer.

Examples:
  casemate tenant add acme
  CASEMATE_PASSWORD=… CASEMATE_NEW_PASSWORD=… casemate login --tenant acme --name admin
`;
