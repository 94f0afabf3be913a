import { version } from "@casemate/audit";
import { Command } from "commander";
import { attestCommand } from "./commands/attest.ts";
import { auditCommand } from "./commands/audit.ts";
import { certifyCommand } from "./commands/certify.ts";
import { contractCommand } from "./commands/contract.ts";
import { dataCommand } from "./commands/data.ts";
import { detectCommand } from "./commands/detect.ts";
import { diffCommand } from "./commands/diff.ts";
import { hardenCommand } from "./commands/harden.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { keysCommand } from "./commands/keys.ts";
import { loginCommand } from "./commands/login.ts";
import { probeCommand } from "./commands/probe.ts";
import { approveCommand, promoteCommand, releaseCommand, revokeCommand } from "./commands/promote.ts";
import { pullCommand } from "./commands/pull.ts";
import { registerCommand } from "./commands/register.ts";
import { scanCommand } from "./commands/scan.ts";
import { serveCommand } from "./commands/serve.ts";
import { signCommand } from "./commands/sign.ts";
import { smoothCommand } from "./commands/smooth.ts";
import { trainCommand } from "./commands/train.ts";
import { userCommand } from "./commands/user.ts";
import { verifyCommand } from "./commands/verify.ts";
import { wrapCommand } from "./commands/wrap.ts";
import type { Console } from "./console.ts";
import type { ExitCode } from "./exit-code.ts";

/** The command and its subcommands. `finish` is told how the chosen one ended. */
export function programFor(console: Console, args: readonly string[], finish: (code: ExitCode) => void): Command {
  const program = new Command("casemate")
    .description("Attacks a machine-learning model, from its ONNX file alone, and reports what it withstands.")
    .version(version)
    .addHelpText("after", EXAMPLES);
  for (const command of [
    auditCommand(console, args, finish),
    inspectCommand(console),
    certifyCommand(console, finish),
    contractCommand(console),
    probeCommand(console, finish),
    scanCommand(console, finish),
    dataCommand(console, finish),
    diffCommand(console, finish),
    trainCommand(console, finish),
    hardenCommand(console, finish),
    smoothCommand(console, finish),
    detectCommand(console, finish),
    wrapCommand(console),
    keysCommand(console, finish),
    signCommand(console, finish),
    verifyCommand(console, finish),
    attestCommand(console, finish),
    serveCommand(console),
    loginCommand(console),
    userCommand(console),
    registerCommand(console, finish),
    promoteCommand(console, finish),
    approveCommand(console),
    releaseCommand(console),
    revokeCommand(console),
    pullCommand(console),
  ]) {
    program.addCommand(command);
  }
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
`;
