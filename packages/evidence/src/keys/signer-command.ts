import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { EvidenceError } from "../errors.ts";
import { algorithms } from "./algorithms.ts";
import { derFromRaw } from "./der.ts";
import { isSignedBy } from "./public-key.ts";
import type { PublicKey, Signer } from "./signer.ts";

export interface SignerCommandOptions {
  /** After which the command is ended. */
  readonly seconds?: number;
}

const MAXIMUM_OUTPUT_BYTES = 16_384;
const INPUT = "{input}";
const MESSAGE = "{message}";
const OUTPUT = "{output}";

/**
 * Signs through a program and its arguments, run without a shell: a hardware token, a key service, a wrapper script.
 * On standard input it gets, for ECDSA, the digest (SHA-256 for P-256, SHA-384 for P-384, SHA-512 for P-521); for Ed25519, which has no
 * digest, the message itself. It prints the signature: for ECDSA DER, or r and s side by side; for Ed25519 its 64 bytes; or base64 of
 * either. An argument `{input}` stands for a file with what is on standard input, `{message}` for one with the whole message, for services
 * that hash by themselves, `{output}` for one where the signature is to be. Each signature is verified before it is used.
 * Throws SIGNER_FAILED; its messages hold no argument, since arguments may hold a PIN.
 */
export function signerFromCommand(
  command: readonly string[],
  publicKey: PublicKey,
  { seconds = 30 }: SignerCommandOptions = {},
): Signer {
  const [program, ...args] = command;
  if (program === undefined || program === "") {
    throw new EvidenceError("INVALID_OPTION", "signer command: expected a program and its arguments, got nothing");
  }
  const { hash, rawBytes } = algorithms[publicKey.algorithm];
  const formsOf = (bytes: Buffer): readonly Buffer[] =>
    hash !== undefined && bytes.length === rawBytes ? [derFromRaw(bytes), bytes] : [bytes];
  return {
    publicKey,
    async sign(message) {
      const input = hash === undefined ? message : createHash(hash).update(message).digest();
      const answer = await answerOf(program, args, input, message, seconds);
      const forms = [answer, decoded(answer)].flatMap(formsOf);
      const signature = forms.find((each) => isSignedBy(publicKey, message, each));
      if (signature !== undefined) return signature;
      throw failed(
        program,
        `answered ${answer.length} bytes that are no signature by ${publicKey.algorithm} key ${publicKey.id}`,
      );
    },
  };
}

async function answerOf(
  program: string,
  args: readonly string[],
  input: Uint8Array,
  message: Uint8Array,
  seconds: number,
): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "casemate-signer-")); // mode 0700
  try {
    const files = {
      [INPUT]: join(folder, "input"),
      [MESSAGE]: join(folder, "message"),
      [OUTPUT]: join(folder, "output"),
    };
    const outputFile = files[OUTPUT]!;
    for (const [name, bytes] of [
      [INPUT, input],
      [MESSAGE, message],
    ] as const) {
      if (args.some((arg) => arg.includes(name))) await writeFile(files[name]!, bytes, { mode: 0o600 });
    }
    const named = args.map((arg) =>
      Object.entries(files).reduce((text, [name, path]) => text.replaceAll(name, path), arg),
    );
    const printed = await run(program, named, input, seconds);
    if (!args.some((arg) => arg.includes(OUTPUT))) return printed;
    const written = await readFile(outputFile).catch(() => {
      throw failed(program, "wrote no signature to {output}");
    });
    if (written.length <= MAXIMUM_OUTPUT_BYTES) return written;
    throw failed(program, `wrote more than ${MAXIMUM_OUTPUT_BYTES} bytes`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function run(program: string, args: readonly string[], input: Uint8Array, seconds: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { shell: false, stdio: ["pipe", "pipe", "pipe"] });
    const parts: Buffer[] = [];
    let bytes = 0;
    let words = "";
    const giveUp = (why: string): void => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy(); // which a child of its own may hold open
      reject(failed(program, why));
    };
    const timer = setTimeout(() => giveUp(`did not answer within ${seconds} seconds`), seconds * 1000);
    child.on("error", (error: NodeJS.ErrnoException) =>
      giveUp(`could not be started: ${error.code ?? "unknown reason"}`),
    );
    child.stdin.on("error", () => {}); // a program that reads from {input} may close it
    child.stdout.on("data", (part: Buffer) => {
      bytes += part.length;
      if (bytes > MAXIMUM_OUTPUT_BYTES) giveUp(`printed more than ${MAXIMUM_OUTPUT_BYTES} bytes`);
      else parts.push(part);
    });
    child.stderr.on("data", (part: Buffer) => {
      words = `${words}${part}`.slice(-MAXIMUM_OUTPUT_BYTES);
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(Buffer.concat(parts));
      else reject(failed(program, `ended ${signal ? `by ${signal}` : `with code ${code}`}${lastOf(words, args)}`));
    });
    child.stdin.end(input);
  });
}

/** The last line that a program said, unless an argument or a key stands in its words. */
function lastOf(words: string, args: readonly string[]): string {
  const line = words.trim().split("\n").at(-1)!.trim().slice(0, 200);
  if (line === "") return "";
  const isSecret = /PRIVATE KEY/.test(words) || args.some((arg) => arg.length > 3 && line.includes(arg));
  return isSecret ? " (its words are left out: they repeat its arguments or hold a key)" : `: ${line}`;
}

function decoded(answer: Buffer): Buffer {
  return Buffer.from(answer.toString("latin1"), "base64");
}

function failed(program: string, why: string): EvidenceError {
  return new EvidenceError("SIGNER_FAILED", `signer command ${basename(program)} ${why}`);
}
