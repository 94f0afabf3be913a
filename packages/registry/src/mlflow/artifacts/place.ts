import { RegistryError } from "../../errors.ts";
import { checkPath } from "../../models/manifest.ts";

/** Where files are: those of a run, of a logged model, or of a registered version. `path` is empty for all of them. */
export type Place =
  | { readonly type: "run" | "model"; readonly experiment: number; readonly owner: string; readonly path: string }
  | { readonly type: "version"; readonly model: string; readonly version: number; readonly path: string };

/**
 * The place that a path names: `1/<run>/artifacts/…`, `1/models/<logged model>/artifacts/…` or `versions/<name>/<number>/…`. It was
 * decoded once, and is a key of a table, never a file's name. Throws INVALID for anything else, whatever another system might make of it.
 */
export function placeOf(given: string): Place {
  const text = given.replace(/(?:\/\.?)+$/, ""); // clients before 3.0 list "…/artifacts/."
  checkPath(text);
  const version = /^versions\/([^/]+)\/([1-9]\d{0,14})(?:\/(.+))?$/.exec(text);
  if (version !== null)
    return { type: "version", model: version[1]!, version: Number(version[2]), path: version[3] ?? "" };
  const run = /^(\d{1,15})\/(models\/)?([A-Za-z0-9][\w-]{0,255})\/artifacts(?:\/(.+))?$/.exec(text);
  if (run === null)
    throw new RegistryError(
      "INVALID",
      `Invalid artifact path: expected <experiment>/<run>/artifacts/…, got ${JSON.stringify(text.slice(0, 200))}`,
    );
  return {
    type: run[2] === undefined ? "run" : "model",
    experiment: Number(run[1]),
    owner: run[3]!,
    path: run[4] ?? "",
  };
}

/** The path of a place of a run or logged model, as it is kept. */
export function keyOf({ type, experiment, owner, path }: Extract<Place, { type: "run" | "model" }>): string {
  const root = `${experiment}/${type === "model" ? "models/" : ""}${owner}/artifacts`;
  if (path === "") return root;
  checkPath(path);
  return `${root}/${path}`;
}

/** What a new version is made of: a place, or a version of a model. */
export type Source =
  | { readonly type: "place"; readonly place: Place }
  | { readonly type: "logged-model"; readonly id: string }
  | { readonly type: "run"; readonly run: string; readonly path: string }
  | { readonly type: "copy"; readonly model: string; readonly version: number };

/**
 * What a source names: only what this registry has itself. Throws INVALID for files, other hosts and everything that hides a path in
 * a fragment or a query; tags make no difference.
 */
export function sourceOf(source: string): Source {
  const logged = /^models:\/(m-[0-9a-f]{32})$/.exec(source);
  if (logged !== null) return { type: "logged-model", id: logged[1]! };
  const [, scheme, rest = ""] = /^(models|runs|mlflow-artifacts):\/(?!\/)(.+)$/su.exec(source) ?? [];
  if (scheme !== undefined) {
    checkPath(rest);
    if (scheme === "mlflow-artifacts") return { type: "place", place: placeOf(rest) };
    const [, owner, path] = /^([^/]+)\/(.+)$/.exec(rest) ?? [];
    if (scheme === "runs" && owner !== undefined) return { type: "run", run: owner, path: path! };
    if (scheme === "models" && /^[1-9]\d{0,14}$/.test(path ?? ""))
      return { type: "copy", model: owner!, version: Number(path) };
  }
  throw new RegistryError(
    "INVALID",
    `Invalid model version source: ${JSON.stringify(source.slice(0, 200))}. Expected runs:/<run>/<path>, models:/<logged model>, models:/<name>/<version> or mlflow-artifacts:/<path>, of this server.`,
  );
}
