import { randomUUID } from "node:crypto";
import { basename } from "node:path";
import type { FileReport, ScanReport } from "./report.ts";

type Item = NonNullable<FileReport["inventory"]>[number];

/** A data set that a model was trained on, as `casemate data manifest` writes it. */
export interface BomDataset {
  readonly name: string;
  readonly source?: string;
  readonly licence?: string;
  readonly digest: string;
}

const MODELS = new Set([
  "pickle",
  "onnx",
  "safetensors",
  "gguf",
  "saved-model",
  "graph-def",
  "tflite",
  "core-ml",
  "hdf5",
  "catboost",
  "xgboost-ubj",
  "r",
]);

/**
 * A bill of materials for machine learning: CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json), with the scanned files and their
 * digests, the packages of their manifests, model cards and data sets.
 */
export function renderCycloneDx(report: ScanReport, datasets: readonly BomDataset[] = []): object {
  const items = report.files.flatMap(({ inventory = [] }) => inventory);
  const cards = items.filter((item) => item.type === "model-card");
  const packages = [
    ...new Map(items.flatMap((item) => (item.type === "package" ? [[purlOf(item), item] as const] : []))).entries(),
  ];
  const files = report.files.filter(({ sha256 }) => sha256 !== undefined);
  const data = datasets.map((dataset, index) => ({ ref: `data-${index}`, dataset }));
  const models = files.filter(({ formats }) => formats.some((format) => MODELS.has(format)));
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${randomUUID()}`,
    version: 1,
    metadata: {
      timestamp: report.finishedAt,
      tools: { components: [{ type: "application", name: "casemate", version: report.tool.version }] },
    },
    components: [
      ...files.map((file) => fileComponent(file, models.includes(file) ? cards[0] : undefined, data)),
      ...packages.map(([purl, item]) => packageComponent(purl, item)),
      ...data.map(({ ref, dataset }) => dataComponent(ref, dataset)),
    ],
    dependencies: models.map((file) => ({
      ref: refOf(file),
      dependsOn: [...packages.map(([purl]) => purl), ...data.map(({ ref }) => ref)],
    })),
  };
}

function refOf({ path, sha256 }: FileReport): string {
  return `file:${sha256}:${path}`;
}

function fileComponent(
  file: FileReport,
  card: Extract<Item, { type: "model-card" }> | undefined,
  data: readonly { readonly ref: string }[],
): object {
  const isModel = file.formats.some((format) => MODELS.has(format));
  const licence = card?.licence;
  return {
    type: isModel ? "machine-learning-model" : "file",
    "bom-ref": refOf(file),
    name: basename(file.path),
    ...(isModel && licence !== undefined && { licenses: [{ license: { name: licence } }] }),
    hashes: [{ alg: "SHA-256", content: file.sha256 }],
    ...(isModel && { modelCard: modelCard(card, data) }),
    properties: [
      { name: "casemate:path", value: file.path },
      { name: "casemate:formats", value: file.formats.join(",") },
      { name: "casemate:verdict", value: file.verdict },
    ],
  };
}

function modelCard(
  card: Extract<Item, { type: "model-card" }> | undefined,
  data: readonly { readonly ref: string }[],
): object {
  const { task, architectureFamily, architecture, datasets = [] } = card ?? {};
  return {
    modelParameters: {
      ...(task !== undefined && { task }),
      ...(architectureFamily !== undefined && { architectureFamily }),
      ...(architecture !== undefined && { modelArchitecture: architecture }),
      datasets: [...data.map(({ ref }) => ({ ref })), ...datasets.map((name) => ({ type: "dataset", name }))],
    },
  };
}

function packageComponent(purl: string, { name, version, hashes }: Extract<Item, { type: "package" }>): object {
  const known = hashes.flatMap((hash) => hashOf(hash) ?? []);
  return {
    type: "library",
    "bom-ref": purl,
    name,
    ...(version !== undefined && { version }),
    purl,
    ...(known.length > 0 && { hashes: known }),
  };
}

function dataComponent(ref: string, { name, source, licence, digest }: BomDataset): object {
  return {
    type: "data",
    "bom-ref": ref,
    name,
    ...(licence !== undefined && { licenses: [{ license: { name: licence } }] }),
    hashes: [{ alg: "SHA-256", content: digest }],
    data: [{ type: "dataset", name }],
    ...(source !== undefined && { externalReferences: [{ type: "distribution", url: source }] }),
  };
}

/** https://github.com/package-url/purl-spec */
function purlOf({ ecosystem, name, version }: Extract<Item, { type: "package" }>): string {
  const type = { PyPI: "pypi", npm: "npm", conda: "conda" }[ecosystem];
  const path =
    ecosystem === "PyPI"
      ? name.toLowerCase().replace(/[-_.]+/g, "-")
      : name.split("/").map(encodeURIComponent).join("/");
  return `pkg:${type}/${path}${version === undefined ? "" : `@${encodeURIComponent(version)}`}`;
}

const ALGORITHMS: Readonly<Record<string, readonly [name: string, digits: number]>> = {
  md5: ["MD5", 32],
  sha1: ["SHA-1", 40],
  sha256: ["SHA-256", 64],
  sha384: ["SHA-384", 96],
  sha512: ["SHA-512", 128],
};

/** "sha256:aa…" in digits or "sha512-…" in base64, as CycloneDX has it; undefined for others. */
function hashOf(hash: string): { readonly alg: string; readonly content: string } | undefined {
  const [, algorithm = "", separator, digest = ""] = /^(\w+)([:-])(.+)$/.exec(hash) ?? [];
  const [alg, digits] = ALGORITHMS[algorithm] ?? [];
  if (alg === undefined) return undefined;
  const content =
    separator === ":" || /^[0-9a-f]+$/.test(digest) ? digest : Buffer.from(digest, "base64").toString("hex");
  return content.length === digits ? { alg, content } : undefined;
}
