/** The thread of digest.ts: digests the file it is started for, and says what came out. */
import { parentPort, workerData } from 'node:worker_threads';
import { digest } from './digest.js';

parentPort?.postMessage(await digest(workerData as string));
