import { RegistryError, type RegistryErrorCode, statusOf } from "@casemate/registry";

/** Where a registry is, and as whom to ask. */
export interface RegistryAccess {
  readonly url: string;
  /** An API token; empty for what needs none. */
  readonly token?: string;
  /** Name and password instead. */
  readonly basic?: { readonly name: string; readonly password: string };
}

/** Asks a registry over HTTP. What it refuses is thrown as its own error, in its words. */
export interface RegistryClient {
  readonly url: string;
  json<T>(method: string, path: string, body?: unknown): Promise<T>;
  upload(path: string, content: ReadableStream<Uint8Array>, size: number): Promise<void>;
  download(path: string): Promise<ReadableStream<Uint8Array>>;
}

/** Throws INVALID where no registry is named, and UNAVAILABLE where it does not answer. */
export function registryClient({ url, token = "", basic }: RegistryAccess): RegistryClient {
  const base = baseOf(url);
  const authorization =
    basic === undefined
      ? `Bearer ${token}`
      : `Basic ${Buffer.from(`${basic.name}:${basic.password}`).toString("base64")}`;
  async function ask(method: string, path: string, init: RequestInit): Promise<Response> {
    const headers = { ...init.headers, ...(token === "" && basic === undefined ? {} : { authorization }) };
    let response: Response;
    try {
      response = await fetch(`${base}/api/v1${path}`, { ...init, method, headers, redirect: "error" });
    } catch (cause) {
      const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
      throw new RegistryError("UNAVAILABLE", `no answer from the registry at ${base}: ${reason}`, { cause });
    }
    if (response.ok) return response;
    throw await refusal(response);
  }
  return {
    url: base,
    async json(method, path, body) {
      const init =
        body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
      const response = await ask(method, path, init);
      return (response.status === 204 ? undefined : await response.json()) as never;
    },
    async upload(path, content, size) {
      const headers = { "content-type": "application/octet-stream", "content-length": String(size) };
      await ask("PUT", path, { headers, body: content, duplex: "half" } as RequestInit);
    },
    async download(path) {
      const { body } = await ask("GET", path, {});
      return body ?? new ReadableStream({ start: (controller) => controller.close() });
    },
  };
}

function baseOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !["http:", "https:"].includes(parsed.protocol))
    throw new RegistryError(
      "INVALID",
      `registry: expected a URL such as http://127.0.0.1:7420 by --registry or CASEMATE_REGISTRY, got ${JSON.stringify(url)}`,
    );
  return parsed.href.replace(/\/+$/, "");
}

async function refusal(response: Response): Promise<RegistryError> {
  const problem: { readonly code?: string; readonly detail?: string } = (await response
    .json()
    .catch(() => ({}))) as object;
  const code =
    problem.code !== undefined && Object.hasOwn(statusOf, problem.code)
      ? (problem.code as RegistryErrorCode)
      : "UNAVAILABLE";
  return new RegistryError(code, problem.detail ?? `the registry answered ${response.status}`);
}
