/** How much memory a simulated host may have. */
import { NO_PFN } from './page-view.js';
import { ORDER_2M, PAGE_BYTES, pagesOf } from './units.js';

/** Host memory comes in whole 2M blocks. */
export const BLOCK_BYTES = pagesOf(ORDER_2M) * PAGE_BYTES;
/** A pfn is a u32, and its largest value means "none". */
export const MAX_MEMORY_BYTES = Math.floor((NO_PFN * PAGE_BYTES) / BLOCK_BYTES) * BLOCK_BYTES;
