import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeModel } from "../../src/encode.ts";
import { OnnxError } from "../../src/errors.ts";
import { ModelProtoSchema } from "../../src/generated/onnx-ml_pb.ts";
import { inlineConstantIf } from "../../src/inline-constant-if.ts";
import { inlineFunctions } from "../../src/inline-functions.ts";
import type { Model } from "../../src/model.ts";
import { parseModel } from "../../src/read.ts";
import { upgradeOpset } from "../../src/upgrade.ts";
import { dice } from "./dice.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import { mutateMessage } from "./mutate-message.ts";
import { seeds } from "./seeds.ts";

const cases = Number(process.env.CASEMATE_FUZZ_CASES ?? 2000);
const LONGEST = 20_000; // milliseconds for one case: a hang, whatever the machine
const LARGEST = 2 ** 20; // kilobytes that the process may ever have held: seeds have 20 of them

let top = "";
let folder = "";
beforeAll(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), "casemate-fuzz-")));
  folder = join(top, "model");
  await mkdir(folder);
  await writeFile(join(top, "outside.bin"), new Uint8Array(4096));
  await writeFile(join(folder, "weights.bin"), new Uint8Array(4096));
  await symlink(join(top, "outside.bin"), join(folder, "link.bin"));
});
afterAll(() => rm(top, { recursive: true }));

test(`${cases} damaged models each give a model or an OnnxError`, async () => {
  const originals = await seeds();
  const outcomes = new Map<string, number>();
  for (let seed = 0; seed < cases; seed++) {
    const bytes = damage(originals, seed);
    const start = performance.now();
    const outcome = outcomeOf(bytes, seed);
    expect(performance.now() - start, `seed ${seed}`).toBeLessThan(LONGEST);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  const { maxRSS } = process.resourceUsage();
  console.info({ ...Object.fromEntries([...outcomes].sort(([a], [b]) => a.localeCompare(b, "en"))), maxRSS });
  expect(maxRSS).toBeLessThan(LARGEST);
  expect(outcomes.get("model")).toBeGreaterThan(cases / 20); // damage that is always refused at the door tests nothing
  expect(outcomes.get("MALFORMED_MODEL")).toBeGreaterThan(cases / 20);
});

function damage(originals: readonly Uint8Array[], seed: number): Uint8Array {
  const random = dice(seed);
  const original = random.pick(originals);
  if (random.roll(4) === 0) {
    return mutateBytes(original, random);
  }
  const proto = fromBinary(ModelProtoSchema, original);
  for (let count = 1 + random.roll(3); count > 0; count--) {
    mutateMessage(proto, ModelProtoSchema, random);
  }
  const bytes = toBinary(ModelProtoSchema, proto);
  return random.roll(10) === 0 ? mutateBytes(bytes, random) : bytes;
}

function outcomeOf(bytes: Uint8Array, seed: number): string {
  try {
    const { source: _, ...model } = parseModel(bytes, { folder });
    reread(model);
    prepared(model);
    return "model";
  } catch (error) {
    if (error instanceof OnnxError && !/undefined|NaN|\[object/.test(error.message)) {
      return error.code;
    }
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`, { cause: error });
  }
}

/** What was read can be written and read again, whatever it holds. */
function reread(model: Model): void {
  try {
    parseModel(encodeModel(model));
  } catch (cause) {
    throw new Error("a model that was read does not survive being written", { cause });
  }
}

/** The passes that other code runs on a model before anything else. */
function prepared(model: Model): string {
  try {
    upgradeOpset(inlineConstantIf(inlineFunctions(model, { nodes: 10_000 })));
    return "prepared";
  } catch (error) {
    if (error instanceof OnnxError) {
      return error.code;
    }
    throw error;
  }
}
