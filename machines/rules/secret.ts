/**
 * Which fields of a payload are secret: told by their names, since nobody says it of each field of each type.
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
