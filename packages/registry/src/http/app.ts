import { isIP } from "node:net";
import fastifySwagger from "@fastify/swagger";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Action } from "../access/actions.ts";
import { modelsFor, type Principal, type Resource } from "../access/principal.ts";
import { RegistryError } from "../errors.ts";
import { change } from "../events/change.ts";
import type { Registry } from "../registry.ts";
import { type Authenticate, anonymous } from "./authenticate.ts";
import { answerOnce } from "./idempotency.ts";
import { type BodyTimes, defaultBodyTimes, requireBytesInTime, requireJsonInTime } from "./in-time.ts";
import { Problem } from "./problem.ts";
import { readJson, requireKeepable } from "./read-json.ts";
import { type ErrorShape, refuse, refuseBytes, securityHeaders } from "./refuse.ts";
import { type Call, type Reply, type Route, route } from "./route.ts";

export interface AppOptions {
  readonly registry: Registry;
  readonly routes: readonly Route[];
  readonly authenticate: Authenticate;
  readonly shapes?: readonly ErrorShape[];
  /** Names that this server answers to, against DNS rebinding; loopback names are always among them. */
  readonly hosts?: readonly string[];
  /** Addresses of proxies that are believed when they say where a request came from. */
  readonly proxies?: readonly string[];
  readonly version: string;
  readonly bodyTimes?: BodyTimes;
  /** Told of everything that is answered with 500. */
  readonly failed: (error: unknown) => void;
}

/** The HTTP server, not yet listening. Throws where a route does not say who may call it. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { routes, hosts = [], proxies = [], shapes = [], version, bodyTimes = defaultBodyTimes, failed } = options;
  const stranger = proxies.find((proxy) => !/^[^/]+(\/\d{1,3})?$/.test(proxy) || isIP(proxy.split("/")[0]!) === 0);
  if (stranger !== undefined)
    throw new RegistryError("INVALID", `proxies: expected addresses or networks, got ${JSON.stringify(stranger)}`);
  const app = fastify({
    bodyLimit: 1024 * 1024,
    routerOptions: { maxParamLength: 1024, ignoreTrailingSlash: false },
    ajv: { customOptions: { coerceTypes: "array", removeAdditional: false, allErrors: true } },
    requestTimeout: 0,
    trustProxy: proxies.length > 0 ? [...proxies] : false,
    frameworkErrors: (error, request, reply) => refuse(error, request, reply, { shapes, failed }),
    clientErrorHandler: refuseBytes,
  });
  await app.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Casemate registry",
        version,
        description: "Versions that nobody can swap, approvals that nobody can skip.",
      },
      components: {
        securitySchemes: {
          token: { type: "http", scheme: "bearer" },
          session: { type: "apiKey", in: "cookie", name: "casemate_session" },
        },
      },
      security: [{ token: [] }, { session: [] }],
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, refuseUnlessEmpty);
  app.addContentTypeParser(/^application\/(.*\+)?json/, { parseAs: "buffer" }, parseBody);

  app.addHook("onRequest", async (request, reply) => {
    reply.headers(securityHeaders);
    checkHost(request, hosts);
  });
  app.addHook("onRoute", ({ method, url, config }) => {
    if ((config as { readonly access?: unknown } | undefined)?.access === undefined)
      throw new RegistryError("INVALID", `${method} ${url} does not say who may call it`);
  });
  app.addHook("preValidation", async ({ params, query }) => {
    requireKeepable("params", params);
    requireKeepable("querystring", query);
  });
  app.setErrorHandler(async (error, request, reply) => refuse(error, request, reply, { shapes, failed }));
  app.setNotFoundHandler((request) => {
    throw new RegistryError("NOT_FOUND", `there is no ${request.method} ${request.url.split("?")[0]}`);
  });
  const closing = new AbortController();
  app.addHook("preClose", async () => closing.abort());
  await app.register(async (json) => {
    json.addHook("preParsing", async ({ raw }) => requireJsonInTime(raw, bodyTimes));
    mount(json, description(app), options, closing.signal);
    for (const each of routes) if (!takesBytes(each)) mount(json, each, options, closing.signal);
  });
  await app.register(async (bytes) => {
    bytes.removeAllContentTypeParsers(); // a file is its bytes, whatever its type says
    bytes.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    bytes.addHook("preParsing", async ({ raw }) => requireBytesInTime(raw, bodyTimes));
    for (const each of routes) if (takesBytes(each)) mount(bytes, each, options, closing.signal);
  });
  await app.ready();
  return app;
}

function description(app: FastifyInstance): Route {
  return route({
    method: "GET",
    path: "/api/v1/openapi.json",
    summary: "This interface, as OpenAPI 3.1",
    access: { type: "public", reason: "the same for every server" },
    schema: {},
    handle: async () => ({ body: app.swagger() }),
  });
}

/** Whether a route reads the body as a stream. */
function takesBytes({ method, schema }: Route): boolean {
  return method === "PUT" && schema.body === undefined;
}

