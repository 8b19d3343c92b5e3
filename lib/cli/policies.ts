/** `gmem policies [NAME]`: the designs there are, and the knobs of one. */
import { Command } from 'commander';
import { PRESET_NAMES, PRESETS } from '../policy/presets.js';
import { KNOB_NAMES, KNOBS } from '../spec/knobs.js';
import { EXIT } from './exit.js';
import type { Done } from './main.js';
import { oneOf } from './options.js';
import { writeOut } from './output.js';

export function policiesCommand(done: Done): Command {
  return new Command('policies')
    .summary('list the policies, or the knobs of one')
    .description(
      'Lists the policies, one design of the discussion each; with NAME, its knobs and the values they could have.',
    )
    .argument('[name]', `one of: ${PRESET_NAMES.join(', ')}`)
    .option('--json', 'as JSON', false)
    .action(async (name: string | undefined, flags: { json: boolean }) => {
      const names = name === undefined ? PRESET_NAMES : [oneOf('policies', PRESET_NAMES)(name)];
      if (flags.json) {
        const all = names.map((preset) => ({ policy: preset, ...PRESETS[preset] }));
        await writeOut(`${JSON.stringify(name === undefined ? all : all[0], null, 2)}\n`);
      } else if (name === undefined) {
        const width = Math.max(...names.map((preset) => preset.length));
        await writeOut(names.map((preset) => `${preset.padEnd(width)}  ${PRESETS[preset].origin}\n`).join(''));
      } else {
        const preset = names[0] as (typeof PRESET_NAMES)[number];
        const { origin, knobs } = PRESETS[preset];
        const text = (value: string | boolean): string => (typeof value === 'boolean' ? (value ? 'yes' : 'no') : value);
        const width = Math.max(...KNOB_NAMES.map((knob) => knob.length));
        const values = Math.max(...KNOB_NAMES.map((knob) => text(knobs[knob]).length));
        const lines = KNOB_NAMES.map(
          (knob) =>
            `  ${knob.padEnd(width)}  ${text(knobs[knob]).padEnd(values)}  of ${KNOBS[knob].map(text).join(', ')}\n`,
        );
        await writeOut(`${preset}: ${origin}\n\n${lines.join('')}`);
      }
      done(EXIT.done);
    });
}
