import type { Admissions } from "../evidence/admissions.ts";
import { type Route, route } from "../http/route.ts";
import { artifactRoutes } from "./artifacts/artifact-routes.ts";
import { NoSuchEndpoint } from "./error-shape.ts";
import { aliasRoutes } from "./models/alias-routes.ts";
import { registeredModelRoutes } from "./models/registered-model-routes.ts";
import { modelVersionRoutes } from "./models/version-routes.ts";
import { experimentRoutes } from "./tracking/experiment-routes.ts";
import { loggedModelRoutes } from "./tracking/logged-model-routes.ts";
import { metricRoutes } from "./tracking/metric-routes.ts";
import { runRoutes } from "./tracking/run-routes.ts";
import { mlflowWebhookRoutes } from "./webhooks/webhook-routes.ts";

/** MLflow's REST API, version 2.0 with the additions that clients 3.x call. */
export function mlflowRoutes(
  admissions: Pick<Admissions, "wake">,
  { allowPrivate }: { readonly allowPrivate: boolean },
): readonly Route[] {
  const routes = [
    ...experimentRoutes,
    ...runRoutes,
    ...metricRoutes,
    ...loggedModelRoutes,
    ...artifactRoutes,
    ...registeredModelRoutes,
    ...aliasRoutes,
    ...modelVersionRoutes(() => admissions.wake()),
    ...mlflowWebhookRoutes({ allowPrivate }),
  ];
  return [
    ...["/api/2.0", "/ajax-api/2.0"].flatMap((prefix) =>
      [...routes, ...elsewhere].map((each) => ({ ...each, path: prefix + each.path })),
    ),
    ...["/api/3.0", "/ajax-api/3.0"].flatMap((prefix) =>
      [serverInfo, ...elsewhere].map((each) => ({ ...each, path: prefix + each.path })),
    ),
    text("/health", "OK", "Whether the server answers, as MLflow's clients ask"),
    text("/version", MLFLOW, "The version of MLflow whose API this is"),
  ];
}

/** The release whose client and server this API was compared with. */
const MLFLOW = "3.6.0";

function text(path: string, stream: string, summary: string): Route {
  return route({
    method: "GET",
    path,
    summary,
    access: { type: "public", reason: "says nothing but that the server is there" },
    schema: {},
    handle: async () => ({ headers: { "content-type": "text/plain; charset=utf-8" }, body: stream }),
  });
}

const serverInfo = route({
  method: "GET",
  path: "/mlflow/server-info",
  summary: "What MLflow's newer clients ask for first",
  access: { type: "public", reason: "the same for every server" },
  schema: {},
  handle: async () => ({
    body: {
      store_type: "SqlStore",
      workspaces_enabled: false,
      trace_archival_enabled: false,
      multipart_uploads_enabled: false,
      multipart_downloads_enabled: false,
    },
  }),
});

/** All that MLflow has and this server has not. */
const elsewhere: readonly Route[] = (["GET", "POST", "PUT", "PATCH", "DELETE"] as const).flatMap((method) =>
  ["/mlflow/*", "/mlflow-artifacts/*"].map((path) =>
    route({
      method,
      path,
      summary: "Endpoints of MLflow that there are none of here",
      access: { type: "public", reason: "there is nothing behind it" },
      schema: {},
      async handle() {
        throw new NoSuchEndpoint(
          "NOT_FOUND",
          `There is no such ${method} endpoint here; docs/mlflow.md lists those that there are.`,
        );
      },
    }),
  ),
);
