/** Every phase a scenario can have, in the order the documents list them. */
import { BALLOON } from './phases/balloon.js';
import { BOOT } from './phases/boot.js';
import { DMA_BUFFERS, TRANSIENT_BUFFERS } from './phases/dma.js';
import { HUNGRY, IDLE } from './phases/hungry.js';
import { PASSTHROUGH } from './phases/passthrough.js';
import { POPULATE } from './phases/populate.js';
import { SHARED_POOL } from './phases/shared-pool.js';
import { SHUTDOWN } from './phases/shutdown.js';
import { DMA_POOLS, SWIOTLB } from './phases/swiotlb.js';
import { FINE_GRAINED, FLIP } from './phases/switching.js';
import { VCPU_PAGES } from './phases/vcpu-pages.js';

export const PHASES = [
  POPULATE,
  BOOT,
  VCPU_PAGES,
  SWIOTLB,
  DMA_POOLS,
  DMA_BUFFERS,
  TRANSIENT_BUFFERS,
  SHARED_POOL,
  PASSTHROUGH,
  FLIP,
  FINE_GRAINED,
  BALLOON,
  HUNGRY,
  IDLE,
  SHUTDOWN,
] as const;
