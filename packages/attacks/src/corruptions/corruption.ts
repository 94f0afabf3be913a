import type { Attack } from "../attack.ts";
import { AttackError } from "../errors.ts";
import { imageShape } from "../image.ts";
import { Chance } from "./chance.ts";
import { pictureOf, writePicture } from "./picture.ts";
import { type CorruptionName, corrupted, corruptions, type Severity } from "./table.ts";

export interface CorruptionOptions {
  readonly name?: CorruptionName;
  readonly severity?: Severity;
}

/**
 * One of the 15 common corruptions at one of 5 severities (Hendrycks & Dietterich, 2019, https://arxiv.org/abs/1903.12261): no
 * attacker, but weather, lenses and compression. Each sample is corrupted once and asked about once. Not bounded by a ball.
 * Throws an AttackError for a name or severity that there is not.
 */
export function corruption({ name = "gaussian-noise", severity = 3 }: CorruptionOptions = {}): Attack {
  if (!corruptions.includes(name) || ![1, 2, 3, 4, 5].includes(severity)) {
    const expected = `one of ${corruptions.join(", ")} at a severity from 1 to 5`;
    throw new AttackError("INVALID_OPTION", `corruption: expected ${expected}, got ${name} at ${severity}`);
  }
  return {
    name: "Common corruption",
    access: "decision",
    aim: "anywhere",
    norms: ["linf", "l2", "l1"],
    restarts: 0,
    parameters: { name, severity },
    citation: { text: "Hendrycks & Dietterich, 2019", url: "https://arxiv.org/abs/1903.12261" },
    async *attempt(search) {
      const { model, origin, x } = search;
      const shape = imageShape(model);
      if (!shape) {
        const got = `inputs of [${model.inputShape}]`;
        throw new AttackError("UNSUPPORTED_MODEL", `Common corruption: expected images, got ${got}`);
      }
      for (let row = 0; row < search.active; row++) {
        const purposes = 1000 * (corruptions.indexOf(name) * 5 + severity);
        const chance = new Chance((purpose) => search.draw(row, 0, purposes + purpose));
        const picture = pictureOf(origin.row(row), shape, model.bounds);
        writePicture(corrupted(picture, name, severity, chance), x.row(row), shape, model.bounds);
      }
      await search.evaluate();
      yield { step: 1, steps: 1 };
    },
  };
}
