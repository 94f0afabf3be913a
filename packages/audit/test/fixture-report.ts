import { tensor } from "@casemate/tensor";
import { perturbationPicture, picture } from "../src/picture.ts";
import type {
  AttackReport,
  AuditReport,
  CheckReport,
  ComparisonReport,
  GalleryItem,
  Metric,
  SubjectReport,
} from "../src/report.ts";

const SAMPLES = 500;
const EPSILONS = [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3];

/** Right answers of 500 at epsilon 0.3, as measured by independent implementations on the three bundled digit models. */
const MODELS = {
  "mnist-standard": { clean: 486, fgsm: 2, pgd: 0, "apgd-ce": 0, square: 0, "worst-case": 0, warned: false },
  "mnist-masked": { clean: 486, fgsm: 334, pgd: 204, "apgd-ce": 22, square: 41, "worst-case": 21, warned: true },
  "mnist-robust": { clean: 481, fgsm: 441, pgd: 428, "apgd-ce": 412, square: 424, "worst-case": 409, warned: false },
} as const;

const ATTACKS = [
  {
    id: "fgsm",
    title: "FGSM",
    access: "gradient",
    paper: "Goodfellow et al., 2015",
    url: "https://arxiv.org/abs/1412.6572",
  },
  { id: "pgd", title: "PGD", access: "gradient", paper: "Madry et al., 2018", url: "https://arxiv.org/abs/1706.06083" },
  {
    id: "apgd-ce",
    title: "APGD-CE",
    access: "gradient",
    paper: "Croce and Hein, 2020",
    url: "https://arxiv.org/abs/2003.01690",
  },
  {
    id: "square",
    title: "Square",
    access: "score",
    paper: "Andriushchenko et al., 2020",
    url: "https://arxiv.org/abs/1912.00049",
  },
  {
    id: "worst-case",
    title: "All attacks together",
    access: "gradient",
    paper: "Croce and Hein, 2020",
    url: "https://arxiv.org/abs/2003.01690",
  },
] as const;

/** A report on the three digit models, as a finished audit would give it. */
export function fixtureReport(): AuditReport {
  return {
    schema: "https://casemate.dev/schemas/audit-report/1",
    tool: { name: "casemate", version: "0.1.0" },
    status: "complete",
    startedAt: "2026-11-23T01:12:04.000Z",
    finishedAt: "2026-11-23T01:14:31.000Z",
    settings: {
      profile: "standard",
      seed: 0,
      epsilons: EPSILONS,
      norm: "linf",
      device: "cpu",
      threads: 2,
      command:
        "casemate audit mnist-standard.onnx mnist-masked.onnx mnist-robust.onnx --data digits.npz --epsilon 0.3 --out report",
      environment: { node: "20.20.2", platform: "linux x64", onnxruntime: "1.30.0" },
    },
    subjects: (Object.keys(MODELS) as (keyof typeof MODELS)[]).map(subjectNamed),
    comparisons: [
      // 409 and 0 of 500 stand, and of clean samples 481 and 486 are right
      compared("accuracy.robust", { both: 0, onlyBaseline: 0, onlyCandidate: 409, neither: 91 }),
      compared("accuracy.clean", { both: 475, onlyBaseline: 11, onlyCandidate: 6, neither: 8 }),
    ],
  };
}

type Counts = Pick<ComparisonReport, "both" | "onlyBaseline" | "onlyCandidate" | "neither">;

function compared(metric: ComparisonReport["metric"], counts: Counts): ComparisonReport {
  const isShown = counts.onlyBaseline + counts.onlyCandidate > 100;
  return {
    baseline: "mnist-standard",
    candidate: "mnist-robust",
    metric,
    samples: 500,
    ...counts,
    difference: (counts.onlyCandidate - counts.onlyBaseline) / 500,
    interval: isShown
      ? { lower: 0.782, upper: 0.849, confidence: 0.95 }
      : { lower: -0.029, upper: 0.007, confidence: 0.95 },
    pValue: isShown ? 1e-120 : 0.332,
    verdict: isShown ? "better" : "no difference shown",
    samplesToSee: [
      { difference: 0.01, samples: 2664 },
      { difference: 0.02, samples: 661 },
      { difference: 0.05, samples: 100 },
    ],
  };
}

const NOT_RUN = ["apgd-ce", "square", "worst-case"];

