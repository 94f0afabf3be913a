import { createHash } from "node:crypto";
import type { IncomingMessage, RequestListener } from "node:http";
import { EvidenceError } from "../errors.ts";
import type { SubmitToWitness } from "./ask-witness.ts";
import type { NoteKey } from "./note.ts";
import { MAXIMUM_REQUEST, type Witness, type WitnessAnswer } from "./witness.ts";

const PLAIN = "text/plain; charset=utf-8";
const MAXIMUM_ANSWER = 65_536; // bytes: a few signature lines

/** Answers HTTP as a witness does: `POST …/add-checkpoint` and `GET …/<SHA-256 of the origin>/checkpoint`, below any prefix. */
export function witnessHandler(
  witness: Pick<Witness, "addCheckpoint" | "checkpoint">,
  logs: readonly NoteKey[],
  failed: (error: unknown) => void,
): RequestListener {
  const origins = new Map(logs.map(({ name }) => [createHash("sha256").update(name).digest("hex"), name]));

  async function answer(request: IncomingMessage): Promise<HttpAnswer> {
    const { pathname } = new URL(request.url ?? "/", "http://witness");
    if (pathname.endsWith("/add-checkpoint")) {
      if (request.method !== "POST") return { status: 405, contentType: PLAIN, body: "expected POST\n" };
      const body = await textOf(request, MAXIMUM_REQUEST);
      return body === undefined
        ? { status: 413, contentType: PLAIN, body: `expected at most ${MAXIMUM_REQUEST} bytes\n` }
        : await witness.addCheckpoint(body);
    }
    const [, hash = ""] = /\/([0-9a-f]{64})\/checkpoint$/.exec(pathname) ?? [];
    const origin = origins.get(hash);
    const checkpoint = origin === undefined ? undefined : await witness.checkpoint(origin);
    return checkpoint === undefined
      ? { status: 404, contentType: PLAIN, body: "not found\n" }
      : { status: 200, contentType: PLAIN, body: checkpoint };
  }

  return (request, response) => {
    answer(request)
      .catch((error: unknown): HttpAnswer => {
        failed(error);
        return { status: 500, contentType: PLAIN, body: "the witness failed\n" };
      })
      .then(({ status, contentType, body }) => {
        response.writeHead(status, { "content-type": contentType, "x-content-type-options": "nosniff" });
        response.end(body);
      }, failed);
  };
}

interface HttpAnswer {
  readonly status: WitnessAnswer["status"] | 405 | 413 | 500;
  readonly contentType: WitnessAnswer["contentType"];
  readonly body: string;
}

/** Asks the witness whose submission prefix is `url`, for `askWitness`. Throws NOT_READABLE where nothing answers. */
export function submitTo(url: string, { seconds = 10 }: { readonly seconds?: number } = {}): SubmitToWitness {
  if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : ""))
    throw new EvidenceError("INVALID_OPTION", `witness: expected a URL of http or https, got ${JSON.stringify(url)}`);
  const place = `${url.replace(/\/+$/, "")}/add-checkpoint`;
  return async (request) => {
    try {
      const signal = AbortSignal.timeout(seconds * 1000);
      const response = await fetch(place, { method: "POST", body: request, redirect: "error", signal });
      const body = response.body === null ? "" : await textOf(response.body, MAXIMUM_ANSWER);
      if (body === undefined) throw new Error(`expected at most ${MAXIMUM_ANSWER} bytes`);
      return { status: response.status, body };
    } catch (cause) {
      const { message } = cause instanceof Error && cause.cause instanceof Error ? cause.cause : (cause as Error);
      throw new EvidenceError("NOT_READABLE", `no answer from the witness at ${place}: ${message}`, { cause });
    }
  };
}

/** A stream as text; undefined where it is longer than `most` bytes. It is read to its end all the same, so that the other side is heard. */
async function textOf(stream: AsyncIterable<Uint8Array>, most: number): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of stream) {
    size += part.length;
    if (size <= most) parts.push(part);
  }
  return size > most ? undefined : Buffer.concat(parts).toString("utf8"); // what is no UTF-8 becomes U+FFFD, which no note may hold
}
