/** Which addresses a delivery does not go to. */

import { expect, test } from 'vitest';
import { isPrivate } from '../../handlers/webhook.ts';

test.each([
  '127.0.0.1',
  '10.1.2.3',
  '172.31.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.0',
  '255.255.255.255',
  '::1',
  '::',
  'fe80::1',
  'fd00::1',
  '::ffff:127.0.0.1',
  '64:ff9b::7f00:1',
  '2002:7f00:1::1',
])('%s is closed', (address) => expect(isPrivate(address)).toBe(true));

test.each(['93.184.216.34', '172.32.0.1', '2606:4700::1111'])('%s is open', (address) =>
  expect(isPrivate(address)).toBe(false),
);
