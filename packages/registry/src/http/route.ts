import type { Readable } from "node:stream";
import type { Static, TSchema } from "typebox";
import type { Action } from "../access/actions.ts";
import type { Principal, Resource } from "../access/principal.ts";
import type { Registry } from "../registry.ts";

/**
 * Who may call a route. Every route says it; one that does not is refused when the server starts.
 * - `public`: anybody, for the reason given;
 * - `signed-in`: anybody who is known, about themselves only;
 * - `filtered`: anybody who is known; the handler shows only what `modelsFor` the action allows;
 * - `action`: who may do the action to the resource, by the policies. `resource` reads the parameters, and rows where it must.
 */
export type Access<S extends RouteSchema> =
  | { readonly type: "public"; readonly reason: string }
  | { readonly type: "signed-in" }
  | { readonly type: "filtered"; readonly action: Action }
  | {
      readonly type: "action";
      readonly action: Action;
      readonly resource: (call: Call<S>) => Resource | Promise<Resource>;
    };

/** Schemas of what comes in and goes out: they validate, type and document. */
export interface RouteSchema {
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly body?: TSchema;
  readonly answer?: TSchema;
}

type Of<S, K extends string> = S extends { readonly [key in K]: infer T extends TSchema } ? Static<T> : undefined;

/** One request, checked and authorised. */
export interface Call<S extends RouteSchema = RouteSchema> {
  readonly registry: Registry;
  /** Who asks; on public routes an anonymous principal without grants. */
  readonly principal: Principal;
  readonly params: Of<S, "params">;
  readonly query: Of<S, "query">;
  readonly body: Of<S, "body">;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The raw body, where the route declares no schema for it. */
  readonly stream: Readable;
  /** Aborted when the server ends: for answers that would go on for ever. */
  readonly closing: AbortSignal;
  /** Throws FORBIDDEN, and logs the attempt, unless the policies allow it: for what a handler touches beside the route's resource. */
  authorize(action: Action, resource: Resource): Promise<void>;
}

/** What a handler answers with: JSON, or a stream; 200, or 204 without body, unless `status` says otherwise. */
export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly stream?: Readable;
}

export interface Route<S extends RouteSchema = RouteSchema> {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Fastify's pattern, such as `/api/v1/models/:model`. */
  readonly path: string;
  readonly summary: string;
  readonly access: Access<S>;
  readonly schema: S;
  /** Bytes that the body may have; 1 MiB by default. Streams have no limit of their own. */
  readonly bodyLimit?: number;
  /** Whether the answer holds a secret that is shown once: it is not kept for its Idempotency-Key. */
  readonly hasSecret?: boolean;
  handle(call: Call<S>): Promise<Reply>;
}

/** Gives a route its types from its schemas; the list of routes forgets them. */
export function route<const S extends RouteSchema>(definition: Route<S>): Route {
  return definition as unknown as Route;
}
