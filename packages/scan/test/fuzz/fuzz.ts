import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultLimits } from "../../src/limits.ts";
import { scanSource } from "../../src/scan-source.ts";
import { memorySource } from "../../src/sources/memory-source.ts";
import { benign, malicious } from "../corpus/index.ts";
import { drawsFrom, mutate } from "./mutate.ts";

/** Far above what any damaged file of 64 kB takes, so that a hang shows and a busy machine does not. */
const SECONDS_AT_MOST = 20;
const LONGEST_FILE = 32_768;
/** Of this process, in bytes, at any time. */
const MEMORY_AT_MOST = 2 ** 30;

export interface FuzzCounts {
  readonly inputs: number;
  readonly clean: number;
  readonly slowestMilliseconds: number;
}

/** Scans `inputs` damaged files of the corpus. Throws with the seed of the first that crashes, hangs or exhausts. */
export async function fuzz(inputs: number, firstSeed: number): Promise<FuzzCounts> {
  const files = [...malicious, ...benign]
    .map(({ name, bytes }) => ({ name, bytes: bytes() }))
    .filter(({ bytes }) => bytes.length <= LONGEST_FILE);
  const limits = { ...defaultLimits, unpackedBytes: 64 * 2 ** 20, textBytes: 2 ** 20 };
  const scratch = mkdtempSync(join(tmpdir(), "scan-fuzz-"));
  let clean = 0;
  let slowest = 0;
  try {
    for (let input = 0; input < inputs; input++) {
      const seed = firstSeed + input;
      const draw = drawsFrom(seed);
      const { name, bytes } = files[input % files.length]!;
      const damaged = mutate(bytes, files[Math.floor(draw() * files.length)]!.bytes, draw);
      const startedAt = performance.now();
      const { findings } = await scanSource(memorySource("", damaged), limits, scratch).catch((cause) => {
        throw new Error(`'${name}' damaged by seed ${seed} crashed the scan`, { cause });
      });
      const milliseconds = performance.now() - startedAt;
      slowest = Math.max(slowest, milliseconds);
      if (milliseconds > SECONDS_AT_MOST * 1000)
        throw new Error(`'${name}' damaged by seed ${seed} took ${milliseconds} ms`);
      const fault = findings.find(({ evidence }) =>
        /is not a function|Cannot read prop|is not iterable|Maximum call stack|Invalid typed array|Array buffer allocation|Invalid array length|outside the bounds|out of range|RangeError/.test(
          evidence,
        ),
      );
      if (fault) throw new Error(`'${name}' damaged by seed ${seed} broke a parser: ${fault.evidence}`);
      if (input % 1000 === 0 && process.memoryUsage().rss > MEMORY_AT_MOST)
        throw new Error(`more than ${MEMORY_AT_MOST} bytes of memory at seed ${seed}`);
      if (findings.length === 0) clean++;
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return { inputs, clean, slowestMilliseconds: slowest };
}
