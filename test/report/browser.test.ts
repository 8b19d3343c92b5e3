/**
 * The report in a real browser: it must load without an error or a refused resource, fit the window, answer the pointer and
 * the arrow keys, and keep hostile names as text. Skipped, and loudly, where there is no Chromium.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { htmlReport } from '../../lib/report/html/report.js';
import { HOSTILE, hostileSample, sample } from './sample.js';

const NAMES = [process.env.CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome'];
const browser = NAMES.find(
  (name) => name !== undefined && spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
);
const skip =
  browser === undefined
    ? 'no chromium found (install it or name it in CHROMIUM): the report was NOT seen in a browser'
    : false;
if (skip) process.stderr.write(`${skip}\n`);

interface Seen {
  errors: string[];
  title: string;
  images: number;
  scripts: number;
  overflow: number;
  headings: string[];
  pointed: string;
  cursor: boolean;
  keyed: string;
  left: string;
  names: string[];
  emptySvg: number;
}

/** Runs in the page, before and after its own script. */
const FIRST = `<script>window.seen = []; addEventListener('error', (e) => seen.push(e.message));
addEventListener('securitypolicyviolation', (e) => seen.push('refused ' + e.blockedURI));</script>`;
const LAST = `<script>addEventListener('load', () => {
  const chart = document.querySelector('.chart');
  const figure = chart && chart.closest('figure');
  const readout = () => figure ? figure.querySelector('[data-readout]').textContent : '';
  const out = { errors: seen, title: document.title, images: document.images.length, scripts: document.scripts.length };
  out.overflow = document.documentElement.scrollWidth - innerWidth;
  out.headings = [...document.querySelectorAll('h2')].map((h) => h.textContent);
  if (chart) {
    const box = chart.getBoundingClientRect();
    chart.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + box.width / 2, clientY: box.top + 5 }));
    out.pointed = readout(); out.cursor = chart.querySelector('.cursor').classList.contains('on');
    chart.dispatchEvent(new KeyboardEvent('keydown', { key: 'Home' }));
    chart.dispatchEvent(new KeyboardEvent('keydown', { key: 'End' }));
    out.keyed = readout();
    chart.dispatchEvent(new PointerEvent('pointerleave'));
    out.left = readout();
  }
  out.names = [...document.querySelectorAll('#table ~ * tbody th[scope=row], section:first-of-type tbody th')].map((th) => th.textContent);
  out.emptySvg = [...document.querySelectorAll('svg')].filter((svg) => svg.getBoundingClientRect().height < 5).length;
  document.body.dataset.probe = JSON.stringify(out);
});</script>`;

function look(page: string, width: number): Seen {
  const scratch = mkdtempSync(path.join(tmpdir(), 'gmem-browser-'));
  try {
    const file = path.join(scratch, 'report.html');
    writeFileSync(file, page.replace('<style>', `${FIRST}<style>`).replace('</body>', `${LAST}</body>`));
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'];
    flags.push('--disable-background-networking', '--disable-component-update', `--user-data-dir=${scratch}/profile`);
    flags.push(`--window-size=${width},900`, '--virtual-time-budget=3000', '--dump-dom', pathToFileURL(file).href);
    const result = spawnSync(browser as string, flags, { encoding: 'utf8', maxBuffer: 2 ** 28, timeout: 120_000 });
    const probe = /data-probe="([^"]*)"/.exec(result.stdout)?.[1];
    assert.ok(probe !== undefined, `the page did not finish: ${result.stderr.slice(-2000)}`);
    const text = probe
      .replaceAll('&quot;', '"')
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&nbsp;', '\u00a0');
    return JSON.parse(text.replaceAll('&amp;', '&')) as Seen;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

test('the report works in a browser, wide and narrow', { skip }, async () => {
  const page = htmlReport(await sample());
  for (const width of [1440, 500]) {
    const seen = look(page, width);
    assert.deepEqual(seen.errors, []);
    assert.ok(seen.overflow <= 0, `the page is ${seen.overflow} px wider than a window of ${width}`);
    assert.equal(seen.headings.length, 7);
    assert.match(seen.pointed, /^at 0\.\d+ s$/);
    assert.ok(seen.cursor);
    assert.match(seen.keyed, /^at 0\.402 s$/);
    assert.equal(seen.left, '');
    assert.equal(seen.emptySvg, 0);
  }
});

test('hostile names stay text in a browser', { skip }, async () => {
  const seen = look(htmlReport(await hostileSample()), 1200);
  assert.deepEqual(seen.errors, []);
  assert.equal(seen.images, 0);
  assert.equal(seen.scripts, 4);
  assert.ok(seen.title.includes('<img src=x'));
  assert.ok(
    seen.names.some((name) => name.includes(HOSTILE)),
    seen.names.join('\n'),
  );
});
