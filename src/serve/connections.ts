/**
 * The sockets of a server. None is held by who sends or reads too slowly, and those without a request go
 * at once when the server stops.
 */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError } from './errors.js';

export class Connections {
  /** Open sockets, each with the answers that have not left whole. */
  private readonly answers = new Map<Socket, Set<ServerResponse>>();
  private closing = false;

  /** @param mostSeconds from a request's headers to the last byte of its answer; then its socket is closed */
  constructor(server: Server, mostSeconds: number) {
    server.on('connection', (socket) => {
      this.answers.set(socket, new Set());
      socket.once('close', () => this.answers.delete(socket));
    });
    server.on('request', ({ socket }, response) => {
      this.answers.get(socket)?.add(response);
      const late = setTimeout(() => socket.destroy(), Math.min(1000 * mostSeconds, 2 ** 31 - 1));
      response.once('close', () => {
        clearTimeout(late);
        this.answers.get(socket)?.delete(response);
        if (this.closing && !this.answers.get(socket)?.size) socket.destroySoon();
      });
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      // in the middle of an answer nothing can be said any more
      const midway = [...(this.answers.get(socket) ?? [])].some(({ headersSent }) => headersSent);
      if (socket.writable && error.code !== 'ECONNRESET' && !midway) {
        socket.write(rawReply(malformed(error.code)));
        socket.destroySoon();
      } else socket.destroy();
    });
  }

  /** Closes what has no request, now and as soon as it has none. */
  closeIdle(): void {
    this.closing = true;
    for (const [socket, { size }] of this.answers) if (size === 0) socket.destroy();
  }

  closeAll(): void {
    for (const socket of this.answers.keys()) socket.destroy();
  }
}

/** What is told to who does not speak HTTP, or too slowly. */
function malformed(code: string | undefined): ApiError {
  const type = 'invalid_request_error';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const message = 'The request did not come whole in time.';
    return new ApiError(408, { type: 'timeout_error', code: 'request_timeout', message });
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new ApiError(431, { type, code: 'headers_too_large', message: 'The headers are too large.' });
  }
  return new ApiError(400, { type, code: 'malformed_request', message: 'This is no HTTP request.' });
}

function rawReply({ status, body }: ApiError): string {
  const text = JSON.stringify(body);
  const names = { 400: 'Bad Request', 408: 'Request Timeout', 431: 'Request Header Fields Too Large' };
  return [
    `HTTP/1.1 ${status} ${names[status as keyof typeof names]}`,
    'connection: close',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(text)}`,
    '',
    text,
  ].join('\r\n');
}
