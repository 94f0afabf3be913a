import type { IncomingHttpHeaders } from "node:http";
import { firstTenant, type Principal } from "../access/principal.ts";
import type { Registry } from "../registry.ts";

/** A request before anybody is known. */
export interface Credentials {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly address: string;
}

/** Finds out who asks: undefined where nothing was shown; throws UNAUTHENTICATED where what was shown is no good. */
export type Authenticate = (registry: Registry, credentials: Credentials) => Promise<Principal | undefined>;

/** Nobody, who may call public routes only. */
export function anonymous(address: string): Principal {
  return {
    tenant: firstTenant,
    id: "anonymous",
    name: "anonymous",
    kind: "person",
    grants: [],
    method: "token",
    credential: "",
    address,
  };
}
