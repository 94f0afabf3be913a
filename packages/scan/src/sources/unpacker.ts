import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ScanError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { openFile } from "./file-source.ts";
import { memorySource } from "./memory-source.ts";
import type { Source } from "./source.ts";

const MEMORY_BYTES = 16 * 2 ** 20;
/** Below this, a high ratio is no bomb: a few kilobytes of zeros. */
const HARMLESS_BYTES = 16 * 2 ** 20;

/** Keeps what is unpacked from one file, within its limits: small entries in memory, large ones in temporary files. */
export class Unpacker {
  readonly #limits: Limits;
  readonly #scratch: string;
  readonly #open: { close(): void }[] = [];
  #folder: string | undefined;
  #total = 0;

  /** Temporary files go into `scratch`, a folder that the caller deletes even if this process is killed. */
  constructor(limits: Limits, scratch: string) {
    this.#limits = limits;
    this.#scratch = scratch;
  }

  /** All of `unpacked` as a source. Throws BOMB and LIMIT_EXCEEDED as soon as there is too much of it. */
  async unpack(
    entry: string,
    packedBytes: number,
    unpacked: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<Source> {
    const parts: Uint8Array[] = [];
    let size = 0;
    let file: { readonly path: string; readonly handle: number } | undefined;
    try {
      for await (const part of unpacked) {
        size += part.length;
        this.#total += part.length;
        this.#check(entry, packedBytes, size);
        if (file === undefined && size > MEMORY_BYTES) {
          file = this.#newFile();
          for (const earlier of parts.splice(0)) writeWhole(file.handle, earlier);
        }
        if (file) writeWhole(file.handle, part);
        else parts.push(new Uint8Array(part));
      }
    } finally {
      if (file) closeSync(file.handle);
    }
    if (!file) return memorySource(entry, Buffer.concat(parts));
    const source = openFile(file.path, entry);
    this.#open.push(source);
    return source;
  }

  dispose(): void {
    for (const source of this.#open.splice(0)) source.close();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  #check(entry: string, packedBytes: number, size: number): void {
    const { ratio, unpackedBytes } = this.#limits;
    if (this.#total > unpackedBytes) {
      throw new ScanError("LIMIT_EXCEEDED", `'${entry}': more than ${unpackedBytes} bytes unpacked`);
    }
    if (size > HARMLESS_BYTES && size > packedBytes * ratio) {
      throw new ScanError(
        "BOMB",
        `'${entry}': ${packedBytes} packed bytes become more than ${size}: expected at most ${ratio} for each`,
      );
    }
  }

  #newFile(): { readonly path: string; readonly handle: number } {
    this.#folder ??= mkdtempSync(join(this.#scratch, "unpacked-"));
    const path = join(this.#folder, String(this.#open.length));
    return { path, handle: openSync(path, "wx", 0o600) };
  }
}

function writeWhole(handle: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(handle, bytes, done);
}
