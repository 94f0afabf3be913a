import Type from "typebox";
import { type Route, route } from "../../http/route.ts";
import { Id, Key, RunKey } from "../schemas.ts";
import { experimentResource } from "./experiments.ts";
import { metricHistory, sampleMetric } from "./metrics.ts";
import { onRun, runOf } from "./run-routes.ts";
import { findRun } from "./runs.ts";

const Step = Type.Integer({ minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER });

export const metricRoutes: readonly Route[] = [
  route({
    method: "GET",
    path: "/mlflow/metrics/get-history",
    summary: "Every value of a metric, by step",
    access: onRun("experiment:read"),
    schema: {
      query: Type.Object({
        ...RunKey,
        metric_key: Key,
        max_results: Type.Optional(Type.Integer({ minimum: 1, maximum: 25_000 })),
        page_token: Type.Optional(Type.String({ maxLength: 100 })),
      }),
    },
    async handle(call) {
      return { body: await metricHistory(call.registry, await runOf(call), call.query.metric_key, call.query) };
    },
  }),
  ...(
    [
      ["/mlflow/metrics/get-history-bulk-interval", "run_ids"],
      ["/mlflow/metrics/get-history-bulk", "run_id"],
    ] as const
  ).map(([path, word]) =>
    route({
      method: "GET",
      path,
      summary: "Values of a metric in several runs, at a limited number of steps",
      access: {
        type: "action",
        action: "experiment:read",
        resource: ({ principal }) => experimentResource(principal, "*"),
      },
      schema: {
        query: Type.Object({
          [word]: Type.Array(Id, { minItems: 1, maxItems: 100 }),
          metric_key: Key,
          start_step: Type.Optional(Step),
          end_step: Type.Optional(Step),
          max_results: Type.Optional(Type.Integer({ minimum: 1, maximum: 2500 })),
        }),
      },
      async handle({ registry, principal, query, authorize }) {
        const asked = query as unknown as {
          readonly [word: string]: readonly string[];
        } & {
          readonly metric_key: string;
          readonly start_step?: number;
          readonly end_step?: number;
          readonly max_results?: number;
        };
        const runs = await Promise.all(asked[word]!.map((id) => findRun(registry.store.rows, principal.tenant, id)));
        for (const { experiment } of runs)
          await authorize("experiment:read", experimentResource(principal, experiment));
        const { metric_key, start_step: start, end_step: end, max_results: limit } = asked;
        const metrics = await sampleMetric(registry, runs, metric_key, {
          ...(start === undefined ? {} : { start }),
          ...(end === undefined ? {} : { end }),
          ...(limit === undefined ? {} : { limit }),
        });
        return { body: { metrics } };
      },
    }),
  ),
];
