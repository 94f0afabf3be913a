import { spatial } from "../../src/index.ts";
import { describeAttack } from "../describe-attack.ts";

const all = ["mask", "constraints"] as const;
const refuses = { linf: all, l2: all, l1: all };
describeAttack({ attack: spatial({ rotations: 3, shifts: 3 }), refuses });
describeAttack({ attack: spatial({ draws: 10 }), refuses });
