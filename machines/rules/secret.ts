/**
 * What is secret in a payload: told by the names of fields, since nobody says it of each field of each type, and by what texts
 * look like that have passwords in them.
 *
 * Errs towards secrecy: a field `tokens` that counts something is hidden too.
 */

const words =
  'pass(?:word|wd|phrase|code)?|pwd|secrets?|tokens?|credentials?|creds|auth(?:orization)?|cookies?|bearer|jwt|pin';
const keys = '(?:api|access|private|secret|signing|encryption|ssh|auth)[-_ ]?keys?';
/** A word of the name, as in `dbPassword`, `db_password` and `X-Auth-Token`. */
const secretName = new RegExp(`(?:^|[-_. ])(?:${words}|${keys})(?:$|[-_. \\d])`, 'i');

/** Whether what stands under this name is nobody's business but the handler's. */
export function isSecretName(name: string): boolean {
  return secretName.test(name.replaceAll(/([a-z\d])([A-Z])/g, '$1_$2'));
}

/** What is shown in the place of something secret. */
export const hidden = '•••';

/** Shorter ones are not looked for elsewhere: they would be found in every sentence. */
const shortestWord = 4;

/** `https://user:password@host`. */
const inAddress = /(?<before>(?<![a-z\d+.-])[a-z][a-z\d+.-]*:\/\/[^\s/?#@:"']*:)(?<secret>[^\s/?#"']+)(?<after>@)/gi;
/** `?token=…&`, `--password=…`, `API_KEY=…`. */
const inPair = /(?<before>(?<![\w.-])(?<name>[\w.-]+)=)(?<secret>"[^"]*"?|'[^']*'?|[^\s&;,"'#]+)/g;
/** `Authorization: Bearer …`. */
const inHeader = /(?<before>\b(?:bearer|basic) +)(?<secret>[\w.~+/=-]{8,})/gi;

const isSigned = /(?:^|[-_])(?:sig|signature)$/i;

function isSecretPair(name: string | undefined): boolean {
  return name === undefined || isSecretName(name) || isSigned.test(name);
}

/** A text without the passwords and tokens in it that can be told by what stands around them. */
export function textWithoutSecrets(text: string): string {
  if (!/[=@]|bearer|basic/i.test(text)) return text;
  return [inAddress, inPair, inHeader].reduce(
    (left, pattern) =>
      left.replaceAll(pattern, (...match) => {
        const groups: Record<string, string | undefined> = match.at(-1);
        return isSecretPair(groups['name']) ? `${groups['before']}${hidden}${groups['after'] ?? ''}` : match[0];
      }),
    text,
  );
}

function secretsInText(text: string): readonly string[] {
  return [inAddress, inPair, inHeader].flatMap((pattern) =>
    [...text.matchAll(pattern)].flatMap(({ groups }) =>
      groups !== undefined && isSecretPair(groups['name'])
        ? [(groups['secret'] ?? '').replaceAll(/^["']|["']$/g, '')]
        : [],
    ),
  );
}

/** A value as it may be shown: nothing that stands under a secret name, however deep, and no texts with passwords in them. */
export function withoutSecrets(value: unknown): unknown {
  if (typeof value === 'string') return textWithoutSecrets(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutSecrets);
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      isSecretName(name) && each !== null && each !== '' ? hidden : withoutSecrets(each),
    ]),
  );
}

/** The texts that are secret in a value, the longest first, to be looked for where they may have got to. */
export function secretsIn(value: unknown): readonly string[] {
  const found = new Set<string>();
  gather(value, false, found);
  return [...found].sort((one, other) => other.length - one.length);
}

function gather(value: unknown, isSecret: boolean, found: Set<string>): void {
  if (typeof value === 'string') {
    // One of several lines is met line by line.
    for (const text of isSecret ? [value, ...value.split(/\r?\n/)] : secretsInText(value))
      for (const written of [text, encodeURIComponent(text.toWellFormed()), JSON.stringify(text).slice(1, -1)])
        if (written.length >= shortestWord) found.add(written);
  } else if (typeof value === 'object' && value !== null)
    for (const [name, each] of Object.entries(value)) gather(each, isSecret || isSecretName(name), found);
}

/** A text without these secrets. */
export function textWithout(secrets: readonly string[], text: string): string {
  return secrets.reduce((left, secret) => left.replaceAll(secret, hidden), text);
}

/** A value in whose texts none of these secrets is left; the same one where there was none. */
export function without(secrets: readonly string[], value: unknown): unknown {
  if (secrets.length === 0) return value;
  if (typeof value === 'string') return textWithout(secrets, value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => without(secrets, each));
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, without(secrets, each)]));
}

/** A name, and what stands behind it: a text, which may be cut off, a number or a word. */
const inJson = /(?<before>"(?<name>[^"]{1,64})"\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|[^\s,}\]{["]+)/gs;
const beforeParts = /"(?<name>[^"]{1,64})"\s*:\s*[{[]/g;

/** A text of JSON without what is secret in it; of one that is broken or cut off, it ends where something secret has parts. */
export function jsonWithoutSecrets(text: string): string {
  try {
    return JSON.stringify(withoutSecrets(JSON.parse(text)));
  } catch {
    const parts = [...text.matchAll(beforeParts)].find(({ groups }) => isSecretName(groups?.['name'] ?? ''));
    const known = parts === undefined ? text : `${text.slice(0, parts.index)}${hidden}`;
    return textWithoutSecrets(known).replaceAll(inJson, (...match) => {
      const { before, name = '' }: Record<string, string> = match.at(-1);
      return isSecretName(name) ? `${before}"${hidden}"` : match[0];
    });
  }
}
