/** A process of a user without rights, for what must work, or be refused well, without root. */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const READ = [
  new URL('../../lib/kvm/backend.js', import.meta.url),
  new URL('../../../build/Release/gmem.node', import.meta.url),
];

/** Options of spawnSync. */
export const PLAIN_USER = { uid: 65534, gid: 65534, encoding: 'utf8' } as const;

/** Why no process without rights can be had here that could read this checkout; false when one can. */
export function noPlainUser(): string | false {
  if (process.getuid?.() !== 0) return 'kvm engine: only root can start a process of a user without rights';
  const device = statSync('/dev/kvm', { throwIfNoEntry: false });
  if (device !== undefined && (device.mode & 0o006) !== 0) return 'kvm engine: /dev/kvm is open to every user here';
  const files = JSON.stringify(READ.map((url) => fileURLToPath(url)));
  const reads = spawnSync(process.execPath, ['-e', `${files}.forEach((file) => fs.readFileSync(file))`], PLAIN_USER);
  return reads.status === 0 ? false : 'kvm engine: a user without rights cannot read this checkout';
}
