import { type Feeds, openSession, type Session, type Value } from "@casemate/onnx";
import { type AnyTensor, sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { optimiseSlopes } from "./alpha-crown.ts";
import type { CertifiedBall } from "./ball.ts";
import { ballFeeds } from "./ball-feeds.ts";
import { type BlockBounds, type BoundSettings, fedTo, marginRows } from "./block-bounds.ts";
import { type BoundGraph, boundGraph } from "./bound-graph.ts";
import type { Interval } from "./interval.ts";
import { type Intervals, intervalPass } from "./interval-pass.ts";
import { type Ball, linearBounds } from "./linear-bounds.ts";
import type { Network } from "./network.ts";

/**
 * Backward linear bounds, with what every activation takes bounded by backward linear bounds too (Zhang et al., 2018). Numbers of
 * an activation that bends only at 0 are bounded by intervals alone where these say on which side of 0 they are in every
 * sample of the block: both lines are then the function itself. With `optimises`, alpha-CROWN for the margins that stay open.
 */
export async function openCrown(
  network: Network,
  { norm, rounding, threads, optimises }: BoundSettings & { readonly optimises: boolean },
): Promise<BlockBounds> {
  const options = { alternates: true, ...(threads !== undefined && { threads }) };
  const targets = targetsOf(network);
  const sessions = new Map<string, Promise<Session>>();
  const sessionOf = (key: string, write: (bounds: BoundGraph) => Readonly<Record<string, Value>>): Promise<Session> => {
    const session = sessions.get(key) ?? openSession(boundGraph(network, write), options);
    sessions.set(key, session);
    return session;
  };

  /** Bounds by intervals from what is known of the values before: cheap. */
  const intervalSession = (target: string, count: number) =>
    sessionOf(`interval/${target}`, (bounds) => {
      const { intervals } = known(bounds, count);
      const { lower, upper } = intervals.interval(target);
      return { lower, upper };
    });

  /** Linear bounds of some numbers of a value, and of their negatives. */
  const unitsSession = (target: string, count: number) =>
    sessionOf(`units/${target}`, (bounds) => {
      const { graph } = bounds;
      const { intervals, ball } = known(bounds, count);
      const units = graph.input("units", "int64", ["units"]);
      const rows = graph.OneHot(units, network.widthOf(target), network.input);
      const specification = graph.Unsqueeze(graph.Concat([rows, graph.Neg(rows)], 0), [0]);
      const bound = linearBounds(graph, network, {
        target,
        specification,
        isShared: true,
        intervals,
        rounding,
        ball,
      });
      return { bound };
    });

  const marginGraph = (bounds: BoundGraph, alphas?: ReadonlyMap<string, Value>): Value => {
    const { graph } = bounds;
    const { intervals, ball } = known(bounds, targets.length);
    const rows = [network.classes - 1, network.classes];
    return linearBounds(graph, network, {
      target: network.output.name,
      specification: graph.input("specification", "float32", ["batch", ...rows]),
      isShared: false,
      intervals,
      rounding,
      ball,
      ...(alphas && { alphas }),
    });
  };

  /** Declares the ball and the bounds of the first `count` targets as inputs. */
  function known(bounds: BoundGraph, count: number): { readonly intervals: Intervals; readonly ball: Ball } {
    const ball = bounds.ball(norm);
    const intervals = new Map<string, Interval>([[network.input.name, ball.box]]);
    for (const [index, target] of targets.slice(0, count).entries()) {
      const value = network.value(target.name);
      intervals.set(target.name, {
        lower: bounds.like(nameOf(index, "lower"), value),
        upper: bounds.like(nameOf(index, "upper"), value),
      });
    }
    return { intervals: intervalPass(bounds.graph, network, intervals, rounding), ball };
  }

  /** Bounds what each activation takes, in order: the feeds of the graphs behind. */
  async function boundTargets(x: Tensor, ball: CertifiedBall): Promise<Feeds> {
    let feeds: Feeds = ballFeeds(x, ball, rounding);
    for (const [index, target] of targets.entries()) {
      const session = await intervalSession(target.name, index);
      const { lower, upper } = (await session.run(fedTo(session, feeds))) as { lower: Tensor; upper: Tensor };
      if (norm !== "linf" || !network.isAffine(target.name)) {
        await tighten(target, index, { lower: lower!, upper: upper! }, feeds);
      }
      feeds = { ...feeds, [nameOf(index, "lower")]: lower!, [nameOf(index, "upper")]: upper! };
    }
    return feeds;
  }

  /** Writes linear bounds over those by intervals, where they matter. */
  async function tighten(
    { name, bendsOnlyAtZero }: Target,
    index: number,
    interval: { readonly lower: Tensor; readonly upper: Tensor },
    feeds: Feeds,
  ): Promise<void> {
    const batch = interval.lower.shape[0]!;
    const width = network.widthOf(name);
    const session = await unitsSession(name, index);
    const given = fedTo(session, feeds);
    const rows = Math.max(1, Math.floor(LARGEST_ROWS / (2 * network.widest)));
    const samples = Math.max(1, Math.floor(rows / width));
    for (let from = 0; from < batch; from += samples) {
      const to = Math.min(batch, from + samples);
      const units = bendsOnlyAtZero ? bentUnits(interval, from, to) : allUnits(width);
      const part = Object.fromEntries(
        Object.entries(given).map(([key, feed]) => [key, samplesOf(feed, from, to, batch)]),
      );
      const size = Math.max(1, Math.floor(rows / (to - from)));
      for (let start = 0; start < units.length; start += size) {
        const some = units.slice(start, start + size);
        const wide = { dtype: "int64", shape: [some.length], data: BigInt64Array.from(some, BigInt) } as const;
        const { bound } = await session.run({ ...part, units: wide });
        const { data } = bound as Tensor;
        for (let i = from; i < to; i++) {
          const row = 2 * (i - from) * some.length;
          for (const [k, unit] of some.entries()) {
            interval.lower.data[i * width + unit] = data[row + k]!;
            interval.upper.data[i * width + unit] = -data[row + some.length + k]!;
          }
        }
      }
    }
  }

  return {
    blockSize: blockSizeOf(network, targets),
    async margins(x, labels, ball) {
      const feeds = { ...(await boundTargets(x, ball)), specification: marginRows(labels, network.classes) };
      const session = await sessionOf("margins", (bounds) => ({ bound: marginGraph(bounds) }));
      const { bound } = await session.run(fedTo(session, feeds));
      if (!optimises) return bound as Tensor;
      return optimiseSlopes(network, { bound: bound as Tensor, feeds, marginGraph, sessions, options });
    },
    async logits(x, ball) {
      const feeds = await boundTargets(x, ball);
      const { classes, output } = network;
      const shape = [x.shape[0]!, classes];
      const both = {
        lower: tensor(shape, new Float32Array(shape[0]! * classes)),
        upper: tensor(shape, new Float32Array(shape[0]! * classes)),
      };
      await tighten({ name: output.name, bendsOnlyAtZero: false }, targets.length, both, feeds);
      return both;
    },
    async dispose() {
      const opened = [...sessions.values()];
      sessions.clear();
      for (const session of opened) await (await session).dispose();
    },
  };
}

/** A value that an activation takes. */
interface Target {
  readonly name: string;
  /** Whether only the side of 0 matters. */
  readonly bendsOnlyAtZero: boolean;
}

function targetsOf(network: Network): readonly Target[] {
  const targets = new Map<string, boolean>();
  for (const node of network.path) {
    const operator = network.operator(node);
    if (operator.type === "linear") continue;
    for (const name of node.inputs) {
      if (!network.isOnPath(name) || name === network.input.name) continue;
      targets.set(name, (operator.bendsOnlyAtZero ?? false) && (targets.get(name) ?? true));
    }
  }
  return [...targets].map(([name, bendsOnlyAtZero]) => ({ name, bendsOnlyAtZero }));
}

/** The units that are on both sides of 0 in some sample from `from` to before `to`. */
function bentUnits({ lower, upper }: { readonly lower: Tensor; readonly upper: Tensor }, from: number, to: number) {
  const width = lower.data.length / lower.shape[0]!;
  const isBent = new Uint8Array(width);
  for (let i = from * width; i < to * width; i++) {
    if (lower.data[i]! < 0 && upper.data[i]! > 0) isBent[i % width] = 1;
  }
  return allUnits(width).filter((unit) => isBent[unit] === 1);
}

/** Some samples of what is fed for a whole block; what is the same for all samples as it is. */
function samplesOf(feed: AnyTensor, from: number, to: number, batch: number): AnyTensor {
  if (feed.dtype !== "float32" || feed.shape[0] !== batch) return feed;
  const width = sizeOf(feed.shape.slice(1));
  return tensor([to - from, ...feed.shape.slice(1)], feed.data.subarray(from * width, to * width));
}

const allUnits = (width: number): number[] => Array.from({ length: width }, (_, unit) => unit);

const nameOf = (index: number, end: "lower" | "upper"): string => `known/${index}/${end}`;

function blockSizeOf(network: Network, targets: readonly Target[]): number {
  const units = Math.max(1, ...targets.map(({ name }) => network.widthOf(name)));
  const byMargins = LARGEST_ROWS / (network.classes * network.widest);
  const byWork = LARGEST_WORK / (2 * units * network.widest);
  return Math.max(1, Math.min(256, Math.floor(Math.min(byMargins, byWork))));
}

/** Numbers of the coefficients of a run, about: so many stay in the processor's cache. */
const LARGEST_ROWS = 2 ** 21;

/** Numbers of all coefficients of a block, about: a time limit is looked at between blocks. */
const LARGEST_WORK = 2 ** 26;
