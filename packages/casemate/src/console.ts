/** Where the command writes to: the process, or a test. */
export interface Streams {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface Writable {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Results go to `print`, everything else to `error`, so that results can be piped. */
export interface Console {
  print(line: string): void;
  error(line: string): void;
  /** Replaces the line that `draw` drew before; only where `isLive`. */
  draw(line: string): void;
  /** Whether a person watches: bars instead of lines. */
  readonly isLive: boolean;
  readonly columns: number;
  /** Colours on standard error. */
  readonly paint: Paint;
  /** Colours on standard output. */
  readonly printPaint: Paint;
}

const COLOURS = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] } as const;

type Paint = Readonly<Record<keyof typeof COLOURS, (text: string) => string>>;

/** A console on two streams. Colours only on a terminal, and never with NO_COLOR (https://no-color.org). */
export function consoleOf({ stdout, stderr, env }: Streams): Console {
  const wantsColour = (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
  const isLive = stderr.isTTY === true && env.TERM !== "dumb";
  return {
    print: (line) => void stdout.write(`${harmless(line)}\n`),
    error: (line) => void stderr.write(`${isLive ? CLEAR_LINE : ""}${harmless(line)}\n`),
    draw: (line) => void (isLive && stderr.write(`${CLEAR_LINE}${harmless(line)}`)),
    isLive,
    columns: stderr.columns ?? 80,
    paint: paintFor(wantsColour && stderr.isTTY === true),
    printPaint: paintFor(wantsColour && stdout.isTTY === true),
  };
}

const ESCAPE = "\u001b";
const CLEAR_LINE = `\r${ESCAPE}[2K`;
const CONTROL = new RegExp(`(${ESCAPE}\\[\\d{1,2}m)|[^\\P{Cc}\\n\\t]`, "gu");

/** Text in which only colours are left of what steers a terminal: names in a foreign model may hold anything. */
function harmless(text: string): string {
  return text.replace(CONTROL, (_, colour: string | undefined) => colour ?? "\ufffd");
}

function paintFor(isColoured: boolean): Paint {
  const brush =
    ([on, off]: readonly [number, number]) =>
    (text: string) =>
      isColoured ? `${ESCAPE}[${on}m${text}${ESCAPE}[${off}m` : text;
  return {
    bold: brush(COLOURS.bold),
    dim: brush(COLOURS.dim),
    red: brush(COLOURS.red),
    green: brush(COLOURS.green),
    yellow: brush(COLOURS.yellow),
  };
}
