#!/usr/bin/env node
import { existsSync } from 'node:fs';

const front = new URL('../dist/cli/front.js', import.meta.url);
if (existsSync(front)) {
  await import(front.href);
} else {
  process.stderr.write('error: not compiled yet; run: npm run setup\n');
  process.exitCode = 1;
}
