import type { Console } from "./console.ts";

export interface Interruptions {
  /** Aborted by the first Ctrl-C or request to terminate: report what there is after this step. */
  readonly stop: AbortSignal;
  /** Aborted by the second: report what there is now. */
  readonly kill: AbortSignal;
  /** Lets signals end the process again. */
  forget(): void;
}

/** Turns signals to this process into a way to end an audit with a report. */
export function interruptions(console: Console): Interruptions {
  const stop = new AbortController();
  const kill = new AbortController();
  const react = (): void => {
    if (stop.signal.aborted) kill.abort();
    else console.error("Stopping after this step; again to stop at once. What is finished will be reported.");
    stop.abort();
  };
  process.on("SIGINT", react);
  process.on("SIGTERM", react);
  return {
    stop: stop.signal,
    kill: kill.signal,
    forget() {
      process.off("SIGINT", react);
      process.off("SIGTERM", react);
    },
  };
}
