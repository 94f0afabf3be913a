import {
  AttackError,
  type AttackResult,
  type Endpoint,
  type EndpointOptions,
  openEndpoint,
  type SampleResult,
  stream,
} from "@casemate/attacks";
import { takeRows } from "@casemate/tensor";
import { type AttackSpace, attackSpaceOf } from "./attack-space.ts";
import type { AttackRow } from "./checks/attacks/attack-row.ts";
import { attackRows } from "./checks/attacks/index.ts";
import { chooseSamples } from "./checks/sample-choice.ts";
import { AuditError } from "./errors.ts";
import { contractOf } from "./probe-contract.ts";
import { countsOf, type ProbedAttack, type ProbeReport, summaryOf, worstOf } from "./probe-report.ts";
import type { Norm } from "./report.ts";
import { openSamples, readSamples, type Samples } from "./samples.ts";
import type { Contract } from "./schemas/contract.ts";

/** How to attack a model that is served over HTTP. */
export interface ProbeOptions {
  /** Labelled samples: a file, or a folder of pictures with one folder per class. */
  readonly data: string;
  /** Of the model that is served: ranges, classes and what may change. */
  readonly contract?: string;
  /** Where there is no contract: the range of the samples, and the names of the classes in the order of the scores. */
  readonly range?: { readonly lower: number; readonly upper: number };
  readonly classNames?: readonly string[];
  /** What the endpoint's numbers are; the contract's, or probabilities, if absent. */
  readonly kind?: EndpointOptions["output"]["kind"];
  /** How the endpoint is spoken to. */
  readonly endpoint: Omit<EndpointOptions, "bounds" | "inputShape" | "layout" | "output"> & {
    readonly outputName?: string;
  };
  /** Ids of attacks; Square if absent or, where the endpoint gives labels only, HopSkipJump. */
  readonly attacks?: readonly string[];
  readonly norm: Norm;
  /** In the units of the contract's range. */
  readonly epsilon: number;
  readonly samples?: number;
  readonly seed?: number;
  /** Rows asked for by each attack at most. */
  readonly queries?: number;
  readonly signal?: AbortSignal;
}

export type ProbeEvent =
  | { readonly type: "started"; readonly assumptions: readonly string[]; readonly samples: number }
  | { readonly type: "progress"; readonly title: string; readonly fraction: number }
  | { readonly type: "attack-finished"; readonly result: ProbedAttack };

/**
 * Attacks a model that is served over HTTP with attacks that need scores or decisions only. Throws an AuditError for input
 * that keeps it from starting, and an AttackError ENDPOINT_FAILED if the endpoint does not answer at first.
 */
export async function* probe(address: string, options: ProbeOptions): AsyncGenerator<ProbeEvent, ProbeReport> {
  const { data, norm, epsilon, seed = 0, signal } = options;
  const rows = chosenRows(options);
  const { contract, assumptions } = await contractOf(options);
  const samples = await openSamples(data, contract, readSamples);
  const inputShape = samples.x.shape.slice(1);
  const space = attackSpaceOf(contract.inputs[0]!, inputShape);
  const endpoint = await open(address, contract, space, inputShape, options);
  const indices = chooseSamples(samples.labels.length, options.samples ?? samples.labels.length, seed);
  const all = [...assumptions, ...samples.assumptions, ...space.assumptions];
  yield { type: "started", assumptions: all, samples: indices.length };

  const finished: { readonly attack: ProbedAttack; readonly samples: readonly SampleResult[] }[] = [];
  for (const row of rows) {
    const result = yield* attacked(endpoint, { row, samples, space, indices, options });
    const attack = summaryOf(row, result);
    finished.push({ attack, samples: result.samples });
    yield { type: "attack-finished", result: attack };
    signal?.throwIfAborted();
  }
  const { origin, pathname } = new URL(address);
  return {
    endpoint: `${origin}${pathname}`,
    data: samples.report,
    norm,
    epsilon,
    seed,
    assumptions: all,
    attacks: finished.map(({ attack }) => attack),
    together: countsOf(
      indices.map((_, index) => worstOf(finished.map(({ samples: results }) => results[index]!.status))),
    ),
    usage: endpoint.usage,
  };
}

