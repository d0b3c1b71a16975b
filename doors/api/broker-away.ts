/**
 * The problem that a door answers with before anything of it is loaded: it could not reach the broker.
 *
 * It stands here as it is sent, since what makes problems loads the schemas of the API.
 */

export const brokerAway = {
  type: 'urn:yardmaster:fault:broker.unavailable',
  title: 'Not possible at the moment',
  status: 503,
  detail: 'Expected to reach the broker, and did not. Try again.',
  code: 'broker.unavailable',
} as const;