/** The same with a failed check on the second model and three that were not run on the third. */
export function interruptedReport(): AuditReport {
  const report = fixtureReport();
  const [standard, masked, robust] = report.subjects as [SubjectReport, SubjectReport, SubjectReport];
  return {
    ...report,
    status: "partial",
    interruption: { reason: "budget", message: "The budget of 120 seconds ran out." },
    subjects: [
      standard,
      { ...masked, checks: masked.checks.map((check) => (check.id === "square" ? failed(check) : check)) },
      {
        ...robust,
        checks: robust.checks.filter(({ id }) => !NOT_RUN.includes(id)),
        notRun: NOT_RUN,
      },
    ],
  };
}

function failed(check: CheckReport): CheckReport {
  const { attack: _, ...rest } = check;
  return {
    ...rest,
    status: "failed",
    error: "RUNTIME_FAILURE: Failed to allocate memory for requested buffer of size 4294967296",
    metrics: [],
  };
}

function subjectNamed(name: keyof typeof MODELS): SubjectReport {
  const model = MODELS[name];
  return {
    name,
    model: {
      path: `models/${name}.onnx`,
      sha256: name.length.toString(16).padStart(2, "0").repeat(32),
      bytes: 424_713,
      irVersion: 10,
      opset: 18,
      producer: "pytorch 2.13.0",
      parameters: 105_866,
      inputs: [{ name: "x", dtype: "float32", shape: ["batch", 1, 28, 28] }],
      outputs: [{ name: "logits", dtype: "float32", shape: ["batch", 10] }],
      operators: [
        { name: "Conv", count: 2, gradient: "exact" },
        { name: "Relu", count: 3, gradient: "exact" },
        { name: "MaxPool", count: 2, gradient: "exact" },
        { name: "Flatten", count: 1, gradient: "exact" },
        { name: "Gemm", count: 2, gradient: "exact" },
      ],
    },
    data: { path: "digits.npz", sha256: "5e".repeat(32), samples: SAMPLES, shape: [1, 28, 28] },
    contract: { task: "classification" },
    assumptions: [
      "Input 'x': range 0 to 1 from the sample.",
      "Output 'logits': taken as logits, since the graph ends in Gemm.",
      "Output 'logits': classes are named by their number.",
    ],
    checks: [cleanAccuracy(model.clean), ...ATTACKS.map((attack) => attackCheck(attack, model))],
    notRun: [],
    perClass: Array.from({ length: 10 }, (_, digit) => ({
      name: String(digit),
      samples: 50,
      clean: Math.min(1, (model.clean + 4 - digit) / SAMPLES),
      robust: Math.max(0, Math.min(1, model["worst-case"] / SAMPLES + ((digit % 5) - 2) * 0.03)),
      ...(model["worst-case"] < SAMPLES && { becomes: String((digit * 3 + 5) % 10) }),
    })),
    gallery: [0, 1, 7, 4, 2, 9].map((digit, index) => specimen(digit, index)),
  };
}

function cleanAccuracy(clean: number): CheckReport {
  return {
    id: "accuracy",
    title: "Clean accuracy",
    kind: "accuracy",
    status: "completed",
    citation: {
      text: "Share of samples classified correctly",
      url: "https://en.wikipedia.org/wiki/Accuracy_and_precision",
    },
    taxonomy: { owasp: [], atlas: [], nist: [] },
    parameters: { samples: SAMPLES },
    seconds: 0.31,
    queries: { forward: SAMPLES, backward: 0 },
    metrics: [share("accuracy.clean", clean)],
    warnings: [],
  };
}

function attackCheck(
  { id, title, access, paper, url }: (typeof ATTACKS)[number],
  model: (typeof MODELS)[keyof typeof MODELS],
): CheckReport {
  const robust = model[id];
  const runs = { fgsm: 1, pgd: 40, "apgd-ce": 100, square: 1000, "worst-case": 0 }[id];
  return {
    id,
    title,
    kind: "attack",
    status: "completed",
    citation: { text: paper, url },
    taxonomy: { owasp: ["ML01:2023"], atlas: ["AML.T0043"], nist: ["NISTAML.022"] },
    parameters: { steps: runs, epsilon: 0.3, restarts: 1, randomStart: id === "pgd" },
    seconds: runs * 0.043,
    queries: { forward: runs * model.clean, backward: access === "gradient" ? runs * model.clean : 0 },
    metrics: [share("accuracy.robust", robust)],
    warnings:
      model.warned && id === "apgd-ce"
        ? [
            {
              id: "gradient-masking",
              message: "FGSM leaves 334 of 500 right and PGD 204, APGD-CE at the same radius only 22.",
              meaning:
                "The model hides its gradients from simple attacks without being robust. Judge it by the strongest attack alone.",
              documentation: "docs/guide/validity.md#gradient-masking",
            },
          ]
        : [],
    attack: attackReport(access, model.clean, robust),
  };
}

