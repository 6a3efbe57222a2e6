/** What becomes of answers before they leave the server. */
import { STREAM_POLICIES } from '../zero-shot/release.js';

/** The streaming policies of a conscience, and none: `off` lets everything out unreviewed. */
export const servePolicies = [...STREAM_POLICIES, 'off'] as const;
export type ServePolicy = (typeof servePolicies)[number];
