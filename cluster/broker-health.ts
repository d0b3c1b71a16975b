/**
 * Tells of brokers that could not write and are stuck (`nats/broker-health.ts`), where their monitoring can be asked:
 * each master does, since a leader there may be none. What is to be done about it, `yard up` does for its own
 * (`broker-watch.ts`), and a person for others.
 */

import { storeHealth } from '../nats/broker-health.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';

const everyMs = 5_000;

/** Tells until cancelled; once for each time that a broker is stuck. */
export function tellStuck({
  monitoring,
  clock,
  telemetry,
}: {
  monitoring: readonly string[];
  clock: Clock;
  telemetry: Telemetry;
}): Cancel {
  const stuck = new Set<string>();
  const look = async (broker: string) => {
    const health = await storeHealth(broker, clock);
    if (health === undefined) return;
    const { error } = health;
    if (error === undefined) {
      if (stuck.delete(broker)) telemetry.tell('broker.unstuck', { broker });
    } else if (!stuck.has(broker)) {
      stuck.add(broker);
      telemetry.tell('broker.stuck', { broker, error });
    }
  };
  return clock.every(everyMs, () => {
    for (const broker of monitoring) void look(broker);
  });
}
