import Type, { type TSchema } from "typebox";

const strict = { additionalProperties: false } as const;

/** A model's name in a path; which names there can be is said by `nameOf`. */
export const ModelParams = Type.Object({ model: Type.String({ minLength: 1, maxLength: 400 }) });
export const VersionParams = Type.Object({
  model: Type.String({ minLength: 1, maxLength: 400 }),
  version: Type.Integer({ minimum: 1 }),
});
export const Tags = Type.Record(Type.String({ minLength: 1, maxLength: 250 }), Type.String({ maxLength: 100_000 }), {
  maxProperties: 100,
});
export const Sha256 = Type.String({ pattern: "^[0-9a-f]{64}$" });
export const Instant = Type.String({ format: "date-time" });
export const Reason = Type.String({ minLength: 1, maxLength: 1000 });

/** How much of a list, and from where on. */
export const Page = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
  after: Type.Optional(Type.String({ maxLength: 1000, description: "`next` of the page before." })),
});

/** One page of a list; `next` asks for the following one, and is absent on the last. */
export const pageOf = (item: TSchema) => Type.Object({ items: Type.Array(item), next: Type.Optional(Type.String()) });

export const Model = Type.Object({
  name: Type.String(),
  description: Type.String(),
  author: Type.String(),
  createdAt: Instant,
  updatedAt: Instant,
  revision: Type.Integer(),
  tags: Tags,
  aliases: Type.Record(Type.String(), Type.Integer()),
  latestVersion: Type.Union([Type.Integer(), Type.Null()]),
});

export const File = Type.Object(
  { path: Type.String({ maxLength: 1024 }), sha256: Sha256, size: Type.Integer({ minimum: 0 }) },
  strict,
);
export const Material = Type.Object(
  { name: Type.String({ maxLength: 500 }), sha256: Sha256, role: Type.String({ maxLength: 100 }) },
  strict,
);
const Parent = Type.Object({ model: Type.String(), version: Type.Integer({ minimum: 1 }) }, strict);

export const NewVersion = Type.Object(
  {
    files: Type.Array(File, { minItems: 1, maxItems: 100_000 }),
    description: Type.Optional(Type.String({ maxLength: 10_000 })),
    source: Type.Optional(Type.String({ maxLength: 2000 })),
    runId: Type.Optional(Type.String({ maxLength: 256 })),
    parent: Type.Optional(Parent),
    materials: Type.Optional(Type.Array(Material, { maxItems: 1000 })),
    tags: Type.Optional(Tags),
    signature: Type.Optional(
      Type.Unknown({ description: "A Sigstore bundle by OpenSSF Model Signing; it is looked at with the version." }),
    ),
  },
  strict,
);

export const Version = Type.Object({
  model: Type.String(),
  version: Type.Integer(),
  state: Type.Enum(["pending", "ready", "failed", "quarantined", "retired", "deleted"]),
  stateReason: Type.String(),
  rootDigest: Sha256,
  size: Type.Integer(),
  author: Type.String(),
  description: Type.String(),
  source: Type.String(),
  runId: Type.Union([Type.String(), Type.Null()]),
  parent: Type.Union([Parent, Type.Null()]),
  materials: Type.Array(Material),
  createdAt: Instant,
  updatedAt: Instant,
  revision: Type.Integer(),
  tags: Tags,
  aliases: Type.Array(Type.String()),
  files: Type.Array(File),
});

export const Evidence = Type.Object({
  id: Sha256,
  predicateType: Type.String(),
  signer: Type.String(),
  receivedAt: Instant,
  sequence: Type.Integer(),
});

const Line = Type.Object({
  requirement: Type.String(),
  status: Type.String(),
  reason: Type.String(),
  evidence: Type.Array(Type.String()),
});
export const Decision = Type.Object({ policy: Type.String(), passes: Type.Boolean(), lines: Type.Array(Line) });

export const Promotion = Type.Object({
  id: Type.String(),
  model: Type.String(),
  version: Type.Integer(),
  rootDigest: Sha256,
  environment: Type.String(),
  state: Type.Enum(["open", "approved", "promoted", "refused", "revoked", "expired"]),
  author: Type.String(),
  reason: Type.String(),
  policyDigest: Sha256,
  approvalsNeeded: Type.Integer(),
  approvals: Type.Array(
    Type.Object({
      approver: Type.String(),
      verdict: Type.Enum(["approve", "refuse"]),
      comment: Type.String(),
      at: Instant,
    }),
  ),
  decision: Decision,
  createdAt: Instant,
  expiresAt: Instant,
  revision: Type.Integer(),
});
