import { Command } from "commander";
import type { Console } from "./console.ts";
import type { ExitCode } from "./exit-code.ts";
import { version } from "./version.ts";

type Finish = (code: ExitCode) => void;
type Load = (console: Console, finish: Finish, args: readonly string[]) => Promise<Command>;

/** Each command in a module of its own, with what it needs: only the one that is asked for is loaded. In the order of the help. */
const commands: Readonly<Record<string, Load>> = {
  audit: async (console, finish, args) => (await import("./commands/audit.ts")).auditCommand(console, args, finish),
  inspect: async (console) => (await import("./commands/inspect.ts")).inspectCommand(console),
  certify: async (console, finish) => (await import("./commands/certify.ts")).certifyCommand(console, finish),
  contract: async (console) => (await import("./commands/contract.ts")).contractCommand(console),
  probe: async (console, finish) => (await import("./commands/probe.ts")).probeCommand(console, finish),
  scan: async (console, finish) => (await import("./commands/scan.ts")).scanCommand(console, finish),
  data: async (console, finish) => (await import("./commands/data.ts")).dataCommand(console, finish),
  diff: async (console, finish) => (await import("./commands/diff.ts")).diffCommand(console, finish),
  train: async (console, finish) => (await import("./commands/train.ts")).trainCommand(console, finish),
  harden: async (console, finish) => (await import("./commands/harden.ts")).hardenCommand(console, finish),
  smooth: async (console, finish) => (await import("./commands/smooth.ts")).smoothCommand(console, finish),
  partitions: async (console, finish) => (await import("./commands/partitions.ts")).partitionsCommand(console, finish),
  patches: async (console, finish) => (await import("./commands/patches.ts")).patchesCommand(console, finish),
  detect: async (console, finish) => (await import("./commands/detect.ts")).detectCommand(console, finish),
  wrap: async (console) => (await import("./commands/wrap.ts")).wrapCommand(console),
  keys: async (console, finish) => (await import("./commands/keys.ts")).keysCommand(console, finish),
  sign: async (console, finish) => (await import("./commands/sign.ts")).signCommand(console, finish),
  verify: async (console, finish) => (await import("./commands/verify.ts")).verifyCommand(console, finish),
  attest: async (console, finish) => (await import("./commands/attest.ts")).attestCommand(console, finish),
  gate: async (console, finish) => (await import("./commands/gate.ts")).gateCommand(console, finish),
  log: async (console, finish) => (await import("./commands/log.ts")).logCommand(console, finish),
  serve: async (console) => (await import("./commands/serve.ts")).serveCommand(console),
  login: async (console) => (await import("./commands/login.ts")).loginCommand(console),
  tenant: async (console) => (await import("./commands/tenant.ts")).tenantCommand(console),
  user: async (console) => (await import("./commands/user.ts")).userCommand(console),
  environment: async (console) => (await import("./commands/environment.ts")).environmentCommand(console),
  register: async (console, finish) => (await import("./commands/register.ts")).registerCommand(console, finish),
  promote: async (console, finish) => (await import("./commands/promote.ts")).promoteCommand(console, finish),
  approve: async (console) => (await import("./commands/promote.ts")).approveCommand(console),
  release: async (console) => (await import("./commands/promote.ts")).releaseCommand(console),
  revoke: async (console) => (await import("./commands/promote.ts")).revokeCommand(console),
  backup: async (console) => (await import("./commands/backup.ts")).backupCommand(console),
  restore: async (console) => (await import("./commands/backup.ts")).restoreCommand(console),
  pull: async (console) => (await import("./commands/pull.ts")).pullCommand(console),
};

/** The command with the subcommand that `args` begin with, or with all of them. `finish` is told how the chosen one ended. */
export async function programFor(console: Console, args: readonly string[], finish: Finish): Promise<Command> {
  const program = new Command("casemate")
    .description(
      "Builds the security case of a machine-learning model: attacks, hardens, scans, signs and promotes it.",
    )
    .version(version)
    .addHelpText("after", EXAMPLES);
  const asked = Object.hasOwn(commands, args[0] ?? "") ? [commands[args[0]!]!] : Object.values(commands);
  for (const load of asked) program.addCommand(await load(console, finish, args));
  for (const command of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)]) {
    command
      .helpOption("-h, --help", "show this help")
      .exitOverride()
      .configureOutput({
        writeOut: (text) => console.print(text.trimEnd()),
        writeErr: (text) => console.error(text.trimEnd()),
        getOutHelpWidth: () => 100,
        getErrHelpWidth: () => 100,
      });
  }
  return program;
}

const EXAMPLES = `
Examples:
  casemate inspect model.onnx
  casemate contract model.onnx --data samples.npz --out model.contract.json
  casemate audit model.onnx --data samples.npz --epsilon 8/255
  casemate harden model.onnx --data train.npz --validation validation.npz --epsilon 8/255 --out hardened.onnx
  casemate scan downloads/
  casemate probe http://localhost:8080/v2/models/name --data samples.npz --epsilon 8/255 --queries 20000
  casemate sign model.onnx --key release.pem
  casemate serve
`;
