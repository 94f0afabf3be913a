import { createFirstAdmin, createServer, openRegistry, RegistryError } from "@casemate/registry";
import { Command } from "commander";
import type { Console } from "../console.ts";
import { version } from "../version.ts";
import { wholeNumber } from "./options.ts";
import { readJson } from "./read-json.ts";
import { readText } from "./read-text.ts";
import { STORE_HELP, storeLocation } from "./store-location.ts";

interface ServeFlags {
  readonly folder: string;
  readonly host: string;
  readonly port: number;
  readonly hostName?: readonly string[];
  readonly proxy?: readonly string[];
  readonly policies?: string;
  readonly origin?: string;
  readonly oidc?: string;
}

/** `casemate serve`: the registry over HTTP, in one process over one folder. */
export function serveCommand(console: Console): Command {
  return new Command("serve")
    .description("Serve the registry: immutable versions, evidence, approvals, environments, MLflow's API.")
    .option(
      "--folder <path>",
      "where rows, files, keys and the log are kept; made at the first start",
      "casemate-registry",
    )
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--port <n>", "port; 0 for any that is free", wholeNumber(0), 7420)
    .option("--host-name <names...>", "names that it answers to beside localhost, such as registry.example.com")
    .option("--proxy <addresses...>", "proxies that are believed when they say where a request came from")
    .option("--policies <file>", "more access policies, in Cedar; checked before anything is served")
    .option("--origin <name>", "name of the transparency log; kept for ever (default: casemate.local/log)")
    .option("--oidc <file>", "how people sign in at an OpenID Connect provider (docs/guide/registry.md)")
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (flags: ServeFlags) => await serve(flags, console));
}

const EXAMPLES = `
The first start prints the administrator's one-time password. Put a proxy with TLS before an address that others reach.
${STORE_HELP}
Ends with exit code 0 at Ctrl-C or SIGTERM, after what is under way; 2 wrong use or bad input, 3 it cannot run.

Examples:
  casemate serve
  casemate serve --folder /srv/registry --host 0.0.0.0 --host-name registry.example.com --proxy 10.0.0.2
`;

async function serve(
  { folder, host, port, hostName = [], proxy = [], policies: policyFile, origin, oidc: oidcFile }: ServeFlags,
  console: Console,
): Promise<void> {
  const oidc = oidcFile === undefined ? undefined : await readJson(oidcFile);
  const policies = policyFile === undefined ? undefined : await readText(policyFile);
  const failed = (error: unknown) =>
    console.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  const registry = await openRegistry({
    folder,
    failed,
    store: storeLocation(folder, process.env),
    ...(origin === undefined ? {} : { origin }),
    ...(policies === undefined ? {} : { policies }),
  });
  try {
    const [admin, server] = await Promise.all([
      createFirstAdmin(registry),
      createServer(registry, {
        version,
        hosts: hostName.map((name) => name.toLowerCase()),
        proxies: proxy,
        ...(oidc === undefined ? {} : { oidc }),
        failed,
      }),
    ]);
    try {
      const url = await server.app.listen({ host, port }).catch((cause) => {
        throw new RegistryError(
          "INVALID",
          `cannot listen on ${host}:${port}: ${cause instanceof Error ? cause.message : cause}`,
          { cause },
        );
      });
      if (admin !== undefined)
        console.print(`First start: sign in as ${admin.name} with the one-time password ${admin.password}`);
      console.print(`Registry at ${url}`);
      await untilSignal();
      console.error("Ending after what is under way.");
    } finally {
      await server.close();
    }
  } finally {
    await registry.close();
  }
}

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}
