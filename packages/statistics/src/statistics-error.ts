export type StatisticsErrorCode = "NOT_AN_INTEGER" | "OUT_OF_RANGE";

/** A count, probability or parameter outside what a distribution or an interval is defined for. */
export class StatisticsError extends Error {
  override readonly name = "StatisticsError";
  readonly code: StatisticsErrorCode;

  constructor(code: StatisticsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
