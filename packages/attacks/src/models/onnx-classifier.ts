import {
  type Device,
  differentiate,
  type LogitsModel,
  type LogitsOptions,
  type Model,
  openSession,
  type Session,
  type ValueInfo,
  withWeights,
} from "@casemate/onnx";
import { type AnyTensor, type Shape, sizeOf, type Tensor, tensor } from "@casemate/tensor";
import type { Bounds, GradientClassifier, Loss, LossGradient } from "./classifier.ts";
import { fromFloat32, toFloat32 } from "./float-input.ts";
import { forwardModel } from "./forward-model.ts";
import { GradientSessions } from "./gradient-sessions.ts";
import { lossSubgraph } from "./losses.ts";

export interface ClassifierOptions {
  /** The range of the inputs that `logits` takes, before normalisation. */
  readonly bounds: Bounds;
  /** The input to attack; the only one if absent. */
  readonly inputName?: string;
  /** Shape of a sample, needed where the model leaves sizes open. */
  readonly inputShape?: Shape;
  readonly layout?: "channels-first" | "channels-last";
  /** (x - mean) / std, inserted into the graph so that bounds and epsilons stay in the units of the data; one number, or one per channel. */
  readonly normalization?: { readonly mean: readonly number[]; readonly std: readonly number[] };
  /** Which output to use and what it holds, where the graph does not tell. */
  readonly output?: LogitsOptions;
  /**
   * Numbers that stand in for the model's initializers of these names, read anew in each run: those of a model in training.
   * The names stay the same, and other numbers come as other tensors.
   */
  readonly weights?: ReadonlyMap<string, AnyTensor>;
  /** Of how many samples gradients are taken between two changes of `weights`, about: many are worth compiling these in. */
  readonly gradientsPerChange?: number;
  /** Gradients pass through rounding and signs as if these did nothing (BPDA), instead of ending there. */
  readonly straightThrough?: boolean;
  /** Of the runtime, at most; a small model runs on one, since its sessions get in each other's way, unless its weights change. */
  readonly threads?: number;
  readonly device?: Device;
  /** Samples per run of the session at most. */
  readonly maxBatch?: number;
}

/** An ONNX model as a classifier that differentiates. Holds native memory until disposed. */
export interface OnnxClassifier extends GradientClassifier {
  /** One sentence per thing that was cut or added to get at logits. */
  readonly edits: readonly string[];
  /** What `logits` returns: log-probabilities where no logits could be found. */
  readonly scale: LogitsModel["scale"];
  dispose(): Promise<void>;
}

/**
 * Opens a model for attacks. Gradient graphs are compiled when a loss is first asked for; an operator without a gradient
 * rule is refused then, with an OnnxError, while `logits` keeps working.
 */
export async function openClassifier(model: Model, options: ClassifierOptions): Promise<OnnxClassifier> {
  const { bounds, layout, threads, device, weights, straightThrough = false } = options;
  const { model: forward, input, inputShape, trial, fixedBatch, ...exposed } = await forwardModel(model, options);
  const sample = { [input.name]: fromFloat32(trial, input.dtype) };
  const batches: Batches = {
    input,
    inputShape,
    size: fixedBatch ?? options.maxBatch ?? 256,
    isFixed: fixedBatch !== undefined,
    ...(weights && { weights }),
  };
  const isLight = isSmall([...forward.graph.initializers.values(), ...(weights?.values() ?? [])], inputShape);
  const isTrained = weights !== undefined;
  const most = isLight && !isTrained ? 1 : threads;
  const sessionOptions = {
    ...(most !== undefined && { threads: most }),
    ...(device !== undefined && { device }),
    alternates: isTrained,
  };
  const session = await openSession(forward, sessionOptions);
  const [example] = await runInBatches(session, [exposed.output], batches, trial, {});
  const classes = example!.shape.at(-1)!;

  const gradientsOf = (given: Model) =>
    new GradientSessions(given, async (loss) => {
      const subgraph = lossSubgraph(loss, classes);
      const wrt = [input.name];
      const derived = await differentiate(given, {
        loss: subgraph,
        wrt,
        output: exposed.output,
        sample,
        straightThrough,
      });
      return openSession(derived, sessionOptions);
    });
  let gradients = gradientsOf(forward);
  let compiled: readonly AnyTensor[] = [];
  const isCompiledAnew = weights !== undefined && !isLight && (options.gradientsPerChange ?? 1) >= WORTH_COMPILING;
  const sessionOf = async (loss: Loss) => {
    const present = isCompiledAnew ? [...weights.values()] : [];
    if (present.some((each, index) => each !== compiled[index])) {
      const { weights: _, ...others } = options;
      const fixed = await forwardModel(withWeights(model, weights!), others);
      await gradients.dispose();
      gradients = gradientsOf(fixed.model);
      compiled = present;
    }
    return gradients.get(loss);
  };

  return {
    inputShape,
    classes,
    bounds,
    ...(layout && { layout }),
    edits: exposed.edits,
    scale: exposed.scale,
    async logits(x) {
      const [logits] = await runInBatches(session, [exposed.output], batches, x, {});
      return logits!;
    },
    async lossGradient(x, labels, loss, { targets, weights: factors } = {}): Promise<LossGradient> {
      const session = await sessionOf(loss);
      const names = [exposed.output, "loss", `gradient/${input.name}`];
      const feeds = { labels, ...(targets && { targets }), ...(factors && { weights: factors }) };
      const [logits, losses, gradient] = await runInBatches(session, names, batches, x, feeds);
      return { logits: logits!, loss: losses!.data, gradient: gradient! };
    },
    async dispose() {
      await session.dispose();
      await gradients.dispose();
    },
  };
}

