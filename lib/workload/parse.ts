/**
 * A scenario's YAML to a checked document: syntax, numbers that would be rounded, unknown keys and illegal values, all of
 * them at once and each with its place. What is understood of it goes on to further checks, whose problems are told beside.
 */
import { parseDocument, type YAMLError } from 'yaml';
import { InputProblems } from '../ops/problems.js';
import { asSetting, type Setting } from '../trace/setting.js';
import { type Problem, problemsOf } from './issues.js';
import { override } from './override.js';
import { type KeyPath, Places, writtenPath } from './places.js';
import { type ScenarioDocument, scenarioSchema } from './schema.js';
import { type Understood, understood } from './understood.js';

/** More than any scenario needs; what is larger is some other file. */
export const SCENARIO_BYTES_LIMIT = 1 << 20;

/** Syntax errors listed: where YAML is lost, one mistake makes many. */
const SYNTAX_LISTED = 5;

export interface ParsedScenario {
  /** The parts of the file without a problem so far. */
  readonly understood: Understood;
  /**
   * @param further problems found in what was understood.
   * @throws GmemError `ERR_GMEM_INPUT` with every problem of the file, in order of place, when there is one.
   */
  accept(further: readonly Problem[]): ScenarioDocument;
}

/**
 * Reads a scenario.
 *
 * @param file name shown in error messages.
 * @param settings each `key.path=value`, the value in YAML: replaces or adds what the file says. A problem of a key that was
 *   set is said of the setting, not of a place in the file.
 * @throws GmemError `ERR_GMEM_INPUT` when it is no YAML, so that nothing is understood.
 */
export function parseScenario(text: string, file: string, settings: readonly Setting[] = []): ParsedScenario {
  const places = new Places();
  const syntax = new InputProblems(file);
  const document = guarded(syntax, () =>
    parseDocument(text, { lineCounter: places.lines, intAsBigInt: true, uniqueKeys: true }),
  );
  places.document = document;
  const overridden: Overridden[] = [];

  const asYaml = (error: YAMLError): Placed => ({
    ...places.at(error.pos[0]),
    key: 'YAML',
    message:
      error.code === 'MULTIPLE_DOCS'
        ? 'a second document begins here, accepted: one document a file'
        : (error.message.split('\n')[0] as string).replace(/ at line \d+, column \d+:?$/, ''),
  });
  const placed = (problem: Problem): Placed | Outside => {
    const path = problem.key === undefined ? problem.path : [...problem.path, problem.key];
    const key = writtenPath(path);
    const set = overridden.findLast(
      ({ name }) => key === name || key.startsWith(`${name}.`) || key.startsWith(`${name}[`),
    );
    if (set !== undefined) {
      return { label: set.label, message: key === set.name ? problem.message : `${key}: ${problem.message}` };
    }
    const place = problem.key === undefined ? places.ofValue(problem.path) : places.ofKey(problem.path, problem.key);
    return { ...place, key: key || 'scenario', message: problem.message };
  };

  const errors = [...document.errors, ...document.warnings];
  // With a key given twice it is still clear what the rest says.
  if (errors.some(({ code }) => code !== 'DUPLICATE_KEY')) refuse(file, errors.map(asYaml), SYNTAX_LISTED);

  refuse(
    file,
    guarded(syntax, () => places.unknownAliases()).map(({ name, ...place }) => {
      return {
        ...place,
        key: 'YAML',
        message: `no anchor &${name} above *${name}, accepted: an alias of one above it`,
      };
    }),
  );
  let value: unknown = guarded(syntax, () => document.toJS({ maxAliasCount: 100 }));
  const problems: Problem[] = [];
  const outside: Outside[] = [];
  for (const setting of settings) {
    const { text: given, label } = asSetting(setting);
    const done = override(value, given);
    if ('message' in done) outside.push({ label, message: done.message });
    else overridden.push({ name: done.name, label });
  }
  value = exactNumbers(value, [], problems);
  const parsed = scenarioSchema.safeParse(value);
  if (!parsed.success) {
    const rounded = new Set(problems.map(({ path }) => writtenPath(path)));
    for (const issue of parsed.error.issues) {
      if (rounded.has(writtenPath(issue.path)) && issue.path.length > 0) continue;
      problems.push(...problemsOf(issue, scenarioSchema, value));
    }
  }
  const accept = (further: readonly Problem[]): ScenarioDocument => {
    refuse(file, [...outside, ...errors.map(asYaml), ...[...problems, ...further].map(placed)]);
    return parsed.data as ScenarioDocument;
  };
  return { understood: understood(value), accept };
}

interface Placed {
  line: number;
  column: number;
  key: string;
  message: string;
}

/** A problem of a setting. */
interface Outside {
  label: string;
  message: string;
}

/** A key that a setting replaced or added, and what the setting is called. */
interface Overridden {
  name: string;
  label: string;
}

/** Throws when there is a problem. Those of settings come first. */
function refuse(file: string, problems: readonly (Placed | Outside)[], listed?: number): void {
  const found = new InputProblems(file, listed);
  for (const problem of problems) if ('label' in problem) found.addOutside(problem.label, problem.message);
  const placed = problems.filter((problem) => 'line' in problem);
  for (const { line, column, key, message } of placed.toSorted((a, b) => a.line - b.line || a.column - b.column)) {
    found.add(line, column, key, message);
  }
  found.throwIfAny();
}

/** What the YAML library throws (alias bombs, nesting that exhausts its stack) is a problem of the file. */
function guarded<T>(problems: InputProblems, read: () => T): T {
  try {
    return read();
  } catch (error) {
    problems.add(1, 1, 'YAML', error instanceof RangeError ? 'is nested too deeply' : (error as Error).message);
    problems.throwIfAny();
    throw error;
  }
}

/** No key of a scenario lies deeper; an alias within what it names has no end. */
const DEEPEST = 16;

/** Integers as numbers where a number holds them exactly; the others are problems. */
function exactNumbers(value: unknown, path: KeyPath, problems: Problem[]): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    problems.push({ path, message: `${value} is no quantity here, accepted: whole numbers up to 2^53 - 1` });
    return null;
  }
  if (path.length > DEEPEST) {
    problems.push({ path: path.slice(0, 1), message: 'is nested too deeply' });
    return null;
  }
  if (Array.isArray(value)) return value.map((item, i) => exactNumbers(item, [...path, i], problems));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, exactNumbers(item, [...path, key], problems)]),
  );
}
