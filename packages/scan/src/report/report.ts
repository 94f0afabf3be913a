import Type, { type Static } from "typebox";

type Immutable<T> = T extends readonly (infer E)[]
  ? readonly Immutable<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Immutable<T[K]> }
    : T;

const VerdictName = Type.Enum(["clean", "suspicious", "unscannable", "malicious"]);
const Count = Type.Integer({ minimum: 0 });
const Sha256 = Type.String({ pattern: "^[0-9a-f]{64}$" });

const FindingReport = Type.Object({
  rule: Type.String({ description: 'Stable: "pickle/dangerous-call".' }),
  title: Type.String(),
  severity: Type.Enum(["critical", "high", "medium", "low", "info", "unscannable"]),
  entry: Type.Optional(Type.String({ description: "Path within the file; absent for the file itself." })),
  offset: Type.Optional(Type.Integer({ minimum: 0, description: "In bytes, from the beginning of the entry." })),
  part: Type.Optional(Type.String({ description: "An opcode, a node, a layer, a key." })),
  evidence: Type.String(),
  effect: Type.String({ description: "What would happen if the file were used." }),
  owasp: Type.Array(Type.String()),
  atlas: Type.Array(Type.String()),
  suppressed: Type.Optional(
    Type.Object({ reason: Type.String(), expires: Type.String({ description: "The last day on which it holds." }) }),
  ),
});
export type FindingReport = Immutable<Static<typeof FindingReport>>;

const InventoryReport = Type.Union([
  Type.Object({
    type: Type.Literal("package"),
    ecosystem: Type.Enum(["PyPI", "npm", "conda"]),
    name: Type.String(),
    version: Type.Optional(Type.String()),
    hashes: Type.Array(Type.String()),
  }),
  Type.Object({
    type: Type.Literal("model-card"),
    name: Type.String(),
    task: Type.Optional(Type.String()),
    architectureFamily: Type.Optional(Type.String()),
    architecture: Type.Optional(Type.String()),
    licence: Type.Optional(Type.String()),
    datasets: Type.Array(Type.String()),
    baseModels: Type.Array(Type.String()),
  }),
]);

export const FileReport = Type.Object({
  path: Type.String(),
  bytes: Count,
  sha256: Type.Optional(Sha256),
  formats: Type.Array(Type.String({ description: 'By content; "folder" for members of a folder taken together.' })),
  verdict: VerdictName,
  findings: Type.Array(FindingReport),
  inventory: Type.Optional(Type.Array(InventoryReport, { description: "What it is made of." })),
});
export type FileReport = Immutable<Static<typeof FileReport>>;

/** What a scan found, file by file. */
export const ScanReport = Type.Object(
  {
    schema: Type.Literal("casemate-scan/1"),
    tool: Type.Object({ name: Type.String(), version: Type.String() }),
    startedAt: Type.String(),
    finishedAt: Type.String(),
    paths: Type.Array(Type.String()),
    verdict: VerdictName,
    counts: Type.Object({ clean: Count, suspicious: Count, unscannable: Count, malicious: Count }),
    files: Type.Array(FileReport),
  },
  { description: 'What a scan found. "clean" means that no known indicator was found, never that a file is safe.' },
);
export type ScanReport = Immutable<Static<typeof ScanReport>>;
