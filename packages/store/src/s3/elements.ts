const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

/**
 * What stands between the tags of a name, for each element of that name, in order. S3's answers are flat enough for this: no element that is asked
 * for has attributes or holds another of its name.
 */
export function elements(xml: string, name: string): readonly string[] {
  const [open, close] = [`<${name}>`, `</${name}>`];
  const found: string[] = [];
  for (let start = xml.indexOf(open); start !== -1; start = xml.indexOf(open, start)) {
    const end = xml.indexOf(close, start);
    if (end === -1) break;
    found.push(xml.slice(start + open.length, end));
    start = end;
  }
  return found;
}

/** The text of the first element of a name, its entities resolved; undefined where there is none. */
export function textOf(xml: string, name: string): string | undefined {
  return elements(xml, name)[0]?.replace(
    /&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|([a-z]{2,4}));/gi,
    (whole, hex, decimal, entity) => {
      if (entity !== undefined) return ENTITIES[entity] ?? whole;
      const point = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
    },
  );
}
