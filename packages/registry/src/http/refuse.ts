import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";
import { RegistryError } from "../errors.ts";
import { problemOf } from "./problem.ts";

/** How errors of some routes are answered instead of problem+json: MLflow's clients want their own shape. */
export interface ErrorShape {
  readonly prefixes: readonly string[];
  answer(error: unknown): { readonly status: number; readonly body: unknown };
}

/** What every answer carries: nothing here is a page, or for another site. */
export const securityHeaders = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** Answers an error in the form that the route's callers read. */
export function refuse(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { shapes, failed }: { readonly shapes: readonly ErrorShape[]; readonly failed: (error: unknown) => void },
): void {
  const shape = shapes.find(({ prefixes }) => prefixes.some((prefix) => request.url.startsWith(prefix)));
  const { status, body } = shape?.answer(error) ?? problemAnswer(error);
  if (status >= 500) failed(error);
  if (status === 401) reply.header("www-authenticate", 'Bearer realm="casemate"');
  reply
    .headers(securityHeaders)
    .code(status)
    .type(shape === undefined ? "application/problem+json" : "application/json")
    .send(body);
}

/** Answers what is no request by the rules of HTTP, and hangs up. */
export function refuseBytes({ code }: Error & { readonly code?: string }, socket: Socket): void {
  if (!socket.writable || socket.bytesWritten > 0) return void socket.destroy();
  const [status, why] =
    code === "HPE_HEADER_OVERFLOW"
      ? [431, "the header fields are too large"]
      : code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? [408, "the request did not come in time"]
        : [400, "what came is no HTTP request"];
  const body = JSON.stringify({ ...problemOf(new RegistryError("INVALID", why)), status });
  const headers = {
    ...securityHeaders,
    "content-type": "application/problem+json",
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, "", body].join("\r\n"));
}

function problemAnswer(error: unknown) {
  const body = problemOf(error);
  return { status: body.status, body };
}
