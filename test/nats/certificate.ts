/**
 * Certificates for a test, made by openssl: an authority, a broker's for 127.0.0.1, a client's.
 *
 * Knows how they are made; they live as long as the directory they are put into.
 */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface CertificateFiles {
  caFile: string;
  certFile: string;
  keyFile: string;
}

/** A new authority with one certificate for `name`, in `folder`. */
export async function certificates(folder: string, name: string): Promise<CertificateFiles> {
  const files = {
    caFile: join(folder, `${name}-ca.pem`),
    certFile: join(folder, `${name}.pem`),
    keyFile: join(folder, `${name}-key.pem`),
  };
  const caKey = join(folder, `${name}-ca-key.pem`);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  await run('openssl', [
    'req',
    '-x509',
    ...key,
    '-subj',
    `/CN=${name} authority`,
    '-keyout',
    caKey,
    '-out',
    files.caFile,
  ]);
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  const signed = ['-CA', files.caFile, '-CAkey', caKey];
  await run('openssl', [
    'req',
    '-x509',
    ...key,
    ...subject,
    ...signed,
    '-keyout',
    files.keyFile,
    '-out',
    files.certFile,
  ]);
  return files;
}
