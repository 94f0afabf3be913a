import { type AnyTensor, type Tensor, tensor } from "@casemate/tensor";
import { OnnxError } from "../errors.ts";
import type { Graph, Model } from "../model.ts";
import type { Feeds } from "../probe.ts";
import { openSession, type Session } from "../session.ts";
import { blockConvolutions } from "./block-convolutions.ts";
import { channelBlock } from "./channel-block.ts";
import { drawMasks } from "./drop-by-mask.ts";
import type { Trainer, TrainerOptions, TrainingStep } from "./trainer.ts";
import { type TrainingGraph, trainingGraph } from "./training-graph.ts";

/** Compiles a model's training; see `trainingGraph` for what is refused. */
export async function openTrainer(model: Model, options: TrainerOptions): Promise<Trainer> {
  const graph = await trainingGraph(model, options);
  const block = await channelBlock();
  const blocked = block === undefined ? graph.model : blockConvolutions(graph.model, block);
  const session = await openSession(blocked, {
    alternates: true,
    ...(options.threads !== undefined && { threads: options.threads }),
  });
  return new RuntimeTrainer(graph, session, model.graph, options);
}

class RuntimeTrainer implements Trainer {
  readonly weights: Map<string, Tensor>;
  readonly state: Map<string, AnyTensor>;
  readonly #graph: TrainingGraph;
  readonly #session: Session;
  readonly #wrt: readonly string[];
  readonly #seed: number;
  readonly #firstInput: string | undefined;
  readonly #changing: readonly string[];
  readonly #stepFetches: readonly string[];
  readonly #averages: ReadonlySet<string>;

  constructor(graph: TrainingGraph, session: Session, original: Graph, { wrt = [], seed = 0 }: TrainerOptions) {
    this.#graph = graph;
    this.#session = session;
    this.#wrt = wrt;
    this.#seed = seed;
    this.#firstInput = original.inputs.find(({ name }) => !original.initializers.has(name))?.name;
    this.#changing = [...graph.state.keys()];
    this.#averages = averagesOf(original);
    this.#stepFetches = [
      graph.logits,
      "loss",
      ...wrt.map((name) => `gradient/${name}`),
      ...this.#changing.map((name) => `next/${name}`),
    ];
    this.state = new Map<string, AnyTensor>([...graph.state, [STEPS, steps(0)]]);
    this.weights = new Map(graph.weights.map((name) => [name, graph.state.get(name)!]));
  }

  async step(feeds: Feeds, rate: number): Promise<TrainingStep> {
    const taken = this.#steps() + 1;
    const results = await this.#session.run(this.#feeds(feeds, rate, taken), this.#stepFetches);
    for (const name of this.#changing) this.#refuseNoSpread(name, results[`next/${name}`] as Tensor);
    for (const name of this.#changing) this.#set(name, results[`next/${name}`] as Tensor);
    this.state.set(STEPS, steps(taken));
    return {
      loss: (results.loss as Tensor).data,
      logits: results[this.#graph.logits] as Tensor,
      gradients: new Map(this.#wrt.map((name) => [name, results[`gradient/${name}`] as Tensor])),
    };
  }

  async gradients(feeds: Feeds): Promise<ReadonlyMap<string, Tensor>> {
    const names = this.#graph.trainable.map((name) => `gradient/${name}`);
    const results = await this.#session.run(this.#feeds(feeds, 0, this.#steps() + 1), ["loss", ...names]);
    const share = 1 / (results.loss as Tensor).data.length;
    return new Map(
      this.#graph.trainable.map((name) => {
        const { shape, data } = results[`gradient/${name}`] as Tensor;
        return [
          name,
          tensor(
            shape,
            data.map((each) => each * share),
          ),
        ];
      }),
    );
  }

  shift(direction: ReadonlyMap<string, Tensor>, scale: number): void {
    for (const [name, { data }] of direction) {
      const weight = this.weights.get(name);
      if (!weight || weight.data.length !== data.length)
        throw mismatch(name, weight?.shape, direction.get(name)!.shape);
      this.#set(
        name,
        tensor(
          weight.shape,
          weight.data.map((each, i) => each + scale * data[i]!),
        ),
      );
    }
  }

  load(state: ReadonlyMap<string, AnyTensor>): void {
    for (const [name, { dtype, shape }] of state) {
      const own = this.state.get(name);
      if (!own || own.dtype !== dtype || `${own.shape}` !== `${shape}`) throw mismatch(name, own?.shape, shape);
    }
    for (const [name, value] of state) {
      if (name === STEPS) this.state.set(name, value);
      else this.#set(name, { ...value, data: Float32Array.from((value as Tensor).data) } as Tensor);
    }
  }

  dispose(): Promise<void> {
    return this.#session.dispose();
  }

  #set(name: string, value: Tensor): void {
    this.state.set(name, value);
    if (this.weights.has(name)) this.weights.set(name, value);
  }

  /** A running variance that is no number comes from a batch with one value per channel, as PyTorch refuses it. */
  #refuseNoSpread(name: string, { data }: Tensor): void {
    if (!this.#averages.has(name) || data.every(Number.isFinite)) return;
    const before = this.state.get(name) as Tensor;
    if (!before.data.every(Number.isFinite)) return;
    throw new OnnxError(
      "SHAPE_MISMATCH",
      `running average '${name}': expected more than one finite value per channel in a training batch, got one or none`,
    );
  }

  #steps(): number {
    return Number((this.state.get(STEPS)!.data as BigInt64Array)[0]);
  }

  #feeds(feeds: Feeds, rate: number, step: number): Record<string, AnyTensor> {
    const current = Object.fromEntries(this.#changing.map((name) => [name, this.state.get(name)!]));
    const samples = feeds[this.#firstInput ?? ""]?.shape[0] ?? 0;
    const masks = drawMasks(this.#graph.masks, samples, this.#seed, step);
    return { ...current, ...masks, ...this.#graph.scalars(step), rate: tensor([], Float32Array.of(rate)), ...feeds };
  }
}

/** The running means and variances of batch normalisations. */
function averagesOf({ nodes }: Graph): ReadonlySet<string> {
  return new Set(nodes.flatMap(({ op, inputs }) => (op === "BatchNormalization" ? inputs.slice(3, 5) : [])));
}

/** How many steps were taken, among the state. */
const STEPS = "steps";

function steps(count: number): AnyTensor {
  return { dtype: "int64", shape: [], data: BigInt64Array.of(BigInt(count)) };
}

function mismatch(name: string, expected: readonly number[] | undefined, got: readonly number[]): OnnxError {
  const what = expected ? `shape [${expected}]` : "a name of the model's training";
  return new OnnxError("SHAPE_MISMATCH", `state '${name}': expected ${what}, got ${expected ? `[${got}]` : "another"}`);
}
