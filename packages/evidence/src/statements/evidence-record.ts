import Type, { type Static } from "typebox";
import { EvidenceError } from "../errors.ts";
import type { Immutable } from "../immutable.ts";
import { digestOf } from "./statement.ts";

const Name = Type.String({ minLength: 1, maxLength: 200 });
const Instant = Type.String({ format: "date-time", maxLength: 40 });
const Sha256 = Type.Object({ sha256: Type.String({ pattern: "^[0-9a-f]{64}$" }) });

const Metric = Type.Object(
  {
    name: Name,
    value: Type.Number(),
    unit: Type.Optional(Name),
    interval: Type.Optional(
      Type.Object(
        {
          lower: Type.Number(),
          upper: Type.Number(),
          confidence: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }),
        },
        { additionalProperties: false },
      ),
    ),
    n: Type.Optional(Type.Integer({ minimum: 0, description: "How many observations are behind it." })),
  },
  { additionalProperties: false },
);
export type EvidenceMetric = Immutable<Static<typeof Metric>>;

const Threshold = Type.Object(
  {
    metric: Name,
    atLeast: Type.Optional(Type.Number()),
    atMost: Type.Optional(Type.Number()),
    use: Type.Optional(
      Type.Enum(["value", "lower", "upper"], { description: "The value (if absent), or an end of its interval." }),
    ),
    approvedBy: Name,
    approvedOn: Type.String({ format: "date-time", maxLength: 40, description: "Before the measurement started." }),
  },
  { additionalProperties: false, description: "What a metric had to reach, and who decided that beforehand." },
);
export type EvidenceThreshold = Immutable<Static<typeof Threshold>>;

/** What every measurement records, whatever it measured; the members that all predicates of Casemate have. */
export const recordMembers = {
  tool: Type.Object(
    { name: Name, version: Name, uri: Type.Optional(Type.String({ maxLength: 1000 })) },
    { additionalProperties: false },
  ),
  method: Type.Enum(["test", "examine", "interview"], { description: "As NIST SP 800-53A names them." }),
  parameters: Type.Record(Type.String(), Type.Unknown(), { description: "Everything that the result depends on." }),
  parametersDigest: Type.Object(
    { sha256: Type.String({ pattern: "^[0-9a-f]{64}$" }) },
    { additionalProperties: false, description: "Of the parameters in canonical JSON (RFC 8785)." },
  ),
  seed: Type.Optional(Type.Integer({ minimum: 0 })),
  metrics: Type.Array(Metric, { maxItems: 10_000 }),
  startedOn: Instant,
  finishedOn: Instant,
  expiresOn: Type.String({ format: "date-time", maxLength: 40, description: "From when on it is stale." }),
  thresholds: Type.Array(Threshold, { maxItems: 1000 }),
  scope: Type.Object(
    {
      environment: Type.Optional(Name),
      alias: Type.Optional(Name),
      trafficShare: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    },
    { additionalProperties: false, description: "What it was measured for; everywhere if empty." },
  ),
  result: Type.Enum(["passed", "failed", "measured"], {
    description: "passed and failed are about the thresholds; measured where there are none.",
  }),
  report: Type.Optional(
    Type.Object(
      { name: Type.Optional(Name), digest: Sha256, mediaType: Type.Optional(Name) },
      { additionalProperties: false, description: "The whole report, by its digest." },
    ),
  ),
};

const EvidenceRecord = Type.Object(recordMembers);
export type EvidenceRecord = Immutable<Static<typeof EvidenceRecord>>;

/** Parameters with their digest, to be spread into a predicate. */
export function parametersWithDigest(
  parameters: Readonly<Record<string, unknown>>,
): Pick<EvidenceRecord, "parameters" | "parametersDigest"> {
  return { parameters, parametersDigest: { sha256: digestOf(parameters) } };
}

/** Whether a metric meets a threshold; undefined where what the threshold asks for was not measured. */
export function meetsThreshold(metrics: readonly EvidenceMetric[], threshold: EvidenceThreshold): boolean | undefined {
  const metric = metrics.find(({ name }) => name === threshold.metric);
  const { use = "value", atLeast, atMost } = threshold;
  const value = use === "value" ? metric?.value : metric?.interval?.[use];
  if (value === undefined) return undefined;
  return (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost);
}

/**
 * Checks what a schema cannot: the order of times, the digest of the parameters, that thresholds were approved before the start, and that
 * `passed` is not claimed of a threshold that was missed. Throws MALFORMED.
 */
export function assertConsistent(record: EvidenceRecord, where: string): void {
  const refuse = (why: string): EvidenceError => new EvidenceError("MALFORMED", `${where}: ${why}`);
  const { startedOn, finishedOn, expiresOn, parameters, parametersDigest, metrics, thresholds, result } = record;
  const [started, finished, expires] = [startedOn, finishedOn, expiresOn].map(Date.parse) as [number, number, number];
  if (finished < started) throw refuse(`finishedOn ${finishedOn} is before startedOn ${startedOn}`);
  if (expires <= finished) throw refuse(`expiresOn ${expiresOn} is not after finishedOn ${finishedOn}`);
  const digest = digestOf(parameters);
  if (parametersDigest.sha256 !== digest) {
    throw refuse(`parametersDigest: expected ${digest}, got ${parametersDigest.sha256}`);
  }
  const names = new Set<string>();
  for (const { name, value, interval } of metrics) {
    if (names.has(name)) throw refuse(`metric ${name} is there twice`);
    names.add(name);
    if (interval !== undefined && !(interval.lower <= value && value <= interval.upper)) {
      throw refuse(`metric ${name}: ${value} lies outside of its interval ${interval.lower} to ${interval.upper}`);
    }
  }
  for (const threshold of thresholds) {
    const { metric, approvedOn, atLeast, atMost } = threshold;
    if (atLeast === undefined && atMost === undefined)
      throw refuse(`threshold on ${metric}: expected atLeast or atMost`);
    if (!(Date.parse(approvedOn) < started)) {
      throw refuse(`threshold on ${metric} was approved on ${approvedOn}, not before the start on ${startedOn}`);
    }
    if (result === "passed" && meetsThreshold(metrics, threshold) !== true) {
      throw refuse(`result is passed, but the threshold on ${metric} is not met`);
    }
  }
  if (result === "measured" && thresholds.length > 0) throw refuse("result is measured, but there are thresholds");
}