interface Work {
  readonly row: AttackRow;
  readonly samples: Samples;
  readonly space: AttackSpace;
  readonly indices: readonly number[];
  readonly options: ProbeOptions;
}

async function* attacked(
  endpoint: Endpoint,
  { row, samples, space, indices, options }: Work,
): AsyncGenerator<ProbeEvent, AttackResult> {
  const { norm, epsilon, seed = 0, queries, signal } = options;
  const { batchSize = 32, concurrency = 1 } = options.endpoint;
  const events = stream(
    space.around<Endpoint>(endpoint),
    space.inputs(takeRows(samples.x, indices)),
    indices.map((index) => samples.labels[index]!),
    space.threat(norm, [epsilon]),
    {
      attack: row.attack,
      seed,
      indices,
      batchSize: batchSize * concurrency,
      ...(queries !== undefined && { budget: { queries } }),
      ...(signal && { signal }),
    },
  );
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done) return value;
      const inBlock = value.steps === 0 ? 0 : value.step / value.steps;
      const fraction = (value.done + inBlock * (value.total - value.done)) / Math.max(1, value.total);
      yield { type: "progress", title: row.title, fraction };
    }
  } catch (error) {
    throw explained(error, `attack '${row.id}'`);
  }
}

/** What cannot be asked for, in the audit's words; what happened to the endpoint stays what it is. */
function explained(error: unknown, where: string): unknown {
  if (!(error instanceof AttackError) || error.code === "ENDPOINT_FAILED") return error;
  return new AuditError("INVALID_OPTION", `${where}: ${error.message}`, { cause: error });
}

function chosenRows({ attacks, kind, norm }: ProbeOptions): readonly AttackRow[] {
  const ids = attacks ?? [kind === "labels" ? "hop-skip-jump" : "square"];
  return ids.map((id) => {
    const row = attackRows.find((each) => each.id === id);
    const refuse = (reason: string): AuditError => new AuditError("INVALID_OPTION", `attack '${id}': ${reason}`);
    if (!row) {
      const known = attackRows.filter(({ attack }) => attack.access !== "gradient").map((each) => each.id);
      throw refuse(`there is none; an endpoint can be attacked by ${[...new Set(known)].sort().join(", ")}`);
    }
    if (row.attack.access === "gradient") throw refuse("needs gradients, and an endpoint gives none");
    if (!row.attack.norms.includes(norm)) throw refuse(`has no form in ${norm}`);
    return row;
  });
}

async function open(
  address: string,
  { inputs: [input], output }: Contract,
  { bounds }: AttackSpace,
  inputShape: readonly number[],
  options: ProbeOptions,
): Promise<Endpoint> {
  const { outputName, ...endpoint } = options.endpoint;
  const kind = options.kind ?? output.kind;
  const columns = input!.features?.map(({ name }) => name);
  // Without a contract or names, the data may lack the last classes, so that the answers are to be counted.
  const isCounted = options.contract !== undefined || options.classNames !== undefined || kind === "labels";
  try {
    const opened = await openEndpoint(address, {
      ...endpoint,
      input: { ...(columns && { columns }), ...endpoint.input },
      bounds,
      inputShape,
      ...(input!.layout && { layout: input!.layout === "NCHW" ? "channels-first" : "channels-last" }),
      output: {
        kind,
        ...(outputName !== undefined && { name: outputName }),
        ...(isCounted && { classes: output.classes.length, classNames: output.classes }),
      },
      ...(options.signal && { signal: options.signal }),
    });
    if (opened.classes >= output.classes.length) return opened;
    throw new AuditError(
      "INVALID_DATA",
      `${options.data}: expected labels of the endpoint's ${opened.classes} classes, got ${output.classes.length - 1}`,
    );
  } catch (error) {
    throw explained(error, "endpoint");
  }
}
