/**
 * The kvm engine behind the Backend seam: the running kernel's guest_memfd. Its outcomes are the kernel's own; what this
 * kernel cannot do is EOPNOTSUPP.
 *
 * The policy, the arch's private memory, the simulated host memory and the seed have no meaning here: the kernel is what it
 * is. Of the options only `residentLimitBytes` counts, as a limit on what ops may take from this machine. Counters are the
 * modelled kernel's and stay 0; `host()` says so (`counters_known: 0`) and has the figures there are.
 */
import type { Backend, BackendOptions } from '../engine/backend.js';
import { matchesQuery, NO_PFN, PAGE_BIT, PAGE_VIEW, PAGE_VIEW_WORDS, type PageQuery } from '../spec/page-view.js';
import { hostError, type KvmAddon, type KvmCapabilities, kvmAddon } from './capabilities.js';

/** Engines whose owner forgot to close them. */
const abandoned = new FinalizationRegistry<{ addon: KvmAddon; handle: number }>(({ addon, handle }) =>
  addon.kvmClose(handle),
);

/** Bits of a page as the addon reports it. */
const CLEARED = 1;
const BOUND = 2;

/** Pages that one window of a count asks for. */
const WINDOW_PAGES = 2 ** 18;

export class KvmBackend implements Backend {
  readonly kind = 'kvm';
  readonly knownPageBits = PAGE_BIT.present | PAGE_BIT.prepared | PAGE_BIT.bound | PAGE_BIT.shared;
  readonly capabilities: KvmCapabilities;
  readonly #addon: KvmAddon;
  readonly #handle: number;
  #closed = false;

  /** @throws GmemError `ERR_GMEM_HOST` where the host lacks what the engine needs. */
  constructor(options: Pick<BackendOptions, 'residentLimitBytes'>) {
    this.#addon = kvmAddon();
    const { handle, capabilities } = this.#addon.kvmCreate(options.residentLimitBytes);
    if (handle === undefined) throw hostError(capabilities);
    this.#handle = handle;
    this.capabilities = capabilities;
    abandoned.register(this, { addon: this.#addon, handle }, this);
  }

  run(records: Uint8Array, first: number, count: number, outcomes: Uint8Array | null): void {
    this.#addon.kvmRun(this.#handle, records, first, count, outcomes);
  }

  /** Ends a guest program of this VM in a triple fault, to see what is left then. @returns the errno's number. */
  crash(vm: number): number {
    return this.#addon.kvmCrash(this.#handle, vm);
  }

  counters(into: Float64Array): void {
    into.fill(0);
  }

  errors(into: Float64Array): void {
    this.#addon.kvmErrors(this.#handle, into);
  }

  /**
   * `present` and `prepared` only where the kernel tells (mincore on files with `mmap` and `init-shared`, which shows pages that
   * are there and cleared), `bound` and `shared` as the engine knows them; no pfn.
   */
  pageView(gmem: number, first: number, count: number, into: Uint32Array): boolean {
    const pages = new Uint8Array(count);
    if (!this.#addon.kvmPages(this.#handle, gmem, first, count, pages)) return false;
    into.fill(0, 0, count * PAGE_VIEW_WORDS);
    for (let i = 0; i < count; i += 1) {
      const bits = pages[i] as number;
      const at = i * PAGE_VIEW_WORDS;
      into[at + PAGE_VIEW.pfn] = NO_PFN;
      into[at + PAGE_VIEW.sharedPfn] = NO_PFN;
      const cleared = (bits & CLEARED) !== 0 ? PAGE_BIT.present | PAGE_BIT.prepared : 0;
      into[at + PAGE_VIEW.bits] = PAGE_BIT.shared | cleared | ((bits & BOUND) !== 0 ? PAGE_BIT.bound : 0);
    }
    return true;
  }

  /** What page views say, with their limits: a page of a file that the kernel does not tell of counts as absent. */
  countPages(gmem: number, first: number, count: number, query: PageQuery): number {
    const words = new Uint32Array(Math.min(count, WINDOW_PAGES) * PAGE_VIEW_WORDS);
    let pages = 0;
    for (let done = 0; done < count; done += WINDOW_PAGES) {
      const window = Math.min(WINDOW_PAGES, count - done);
      if (!this.pageView(gmem, first + done, window, words)) return -1;
      for (let i = PAGE_VIEW.bits; i < window * PAGE_VIEW_WORDS; i += PAGE_VIEW_WORDS) {
        if (matchesQuery(query, words[i] as number)) pages += 1;
      }
    }
    return pages;
  }

  fileSize(gmem: number): number {
    return this.#addon.kvmFileSize(this.#handle, gmem);
  }

  verify(): string[] {
    return this.#addon.kvmVerify(this.#handle);
  }

  host(): Record<string, number | string> {
    return { counters_known: 0, ...this.#addon.kvmHost(this.#handle) };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    abandoned.unregister(this);
    this.#addon.kvmClose(this.#handle);
  }
}

/** @throws GmemError `ERR_GMEM_HOST` where the host lacks what the engine needs; the message says what, with the errno. */
export function createKvmBackend(options: BackendOptions): KvmBackend {
  return new KvmBackend(options);
}
