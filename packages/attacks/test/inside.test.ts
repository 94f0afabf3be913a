import {
  blendedNoise,
  contrastReduction,
  fgsm,
  gaussianNoise,
  hopSkipJump,
  pgd,
  saltAndPepper,
  square,
  uniformNoise,
} from "../src/index.ts";
import { describeAttack } from "./describe-attack.ts";

describeAttack({ attack: fgsm() });
describeAttack({ attack: pgd({ steps: 5, stepSize: 0.4 }) });
describeAttack({ attack: pgd({ steps: 5, stepSize: 0.4, momentum: 1, restarts: 1 }) });
describeAttack({ attack: square({ queries: 20 }), refuses: { l2: ["mask"], l1: ["mask"] } });
describeAttack({ attack: hopSkipJump({ iterations: 2, initialEvaluations: 20 }), startsFromOthers: true });
describeAttack({ attack: gaussianNoise({ repeats: 3 }) });
describeAttack({ attack: uniformNoise({ repeats: 3 }) });
describeAttack({ attack: saltAndPepper({ steps: 10, repeats: 1 }), startsFromOthers: true });
describeAttack({ attack: blendedNoise({ steps: 10, repeats: 1 }), startsFromOthers: true });
describeAttack({ attack: contrastReduction({ steps: 10 }), startsFromOthers: true });
