/** A bucket of a service that speaks S3's protocol, and the rights to use it. */
export interface S3Location {
  /** Such as `https://s3.eu-central-1.amazonaws.com`; the bucket is asked for by path, not by host name. */
  readonly endpoint: string;
  readonly bucket: string;
  /** Such as `eu-central-1`; what is signed names it. */
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Where in the bucket, such as `casemate/registry`; at its top by default. */
  readonly folder?: string;
  /** Bytes of which each upload holds two in memory; files may be 10,000 times as large. At least 5 MiB, by S3's rule. */
  readonly partSize?: number;
}