function attackReport(access: AttackReport["access"], clean: number, robust: number): AttackReport {
  const from = clean / SAMPLES;
  const to = robust / SAMPLES;
  const broken = clean - robust;
  return {
    access,
    norm: "linf",
    epsilon: 0.3,
    broken,
    robust,
    wrong: SAMPLES - clean,
    failed: 0,
    curve: EPSILONS.map((epsilon) => {
      const fallen = 1 / (1 + Math.exp(-(epsilon - 0.05 - 0.2 * (to + 0.2)) * 28));
      const accuracy = epsilon === 0 ? from : epsilon === 0.3 ? to : Math.max(to, from - (from - to) * fallen);
      return { epsilon, accuracy, ...wilson(Math.round(accuracy * SAMPLES), SAMPLES) };
    }),
    distances: {
      quantiles: [0.01, 0.04, 0.06, 0.09, 0.13, 0.18, 0.3],
      histogram: Array.from({ length: 12 }, (_, i) => ({
        from: i * 0.025,
        to: (i + 1) * 0.025,
        count: Math.round((broken / 3.1) * Math.exp(-(((i - 3.5) / 2.4) ** 2) * 1.2)),
      })),
    },
    borderline: broken > 400 ? 2 : 0,
  };
}

function share(name: string, count: number): Metric {
  const interval = { ...wilson(count, SAMPLES), confidence: 0.95 };
  return { name, value: count / SAMPLES, unit: "proportion", count, of: SAMPLES, interval };
}

/** Wilson's interval (1927): good enough for a fixture, and in closed form. */
function wilson(count: number, of: number): { lower: number; upper: number } {
  const z = 1.959964;
  const p = count / of;
  const centre = (p + z ** 2 / (2 * of)) / (1 + z ** 2 / of);
  const half = (z / (1 + z ** 2 / of)) * Math.sqrt((p * (1 - p)) / of + z ** 2 / (4 * of ** 2));
  return { lower: Math.max(0, centre - half), upper: Math.min(1, centre + half) };
}

function specimen(digit: number, index: number): GalleryItem {
  const original = tensor([1, 28, 28], drawing(digit));
  const adversarial = tensor(
    [1, 28, 28],
    original.data.map((value, i) => Math.min(1, Math.max(0, value + 0.3 * Math.sign(Math.sin(i * i * 0.37 + digit))))),
  );
  const { image, scale } = perturbationPicture(original, adversarial, { layout: "NCHW" });
  return {
    sample: 17 + 31 * index,
    check: "apgd-ce",
    label: String(digit),
    original: {
      ...maybeImage(picture(original, { layout: "NCHW" })),
      prediction: String(digit),
      confidence: 0.998 - index * 0.01,
    },
    adversarial: {
      ...maybeImage(picture(adversarial, { layout: "NCHW" })),
      prediction: String((digit * 3 + 5) % 10),
      confidence: 0.91 - index * 0.05,
    },
    perturbation: { ...maybeImage(image), distance: 0.3, scale },
  };
}

function maybeImage(image: string | undefined): { image?: string } {
  return image === undefined ? {} : { image };
}

/** Strokes of a seven-segment digit, soft at the edges like a pen's. */
function drawing(digit: number): Float32Array {
  const segments = [
    [9, 5, 19, 5],
    [19, 5, 19, 14],
    [19, 14, 19, 23],
    [9, 23, 19, 23],
    [9, 14, 9, 23],
    [9, 5, 9, 14],
    [9, 14, 19, 14],
  ] as const;
  const lit = [0x3f, 0x06, 0x5b, 0x4f, 0x66, 0x6d, 0x7d, 0x07, 0x7f, 0x6f][digit]!;
  return Float32Array.from({ length: 784 }, (_, i) => {
    const [x, y] = [i % 28, Math.floor(i / 28)];
    const distances = segments
      .filter((_, bit) => (lit >> bit) & 1)
      .map(([x1, y1, x2, y2]) => Math.hypot(Math.max(x1 - x, 0, x - x2), Math.max(y1 - y, 0, y - y2)));
    return Math.min(1, Math.max(0, 2 - Math.min(...distances)));
  });
}
