import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, describe, expect, test } from "vitest";
import { parseBundle } from "../../src/bundles/bundle.ts";
import { signerFromPem } from "../../src/keys/private-key.ts";
import { manifestIn } from "../../src/model-signing/manifest.ts";
import { type SignModelOptions, signModel } from "../../src/model-signing/sign-model.ts";
import { resultOf } from "../../src/model-signing/verify-model.ts";
import { parseStatement } from "../../src/statements/statement.ts";

// What is signed, held against the statements of model_signing's own tests and the schemas of the specification.

const folder = mkdtempSync(join(tmpdir(), "casemate-statements-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const vectors = join(import.meta.dirname, "../vectors");
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const signer = signerFromPem(privateKey.export({ type: "pkcs8", format: "pem" }).toString(), "test");

const text = "This is a simple model";
const numbers = (count: number): readonly number[] => [...Array(count).keys()];
/** As tests/conftest.py of model-transparency builds them. */
const models: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  sample_model_file: [["file_model", text]],
  sample_model_folder: [
    ...numbers(2).flatMap((i) =>
      numbers(3).map((j) => [`sample_model/d${i}/f${i}${j}`, `This is file f${i}${j} in d${i}.`] as const),
    ),
    ...numbers(4).map((i) => [`sample_model/f${i}`, `This is file f${i} in root.`] as const),
  ],
  deep_model_folder: numbers(4).map((i) => [`deep_model/d0/d1/d2/d3/d4/f${i}`, `This is file f${i}.`] as const),
  model_folder_with_empty_file: [["empty_file_inside_model/empty_file", ""]],
  empty_model_file: [["empty_file_model", ""]],
  symlink_model_folder: [["symlink_model/symlink_file", text]],
};
const forms: Readonly<Record<string, SignModelOptions>> = {
  "": {},
  _shard: { method: "shards" },
  _small_shards: { method: "shards", shardSize: 8 },
};
const cases = Object.keys(models).flatMap((model) => Object.keys(forms).map((form) => [model, form] as const));

test.each(cases)("%s%s has the digests that model_signing gives it", async (name, form) => {
  const signing = resultOf(signModel(build(name), signer, { ...forms[form], allowSymlinks: true }));
  const golden = JSON.parse(readFileSync(join(vectors, "model-transparency/TestPayload", `${name}${form}`), "utf8"));
  const expected: readonly { name: string; digest: string }[] = golden.predicate.resources ?? [];
  if (expected.length === 0) {
    await expect(signing).rejects.toThrow(/there is nothing in it to sign/); // shards of empty files
    return;
  }
  const { manifest } = await signing;
  const digests = (resources: readonly { name: string; digest: string }[]) =>
    Object.fromEntries(
      resources.map(({ name, digest }) => [name.replace(/^(\.|file_model|empty_file_model)(?=:|$)/, "."), digest]),
    );
  expect(digests(manifest.resources)).toEqual(digests(expected));
  expect(manifest.name).toBe(golden.subject[0].name);
  expect(manifestIn(parseStatement(Buffer.from(JSON.stringify(golden)))).rootDigest).toBe(
    golden.subject[0].digest.sha256,
  );
});

describe("the schemas of the specification", () => {
  const schema = (name: string) =>
    JSON.parse(readFileSync(join(vectors, "model-signing-spec/schemas", `${name}.schema.json`), "utf8"));
  const ajv = new Ajv2020({ strict: false, schemas: ["envelope", "predicate", "statement"].map(schema) });
  const isBundle = ajv.compile(schema("bundle"));
  const isStatement = ajv.getSchema("https://model_signing/statement/v1.0/schema")!;

  test.each<SignModelOptions>([
    {},
    { method: "shards", shardSize: 8, hash: "blake2b" },
    { hash: "blake3", ignorePaths: ["d0"] },
  ])("hold for what is signed with %j", async (options) => {
    const { bundle } = await resultOf(signModel(build("sample_model_folder"), signer, options));
    isBundle(bundle.json);
    expect(isBundle.errors ?? []).toEqual([]);
    isStatement(JSON.parse(Buffer.from(bundle.envelope.payload, "base64").toString()));
    expect(isStatement.errors ?? []).toEqual([]);
    expect(parseBundle(Buffer.from(JSON.stringify(bundle.json)))).toEqual(bundle);
  });
});

function build(name: string): string {
  const root = mkdtempSync(join(folder, "model-"));
  for (const [path, content] of models[name]!) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (name.startsWith("symlink")) {
      writeFileSync(join(root, "outside"), content);
      symlinkSync(join(root, "outside"), join(root, path));
    } else writeFileSync(join(root, path), content);
  }
  return join(root, models[name]![0]![0].split("/")[0]!);
}
