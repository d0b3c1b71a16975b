/**
 * `yard auth nats`: users for a nats-server, each with the permissions that its role needs and no others.
 *
 * It asks nobody: what it prints goes into the configuration of the broker.
 */

import type { Command } from 'commander';
import type { UserSettings } from '../../cluster/broker-users.ts';
import type { CommandContext } from './command.ts';

export function register(program: Command, context: CommandContext): void {
  const auth = program.command('auth').description('Who may do what at the broker.');
  auth
    .command('nats [roles...]')
    .summary('Prints users and permissions for the configuration of nats-server.')
    .description(
      'Prints users and permissions for the configuration of nats-server: `master`, `worker`, `webhook-worker`, `operator`, `submitter`, `viewer`, `mqtt`, each also with a name of its own (`submitter=ci`), and tenants (`tenant=acme`). All but tenants where none is named.',
    )
    .action((roles: readonly string[], _, command: Command) => printUsers(roles, command, context));
}

async function printUsers(roles: readonly string[], command: Command, context: CommandContext): Promise<void> {
  const [{ brokerUsers, readUser, usualRoles }, { subjectsThatNeed }] = await Promise.all([
    import('../../cluster/broker-users.ts'),
    import('../api/subject.ts'),
  ]);
  const { prefix } = context.settings(command, 'client');
  const asked = (roles.length === 0 ? usualRoles : roles).map(readUser);
  const api = { read: subjectsThatNeed('read', 'nothing'), submit: subjectsThatNeed('submit', 'nothing') };
  const users = brokerUsers(asked, { prefix, api });
  const { terminal, output } = context;
  terminal.say('There are passwords in it: keep it where only the broker reads it.');
  terminal.print(output === 'json' ? JSON.stringify({ authorization: { users } }, undefined, 2) : await snippet(users));
}

/** JSON is what nats-server reads, too. */
async function snippet(users: readonly UserSettings[]): Promise<string> {
  const { inboxPrefixOf } = await import('../../cluster/broker-users.ts');
  const how = users.map(
    ({ user }) => `# ${user}: --user ${user} --inbox-prefix ${inboxPrefixOf(user)}, and the password in YARD_PASSWORD`,
  );
  return [
    '# Users of Yardmaster. Put it into a file of its own and name that in nats-server.conf: include "yard-users.conf"',
    ...how,
    `authorization: ${JSON.stringify({ users }, undefined, 2)}`,
  ].join('\n');
}
