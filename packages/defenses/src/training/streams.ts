/** What draws of a training, or of fitting a detector, are for, so that no two share numbers; methods have those from `method` on. */
export const streams = {
  holdOut: 0x7a01,
  shuffle: 0x7a02,
  mix: 0x7a03,
  mixedShare: 0x7a04,
  validation: 0x7a05,
  calibration: 0x7a06,
  references: 0x7a07,
  reconstruction: 0x7a08,
  augment: 0x7a09,
  method: 0x7b00,
} as const;
