import { apgdCe, apgdDlr, fgsm, pgd } from "@casemate/attacks";
import { type AttackRow, FORWARD_AND_BACKWARD } from "./attack-row.ts";

/** The check that the robustness curve is of. */
export const curveId = "curve";

const pgdRow = (steps: number, restarts: number): Omit<AttackRow, "profiles"> => ({
  id: "pgd",
  title: `PGD, ${steps} steps${startsOf(restarts)}`,
  attack: pgd({ steps, restarts }),
  cost: FORWARD_AND_BACKWARD * steps * (restarts + 1),
});

const apgdRows = (restarts: number): readonly Omit<AttackRow, "profiles">[] => {
  const starts = startsOf(restarts);
  const cost = FORWARD_AND_BACKWARD * 100 * (restarts + 1);
  return [
    { id: "apgd-ce", title: `APGD, cross-entropy${starts}`, attack: apgdCe({ restarts }), cost },
    { id: "apgd-dlr", title: `APGD, difference of logits${starts}`, attack: apgdDlr({ restarts }), cost },
  ];
};

const inL2: readonly Omit<AttackRow, "profiles">[] = [
  {
    id: "pgd-l2",
    title: "PGD in L2, 50 steps, 5 starts",
    attack: pgd({ steps: 50, stepSize: 0.025, restarts: 4 }),
    norm: "l2",
    cost: FORWARD_AND_BACKWARD * 250,
  },
  {
    id: "apgd-ce-l2",
    title: "APGD in L2, cross-entropy, 5 starts",
    attack: apgdCe({ restarts: 4 }),
    norm: "l2",
    cost: FORWARD_AND_BACKWARD * 500,
  },
];

function startsOf(restarts: number): string {
  return restarts > 0 ? `, ${restarts + 1} starts` : "";
}

/** Attacks that climb a loss inside the ball. */
export const gradientRows: readonly AttackRow[] = [
  { id: "fgsm", title: "FGSM", attack: fgsm(), profiles: ["quick", "standard", "thorough"], cost: 4 },
  {
    id: curveId,
    title: "PGD, 10 steps, at every radius",
    attack: pgd({ steps: 10, stepSize: 0.2 }),
    profiles: ["quick", "standard", "thorough"],
    isCurve: true,
    cost: FORWARD_AND_BACKWARD * 10,
  },
  { ...pgdRow(40, 0), profiles: ["standard"] },
  { ...pgdRow(100, 4), profiles: ["thorough"] },
  ...apgdRows(0).map((row): AttackRow => ({ ...row, profiles: ["standard"] })),
  ...apgdRows(4).map((row): AttackRow => ({ ...row, profiles: ["thorough"] })),
  ...inL2.map((row): AttackRow => ({ ...row, profiles: ["thorough"] })),
];