function mount(app: FastifyInstance, route: Route, { registry, authenticate }: AppOptions, closing: AbortSignal): void {
  const { method, path, summary, access, schema, bodyLimit, hasSecret = false } = route;
  const callers = new WeakMap<FastifyRequest, Principal>();
  app.route({
    method,
    url: path,
    ...(bodyLimit === undefined ? {} : { bodyLimit }),
    config: { access },
    schema: {
      summary,
      ...(access?.type === "public" ? { security: [] } : {}),
      ...(schema.params === undefined ? {} : { params: schema.params }),
      ...(schema.query === undefined ? {} : { querystring: schema.query }),
      ...(schema.body === undefined ? {} : { body: schema.body }),
      ...(schema.answer === undefined ? {} : { response: { "2xx": schema.answer, ...refusals(path) } }),
    },
    // before the body is read: strangers send none
    onRequest: async (request) => {
      if (access.type === "public") return;
      const principal = await authenticate(registry, { method, headers: request.headers, address: request.ip });
      if (principal === undefined)
        throw new RegistryError("UNAUTHENTICATED", "a token or a session is needed: Authorization: Bearer …");
      callers.set(request, principal);
    },
    handler: async (request, reply) => {
      const principal = callers.get(request) ?? anonymous(request.ip);
      const call = callOf(request, registry, principal, closing);
      if (access.type === "action") await call.authorize(access.action, await resourceOf(call, access));
      const key = request.headers["idempotency-key"];
      const answer = () => route.handle(call);
      if (method === "GET" || key === undefined || access.type === "public" || takesBytes(route))
        return await send(reply, pointToNext(request, await answer()));
      const keyed = { key: String(key), method, url: request.url, body: request.body, isSecret: hasSecret };
      return await send(reply, await answerOnce(registry, principal, keyed, answer));
    },
  });
}

function callOf(request: FastifyRequest, registry: Registry, principal: Principal, closing: AbortSignal): Call {
  return {
    registry,
    principal,
    params: request.params as never,
    query: request.query as never,
    body: request.body as never,
    headers: request.headers,
    stream: request.raw,
    closing,
    authorize: (action, resource) => authorize(registry, principal, action, resource),
  };
}

/** What a request is about. Who may do such a thing nowhere is not told whether it is there. */
async function resourceOf(
  call: Call,
  { action, resource }: Extract<Route["access"], { readonly type: "action" }>,
): Promise<Resource> {
  try {
    return await resource(call);
  } catch (error) {
    const { tenant } = call.principal;
    const isMissing = error instanceof RegistryError && error.code === "NOT_FOUND";
    if (isMissing && modelsFor(call.principal, action).length === 0)
      await call.authorize(action, { tenant, type: "Tenant", id: tenant });
    throw error;
  }
}

/** Denied attempts are logged like changes. Throws FORBIDDEN. */
export async function authorize(
  registry: Registry,
  principal: Principal,
  action: Action,
  resource: Resource,
): Promise<void> {
  const { isAllowed, policies, policyDigest } = registry.policies.decide(principal, action, resource);
  if (isAllowed) return;
  await change(registry, principal, ({ record }) =>
    record({
      action,
      resource: `${resource.type.toLowerCase()}/${resource.id}`,
      outcome: "denied",
      details: {
        policies,
        policyDigest,
        ...(resource.environment === undefined ? {} : { environment: resource.environment }),
      },
    }),
  );
  const why = policies.length > 0 ? ` (${policies.join(", ")})` : "";
  throw new RegistryError(
    "FORBIDDEN",
    `${principal.name} may not do ${action} to ${resource.type.toLowerCase()} ${resource.id}${why}`,
  );
}

/** A page of a list says where the next one is (RFC 8288). */
function pointToNext({ method, url }: FastifyRequest, reply: Reply): Reply {
  const { next } = (reply.body ?? {}) as { readonly next?: unknown };
  if (method !== "GET" || next === undefined) return reply;
  const to = new URL(url, "http://localhost");
  to.searchParams.set("after", String(next));
  return { ...reply, headers: { ...reply.headers, link: `<${to.pathname}${to.search}>; rel="next"` } };
}

/** How our own routes refuse, for the description. MLflow's have their own form. */
function refusals(path: string): object {
  const content = { "application/problem+json": { schema: Problem } };
  return path.startsWith("/api/v1/") ? { "4xx": { description: "Why it is refused (RFC 9457)", content } } : {};
}

async function send(reply: FastifyReply, { status, headers = {}, body, stream }: Reply): Promise<unknown> {
  reply.headers(headers);
  if (stream !== undefined) return await reply.code(status ?? 200).send(stream);
  if (body === undefined) return await reply.code(status ?? 204).send();
  return await reply.code(status ?? 200).send(body);
}

type Parsed = (error: Error | null, value?: unknown) => void;

function parseBody(_request: FastifyRequest, bytes: string | Buffer, done: Parsed): void {
  try {
    done(null, readJson(Buffer.from(bytes)));
  } catch (error) {
    done(error as Error);
  }
}

/** A body of another kind is not guessed at: a page of another site can send those without asking. */
function refuseUnlessEmpty({ headers }: FastifyRequest, text: string | Buffer, done: Parsed): void {
  const got = JSON.stringify(headers["content-type"] ?? "none");
  done(text.length === 0 ? null : new RegistryError("INVALID", `Content-Type: expected application/json, got ${got}`));
}

const loopback = new Set(["localhost", "127.0.0.1", "[::1]"]);

function checkHost({ headers: { host = "" } }: FastifyRequest, hosts: readonly string[]): void {
  const name = host.replace(/:\d+$/, "").toLowerCase();
  if (!loopback.has(name) && !hosts.includes(name))
    throw new RegistryError(
      "FORBIDDEN",
      `this server does not answer to the name ${JSON.stringify(name)}; name it with --host-name`,
    );
}
