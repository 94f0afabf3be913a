import { RegistryError, type RegistryErrorCode, statusOf } from "../errors.ts";
import { known } from "../http/problem.ts";
import type { ErrorShape } from "../http/refuse.ts";

/** MLflow's name for each error. Its client tries 408, 429, 500, 502, 503 and 504 again, so that no refusal may be one of these. */
const names: Readonly<Record<RegistryErrorCode, readonly [string, number]>> = {
  INVALID: ["INVALID_PARAMETER_VALUE", 400],
  UNAUTHENTICATED: ["UNAUTHENTICATED", 401],
  FORBIDDEN: ["PERMISSION_DENIED", 403],
  NOT_FOUND: ["RESOURCE_DOES_NOT_EXIST", 404],
  ALREADY_EXISTS: ["RESOURCE_ALREADY_EXISTS", 400],
  CONFLICT: ["RESOURCE_CONFLICT", 409],
  PRECONDITION_FAILED: ["ABORTED", 409],
  TOO_LARGE: ["INVALID_PARAMETER_VALUE", statusOf.TOO_LARGE],
  TOO_MANY_REQUESTS: ["REQUEST_LIMIT_EXCEEDED", 429],
  UNAVAILABLE: ["TEMPORARILY_UNAVAILABLE", 503],
  STORAGE_FULL: ["RESOURCE_EXHAUSTED", statusOf.STORAGE_FULL],
};

/** A path of MLflow's API that there is none of. */
export class NoSuchEndpoint extends RegistryError {}

/** Errors as MLflow's clients read them: `{ error_code, message }`. */
export const mlflowErrors: ErrorShape = {
  prefixes: ["/api/2.0/mlflow", "/ajax-api/2.0/mlflow", "/api/3.0/mlflow", "/ajax-api/3.0/mlflow"],
  answer(error) {
    if (error instanceof NoSuchEndpoint)
      return { status: 404, body: { error_code: "ENDPOINT_NOT_FOUND", message: error.message } };
    const { code, message } = known(error) ?? {};
    if (code === undefined)
      return {
        status: 500,
        body: { error_code: "INTERNAL_ERROR", message: "Something went wrong here; the server's log says what." },
      };
    const [error_code, status] = names[code];
    return { status, body: { error_code, message } };
  },
};
