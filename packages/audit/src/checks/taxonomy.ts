import type { Attack } from "@casemate/attacks";
import type { CheckReport } from "../report.ts";

type Taxonomy = CheckReport["taxonomy"];

const INPUT_MANIPULATION = "ML01:2023";
const CRAFT_ADVERSARIAL_DATA = "AML.T0043";
const EVADE_MODEL = "AML.T0015";

/**
 * What an evasion attack is called elsewhere, by what the attacker sees of the model: OWASP Machine Learning Security Top 10
 * (2023), MITRE ATLAS techniques, and terms of NIST AI 100-2.
 */
export const evasion: Record<Attack["access"], Taxonomy> = {
  gradient: {
    owasp: [INPUT_MANIPULATION],
    atlas: [`${CRAFT_ADVERSARIAL_DATA}.000`, EVADE_MODEL],
    nist: ["evasion: white-box, optimization-based"],
  },
  score: {
    owasp: [INPUT_MANIPULATION],
    atlas: [`${CRAFT_ADVERSARIAL_DATA}.001`, EVADE_MODEL],
    nist: ["evasion: black-box, score-based"],
  },
  decision: {
    owasp: [INPUT_MANIPULATION],
    atlas: [`${CRAFT_ADVERSARIAL_DATA}.001`, EVADE_MODEL],
    nist: ["evasion: black-box, decision-based"],
  },
};

/** A measurement that is no attack. */
export const none: Taxonomy = { owasp: [], atlas: [], nist: [] };
