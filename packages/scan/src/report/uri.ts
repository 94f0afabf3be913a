import { pathToFileURL } from "node:url";

/** A path as a URI; a relative one stays relative, so that a log means the same on another machine. */
export function uriOf(path: string): string {
  if (/^([\\/]|[A-Za-z]:[\\/])/.test(path)) return pathToFileURL(path).href;
  return path.split(/[\\/]/).map(encodeURIComponent).join("/");
}
