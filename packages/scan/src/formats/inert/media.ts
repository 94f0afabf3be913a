import type { Format } from "../../format.ts";

/** Pictures, sound and documents by their first bytes: nothing in them is run by a machine-learning framework. */
export const media: Format = {
  id: "media",
  title: "Picture, sound or video",
  rules: {},
  detect: (head) => SIGNATURES.some(({ at, bytes }) => bytes.every((byte, index) => head[at + index] === byte)),
  scan() {},
};

const SIGNATURES = [
  { at: 0, bytes: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] }, // PNG
  { at: 0, bytes: [0xff, 0xd8, 0xff] }, // JPEG
  { at: 0, bytes: [...Buffer.from("GIF8")] },
  { at: 8, bytes: [...Buffer.from("WEBP")] },
  { at: 8, bytes: [...Buffer.from("WAVE")] },
  { at: 4, bytes: [...Buffer.from("ftyp")] }, // MP4
  { at: 0, bytes: [...Buffer.from("fLaC")] },
  { at: 0, bytes: [...Buffer.from("OggS")] },
];
