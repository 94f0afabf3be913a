import { AwsClient } from "aws4fetch";
import { StoreError } from "../errors.ts";
import { elements, textOf } from "./elements.ts";
import type { S3Location } from "./s3-location.ts";

/** Requests to one bucket. Throws UNREACHABLE, FULL. */
export interface Bucket {
  /** Asks for a key, or for the bucket itself by the empty one; answers with a status that is neither 2xx nor in `allowed` throw. */
  ask(method: string, key: string, question?: Question): Promise<Response>;
  /** As `ask`, but with the whole answer as text; S3 says of some failures only there. */
  text(method: string, key: string, question?: Question): Promise<string>;
}

export interface Question {
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Of the body; what arrives with another is refused by the service. */
  readonly sha256?: string;
  readonly allowed?: readonly number[];
}

const LONGEST_ANSWER = 16 * 2 ** 20; // a list of 1,000 keys is well under one
const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Signs requests by AWS's Signature Version 4; what the service says is too much, or its own fault, is asked again three times. */
export function openBucket(location: S3Location): Bucket {
  const { endpoint, bucket, region, accessKeyId, secretAccessKey, sessionToken } = location;
  const client = new AwsClient({
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    service: "s3",
    region,
    retries: 3,
  });
  const base = `${endpoint.replace(/\/+$/, "")}/${bucket}`;

  const ask: Bucket["ask"] = async (method, key, { query = {}, headers = {}, body, sha256, allowed = [] } = {}) => {
    const url = new URL(key === "" ? base : `${base}/${key}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    let response: Response;
    try {
      response = await client.fetch(url, {
        method,
        headers: {
          "x-amz-content-sha256": sha256 ?? (body === undefined ? EMPTY_SHA256 : "UNSIGNED-PAYLOAD"),
          ...headers,
        },
        redirect: "manual",
        ...(body === undefined ? {} : { body: body as string }),
      });
    } catch (cause) {
      throw unreachable(`${endpoint} does not answer: ${reasonOf(cause)}`, cause);
    }
    if (response.ok || allowed.includes(response.status)) return response;
    throw refused(`${method} ${url.pathname}: ${response.status}`, await wholeText(response));
  };

  return {
    ask,
    async text(method, key, question) {
      const text = await wholeText(await ask(method, key, question));
      if (elements(text, "Error").length > 0) throw refused(`${method} ${bucket}/${key}`, text);
      return text;
    },
  };
}

export function unreachable(message: string, cause?: unknown): StoreError {
  return new StoreError("UNREACHABLE", `the bucket cannot be used: ${message}`, { cause });
}

/** What went wrong beneath, where `fetch` only says that it failed. */
export function reasonOf(cause: unknown): string {
  const { message, cause: beneath } = cause as Error;
  return beneath instanceof Error
    ? `${message} (${beneath.message || (beneath as NodeJS.ErrnoException).code})`
    : message;
}

function refused(where: string, answer: string): StoreError {
  const [code, message] = [textOf(answer, "Code") ?? "", textOf(answer, "Message") ?? ""];
  return /StorageFull|InsufficientStorage|QuotaExceeded|EntityTooLarge/.test(code)
    ? new StoreError("FULL", `no room left in the bucket: ${where} ${code}`)
    : unreachable(`${where} ${code} ${message}`.trimEnd());
}

async function wholeText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      length += chunk.length;
      if (length > LONGEST_ANSWER) throw unreachable(`an answer of more than ${LONGEST_ANSWER} bytes`);
      chunks.push(chunk);
    }
  } catch (cause) {
    throw cause instanceof StoreError ? cause : unreachable(reasonOf(cause), cause);
  }
  return Buffer.concat(chunks).toString();
}
