/** A process that makes the runs of an experiment in pinocchio's world. */
import { serveRuns } from '../experiment/serve-runs.js';
import { pinocchioWorld } from './world.js';

serveRuns(pinocchioWorld);
