/**
 * Keys of an input set from outside, each `key.path=value`: as text, or beside it the option it came by, which a message about
 * it names in place of a line of the file.
 */
import { printable } from '../ops/problems.js';

export interface OptionSetting {
  readonly text: string;
  /** What messages call it, such as `--guest-memory`. */
  readonly label: string;
}

export type Setting = string | OptionSetting;

/** A setting that came by an option whose value it is, key and all: `--set key.path`. */
export function settingOf(option: string, text: string): OptionSetting {
  return { text, label: labelOf(option, text) };
}

export function asSetting(setting: Setting): OptionSetting {
  return typeof setting === 'string' ? { text: setting, label: labelOf('setting', setting) } : setting;
}

/** The key that a setting sets. */
export function keyOf(text: string): string {
  return (text.split('=', 1)[0] as string).trim();
}

function labelOf(by: string, text: string): string {
  return `${by} ${printable(keyOf(text) || text)}`;
}
