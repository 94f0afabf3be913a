import { type Clock, RateLimit } from "./rate-limit.ts";

export interface RequestOptions {
  /** Sent with every request, such as an Authorization; never part of a message. */
  readonly headers: Readonly<Record<string, string>>;
  readonly requestsPerSecond: number;
  /** Milliseconds for one request, from the first byte sent to the last received. */
  readonly timeout: number;
  /** How often a request is made again. */
  readonly retries: number;
  /** Milliseconds before the first retry; doubled for each more. */
  readonly backoff: number;
  /** After so many requests in a row that failed for good, no more are made. */
  readonly giveUpAfter: number;
  readonly signal?: AbortSignal;
  readonly clock: Clock;
}

/** A request that has no answer, after all retries. */
export class RequestFailed extends Error {
  override readonly name = "RequestFailed";
}

/** What has been asked of an endpoint so far. */
export interface Usage {
  readonly requests: number;
  readonly retries: number;
  /** Requests that failed after all retries. */
  readonly failures: number;
}

/** Makes JSON requests to one server: in turn, patiently, and no more once it is clear that it does not answer. */
export class Requests {
  readonly #options: RequestOptions;
  readonly #limit: RateLimit;
  #usage = { requests: 0, retries: 0, failures: 0 };
  #failuresInARow = 0;

  constructor(options: RequestOptions) {
    this.#options = options;
    this.#limit = new RateLimit(options.requestsPerSecond, options.clock);
  }

  get usage(): Usage {
    return { ...this.#usage };
  }

  /**
   * The JSON that a server answers with. `onSend` is called before each try, and may throw to prevent it. Throws a
   * RequestFailed whose message names the address without its query, and never a header.
   */
  async json(url: URL, body: string | undefined, onSend: () => void = () => {}): Promise<unknown> {
    const { giveUpAfter, retries, signal } = this.#options;
    if (this.#failuresInARow >= giveUpAfter) {
      throw new RequestFailed(
        `${nameOf(url)}: not asked again after ${giveUpAfter} requests in a row without an answer`,
      );
    }
    for (let retry = 0; ; retry++) {
      await this.#limit.take(signal);
      signal?.throwIfAborted();
      onSend();
      this.#usage.requests++;
      const answer = await this.#ask(url, body);
      if (answer.type === "json") {
        this.#failuresInARow = 0;
        return answer.json;
      }
      if (answer.type === "refused" || retry === retries) {
        this.#usage.failures++;
        this.#failuresInARow++;
        const tries = retry === 0 ? "" : ` (${retry + 1} tries)`;
        throw new RequestFailed(`${nameOf(url)}: ${answer.reason}${tries}`);
      }
      this.#usage.retries++;
      await this.#wait(retry, answer.retryAfter);
    }
  }

  async #wait(retry: number, retryAfter: number | undefined): Promise<void> {
    const { backoff, clock, signal } = this.#options;
    if (retryAfter !== undefined)
      this.#limit.close(Math.min(retryAfter, LONGEST_WAIT)); // for all requests
    else await clock.sleep(Math.min(backoff * 2 ** retry, LONGEST_WAIT), signal);
  }

  async #ask(url: URL, body: string | undefined): Promise<Answer> {
    const { headers, timeout, signal, clock } = this.#options;
    const ending = AbortSignal.timeout(timeout);
    try {
      const response = await fetch(url, {
        method: body === undefined ? "GET" : "POST",
        headers: {
          accept: "application/json",
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        redirect: "manual", // headers are for this address alone
        signal: signal ? AbortSignal.any([signal, ending]) : ending,
        ...(body !== undefined && { body }),
      });
      const text = await read(response);
      if (response.ok) return parse(text);
      const reason = `status ${response.status}${excerpt(text)}`;
      if (!RETRYABLE.has(response.status)) return { type: "refused", reason };
      return { type: "busy", reason, retryAfter: retryAfterOf(response, clock.now()) };
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof RequestFailed) return { type: "refused", reason: error.message };
      const reason = ending.aborted ? `no answer within ${timeout} ms` : `no connection: ${causeOf(error)}`;
      return { type: "busy", reason, retryAfter: undefined };
    }
  }
}

type Answer =
  | { readonly type: "json"; readonly json: unknown }
  /** Worth another try. */
  | { readonly type: "busy"; readonly reason: string; readonly retryAfter: number | undefined }
  | { readonly type: "refused"; readonly reason: string };

const RETRYABLE = new Set([408, 425, 429, 500, 502, 503, 504]);
const LONGEST_WAIT = 60_000;
const MOST_BYTES = 256 * 2 ** 20;

/** An address as messages have it: a query or a name and password may be secret. */
export function nameOf({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

async function read(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > MOST_BYTES) throw new RequestFailed(`the answer is larger than ${MOST_BYTES} bytes`);
    text += decoder.decode(chunk as Uint8Array, { stream: true });
  }
  return text + decoder.decode();
}

/** JSON, also as Python writes it, where what is not a finite number stands as a bare word: null here. */
function parse(text: string): Answer {
  for (const attempt of [text, text.replace(STRING_OR_WORD, (found) => (found.startsWith('"') ? found : "null"))]) {
    try {
      return { type: "json", json: JSON.parse(attempt) };
    } catch {
      // not JSON so far; after the last attempt the answer is refused with its text
    }
  }
  return { type: "refused", reason: `expected JSON${excerpt(text) || ", got nothing"}` };
}

const STRING_OR_WORD = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g;

function excerpt(text: string): string {
  const plain = text.replace(/\s+/g, " ").trim();
  return plain === "" ? "" : `, got: ${plain.length > 120 ? `${plain.slice(0, 120)}…` : plain}`;
}

/** Milliseconds that a server asks to wait: a number of seconds or a date. */
function retryAfterOf({ headers }: Response, now: number): number | undefined {
  const header = headers.get("retry-after");
  if (header === null) return undefined;
  const wait = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined;
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : undefined;
  return code ?? (cause instanceof Error ? cause.message : String(cause));
}
