import { fillNormal, fillUniform } from "@casemate/tensor";

/** The columns of the table, the label last. */
export const columns = [
  ...["age", "dependants", "years employed", "income", "amount", "months", "cards", "payments overdue"],
  ...["home: rented", "home: owned", "home: with parents"],
  ...["purpose: car", "purpose: furniture", "purpose: business", "label"],
] as const;

/**
 * Made-up applicants as rows of CSV under `columns`, each drawn by its key, so that the same key gives the same applicant. They are
 * spread as those in `test.csv`, and repay by a logistic law with weights near those that fit `test.csv`.
 */
export function applicants(count: number, seed: number): string[] {
  return Array.from({ length: count }, (_, sample) => applicant(seed, sample));
}

function applicant(seed: number, sample: number): string {
  const key = { seed, sample, step: 0 };
  const [ages, children, homes, purposes, terms, cards, overdue, repays] = fillUniform(new Float32Array(8), {
    ...key,
    stream: 1,
  });
  const [years, income, amount] = fillNormal(new Float32Array(3), { ...key, stream: 2 });
  const age = 18 + Math.floor(63 * ages!);
  const dependants = position(DEPENDANTS, children!);
  const employed = round(within(Math.exp(1.5 + 0.75 * years!), 0, 30), 1);
  const earned = Math.round(within((1900 + 120 * employed) * Math.exp(0.2 * income!), 600, 12000));
  const asked = round(within(Math.exp(8.65 + 0.85 * amount!), 500, 50000), -2);
  const months = 6 * (1 + Math.floor(14 * terms!));
  const held = position(CARDS, cards!);
  const late = position(OVERDUE, overdue!);
  const home = position(HOMES, homes!);
  const purpose = position(PURPOSES, purposes!);
  const burden = asked / months / earned;
  const score =
    1.9 +
    0.25 * (employed - 5.6) -
    18 * (burden - 0.1) -
    0.6 * dependants -
    1.9 * late -
    0.25 * held +
    [-0.2, 1.2, -1.3][home]! +
    [0.9, 0, -0.8][purpose]!;
  const isRepaid = repays! < 1 / (1 + Math.exp(-score));
  const row = [age, dependants, employed, earned, asked, months, held, late, ...oneOf(home), ...oneOf(purpose)];
  return [...row, isRepaid ? "repaid" : "default"].join(",");
}

// Shares of each number, or of each choice, counted in test.csv
const DEPENDANTS = [0.48, 0.3, 0.18, 0.04];
const CARDS = [0.24, 0.33, 0.27, 0.09, 0.07];
const OVERDUE = [0.6, 0.3, 0.08, 0.02];
const HOMES = [0.52, 0.37, 0.11];
const PURPOSES = [0.41, 0.33, 0.26];

/** Where a number from 0 to 1 falls among shares. */
function position(shares: readonly number[], uniform: number): number {
  let sum = 0;
  const found = shares.findIndex((share) => {
    sum += share;
    return uniform < sum;
  });
  return found === -1 ? shares.length - 1 : found;
}

function oneOf(chosen: number): number[] {
  return [0, 1, 2].map((each) => Number(each === chosen));
}

function within(value: number, lower: number, upper: number): number {
  return Math.min(upper, Math.max(lower, value));
}

function round(value: number, digits: number): number {
  return Number((Math.round(value * 10 ** digits) / 10 ** digits).toFixed(Math.max(0, digits)));
}
