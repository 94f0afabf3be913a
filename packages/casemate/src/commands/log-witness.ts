import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { EvidenceError, openWitness, parseNoteKey, witnessHandler } from "@casemate/evidence";
import { Command } from "commander";
import type { Console } from "../console.ts";
import { wholeNumber } from "./options.ts";
import { type SigningFlags, signerOf, withSigningFlags } from "./signing-flags.ts";

interface WitnessFlags extends SigningFlags {
  readonly name: string;
  readonly log: readonly string[];
  readonly host: string;
  readonly port: number;
}

/** `casemate log witness`: remember what logs have said, and cosign what continues it. */
export function witnessCommand(console: Console): Command {
  const command = new Command("witness")
    .description("Be a witness: cosign checkpoints of logs that only grow, over HTTP (C2SP tlog-witness).")
    .argument("<folder>", "where the latest checkpoint of each log is kept; made if it is not there")
    .requiredOption("--name <name>", "of the witness: a URL without scheme, by custom")
    .requiredOption("--log <vkeys...>", "verifier keys of the logs that it looks after")
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--port <n>", "port; 0 for any that is free", wholeNumber(0), 7421);
  return withSigningFlags(command)
    .option("--verbose", "show where an error came from")
    .addHelpText("after", EXAMPLES)
    .action(async (folder: string, flags: WitnessFlags) => await witness(folder, flags, console));
}

const EXAMPLES = `
Its key signs nothing else. Put a proxy with TLS before an address that others reach.
Ends with exit code 0 at Ctrl-C or SIGTERM; 2 wrong use or bad input, 3 it cannot run.

Examples:
  casemate log witness witness/ --name witness.example/anna --key anna.pem \\
    --log example.com/models+c4b132da+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
`;

async function witness(
  folder: string,
  { name, log, host, port, ...flags }: WitnessFlags,
  console: Console,
): Promise<void> {
  const logs = log.map(parseNoteKey);
  const opened = await openWitness(folder, { name, signer: await signerOf(flags), logs, now: () => new Date() });
  const failed = (error: unknown) => console.error(error instanceof Error ? error.message : String(error));
  const server = createServer({ requestTimeout: 30_000 }, witnessHandler(opened, logs, failed));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause: Error) =>
        reject(new EvidenceError("INVALID_OPTION", `cannot listen on ${host}:${port}: ${cause.message}`, { cause })),
      );
      server.listen(port, host, resolve);
    });
    const { port: bound } = server.address() as AddressInfo;
    console.print(`Witness at http://${host.includes(":") ? `[${host}]` : host}:${bound}`);
    console.print(`What verifies it: ${opened.vkey}`);
    await new Promise<void>((resolve) => {
      process.once("SIGINT", () => resolve());
      process.once("SIGTERM", () => resolve());
    });
  } finally {
    if (server.listening) await new Promise((resolve) => server.close(resolve).closeIdleConnections());
    await opened.close();
  }
}
