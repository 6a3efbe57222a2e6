/** `npm run docs`: writes the page that is generated, docs/configuration.md. A test says when it is out of date. */
import { writeFileSync } from 'node:fs';
import './setup.mjs';

const { configMarkdown } = await import('../dist/cli/config-help.js');
writeFileSync(new URL('../docs/configuration.md', import.meta.url), configMarkdown());
