import { type Operation, violationOf } from "./linearizability.ts";
import { ask, sha256Of, type TestServer } from "./open-server.ts";

/** What came of many writers at once. */
export interface Outcome {
  readonly acknowledged: number;
  readonly operations: number;
  readonly duplicates: readonly string[];
  readonly lost: readonly string[];
  readonly violations: readonly string[];
  readonly refusals: readonly string[];
}

/**
 * Writers that add versions to a few models and move an alias of each to what they added, and read it in between, until time is over.
 * Looks afterwards for lost and doubled versions, and whether the histories of the aliases are those of registers.
 */
export async function letWritersLoose(
  server: TestServer,
  token: string,
  { writers, seconds, seed }: { readonly writers: number; readonly seconds: number; readonly seed: number },
): Promise<Outcome> {
  const models = ["alpha", "beta", "gamma", "delta"];
  const content = Buffer.from("weights");
  const call = (method: string, path: string, body?: unknown) => ask(server.url, token, method, `/api/v1${path}`, body);
  const file = { path: "model.bin", sha256: sha256Of(content), size: content.length };
  for (const name of models) await call("POST", "/models", { name });
  await call("PUT", `/models/alpha/blobs/${file.sha256}`, content);
  const histories = new Map<string, Operation[]>(models.map((name) => [name, []]));
  const acknowledged: string[] = [];
  const refusals: string[] = [];
  for (const model of models) {
    const { body } = await call("POST", `/models/${model}/versions`, { files: [file] });
    await call("PUT", `/models/${model}/aliases/champion`, { version: body.version });
    acknowledged.push(`${model}/${body.version}`);
  }
  const end = performance.now() + seconds * 1000;

  async function write(random: () => number): Promise<void> {
    while (performance.now() < end) {
      const model = models[Math.floor(random() * models.length)]!;
      const history = histories.get(model)!;
      const start = performance.now();
      if (random() < 0.5) {
        const { status, body } = await call("GET", `/models/${model}/aliases/champion`);
        if (status === 200) history.push({ type: "read", value: body.version, start, end: performance.now() });
        else refusals.push(`read ${status}`);
        continue;
      }
      const added = await call("POST", `/models/${model}/versions`, { files: [file] });
      if (added.status !== 201) {
        refusals.push(`add ${added.status} ${added.body.detail}`);
        continue;
      }
      acknowledged.push(`${model}/${added.body.version}`);
      const moving = performance.now();
      const { status, body } = await call("PUT", `/models/${model}/aliases/champion`, { version: added.body.version });
      if (status === 204)
        history.push({ type: "write", value: added.body.version, start: moving, end: performance.now() });
      else refusals.push(`alias ${status} ${body.detail}`);
    }
  }
  await Promise.all(Array.from({ length: writers }, (_, index) => write(randomFrom(seed * 1000 + index))));

  const { rows } = server.registry.store;
  const stored = new Set(
    (await rows.selectFrom("versions").select(["model", "version"]).execute()).map(
      ({ model, version }) => `${model}/${version}`,
    ),
  );
  return {
    acknowledged: acknowledged.length,
    operations: [...histories.values()].reduce((sum, history) => sum + history.length, 0),
    duplicates: acknowledged.filter((name, index) => acknowledged.indexOf(name) !== index),
    lost: acknowledged.filter((name) => !stored.has(name)),
    violations: [...histories].flatMap(([model, history]) => {
      const violation = violationOf(history, 1);
      return violation === undefined ? [] : [`${model}: ${violation}`];
    }),
    refusals,
  };
}

/** Numbers in [0, 1) that follow from a seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
