/**
 * Loaded into a process with `--import`: the disk is full, or forbids, under one folder.
 * EALIGN_FAULT is `CODE FOLDER`; ENOSPC strikes when tensors are written, EACCES at once.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const [code, folder] = process.env.EALIGN_FAULT.split(' ');
const { openSync, writeSync, mkdirSync } = fs;
const struck = new Set();
const fail = (syscall) => {
  throw Object.assign(new Error(`${code}: injected, ${syscall}`), { code, syscall });
};

fs.openSync = (path, ...rest) => {
  const fd = openSync(path, ...rest);
  if (String(path).startsWith(folder) && String(path).includes('safetensors')) struck.add(fd);
  else struck.delete(fd);
  return fd;
};
fs.writeSync = (fd, ...rest) =>
  code === 'ENOSPC' && struck.has(fd) ? fail('write') : writeSync(fd, ...rest);
fs.mkdirSync = (path, ...rest) =>
  code === 'EACCES' && String(path).startsWith(folder) ? fail('mkdir') : mkdirSync(path, ...rest);
syncBuiltinESMExports();
