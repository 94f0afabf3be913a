import { EvidenceError } from "@casemate/evidence";
import { StoreError } from "@casemate/store";
import Type, { type Static } from "typebox";
import { RegistryError, type RegistryErrorCode, statusOf } from "../errors.ts";

/** RFC 9457, application/problem+json. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  code: Type.String(),
});
export type Problem = Static<typeof Problem>;

const titles: Readonly<Record<RegistryErrorCode, string>> = {
  INVALID: "The request is not valid",
  UNAUTHENTICATED: "Sign in first",
  FORBIDDEN: "Not allowed",
  NOT_FOUND: "Not there",
  ALREADY_EXISTS: "It is there already",
  CONFLICT: "Not in this state",
  PRECONDITION_FAILED: "It was changed in the meantime",
  TOO_LARGE: "Too large",
  TOO_MANY_REQUESTS: "Too many requests",
  UNAVAILABLE: "Not available now",
  STORAGE_FULL: "No room left",
};

/** What anything thrown is answered with. What is nobody's fault but ours says nothing of our insides. */
export function problemOf(error: unknown): Problem {
  const { code, message } = known(error) ?? {
    code: undefined,
    message: "Something went wrong here; the server's log says what.",
  };
  return code === undefined
    ? { type: "about:blank", title: "Internal error", status: 500, detail: message, code: "INTERNAL" }
    : {
        type: `urn:casemate:problem:${code.toLowerCase().replaceAll("_", "-")}`,
        title: titles[code],
        status: statusOf[code],
        detail: message,
        code,
      };
}

/** The registry's own words for an error, if it has any. */
export function known(error: unknown): { readonly code: RegistryErrorCode; readonly message: string } | undefined {
  if (error instanceof RegistryError) return error;
  if (error instanceof StoreError) {
    if (error.code === "FULL") return { code: "STORAGE_FULL", message: "The disk is full; nothing was stored." };
    if (error.code === "UNREACHABLE")
      return { code: "UNAVAILABLE", message: "The database cannot be reached; nothing was changed." };
    if (error.code === "NOT_FOUND") return { code: "NOT_FOUND", message: error.message };
    if (error.code === "DIGEST_MISMATCH") return { code: "INVALID", message: error.message };
  }
  if (error instanceof EvidenceError) return { code: "CONFLICT", message: error.message };
  const { statusCode, message } = error as { statusCode?: number; message?: string };
  if (statusCode === 400 || statusCode === 414 || statusCode === 415)
    return { code: "INVALID", message: message ?? "" };
  if (statusCode === 413) return { code: "TOO_LARGE", message: message ?? "" };
  return undefined;
}
