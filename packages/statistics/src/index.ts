export { type AreaUnderCurve, areaUnderCurve } from "./area-under-curve.ts";
export { betaQuantile } from "./beta-quantile.ts";
export { binomialTest } from "./binomial-test.ts";
export { erfc } from "./error-function.ts";
export { incompleteBeta } from "./incomplete-beta.ts";
export { logGamma } from "./log-gamma.ts";
export { normalCdf, normalQuantile } from "./normal.ts";
export {
  type Discordance,
  mcNemar,
  type PlannedComparison,
  pairedDifference,
  trialsToCompare,
} from "./paired.ts";
export { clopperPearson, clopperPearsonLower, type Interval, wilson } from "./proportion.ts";
export { fitReverseWeibull, type ReverseWeibull } from "./reverse-weibull.ts";
export { StatisticsError, type StatisticsErrorCode } from "./statistics-error.ts";
