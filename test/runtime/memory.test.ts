import { SystemClock } from '../../runtime/clock.ts';
import { MemoryBroker } from '../../runtime/memory/broker.ts';
import { portContract } from '../ports.contract.ts';

portContract('the memory world', async () => {
  const broker = new MemoryBroker({ clock: new SystemClock(), pulseEveryMs: 20 });
  return {
    one: broker.world(),
    other: broker.world(),
    submit: async (submission) => void broker.submit(submission),
    end: async () => {},
  };
});
