/**
 * The one script of the report: reads values off the charts under the pointer or the arrow keys. The report is complete
 * without it.
 */
export const SCRIPT = `
(() => {
  const source = document.getElementById('timelines');
  if (!source) return;
  const { charts, frame: f } = JSON.parse(source.textContent);
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const text = (chart, value) => {
    if (!chart.bytes) return value.toLocaleString('en-US');
    let v = value * 4096, u = 0;
    while (v >= 1024 && u < 4) { v /= 1024; u += 1; }
    return (Number.isInteger(v) ? v : v.toFixed(2)) + ' ' + units[u];
  };
  const when = (chart, x) => chart.axis === 't_us' ? (x / 1e6).toFixed(3) + ' s' : 'op ' + Math.round(x).toLocaleString('en-US');
  const valueAt = (points, x) => {
    let low = 0, high = points.length;
    while (low < high) { const mid = (low + high) >> 1; if (points[mid][0] <= x) low = mid + 1; else high = mid; }
    return low === 0 ? 0 : points[low - 1][1];
  };
  for (const element of document.querySelectorAll('.chart')) {
    const chart = charts[Number(element.dataset.chart)];
    const figure = element.closest('figure');
    const cursor = element.querySelector('.cursor');
    const values = [...figure.querySelectorAll('[data-value]')];
    const before = values.map((node) => node.textContent);
    const readout = figure.querySelector('[data-readout]');
    let x = 0;
    const show = () => {
      const left = f.LEFT + (x / chart.scale.x) * (f.WIDTH - f.LEFT - f.RIGHT);
      cursor.setAttribute('x1', left); cursor.setAttribute('x2', left); cursor.classList.add('on');
      readout.textContent = 'at ' + when(chart, x);
      chart.lines.forEach((points, i) => { values[i].textContent = text(chart, valueAt(points, x)); });
    };
    const hide = () => {
      cursor.classList.remove('on'); readout.textContent = '';
      values.forEach((node, i) => { node.textContent = before[i]; });
    };
    element.addEventListener('pointermove', (event) => {
      const box = element.getBoundingClientRect();
      const inside = ((event.clientX - box.left) / box.width * f.WIDTH - f.LEFT) / (f.WIDTH - f.LEFT - f.RIGHT);
      x = Math.min(1, Math.max(0, inside)) * chart.scale.x;
      show();
    });
    element.addEventListener('pointerleave', hide);
    element.addEventListener('blur', hide);
    element.addEventListener('keydown', (event) => {
      const step = chart.scale.x / (event.shiftKey ? 10 : 100);
      if (event.key === 'ArrowRight') x = Math.min(chart.scale.x, x + step);
      else if (event.key === 'ArrowLeft') x = Math.max(0, x - step);
      else if (event.key === 'Home') x = 0;
      else if (event.key === 'End') x = chart.scale.x;
      else if (event.key === 'Escape') { hide(); return; }
      else return;
      event.preventDefault();
      show();
    });
  }
})();
`;
