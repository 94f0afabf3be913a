import { DefenseError } from "../errors.ts";

/** How the learning rate goes over a training, as a multiple of the largest. */
export const schedules = {
  constant: () => 1,
  /** A tenth after half of the training, a hundredth after three quarters. */
  step: (progress) => (progress < 0.5 ? 1 : progress < 0.75 ? 0.1 : 0.01),
  /** Along half a cosine to 0 (Loshchilov & Hutter, 2017, https://arxiv.org/abs/1608.03983). */
  cosine: (progress) => halfCosine(progress),
  /** Up along half a cosine over the first 30 %, then down to 0 (Smith & Topin, 2018, https://arxiv.org/abs/1708.07120). */
  "one-cycle": (progress) =>
    progress < 0.3 ? 0.04 + 0.96 * (1 - halfCosine(progress / 0.3)) : halfCosine((progress - 0.3) / 0.7),
} as const satisfies Record<string, (progress: number) => number>;

export type ScheduleName = keyof typeof schedules;

export interface ScheduleOptions {
  readonly schedule: ScheduleName;
  /** The largest learning rate. */
  readonly learningRate: number;
  /** Share of the training over which the rate rises from 0 in a straight line, before the schedule's own factor. */
  readonly warmUp: number;
}

/** The learning rate at a share of the training, from 0 to 1. Throws a DefenseError INVALID_OPTION for a schedule that there is not. */
export function learningRateAt(progress: number, { schedule, learningRate, warmUp }: ScheduleOptions): number {
  const factor: ((progress: number) => number) | undefined = schedules[schedule];
  if (!factor) {
    throw new DefenseError(
      "INVALID_OPTION",
      `schedule: expected one of ${Object.keys(schedules).join(", ")}, got '${schedule}'`,
    );
  }
  const rising = progress < warmUp ? progress / warmUp : 1;
  return learningRate * rising * factor(progress);
}

function halfCosine(share: number): number {
  return 0.5 * (1 + Math.cos(Math.PI * share));
}
