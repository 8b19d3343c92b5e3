/**
 * The scenario schema for others: as JSON Schema, and as tables for people.
 */
import { z } from 'zod';
import { scenarioSchema } from './schema.js';

/** JSON Schema (draft 2020-12) of a scenario file as written. */
export function scenarioJsonSchema(): object {
  return { title: 'gmem scenario', ...z.toJSONSchema(scenarioSchema, { io: 'input' }) };
}

interface JsonSchema {
  title?: string;
  description?: string;
  default?: unknown;
  unit?: string;
  type?: string;
  const?: unknown;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  required?: string[];
}

/** Every key with type, default, unit and meaning: a Markdown section for the file, and one a phase. */
export function scenarioTables(): string {
  const root = scenarioJsonSchema() as JsonSchema;
  const phases = root.properties?.phases?.items?.oneOf ?? [];
  const sections = [
    `### The file\n\n${table(rowsOf(root, ''))}`,
    '### Knobs of a policy\n\nAny of those `gmem policies NAME` shows.',
  ];
  for (const phase of phases) {
    const { phase: _, guest: __, ...own } = phase.properties ?? {};
    const rows = rowsOf({ ...phase, properties: own }, '');
    sections.push(
      `### Phase \`${phase.title}\`\n\n${phase.description}\n${rows.length === 0 ? '' : `\n${table(rows)}`}`,
    );
  }
  return `${sections.map((section) => section.trimEnd()).join('\n\n')}\n`;
}

type Row = [key: string, type: string, fallback: string, unit: string, meaning: string];

function table(rows: readonly Row[]): string {
  const lines = rows.map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`);
  return ['| key | type | default | unit | meaning |', '|---|---|---|---|---|', ...lines, ''].join('\n');
}

function rowsOf(schema: JsonSchema, prefix: string): Row[] {
  const rows: Row[] = [];
  for (const [name, key] of Object.entries(schema.properties ?? {})) {
    const path = `${prefix}${name}`;
    const required = schema.required?.includes(name) === true;
    rows.push([`\`${path}\``, typeOf(key), fallbackOf(key, required), key.unit ?? '', key.description ?? '']);
    if (name === 'phases' || name === 'knobs') continue;
    rows.push(...rowsOf(key, `${path}.`));
    if (key.items !== undefined)
      for (const item of [key.items, ...(key.items.anyOf ?? [])]) rows.push(...rowsOf(item, `${path}[].`));
  }
  return rows;
}

function fallbackOf(key: JsonSchema, required: boolean): string {
  if (key.default !== undefined) {
    const value = JSON.stringify(key.default);
    return value.length > 60 ? 'see above' : `\`${typeof key.default === 'string' ? key.default : value}\``;
  }
  return required ? 'required' : 'none';
}

function typeOf(key: JsonSchema): string {
  if (key.const !== undefined) return `\`${String(key.const)}\``;
  if (key.enum !== undefined) return key.enum.length > 8 ? 'name' : key.enum.map((value) => `\`${value}\``).join(', ');
  if (key.unit === 'bytes') return 'size';
  if (key.unit === 'share') return 'share';
  if (key.anyOf !== undefined) return 'name or object';
  if (key.type === 'array')
    return `list of ${key.items?.type === 'string' && key.items.enum === undefined ? 'text' : listed(key.items)}`;
  if (key.type === 'object') return 'object';
  if (key.type === 'integer') return `whole number, ${key.minimum} to ${key.maximum}`;
  return { string: 'text', boolean: 'true, false', number: 'number' }[key.type ?? ''] ?? (key.type as string);
}

function listed(items: JsonSchema | undefined): string {
  if (items?.enum !== undefined) return items.enum.map((value) => `\`${value}\``).join(', ');
  if (items?.oneOf !== undefined) return 'phases';
  return items?.anyOf !== undefined ? 'names or objects' : 'objects';
}
