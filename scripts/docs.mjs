/** Writes docs/configuration.md; a test says when it is out of date. `npm run docs` calls it, and typedoc for docs/api/. */
import { writeFileSync } from 'node:fs';
import './setup.mjs';

const { configMarkdown } = await import('../dist/cli/config-help.js');
writeFileSync(new URL('../docs/configuration.md', import.meta.url), configMarkdown());
