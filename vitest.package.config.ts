import { defineConfig } from 'vitest/config';

/** `npm run test:package`: what is packed and installed. */
export default defineConfig({
  test: { include: ['test/package/install.ts'], testTimeout: 600_000, hookTimeout: 600_000 },
});
