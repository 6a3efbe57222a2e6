/** Loaded into a process with `--import`: appends to the file EALIGN_FULL work three times, then the disk is full. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { appendFileSync } = fs;
let left = 3;
fs.appendFileSync = (path, ...rest) => {
  if (String(path).endsWith(process.env.EALIGN_FULL) && left-- <= 0) {
    throw Object.assign(new Error('ENOSPC: injected, write'), { code: 'ENOSPC', syscall: 'write' });
  }
  appendFileSync(path, ...rest);
};
syncBuiltinESMExports();
