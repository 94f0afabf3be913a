import type { IncomingMessage } from "node:http";

/** How long bodies may take, in milliseconds: JSON as a whole, files between two of their bytes, since they may take hours. */
export interface BodyTimes {
  readonly json: number;
  readonly pause: number;
}

export const defaultBodyTimes: BodyTimes = { json: 30_000, pause: 60_000 };

/** Hangs up on whoever sends a body so slowly that they only keep the connection. */
export function requireJsonInTime(request: IncomingMessage, { json }: BodyTimes): void {
  if (!hasBody(request)) return;
  const timer = setTimeout(() => request.destroy(), json);
  timer.unref();
  for (const event of ["end", "close"]) request.once(event, () => clearTimeout(timer));
}

/** The same for a file: it may take as long as it likes, but not stand still. */
export function requireBytesInTime(request: IncomingMessage, { pause }: BodyTimes): void {
  if (!hasBody(request)) return;
  request.setTimeout(pause, () => request.destroy());
  request.once("end", () => request.setTimeout(0));
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}
