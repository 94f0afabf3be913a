import Type from "typebox";

/** Limits of MLflow's own server. */
export const Key = Type.String({ minLength: 1, maxLength: 250 });
export const Id = Type.String({ minLength: 1, maxLength: 256 });
export const Millis = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
export const Tag = Type.Object({ key: Key, value: Type.String({ maxLength: 8000 }) });
export const RegistryTag = Type.Object({ key: Key, value: Type.String({ maxLength: 100_000 }) });
export const Param = Type.Object({ key: Key, value: Type.String({ maxLength: 6000 }) });
export const ViewTypes = Type.Enum(["ACTIVE_ONLY", "DELETED_ONLY", "ALL"]);

/** NaN and infinities come as words, which must not become numbers on the way. */
export const Metric = Type.Object({
  key: Key,
  value: Type.Union([Type.Enum(["NaN", "Infinity", "-Infinity"]), Type.Number()]),
  timestamp: Millis,
  step: Type.Optional(Type.Integer({ minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER })),
  model_id: Type.Optional(Id),
  dataset_name: Type.Optional(Type.String({ maxLength: 500 })),
  dataset_digest: Type.Optional(Type.String({ maxLength: 36 })),
});

/** Newer and older clients' words for the same run; they send both. */
export const RunKey = { run_id: Type.Optional(Id), run_uuid: Type.Optional(Id) };

/** What every search has. */
export const Search = {
  filter: Type.Optional(Type.String({ maxLength: 10_000 })),
  order_by: Type.Optional(Type.Array(Type.String({ maxLength: 1000 }), { maxItems: 10 })),
  page_token: Type.Optional(Type.String({ maxLength: 100 })),
};
