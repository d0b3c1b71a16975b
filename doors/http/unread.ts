/**
 * What is said to a connection on which no request could be read: the same problems as everywhere, as far as there is anybody to hear
 * them. They stand here as they are sent, since nothing of the API is loaded for such a connection.
 */

import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';

interface Told {
  status: number;
  title: string;
  code: string;
  detail: string;
}

const headersAtMost = 16_384;

const byCode: Readonly<Record<string, Told>> = {
  HPE_HEADER_OVERFLOW: {
    ...{ status: 431, title: 'Request Header Fields Too Large', code: 'request.headers' },
    detail: `Expected a path and headers of at most ${headersAtMost} bytes together, got more. Send what is long in the body.`,
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    ...{ status: 408, title: 'Request Timeout', code: 'request.slow' },
    detail: 'Expected the whole request in time, and it did not come. Send it again.',
  },
};

const unreadable: Told = {
  ...{ status: 400, title: 'Bad Request', code: 'request.unreadable' },
  detail: 'Expected a request of HTTP/1.1, got what is none. Correct what sends it.',
};

export function tellUnread(server: Server): void {
  server.on('clientError', (cause: Error & { code?: string }, socket: Duplex) => {
    if (cause.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const { status, title, code, detail } = byCode[cause.code ?? ''] ?? unreadable;
    const body = JSON.stringify({ type: `urn:yardmaster:fault:${code}`, title, status, detail, code });
    const length = Buffer.byteLength(body);
    socket.end(
      `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`,
    );
  });
}
