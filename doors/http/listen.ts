/**
 * Listens on a port of this machine. One that nobody named may be taken by another process here: then the next free one serves,
 * or any. One that was named must be free.
 */

import { createServer, type RequestListener, type Server } from 'node:http';
import { Fault } from '../../sdk/index.ts';
import { tellUnread } from './unread.ts';

export interface Place {
  /** An address of this machine. */
  host: string;
  port: number | 'free';
  /** Whether somebody named the port. */
  isNamed: boolean;
  /** The flag that names another one. */
  flag: string;
}

export interface Listening {
  readonly url: string;
  /** Ends at once, streams too. */
  close(): Promise<void>;
}

export const loopback = '127.0.0.1';
const anyPort = 0;
const triedPorts = 50;

/** @throws {Fault} `option.invalid` where the port is taken. */
export async function listenOn(listener: RequestListener, place: Place): Promise<Listening> {
  const { host } = place;
  const server = await listening(listener, place);
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${portOf(server)}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** What only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

async function listening(listener: RequestListener, { host, port, isNamed, flag }: Place): Promise<Server> {
  const first = port === 'free' ? anyPort : port;
  for (let tried = 0; ; tried++) {
    const wanted = tried === triedPorts ? anyPort : first + tried;
    try {
      return await listen(listener, host, wanted);
    } catch (cause) {
      if (!isNamed && wanted !== anyPort && isTaken(cause)) continue;
      throw new Fault(
        'option.invalid',
        `Expected port ${wanted} of ${host} to be free, it is not. Name another with \`${flag}\`, or \`free\`, or \`off\`.`,
        { cause },
      );
    }
  }
}

function listen(listener: RequestListener, host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(listener);
    tellUnread(server);
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

function isTaken(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE';
}