/**
 * Samples whose gradients, faster where weights are constants (packed and in the layout that convolutions like), save the time of
 * compiling them in: about 200 on a ResNet-18 of width 16 and two cores.
 */
const WORTH_COMPILING = 500;

/** Whether a sample takes less than about a million multiplications: each weight counts once for every 28 × 28 features. */
function isSmall(weights: readonly { readonly shape: Shape }[], inputShape: Shape): boolean {
  const count = weights.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return count * Math.max(1, sizeOf(inputShape) / 784) < 1e6;
}

interface Batches {
  readonly input: ValueInfo;
  readonly inputShape: Shape;
  readonly size: number;
  /** Every run has exactly `size` samples; the last is filled up. */
  readonly isFixed: boolean;
  readonly weights?: ReadonlyMap<string, AnyTensor>;
}

/** Runs a session over the rows of `x` in batches that it takes, and joins what comes back under each name. */
async function runInBatches(
  session: Session,
  names: readonly string[],
  { input, inputShape, size, isFixed, weights }: Batches,
  x: Tensor,
  perSample: Readonly<Record<string, Int32Array | Float32Array>>,
): Promise<Tensor[]> {
  const rows = x.shape[0]!;
  const width = sizeOf(inputShape);
  const parts: Tensor[][] = [];
  const declared = new Set(session.inputs.map(({ name }) => name));
  for (let start = 0; start < rows; start += size) {
    const count = Math.min(size, rows - start);
    const batch = isFixed ? size : count;
    const data = x.data.subarray(start * width, (start + count) * width);
    const filled = batch === count ? data : padded(data, batch * width);
    const feeds: Record<string, AnyTensor> = {
      ...(weights && Object.fromEntries([...weights].filter(([name]) => declared.has(name)))),
      [input.name]: fromFloat32(tensor([batch, ...inputShape], filled), input.dtype),
    };
    for (const [name, values] of Object.entries(perSample)) {
      if (declared.has(name)) feeds[name] = lossFeed(values, { rows, start, count, batch });
    }
    const results = await session.run(feeds, names);
    parts.push(names.map((name) => firstRows(toFloat32(results[name]!), count)));
  }
  return names.map((_, index) => joined(parts.map((part) => part[index]!)));
}

/** The part of a loss's feed that belongs to a batch: classes [batch] as int64, weights as float32 [batch, classes]. */
function lossFeed(
  values: Int32Array | Float32Array,
  { rows, start, count, batch }: Readonly<Record<"rows" | "start" | "count" | "batch", number>>,
): AnyTensor {
  if (values instanceof Int32Array) {
    const wide = new BigInt64Array(batch);
    for (let i = 0; i < count; i++) wide[i] = BigInt(values[start + i]!);
    return { dtype: "int64", shape: [batch], data: wide };
  }
  const width = values.length / rows;
  const data = new Float32Array(batch * width);
  data.set(values.subarray(start * width, (start + count) * width));
  return tensor([batch, width], data);
}

function padded(data: Float32Array, length: number): Float32Array {
  const filled = new Float32Array(length);
  for (let start = 0; start < length; start += data.length) filled.set(data.subarray(0, length - start), start);
  return filled;
}

function firstRows({ shape, data }: Tensor, rows: number): Tensor {
  if (shape[0] === rows) return { dtype: "float32", shape, data };
  const width = sizeOf(shape.slice(1));
  return tensor([rows, ...shape.slice(1)], data.subarray(0, rows * width));
}

function joined(parts: readonly Tensor[]): Tensor {
  if (parts.length === 1) return parts[0]!;
  const data = new Float32Array(parts.reduce((length, part) => length + part.data.length, 0));
  let offset = 0;
  let rows = 0;
  for (const part of parts) {
    data.set(part.data, offset);
    offset += part.data.length;
    rows += part.shape[0]!;
  }
  return tensor([rows, ...(parts[0]?.shape.slice(1) ?? [])], data);
}
