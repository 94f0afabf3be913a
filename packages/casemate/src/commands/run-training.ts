import { dirname } from "node:path";
import {
  prepareFolder,
  type TrainedModel,
  type TrainingReport,
  type TrainModelEvent,
  type TrainModelOptions,
  trainingChart,
  trainModel,
  writeFileWhole,
} from "@casemate/audit";
import type { Console } from "../console.ts";
import type { ExitCode } from "../exit-code.ts";
import { interruptions } from "../interruptions.ts";
import { duration } from "../progress-view.ts";
import { table } from "../table.ts";

/**
 * Trains, shows how it goes, and writes the model, its report and, for a new model, its contract: each whole or not at all.
 * A training that Ctrl-C ends writes the best model so far, and ends with 3.
 */
export async function runTraining(
  optionsFor: (signal: AbortSignal) => TrainModelOptions,
  { out, plot, json = false }: { readonly out: string; readonly plot?: string; readonly json?: boolean },
  console: Console,
): Promise<ExitCode> {
  const signals = interruptions(console);
  try {
    const options = optionsFor(signals.stop);
    for (const path of [out, plot]) if (path !== undefined) await prepareFolder(dirname(path));
    const trained = await watched(trainModel(options), console);
    await writeFileWhole(out, trained.bytes);
    if ("architecture" in options.subject) {
      await writeFileWhole(contractBeside(out), `${JSON.stringify(trained.contract, null, 2)}\n`);
    }
    const text = JSON.stringify(trained.report, null, 2);
    await writeFileWhole(`${out}.training.json`, `${text}\n`);
    if (plot !== undefined) await writeFileWhole(plot, trainingChart(trained.report));
    console.print(json ? text : summaryOf(trained.report, plot === undefined ? [out] : [out, plot], console));
    return trained.report.endedBy === "interruption" ? 3 : 0;
  } finally {
    signals.forget();
  }
}

function contractBeside(out: string): string {
  return out.replace(/(\.onnx)?$/i, ".contract.json");
}

async function watched(events: AsyncGenerator<TrainModelEvent, TrainedModel>, console: Console): Promise<TrainedModel> {
  const { yellow, green, dim } = console.paint;
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done) return value;
      switch (value.type) {
        case "assumed":
          for (const sentence of value.assumptions) console.error(`${yellow("assumed")} ${sentence}`);
          break;
        case "started": {
          const { samples, validationSamples, isHeldOut, epochs, replays, parameters, resumedAt } = value;
          const replayed = replays > 1 ? ` of ${replays} replays` : "";
          console.error(
            `${parameters.toLocaleString("en")} weights, ${samples} samples, ${epochs} epochs${replayed}; ${validationSamples} ${isHeldOut ? "held out" : "given"} to choose the best${resumedAt > 0 ? `; going on after step ${resumedAt}` : ""}`,
          );
          break;
        }
        case "progress": {
          const { epoch, step, steps, loss, secondsLeft } = value;
          console.draw(
            `epoch ${epoch}  ${Math.floor((100 * step) / steps)}%  loss ${loss.toFixed(4)}  ${duration(secondsLeft)} left`,
          );
          break;
        }
        case "epoch-finished": {
          const { epoch, loss, correct, robust, certified, of, isBest, seconds } = value;
          const share = (count: number) => `${((100 * count) / of).toFixed(1)}%`;
          const held = robust === undefined ? "" : `  robust ${share(robust)}`;
          const proven = certified === undefined ? "" : `  certified ${share(certified)}`;
          console.error(
            `epoch ${epoch}  loss ${loss.toFixed(4)}  right ${share(correct)}${held}${proven}${isBest ? green("  best so far") : ""} ${dim(`(${duration(seconds)})`)}`,
          );
          break;
        }
        case "evaluating":
          console.draw(`attacking the model ${value.when} ${Math.floor(100 * value.fraction)}%`);
      }
    }
  } finally {
    console.draw("");
  }
}

const ENDINGS: Record<TrainingReport["endedBy"], string> = {
  epochs: "after its last epoch",
  patience: "early, since no epoch was better than the best",
  time: "at its time limit",
  interruption: "early, by a signal; --resume goes on",
};

function summaryOf(report: TrainingReport, [out, ...plots]: readonly string[], { printPaint: paint }: Console): string {
  const { history, bestEpoch, endedBy, seconds, evaluation } = report;
  const best = history.find(({ epoch }) => epoch === bestEpoch);
  const share = (count: number, of: number) => `${((100 * count) / of).toFixed(1)} %`;
  const rows = best
    ? [
        `Best epoch ${bestEpoch}: ${share(best.correct, best.of)} right${best.robust === undefined ? "" : `, ${share(best.robust, best.of)} robust under PGD`}${best.certified === undefined ? "" : `, ${share(best.certified, best.of)} certified`}, of ${best.of} validation samples.`,
      ]
    : [];
  const percent = (value: number) => (100 * value).toFixed(1);
  const compared = evaluation
    ? [
        table(
          [
            ["", "before", "after", "difference", "95 % interval", "p"].map(paint.bold),
            ...(["clean", "robust"] as const).map((name) => {
              const { before, after, difference, interval, pValue } = evaluation[name];
              return [
                name === "clean"
                  ? "right without change"
                  : `right under ${evaluation.attack}, ${evaluation.norm} ${evaluation.epsilon}`,
                share(before.count, before.of),
                share(after.count, after.of),
                `${difference > 0 ? "+" : ""}${percent(difference)}`,
                `[${percent(interval.lower)}, ${percent(interval.upper)}]`,
                pValue.toPrecision(2),
              ];
            }),
          ],
          ["left", "right", "right", "right", "right", "right"],
        ),
      ]
    : [];
  return [
    `Ended ${ENDINGS[endedBy]}, ${duration(seconds)}.`,
    ...rows,
    ...compared,
    `Wrote ${[out, ...plots].join(", ")} and ${out}.training.json.`,
  ].join("\n");
}
