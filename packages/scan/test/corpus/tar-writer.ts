export interface TarFile {
  readonly name: string;
  readonly data?: Uint8Array | string;
  /** "0" is a file, "1" and "2" are links, "3" and "4" devices, "L" a long name, "x" pax records. */
  readonly type?: string;
  readonly link?: string;
  /** The size that the header says. */
  readonly size?: number;
}

/** A ustar archive. */
export function writeTar(files: readonly TarFile[], suffix: Uint8Array = new Uint8Array(0)): Uint8Array {
  const parts = files.flatMap(({ name, data = "", type = "0", link = "", size }) => {
    const bytes = Buffer.from(data);
    const header = Buffer.alloc(512);
    header.write(name, 0, 100);
    header.write("0000644\0", 100);
    header.write("0000000\0", 108);
    header.write("0000000\0", 116);
    header.write(`${(size ?? bytes.length).toString(8).padStart(11, "0")}\0`, 124);
    header.write("00000000000\0", 136);
    header.write("        ", 148);
    header.write(type, 156);
    header.write(link, 157, 100);
    header.write("ustar\0", 257, "latin1");
    header.write("00", 263);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024), suffix]);
}
