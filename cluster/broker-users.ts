/**
 * Users of a broker with the permissions that each needs, as nats-server's configuration has them. Each gets a password of its own.
 */

import { randomBytes } from 'node:crypto';
import { wrongInTenantName } from '../machines/rules/tenant.ts';
import { names } from '../nats/names.ts';
import {
  type ApiSubjects,
  type BrokerRole,
  type BrokerUser,
  brokerRoles,
  inboxPrefixOf,
  type Permissions,
  permissionsOf,
} from '../nats/permission.ts';
import { Fault } from '../runtime/faults.ts';

export { inboxPrefixOf };

/** A user as nats-server reads it. */
export interface UserSettings {
  user: string;
  password: string;
  permissions: Permissions;
  allowed_connection_types?: readonly string[];
}

/** @throws {Fault} `input.invalid` where there can be no such user, or two are called the same. */
export function brokerUsers(
  users: readonly BrokerUser[],
  { prefix, api }: { prefix: string; api: ApiSubjects },
): readonly UserSettings[] {
  const named = new Set<string>();
  for (const { user } of users) {
    if (named.has(user))
      throw new Fault('input.invalid', `Expected users with names of their own, got two of ${user}.`);
    named.add(user);
  }
  return users.map((each) => ({
    user: each.user,
    password: randomBytes(24).toString('base64url'),
    permissions: permissionsOf(each, names(prefix), api),
    ...(each.role === 'mqtt' ? { allowed_connection_types: ['MQTT'] } : {}),
  }));
}

/**
 * The user that somebody wrote as `worker`, `submitter=ci`, or `tenant=acme`.
 *
 * @throws {Fault} `input.invalid`
 */
export function readUser(text: string): BrokerUser {
  const [word = '', name = word] = text.split('=', 2);
  const role = brokerRoles.find((each) => each === word);
  if (role === undefined)
    throw new Fault('input.invalid', `Expected a role out of ${brokerRoles.join(', ')}, got \`${word}\`.`);
  if (role !== 'tenant') return { role, user: name };
  const wrong = text.includes('=') ? wrongInTenantName(name) : 'Expected a tenant, such as `tenant=acme`, got none.';
  if (wrong !== undefined) throw new Fault('input.invalid', wrong);
  return { role, user: name, tenant: name };
}

/** The roles that one gets who names none: a tenant is named. */
export const usualRoles: readonly BrokerRole[] = brokerRoles.filter((role) => role !== 'tenant');
