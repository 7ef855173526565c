// Charts are drawn from the table beside them, so both always say the same.
// Markup: components/chart.html. The library is fetched only where there is a chart.
const drawn = new Map();
let library;

function load() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.querySelector("meta[name=chart-library]").content;
    script.onload = () => resolve(globalThis.Chart);
    script.onerror = reject;
    document.head.append(script);
  });
  return library;
}

function colour(name, element) {
  const probe = document.createElement("span");
  probe.hidden = true;
  probe.className = `series-probe-${name}`;
  element.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

// A series keeps its colour wherever it appears: the server's number, or one made of its name.
function hue(head, taken) {
  if (head.dataset.hue) return Number(head.dataset.hue);
  let number = [...head.textContent.trim()].reduce((sum, sign) => (sum * 31 + sign.codePointAt(0)) >>> 0, 7) % 8;
  while (taken.has(number) && taken.size < 8) number = (number + 1) % 8;
  taken.add(number);
  return number + 1;
}

function read(figure) {
  const table = figure.querySelector("table");
  const heads = [...table.tHead.rows[0].cells].slice(1);
  const rows = [...table.tBodies[0].rows];
  const taken = new Set();
  return {
    labels: rows.map((row) => row.cells[0].textContent.trim()),
    series: heads.map((head, index) => ({
      label: head.textContent.trim(),
      hue: hue(head, taken),
      texts: rows.map((row) => row.cells[index + 1].textContent.trim()),
      data: rows.map((row) => Number(row.cells[index + 1].querySelector("data")?.value ?? "NaN")),
    })),
  };
}

function dataset(series, figure) {
  const shade = colour(series.hue, figure);
  return {
    label: series.label,
    data: series.data,
    backgroundColor: shade,
    borderColor: shade,
    borderWidth: figure.dataset.chart === "line" ? 2 : 0,
    borderRadius: 2,
    // What was measured now and then is joined, and each measurement shows.
    spanGaps: true,
    pointRadius: series.data.some(Number.isNaN) ? 3 : 0,
    pointHitRadius: 12,
    maxBarThickness: 36,
  };
}

function options(figure, table) {
  const ink = colour("soft", figure);
  const line = colour("line", figure);
  const stacked = figure.dataset.stacked !== undefined;
  const rtl = document.dir === "rtl";
  const compact = new Intl.NumberFormat(document.documentElement.lang, { notation: "compact", maximumSignificantDigits: 3 });
  const ticks = { color: ink, maxRotation: 0, autoSkipPadding: 16 };
  return {
    animation: false,
    maintainAspectRatio: false,
    interaction: { mode: "index", intersect: false },
    scales: {
      x: { stacked, reverse: rtl, ticks, grid: { display: false }, border: { color: line } },
      y: {
        stacked,
        beginAtZero: true,
        position: rtl ? "right" : "left",
        ticks: { ...ticks, callback: (value) => compact.format(value) },
        grid: { color: line },
        border: { display: false },
      },
    },
    plugins: {
      legend: {
        display: table.series.length > 1,
        rtl,
        align: "start",
        labels: { color: ink, boxWidth: 12, boxHeight: 12 },
      },
      tooltip: {
        rtl,
        callbacks: {
          label: (item) => `${item.dataset.label}: ${table.series[item.datasetIndex].texts[item.dataIndex]}`,
        },
      },
    },
  };
}

async function draw(figure) {
  const Chart = await load();
  const canvas = figure.querySelector("canvas");
  const table = read(figure);
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  drawn.get(canvas)?.destroy();
  drawn.set(canvas, new Chart(canvas, {
    type: figure.dataset.chart,
    data: { labels: table.labels, datasets: table.series.map((one) => dataset(one, figure)) },
    options: options(figure, table),
  }));
}

function drawAll() {
  for (const [canvas, chart] of drawn) {
    if (canvas.isConnected) continue;
    chart.destroy();
    drawn.delete(canvas);
  }
  for (const figure of document.querySelectorAll("[data-chart]")) draw(figure);
}

drawAll();
document.addEventListener("theme-changed", drawAll);
document.addEventListener("htmx:load", (event) => {
  const { elt } = event.detail;
  if (elt === document.body) return;
  if (elt.matches?.("[data-chart]") || elt.querySelector?.("[data-chart]")) drawAll();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
