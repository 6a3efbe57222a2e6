/**
 * Saving: the old content or the new, never half of either, and one clear line when the disk refuses.
 *
 * The disk is made to fail where the file system is called, at any byte that a test likes; the rest
 * is the real file system.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SaveError } from '../../src/errors.js';
import { writeFileAtomic, writeFolderAtomic } from '../../src/files/files.js';
import { writeAdapter } from '../../src/model/adapter-files.js';
import { initLora } from '../../src/model/lora.js';
import { loadModel, saveModel } from '../../src/model/weights.js';
import { fixtures, randomWeights, temporaryFolder, tinyLlama } from './model-folder.js';

/** What goes wrong: in which call, with which code, and after how many bytes written in all. */
const disk = vi.hoisted(() => ({
  call: '',
  code: '',
  afterBytes: 0,
  written: 0,
  mostAtOnce: Number.POSITIVE_INFINITY,
}));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const failing =
    (call: 'openSync' | 'mkdirSync' | 'renameSync' | 'fsyncSync') =>
    (...args: unknown[]): unknown => {
      const reading = call === 'openSync' && args[1] === 'r';
      if (disk.call === call && !reading) throw refusal(call);
      return (fs[call] as (...args: unknown[]) => unknown)(...args);
    };
  const refusal = (syscall: string): Error =>
    Object.assign(new Error(`${disk.code}: ${syscall}`), { code: disk.code, syscall });
  return {
    ...fs,
    openSync: failing('openSync'),
    mkdirSync: failing('mkdirSync'),
    renameSync: failing('renameSync'),
    fsyncSync: failing('fsyncSync'),
    writeSync: (fd: number, data: Uint8Array, offset: number, length: number): number => {
      if (disk.call === 'writeSync' && disk.written + length > disk.afterBytes) throw refusal('write');
      const n = fs.writeSync(fd, data, offset, Math.min(length, disk.mostAtOnce));
      disk.written += n;
      return n;
    },
  };
});

afterEach(() =>
  Object.assign(disk, {
    call: '',
    code: '',
    afterBytes: 0,
    written: 0,
    mostAtOnce: Number.POSITIVE_INFINITY,
  }),
);

const refusals = [
  {
    call: 'writeSync',
    code: 'ENOSPC',
    says: 'cannot be written: the disk is full. Free some space, or choose another output folder',
  },
  {
    call: 'fsyncSync',
    code: 'EDQUOT',
    says: 'cannot be written: the disk quota is used up. Free some space',
  },
  {
    call: 'openSync',
    code: 'EACCES',
    says: 'cannot be written: no permission. Choose a folder that you may write to',
  },
  { call: 'openSync', code: 'EROFS', says: 'cannot be written: the disk is read-only. Choose a folder' },
  { call: 'renameSync', code: 'EPERM', says: 'cannot be written: no permission' },
  { call: 'writeSync', code: 'EIO', says: 'cannot be written (EIO: ' },
];

describe('one file', () => {
  it('is written from text, bytes and pieces, and replaced', () => {
    const path = join(temporaryFolder(), 'file');
    writeFileAtomic(path, 'žluť');
    expect(readFileSync(path, 'utf8')).toBe('žluť');
    writeFileAtomic(path, Uint8Array.of(1, 2));
    expect([...readFileSync(path)]).toEqual([1, 2]);
    disk.mostAtOnce = 3; // the system may write less than it was asked to
    writeFileAtomic(path, [Uint8Array.of(1, 2, 3, 4, 5, 6, 7), new Uint8Array(), Uint8Array.of(8)]);
    expect([...readFileSync(path)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(readdirSync(join(path, '..'))).toEqual(['file']);
  });

  it.each(refusals)('$code in $call leaves the old one', ({ call, code, says }) => {
    const folder = temporaryFolder();
    const path = join(folder, 'file');
    writeFileSync(path, 'old');
    Object.assign(disk, { call, code, afterBytes: 4 });
    const save = (): void => writeFileAtomic(path, [Buffer.from('new '), Buffer.from('content')]);
    expect(save).toThrow(SaveError);
    expect(save).toThrow(`${path}: ${says}`);
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('says that its folder is missing, or that a folder has its name', () => {
    const folder = temporaryFolder();
    expect(() => writeFileAtomic(join(folder, 'no/file'), 'x')).toThrow(
      /its folder does not exist\. Create the folder first/,
    );
    mkdirSync(join(folder, 'taken'));
    expect(() => writeFileAtomic(join(folder, 'taken'), 'x')).toThrow(/a folder has that name/);
    writeFileSync(join(folder, 'plain'), '');
    expect(() => writeFileAtomic(join(folder, 'plain/file'), 'x')).toThrow(/part of its path is a file/);
  });

  it('lets an error of its content through, and leaves nothing', () => {
    const folder = temporaryFolder();
    const content = function* (): Generator<Uint8Array> {
      yield Buffer.from('half');
      throw new RangeError('broken invariant');
    };
    expect(() => writeFileAtomic(join(folder, 'file'), content())).toThrow(RangeError);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a folder', () => {
  const save = (folder: string, seed: number): void =>
    saveModel(folder, {
      config: tinyLlama,
      weights: randomWeights(tinyLlama, seed),
      tokenizerFilesFrom: join(fixtures, 'tokenizers/smollm2'),
    });

  it.each(refusals)('new: $code in $call leaves nothing', ({ call, code, says }) => {
    const parent = temporaryFolder();
    const folder = join(parent, 'model');
    Object.assign(disk, { call, code, afterBytes: 10000 });
    expect(() => save(folder, 0)).toThrow(SaveError);
    expect(() => save(folder, 0)).toThrow(`${folder}: ${says}`);
    expect(readdirSync(parent)).toEqual([]);
  });

  it.each([0, 10000, 30000])(
    'existing: a full disk after %i bytes leaves the old model',
    async (afterBytes) => {
      const folder = join(temporaryFolder(), 'model');
      save(folder, 0);
      const before = readdirSync(folder);
      Object.assign(disk, { call: 'writeSync', code: 'ENOSPC', afterBytes, written: 0 });
      expect(() => save(folder, 1)).toThrow(`${folder}: cannot be written: the disk is full`);
      expect(readdirSync(folder)).toEqual(before);
      expect((await loadModel(folder)).weights).toEqual(randomWeights(tinyLlama, 0));
    },
  );

  it('an adapter likewise', () => {
    const folder = join(temporaryFolder(), 'adapter');
    const config = { rank: 2, alpha: 2, rslora: false, targets: ['q_proj' as const] };
    Object.assign(disk, { call: 'writeSync', code: 'ENOSPC', afterBytes: 1000 });
    expect(() => writeAdapter(folder, { config, tensors: initLora(tinyLlama, config, 0) })).toThrow(
      SaveError,
    );
    expect(existsSync(folder)).toBe(false);
  });

  it('cannot be made: no permission, or a file in the way', () => {
    const parent = temporaryFolder();
    Object.assign(disk, { call: 'mkdirSync', code: 'EACCES' });
    expect(() => writeFolderAtomic(join(parent, 'out'), [])).toThrow(/out: cannot be written: no permission/);
    disk.call = '';
    writeFileSync(join(parent, 'file'), 'old');
    expect(() => writeFolderAtomic(join(parent, 'file'), [['a', 'b']])).toThrow(SaveError);
    expect(() => writeFolderAtomic(join(parent, 'file/deeper'), [['a', 'b']])).toThrow(SaveError);
    expect(readFileSync(join(parent, 'file'), 'utf8')).toBe('old');
  });
});
