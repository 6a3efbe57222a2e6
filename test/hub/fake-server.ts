/**
 * A hub and a package index in this process, on 127.0.0.1, that can misbehave.
 */
import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HubSettings } from '../../src/hub/settings.js';

/** What the server does wrong with files. Each path begins anew with every change. */
export interface Faults {
  /** Honour the Range header. */
  ranges: boolean;
  /** Cut the connection after so many bytes of a file… */
  cutAfter?: number;
  /** …this many times… */
  cuts: number;
  /** …once downloads under this folder have grown by what was sent: to cut at once could overtake it. */
  seenIn?: string;
  /** Flip a byte of files whose name contains this. */
  corrupt?: string;
  /** Answer everything with this status. */
  status?: number;
}

export const commit = 'c0ffee'.padEnd(40, '0');

export class FakeServer {
  faults: Faults = { ranges: true, cuts: 0 };
  /** The commit that the branch main is at. */
  commit = commit;
  /** Requests so far, as `GET /path` with `Range` and `Authorization` where given. */
  readonly requests: string[] = [];
  private readonly server: Server;
  /** Files at any other address, with their content type. */
  readonly pages = new Map<string, { type: string; body: () => string | Buffer }>();

  constructor(
    readonly repo: string,
    readonly files: Map<string, Buffer>,
    /** Whether it is a repository of a data set. */
    private readonly kind: 'models' | 'datasets' = 'models',
  ) {
    this.server = createServer((request, response) => this.answer(request, response));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Of a hub client whose caches are in this folder. */
  settings(folder: string): HubSettings {
    return {
      endpoint: this.url,
      cache: join(folder, 'hub'),
      offline: false,
      ownCache: join(folder, 'own'),
      packageIndex: `${this.url}/simple`,
    };
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Requests for the content of files. */
  get downloads(): string[] {
    return this.requests.filter((line) => line.includes('/resolve/') || line.includes('.whl'));
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const { range, authorization } = request.headers;
    const path = decodeURIComponent(new URL(request.url!, 'http://x').pathname);
    this.requests.push([`${request.method} ${path}`, range, authorization].filter(Boolean).join(' '));
    const { status } = this.faults;
    if (status !== undefined) {
      response.writeHead(status, { 'content-type': 'application/json' }).end('{"error":"no"}');
      return;
    }
    const folder = this.kind === 'models' ? '' : '/datasets';
    if (path === `/api/${this.kind}/${this.repo}/revision/main`) {
      this.json(response, {
        _id: '1',
        id: this.repo,
        sha: this.commit,
        lastModified: '2025-01-01T00:00:00Z',
      });
    } else if (path === `/api/${this.kind}/${this.repo}/tree/${this.commit}`) {
      this.json(response, [...this.files].map(treeEntry));
    } else if (path.startsWith(`${folder}/${this.repo}/resolve/${this.commit}/`)) {
      const content = this.files.get(path.slice(`${folder}/${this.repo}/resolve/${this.commit}/`.length));
      if (content === undefined) response.writeHead(404).end();
      else this.send(response, path, content, range);
    } else {
      const page = this.pages.get(path);
      if (page === undefined) response.writeHead(404).end();
      else if (path.endsWith('.whl')) this.send(response, path, page.body() as Buffer, range);
      else response.writeHead(200, { 'content-type': page.type }).end(page.body());
    }
  }

  private json(response: ServerResponse, value: unknown): void {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  }

  private send(response: ServerResponse, path: string, whole: Buffer, range?: string): void {
    const { faults } = this;
    let content = whole;
    if (faults.corrupt !== undefined && path.includes(faults.corrupt)) {
      content = Buffer.from(whole);
      content[content.length >> 1] ^= 1;
    }
    const from = faults.ranges && range !== undefined ? Number(/bytes=(\d+)-/.exec(range)![1]) : 0;
    if (from >= content.length && range !== undefined) {
      response.writeHead(416).end();
      return;
    }
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': content.length - from,
      ...(from > 0 && { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` }),
    });
    const end = faults.cutAfter === undefined ? content.length : from + faults.cutAfter;
    if (faults.cuts > 0 && end < content.length) {
      faults.cuts--;
      void cutOnceSeen(response, content.subarray(from, end), from, faults.seenIn);
    } else {
      response.end(content.subarray(from));
    }
  }
}

async function cutOnceSeen(response: ServerResponse, content: Buffer, from: number, folder?: string) {
  response.write(content);
  do await sleep(20);
  while (folder !== undefined && incompleteBytes(folder) < from + content.length);
  response.destroy();
}

function incompleteBytes(folder: string): number {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const sizes = names
    .filter((name) => name.endsWith('.incomplete'))
    .map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0);
  return Math.max(0, ...sizes);
}

/** As the hub's tree API lists a file: large ones by LFS pointer, small ones as git blobs. */
function treeEntry([path, content]: [string, Buffer]): unknown {
  const blob = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  const entry = { type: 'file', path, size: content.length, oid: blob };
  if (!path.endsWith('.safetensors') && !path.endsWith('.gguf')) return entry;
  const oid = createHash('sha256').update(content).digest('hex');
  return { ...entry, lfs: { oid, size: content.length, pointerSize: 134 } };
}
