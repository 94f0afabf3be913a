import type { Command } from "commander";
import { wholeNumber } from "./options.ts";

/** What commands that certify the samples of a data set take. */
export interface CertificationFlags {
  readonly contract?: string;
  readonly samples?: number;
  readonly seed: number;
  readonly threads?: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** Declares them. */
export function withCertification(command: Command): Command {
  return command
    .option("--contract <file>", "contract of the model (default: <model>.contract.json beside it)")
    .option("--samples <n>", "certify only so many samples, drawn by the seed", wholeNumber(1))
    .option("--seed <n>", "of all random draws", wholeNumber(0), 0)
    .option("--threads <n>", "threads of the runtime at most (default: all cores)", wholeNumber(1))
    .option("--out <file>", "write the report there as JSON, with the result of each sample")
    .option("--json", "print the report as JSON on standard output, and nothing else there")
    .option("--verbose", "show where an error came from");
}

/** Of those, what a certification is told. */
export function certificationOptionsOf({ samples, seed, threads }: CertificationFlags, signal: AbortSignal) {
  return { seed, signal, ...(samples !== undefined && { samples }), ...(threads !== undefined && { threads }) };
}
