/**
 * The file of `--outcomes`: opened when the first outcome comes, so that an input that cannot be read leaves it alone.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { GmemError } from '../engine/error.js';
import { reasonOf } from '../trace/source.js';
import { UsageError } from './exit.js';

export class OutcomeFile {
  readonly #path: string;
  #file: FileHandle | undefined;

  private constructor(file: string) {
    this.#path = file;
  }

  /** @throws UsageError when there is no folder for it: said before anything runs. */
  static async plan(file: string): Promise<OutcomeFile> {
    const folder = path.dirname(file);
    const found = await stat(folder).catch(() => undefined);
    if (found?.isDirectory() !== true) throw new UsageError(`--outcomes: there is no folder ${folder}`);
    return new OutcomeFile(file);
  }

  /** @throws GmemError `ERR_GMEM_HOST` with the reason of the operating system. */
  write(lines: string): Promise<void> {
    return this.#using((file) => file.appendFile(lines));
  }

  /** Closes it; without any outcome it is an empty file. */
  end(): Promise<void> {
    return this.#using((file) => file.close());
  }

  async #using(use: (file: FileHandle) => Promise<void>): Promise<void> {
    try {
      this.#file ??= await open(this.#path, 'w');
      await use(this.#file);
    } catch (error) {
      throw new GmemError('ERR_GMEM_HOST', `${this.#path}: cannot be written: ${reasonOf(error)}`, { cause: error });
    }
  }
}
