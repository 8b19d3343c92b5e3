/**
 * The style sheet of the HTML report: light and dark by the reader's setting, and paper. Series colours `--s0` to `--s7` are
 * told apart by people with the common colour-vision deficiencies; lines differ in width as well.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --bg: #fbfbfa; --panel: #ffffff; --ink: #1c1f23; --soft: #5d6670; --rule: #dcdfe3; --faint: #eef0f2;
  --good: #0f7040; --good-bg: #e2f4ea; --bad: #a5341f; --bad-bg: #fbe9e5; --warn-bg: #fff3d1; --warn: #7a5200; --link: #0b5cad;
  --s0: #3b6fb6; --s1: #e08214; --s2: #1b9e77; --s3: #b5366f; --s4: #7a5fc0; --s5: #8c6d31; --s6: #3aa6c4; --s7: #6b7280;
  --m-absent: #eceef0; --m-1g: #123f7a; --m-2m: #3b6fb6; --m-split: #f2b134; --m-scattered: #d8c9a3; --m-mixed: #b5366f;
  --m-copy: #1b9e77; --m-double: #0b5a43; --m-inplace: #6fcfae; --m-poison: #000000;
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #14171a; --panel: #1b1f23; --ink: #e4e7ea; --soft: #9aa4ae; --rule: #343a41; --faint: #252a2f;
    --good: #6fd39c; --good-bg: #14382a; --bad: #f19a86; --bad-bg: #43221b; --warn-bg: #3d3110; --warn: #f2cf77; --link: #7db6f2;
    --s0: #7aa7e6; --s1: #f3a54a; --s2: #4cc9a0; --s3: #e57aa8; --s4: #b09af0; --s5: #c9a85f; --s6: #74cfe6; --s7: #a3abb5;
    --m-absent: #262b30; --m-1g: #a9c8f2; --m-2m: #5b8fd6; --m-split: #f2b134; --m-scattered: #7d7357; --m-mixed: #e0609a;
    --m-copy: #35b58d; --m-double: #a6f0d6; --m-inplace: #1f6f57; --m-poison: #ffffff;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main, header.top { max-width: 1560px; margin: 0 auto; padding: 0 22px; }
header.top { padding-top: 28px; }
h1 { font-size: 25px; line-height: 1.25; margin: 0 0 4px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 44px 0 6px; }
h3 { font-size: 15px; margin: 0 0 6px; }
p { margin: 6px 0 12px; max-width: 82ch; }
.lead, .note { color: var(--soft); }
.note { font-size: 13.5px; }
code, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 0.92em; overflow-wrap: anywhere; }
a { color: var(--link); }
nav ul { display: flex; flex-wrap: wrap; gap: 2px 18px; list-style: none; margin: 14px 0 0; padding: 10px 0 0; border-top: 1px solid var(--rule); font-size: 14px; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 10px 28px; margin: 18px 0 0; }
.facts dt { color: var(--soft); font-size: 12.5px; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.facts .wide { grid-column: 1 / -1; }
.banner { border-left: 4px solid var(--warn); background: var(--warn-bg); padding: 10px 16px; margin: 18px 0 0; border-radius: 0 6px 6px 0; }
.banner.bad { border-color: var(--bad); background: var(--bad-bg); }
.banner p { margin: 2px 0; max-width: none; }
.findings { display: grid; grid-template-columns: repeat(auto-fit, minmax(240px, 1fr)); gap: 14px; margin: 16px 0 0; }
.finding { background: var(--panel); border: 1px solid var(--rule); border-radius: 8px; padding: 12px 16px; }
.finding b { display: block; font-size: 19px; line-height: 1.3; }
.finding span { color: var(--soft); font-size: 13.5px; }
.scroll { overflow-x: auto; border: 1px solid var(--rule); border-radius: 8px; background: var(--panel); }
.scroll:focus-visible, .chart:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums; font-size: 12.5px; width: 100%; }
th, td { padding: 6px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--faint); vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; font-size: 12.5px; background: var(--panel); border-bottom: 1px solid var(--rule); }
thead tr.groups th { border-bottom: 0; padding-bottom: 0; text-align: left; }
thead tr.groups th + th, .edge { border-left: 1px solid var(--faint); }
tbody tr:last-child th, tbody tr:last-child td { border-bottom: 0; }
th[scope=row] { text-align: left; font-weight: 600; position: sticky; left: 0; background: var(--panel); z-index: 1; }
td small { display: block; color: var(--soft); font-size: 11.5px; }
td.best { background: var(--good-bg); } td.best > b { color: var(--good); }
td.worst { background: var(--bad-bg); } td.worst > b { color: var(--bad); }
td > b { font-weight: 500; } td.best > b, td.worst > b { font-weight: 650; }
td.text, th.text { text-align: left; white-space: normal; }
td.refused { color: var(--warn); background: var(--warn-bg); white-space: normal; text-align: left; }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 7px; vertical-align: -1px; border: 1px solid rgb(128 128 128 / 0.35); }
.bars { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 14px; }
figure { margin: 0; background: var(--panel); border: 1px solid var(--rule); border-radius: 8px; padding: 12px 14px 10px; }
figure + figure.tall { margin-top: 14px; }
figcaption { font-size: 14px; font-weight: 600; margin-bottom: 6px; }
figcaption small { color: var(--soft); font-weight: 400; font-size: 12.5px; margin-left: 6px; }
svg { display: block; width: 100%; height: auto; }
div.pan { overflow-x: auto; } div.pan svg { min-width: 720px; }
svg text { fill: var(--ink); font-size: 12px; font-family: inherit; font-variant-numeric: tabular-nums; }
svg text.soft { fill: var(--soft); }
svg .grid { stroke: var(--faint); } svg .axis { stroke: var(--rule); } svg .track { fill: var(--faint); }
svg .series { fill: none; stroke-linejoin: round; }
.cursor { stroke: var(--soft); stroke-dasharray: 3 3; visibility: hidden; }
.chart:hover .cursor.on, .chart:focus .cursor.on { visibility: visible; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; list-style: none; margin: 8px 0 4px; padding: 0; font-size: 13px; }
.legend .value { font-variant-numeric: tabular-nums; color: var(--soft); margin-left: 6px; }
.readout { font-size: 12.5px; color: var(--soft); min-height: 1.5em; }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(520px, 1fr)); gap: 14px; }
dl.words { display: grid; grid-template-columns: minmax(170px, max-content) 1fr; gap: 5px 20px; font-size: 14px; margin: 8px 0; }
dl.words dt { font-weight: 600; } dl.words dd { margin: 0; max-width: 95ch; }
dl.words dd .note { margin-left: 6px; }
details { margin: 10px 0; } summary { cursor: pointer; color: var(--link); }
footer { color: var(--soft); font-size: 13px; margin: 48px 0 32px; border-top: 1px solid var(--rule); padding-top: 12px; }
.skip { position: absolute; left: -999px; } .skip:focus { left: 12px; top: 8px; background: var(--panel); padding: 6px 12px; z-index: 9; }
@media (max-width: 620px) { main, header.top { padding-left: 14px; padding-right: 14px; } .two { grid-template-columns: 1fr; } dl.words { grid-template-columns: 1fr; gap: 0; } dl.words dd { margin-bottom: 8px; } .bars { grid-template-columns: 1fr; } }
@media print {
  @page { size: A4 landscape; margin: 11mm; }
  :root { --bg: #fff; --panel: #fff; --ink: #000; --soft: #444; --rule: #bbb; --faint: #e6e6e6; --link: #000;
    --good: #0f7040; --good-bg: #e2f4ea; --bad: #a5341f; --bad-bg: #fbe9e5; --warn-bg: #fff3d1; --warn: #7a5200;
    --s0: #3b6fb6; --s1: #e08214; --s2: #1b9e77; --s3: #b5366f; --s4: #7a5fc0; --s5: #8c6d31; --s6: #3aa6c4; --s7: #6b7280;
    --m-absent: #eceef0; --m-1g: #123f7a; --m-2m: #3b6fb6; --m-split: #f2b134; --m-scattered: #d8c9a3; --m-mixed: #b5366f;
    --m-copy: #1b9e77; --m-double: #0b5a43; --m-inplace: #6fcfae; --m-poison: #000; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 10pt; } main, header.top { max-width: none; padding: 0; } nav, .readout, .skip { display: none; }
  table { font-size: 7.2pt; } th, td { padding: 2px 4px; } td small { font-size: 6.4pt; } .scroll, div.pan { overflow: visible; border: 0; } div.pan svg { min-width: 0; }
  figure, .finding, tr { break-inside: avoid; } h2 { break-after: avoid; margin-top: 22px; }
  .bars { grid-template-columns: repeat(3, 1fr); } .two { grid-template-columns: 1fr 1fr; }
}
`;
