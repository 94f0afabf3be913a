import type { FastifyInstance } from "fastify";
import { type Admissions, openAdmissions } from "./evidence/admissions.ts";
import { createApp, type ErrorShape } from "./http/app.ts";
import type { Route } from "./http/route.ts";
import { authenticate } from "./identity/authenticate.ts";
import type { Registry } from "./registry.ts";
import { identityRoutes } from "./routes/identity.ts";
import { logRoutes } from "./routes/log.ts";
import { modelRoutes } from "./routes/models.ts";
import { promotionRoutes } from "./routes/promotions.ts";
import { versionRoutes } from "./routes/versions.ts";

export interface ServerOptions {
  readonly version: string;
  /** Names that it answers to beside those of the loopback. */
  readonly hosts?: readonly string[];
  /** Told of whatever is answered with 500, and of versions that could not be looked at. */
  readonly failed: (error: unknown) => void;
}

/** The registry behind HTTP: listen with `app.listen`; `close` ends both, after what is under way. */
export interface RegistryServer {
  readonly app: FastifyInstance;
  readonly admissions: Admissions;
  close(): Promise<void>;
}

/** Every route of the registry, for a server and for whoever wants to look at them. */
export function routesOf(admissions: Pick<Admissions, "wake">): readonly Route[] {
  return [
    ...identityRoutes,
    ...modelRoutes,
    ...versionRoutes(() => admissions.wake()),
    ...promotionRoutes,
    ...logRoutes,
  ];
}

const shapes: readonly ErrorShape[] = [];

/** Puts the registry behind HTTP, not yet listening, and looks at versions that were left pending. */
export async function createServer(
  registry: Registry,
  { version, hosts = [], failed }: ServerOptions,
): Promise<RegistryServer> {
  const admissions = openAdmissions(registry, failed);
  const app = await createApp({ registry, routes: routesOf(admissions), authenticate, shapes, hosts, version, failed });
  admissions.wake();
  return {
    app,
    admissions,
    async close() {
      await app.close();
      await admissions.close();
    },
  };
}
