import { CommanderError } from "commander";
import { type Console, consoleOf, type Streams } from "./console.ts";
import type { ExitCode } from "./exit-code.ts";
import { programFor } from "./program.ts";

/** Runs the command with its arguments, without the names of node and the script. Throws nothing: errors are explained. */
export async function main(args: readonly string[], streams: Streams): Promise<ExitCode> {
  const console = consoleOf(streams);
  let code: ExitCode = 0;
  try {
    const program = await programFor(console, args, (ended) => {
      code = ended;
    });
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    return error instanceof CommanderError
      ? ofCommander(error)
      : await report(error, console, args.includes("--verbose"));
  }
}

function ofCommander({ exitCode }: CommanderError): ExitCode {
  return exitCode === 0 ? 0 : 2; // commander has written its help or its complaint
}

async function report(error: unknown, console: Console, isVerbose: boolean): Promise<ExitCode> {
  const { explain } = await import("./explain.ts"); // knows the errors of all packages, which only then are worth loading
  const { code, message, stack } = explain(error);
  console.error(`${console.paint.red("error:")} ${message}`);
  if (isVerbose && stack !== undefined) console.error(stack);
  return code;
}
