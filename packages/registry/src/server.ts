import type { FastifyInstance } from "fastify";
import { type Admissions, openAdmissions } from "./evidence/admissions.ts";
import { createApp } from "./http/app.ts";
import type { BodyTimes } from "./http/in-time.ts";
import type { ErrorShape } from "./http/refuse.ts";
import type { Route } from "./http/route.ts";
import { openAuthentication } from "./identity/authenticate.ts";
import { type OidcSignIn, openOidc } from "./identity/oidc.ts";
import { mlflowErrors } from "./mlflow/error-shape.ts";
import { mlflowRoutes } from "./mlflow/routes.ts";
import type { Registry } from "./registry.ts";
import { eventRoutes } from "./routes/events.ts";
import { identityRoutes } from "./routes/identity.ts";
import { logRoutes } from "./routes/log.ts";
import { modelRoutes } from "./routes/models.ts";
import { oidcRoutes } from "./routes/oidc.ts";
import { promotionRoutes } from "./routes/promotions.ts";
import { tenantRoutes } from "./routes/tenants.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import { versionRoutes } from "./routes/versions.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import { openDeliveries } from "./webhooks/deliver.ts";

export interface ServerOptions {
  readonly version: string;
  /** Names that it answers to beside those of the loopback. */
  readonly hosts?: readonly string[];
  /** Addresses or networks of proxies that are believed when they say where a request came from (X-Forwarded-For). */
  readonly proxies?: readonly string[];
  /** Told of whatever is answered with 500, and of versions that could not be looked at. */
  readonly failed: (error: unknown) => void;
  /** Whether webhooks may reach this host and private networks, also by plain HTTP. */
  readonly allowPrivateWebhooks?: boolean;
  /** Milliseconds before a delivery is tried again. */
  readonly webhookWait?: number;
  /** How people sign in elsewhere: `OidcConfiguration`. */
  readonly oidc?: unknown;
  /** How long bodies may take. */
  readonly bodyTimes?: BodyTimes;
  /** Where the client's secret is. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** The registry behind HTTP: listen with `app.listen`; `close` ends both, after what is under way. */
export interface RegistryServer {
  readonly app: FastifyInstance;
  readonly admissions: Admissions;
  close(): Promise<void>;
}

/** Every route of the registry, for a server and for whoever wants to look at them. */
export function routesOf(
  admissions: Pick<Admissions, "wake">,
  { allowPrivate = false, oidc }: { readonly allowPrivate?: boolean; readonly oidc?: OidcSignIn } = {},
): readonly Route[] {
  return [
    ...identityRoutes,
    ...tenantRoutes,
    ...tokenRoutes,
    ...(oidc === undefined ? [] : oidcRoutes(oidc)),
    ...modelRoutes,
    ...versionRoutes(() => admissions.wake()),
    ...promotionRoutes,
    ...logRoutes,
    ...eventRoutes,
    ...webhookRoutes({ allowPrivate }),
    ...mlflowRoutes(admissions, { allowPrivate }),
  ];
}

const shapes: readonly ErrorShape[] = [mlflowErrors];

/** Puts the registry behind HTTP, not yet listening, and looks at versions that were left pending. */
export async function createServer(
  registry: Registry,
  {
    version,
    hosts = [],
    proxies = [],
    failed,
    allowPrivateWebhooks: allowPrivate = false,
    webhookWait,
    oidc,
    bodyTimes,
    environment = process.env,
  }: ServerOptions,
): Promise<RegistryServer> {
  const admissions = openAdmissions(registry, failed);
  const app = await createApp({
    registry,
    routes: routesOf(admissions, {
      allowPrivate,
      ...(oidc === undefined ? {} : { oidc: openOidc(registry, oidc, environment) }),
    }),
    authenticate: openAuthentication(registry),
    shapes,
    hosts,
    proxies,
    version,
    ...(bodyTimes === undefined ? {} : { bodyTimes }),
    failed,
  });
  const deliveries = openDeliveries(registry, {
    allowPrivate,
    failed,
    ...(webhookWait === undefined ? {} : { firstWait: webhookWait }),
  });
  const forget = registry.log.subscribe(() => deliveries.wake());
  admissions.wake();
  deliveries.wake();
  return {
    app,
    admissions,
    async close() {
      await app.close();
      forget();
      await deliveries.close();
      await admissions.close();
    },
  };
}
