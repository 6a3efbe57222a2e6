/** What `conscience.check` may be: what training does about a conscience that cannot be used. */
export const CHECKS = ['stop', 'warn', 'off'] as const;
export type Check = (typeof CHECKS)[number];
