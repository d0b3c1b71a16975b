import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isSecretName,
  jsonWithoutSecrets,
  secretsIn,
  textWithout,
  textWithoutSecrets,
  without,
  withoutSecrets,
} from '../../machines/rules/secret.ts';

test.each(['password', 'dbPassword', 'API_TOKEN', 'X-Auth-Token', 'apiKey', 'client_secret', 'Authorization', 'pin'])(
  '%s is the name of something secret',
  (name) => expect(isSecretName(name)).toBe(true),
);

test.each(['input', 'passenger', 'author', 'pinned', 'keyframes', 'tokenizer', 'secretary'])('%s is not', (name) =>
  expect(isSecretName(name)).toBe(false),
);

describe('a payload is shown', () => {
  test('without what stands under a secret name, however deep, and with all else', () => {
    const payload = {
      input: 'a.mov',
      env: { API_TOKEN: 'quince', MODE: 'fast' },
      steps: [{ credentials: { user: 'ann', key: 'medlar' } }, { password: null, pin: '' }],
    };
    expect(withoutSecrets(payload)).toEqual({
      input: 'a.mov',
      env: { API_TOKEN: '•••', MODE: 'fast' },
      steps: [{ credentials: '•••' }, { password: null, pin: '' }],
    });
  });

  test.each([
    ['https://ann:quince@host/a.mov', 'https://ann:•••@host/a.mov'],
    ['s3://host/a.mov?X-Amz-Signature=quince&part=1', 's3://host/a.mov?X-Amz-Signature=•••&part=1'],
    ['https://host/?access_token=quince#here', 'https://host/?access_token=•••#here'],
    ['deploy --password=quince --level=3', 'deploy --password=••• --level=3'],
    ['API_KEY="quince and medlar" run', 'API_KEY=••• run'],
    ['curl -H "Authorization: Bearer quincequince"', 'curl -H "Authorization: Bearer •••"'],
    ['https://host:8080/a?b=c', 'https://host:8080/a?b=c'],
    ['a basic idea of a@b', 'a basic idea of a@b'],
  ])('%s as %s', (text, shown) => expect(textWithoutSecrets(text)).toBe(shown));

  test('in time, whatever somebody sends', () => {
    for (const piece of ['a.', 'a=', 'a://', 'a:', '"a":', 'bearer ', '@', '--'])
      expect(textWithoutSecrets(piece.repeat(30_000)).length).toBeGreaterThan(0);
  }, 2_000);
});

describe('what is secret in a payload', () => {
  const payload = { password: 'quince/medlar', url: 'https://ann:sorbus@host', key: 'open', secret: 'ab\ncdef' };

  test('is found again where it got to, however it is written there, the longest first', () => {
    const secrets = secretsIn(payload);
    const said = 'no quince/medlar, quince%2Fmedlar, sorbus or cdef; but open and ab';
    expect(textWithout(secrets, said)).toBe('no •••, •••, ••• or •••; but open and ab');
    expect(textWithout(secretsIn({ token: 'quince', secret: 'quinces' }), 'quinces')).toBe('•••');
    expect(without(secrets, { a: ['sorbus', 1, null] })).toEqual({ a: ['•••', 1, null] });
  });

  test('is nowhere in what is shown of any payload', () => {
    const secret = fc.stringMatching(/^[a-z]{6,12}$/).map((text) => `zz${text}`);
    const name = fc.constantFrom('password', 'apiKey', 'AUTH_TOKEN', 'credentials');
    const bad = fc.tuple(name, secret).map(([key, value]) => ({ [key]: value }));
    const any = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        fc.integer(),
        bad,
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(fc.string(), tie('node')),
      ),
    })).node;
    fc.assert(
      fc.property(any, fc.nat(200), (value, cut) => {
        const text = JSON.stringify(value);
        const secrets = secretsIn(value);
        const shown = [
          JSON.stringify(withoutSecrets(value)),
          jsonWithoutSecrets(text),
          jsonWithoutSecrets(text.slice(0, cut)),
        ];
        for (const each of secrets) for (const one of shown) expect(one).not.toContain(each);
      }),
    );
  });
});

describe('a text of JSON', () => {
  test.each([
    ['{"password":"quince","a":1}', '{"password":"•••","a":1}'],
    ['{"payload":{"password":"quin', '{"payload":{"password":"•••"'],
    ['{"a":1,"credentials":{"user":"ann","key":"qui', '{"a":1,•••'],
    ['{"pin":1234,"a":tru', '{"pin":"•••","a":tru'],
    ['not json', 'not json'],
  ])('%s is shown as %s, whole or cut off', (text, shown) => expect(jsonWithoutSecrets(text)).toBe(shown));
});
