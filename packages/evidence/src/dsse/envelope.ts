/** A DSSE envelope (https://github.com/secure-systems-lab/dsse, v1.0): a payload in base64 and signatures over its PAE. */
export interface Envelope {
  readonly payload: string;
  readonly payloadType: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}
