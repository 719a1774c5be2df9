// Draws the history, each chart with its limit as a line. The tables beside them say the same.
import uPlot from "./vendor/uPlot.esm.js";

const POINTS_MAX = 600;
const HEIGHT = 130;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// Minutes, and seconds while two marks would say the same.
const clock = (at, ticks) => new Date(at * 1000).toISOString().slice(11, ticks[1] - ticks[0] < 60 ? 19 : 16);

const FORMAT = {
  state: (value) => `${(value / 1e6).toFixed(value < 1e7 ? 1 : 0)} MB`,
  age: (value) => `${value} s`,
  lag: (value) => value.toLocaleString("en"),
  rate: (value) => `${value}/s`,
};

export class Charts {
  constructor(places) {
    this.points = [];
    this.places = [...places];
    this.drawn = [];
    this.draw();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.resize()).observe(document.querySelector(".charts"));
  }

  add(points) {
    this.points = [...this.points, ...points].slice(-POINTS_MAX);
    this.drawn.forEach((chart, n) => chart.setData(this.data(this.places[n])));
  }

  data(place) {
    const key = place.dataset.series;
    const at = this.points.map((point) => point.at);
    const values = this.points.map((point, n) => (key === "rate" ? this.rate(n) : point[key]));
    const limit = place.dataset.limit === undefined ? [] : [at.map(() => Number(place.dataset.limit))];
    return [at, values, ...limit];
  }

  // Over ten seconds: records come in batches, and a look may fall between two.
  rate(n) {
    const now = this.points[n];
    const before = this.points.find((point) => point.at >= now.at - 10);
    if (!before || before === now || now.records === null || before.records === null) return null;
    return Math.max(0, (now.records - before.records) / (now.at - before.at));
  }

  draw() {
    this.drawn.forEach((chart) => chart.destroy());
    this.drawn = this.places.map((place) => new uPlot(this.options(place), this.data(place), place));
  }

  options(place) {
    const key = place.dataset.series;
    const axis = { stroke: colour("quiet"), grid: { stroke: colour("rule"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const series = [{}, { stroke: colour("accent"), width: 2, points: { show: false }, spanGaps: true, fill: `${colour("accent")}22` }];
    if (place.dataset.limit !== undefined) series.push({ stroke: colour("bad"), width: 1, dash: [5, 5], points: { show: false } });
    return {
      width: place.clientWidth || 280,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (chart, low, high) => [0, this.top(place, high)] } },
      axes: [
        { ...axis, size: 24, space: 70, values: (chart, ticks) => ticks.map((at) => clock(at, ticks)) },
        { ...axis, size: 58, space: 34, values: (chart, ticks) => ticks.map(FORMAT[key]) },
      ],
      series,
    };
  }

  // Where the limit is far above, the line at the top says that, and the values keep their shape.
  top(place, high) {
    const values = this.data(place)[1].filter((value) => value !== null);
    const most = Math.max(...values, 0);
    const limit = place.dataset.limit === undefined ? 0 : Number(place.dataset.limit);
    if (place.dataset.series === "state") return Math.max(limit, most) * 1.1;
    return (limit && most > limit / 4 ? Math.max(limit, most) : most || 1) * 1.15;
  }

  resize() {
    this.drawn.forEach((chart, n) => chart.setSize({ width: this.places[n].clientWidth, height: HEIGHT }));
  }
}
