import type { Role } from "../../src/access/actions.ts";
import { createToken, createUser, grantRole, localPrincipal } from "../../src/index.ts";
import { ask, type TestServer } from "../open-server.ts";

/** Makes an account with several roles and returns its token. */
export async function accountWith({ registry }: TestServer, name: string, roles: readonly Role[]): Promise<string> {
  const { id } = await createUser(registry, localPrincipal(), { name, kind: "person" });
  for (const role of roles) await grantRole(registry, localPrincipal(), id, { role, model: "*", environment: "*" });
  return (await createToken(registry, localPrincipal(), id, { name: "test" })).token;
}

/** One call of MLflow's API: parameters of a GET go into the query. */
export async function mlflow(
  { url }: TestServer,
  token: string,
  method: string,
  path: string,
  parameters: Readonly<Record<string, unknown>> = {},
) {
  const isGet = method === "GET";
  const query = new URLSearchParams(
    Object.entries(parameters).flatMap(([key, value]) =>
      [value].flat().map((each): [string, string] => [key, String(each)]),
    ),
  );
  return await ask(
    url,
    token,
    method,
    `/api/2.0/mlflow/${path}${isGet ? `?${query}` : ""}`,
    isGet ? undefined : parameters,
  );
}

/** Sends one file as MLflow's client does. */
export async function put({ url }: TestServer, token: string, path: string, content: Uint8Array | string) {
  return await ask(url, token, "PUT", `/api/2.0/mlflow-artifacts/artifacts/${path}`, Buffer.from(content));
}
