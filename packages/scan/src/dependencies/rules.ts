import { rulesOf } from "../rule.ts";

const RUNS_CODE = { atlas: ["AML.T0010", "AML.T0011"] };

export const dependencyRules = rulesOf("dependency", {
  unpinned: {
    title: "Package without an exact version",
    severity: "medium",
    effect: "What is installed is decided on the day of installation.",
  },
  "no-hash": {
    title: "Package without a digest",
    severity: "low",
    effect: "A registry or a mirror can give another file of the same version.",
  },
  "weak-hash": {
    title: "Digest that can be forged",
    severity: "medium",
    effect: "Somebody can make another file with the same MD5 or SHA-1 digest.",
  },
  confusion: {
    ...RUNS_CODE,
    title: "Internal name that comes from a public registry",
    severity: "critical",
    effect: "Whoever registers the name there runs code on your machines.",
  },
  "mixed-indexes": {
    ...RUNS_CODE,
    title: "Several indexes for the same names",
    severity: "high",
    effect: "The highest version of any index wins, so a public package can take the place of an internal one.",
  },
  "insecure-index": {
    title: "Index without checked encryption",
    severity: "high",
    effect: "Whoever is on the way can give other packages.",
  },
  typosquat: {
    ...RUNS_CODE,
    title: "Name that could be taken for a popular one",
    severity: "high",
    effect: "If it is a mistake, another author's package is installed and runs.",
  },
  "install-script": {
    ...RUNS_CODE,
    title: "Package that runs a script when it is installed",
    severity: "low",
    effect: "Installing it runs code.",
  },
  "git-source": {
    title: "Package from a repository, by a branch or a tag",
    severity: "high",
    effect: "What is installed can change at any time.",
  },
  "git-commit": {
    title: "Package from a repository, by a commit",
    severity: "low",
    effect: "It has no digest and no registry's checks.",
  },
  "url-source": {
    title: "Package from an address",
    severity: "high",
    effect: "What the address gives can change, and no registry has seen it.",
  },
  "foreign-tarball": {
    ...RUNS_CODE,
    title: "Address that does not fit the name",
    severity: "high",
    effect: "A lockfile that says one package and fetches another.",
  },
  notice: {
    title: "Package that its registry warns of",
    severity: "low",
    effect: "It is abandoned or withdrawn: faults are not mended.",
  },
  advisory: {
    title: "Version with a known fault",
    severity: "high",
    effect: "What the advisory says.",
  },
  malware: {
    ...RUNS_CODE,
    title: "Package that is known to be malicious",
    severity: "critical",
    effect: "Installing it runs somebody else's code.",
  },
  "hub-reference": {
    title: "Model or data from a hub without a commit",
    severity: "medium",
    effect: "Whoever owns the name, or takes it over, decides what is loaded.",
  },
});
