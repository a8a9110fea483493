// The Live System Monitor: one event a second while it is in view, as numbers and charts of the
// last five minutes.

import { $, say, watchView } from "./dom.js";
import { Stream } from "./stream.js";
import { suspect } from "./banner.js";

const WINDOW_S = 300;
const number = new Intl.NumberFormat("en");
// 0: there were no requests, so there is no latency.
const latency = (ms) => (ms === 0 ? "–" : ms >= 1000 ? `${(ms / 1000).toFixed(1)}\u00a0s` : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)}\u00a0ms`);

// max_bytes 0 = the store has no limit
const megabytes = (bytes) => (bytes / 2 ** 20).toFixed(bytes < 100 * 2 ** 20 ? 1 : 0);
const memory = ({ used_bytes: used, max_bytes: most }) =>
  (most ? `${megabytes(used)} of ${megabytes(most)}\u00a0MB` : `${megabytes(used)}\u00a0MB`);

const FIGURES = {
  "m-placed": (d) => number.format(d.orders.placed),
  "m-active": (d) => number.format(d.orders.active),
  "m-delivered": (d) => number.format(d.orders.delivered),
  "m-minute": (d) => number.format(d.orders_per_min),
  "m-ready": (d) => number.format(d.jobs.ready),
  "m-jobs": (d) => number.format(d.jobs.active),
  "m-delayed": (d) => number.format(d.jobs.delayed),
  "m-dead": (d) => number.format(d.jobs.dead),
  "m-requests": (d) => number.format(d.requests_per_s),
  "m-p50": (d) => latency(d.p50_ms),
  "m-p99": (d) => latency(d.p99_ms),
  "m-sse": (d) => number.format(d.live.sse),
  "m-ws": (d) => number.format(d.live.ws),
  "m-workers": (d) => number.format(d.workers),
};

const CHARTS = [
  { id: "chart-requests", title: "Requests a second", series: [["requests", "--s1", (d) => d.requests_per_s]] },
  {
    id: "chart-latency", title: "Answer times", unit: latency,
    series: [["p50", "--s2", (d) => d.p50_ms], ["p99", "--s1", (d) => d.p99_ms]],
  },
  {
    id: "chart-queue", title: "Job queue",
    // The last is drawn on top: at zero all lie on one another, and that is no alarm.
    series: [["dead", "--s4", (d) => d.jobs.dead], ["delayed", "--s2", (d) => d.jobs.delayed],
      ["active", "--s1", (d) => d.jobs.active], ["ready", "--s3", (d) => d.jobs.ready]],
  },
  {
    id: "chart-lines", title: "Open lines",
    series: [["streams", "--s2", (d) => d.live.sse], ["sockets", "--s1", (d) => d.live.ws]],
  },
];

// ---- charts --------------------------------------------------------------------------------------

// uPlot is fetched when the monitor is first in view; without it there are only the numbers.
let loading = null;
function loadPlot() {
  loading ??= new Promise((resolve, reject) => {
    const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/vendor/uplot/dist/uPlot.min.css" });
    const script = Object.assign(document.createElement("script"), { src: "/vendor/uplot/dist/uPlot.iife.min.js" });
    script.onload = () => resolve(window.uPlot);
    script.onerror = reject;
    document.head.append(style, script);
  });
  return loading;
}

class Charts {
  constructor(uPlot) {
    this.uPlot = uPlot;
    this.samples = []; // [time, event or null]
    this.plots = [];
    this.make();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.make());
    new ResizeObserver(() => this.resize()).observe($("charts"));
  }

  size(node) {
    return { width: Math.max(200, node.clientWidth), height: 150 };
  }

  make() {
    const style = getComputedStyle(document.documentElement);
    const ink = (name) => style.getPropertyValue(name).trim();
    const font = "12px system-ui, sans-serif";
    const axis = { stroke: ink("--soft"), font, grid: { stroke: ink("--line"), width: 1 }, ticks: { show: false } };
    for (const plot of this.plots) plot.destroy();
    this.plots = CHARTS.map((chart) => {
      const node = $(chart.id);
      return new this.uPlot({
        ...this.size(node),
        cursor: { show: false },
        legend: { show: false },
        padding: [8, 18, 0, 0],
        scales: {
          x: { range: () => [this.newest() - WINDOW_S, this.newest()] },
          y: { range: (u, low, high) => [0, Math.max(high * 1.1, 4)] },
        },
        axes: [
          { ...axis, size: 28, splits: (u) => (u.width < 320 ? [240, 120, 0] : [240, 180, 120, 60, 0]).map((s) => this.newest() - s), values: (u, at) => at.map((s) => this.ago(s)) },
          { ...axis, size: 52, values: (u, at) => at.map((v) => (chart.unit && v ? chart.unit(v) : number.format(v))) },
        ],
        series: [{}, ...chart.series.map(([label, color], i) => ({ label, stroke: ink(color), width: 2, fill: i ? undefined : `${ink(color)}1c`, points: { show: false } }))],
      }, this.data(chart), node);
    });
  }

  ago(seconds) {
    const minutes = Math.round((this.newest() - seconds) / 60);
    return minutes ? `−${minutes} min` : "now";
  }

  newest() {
    return this.samples.at(-1)?.[0] ?? Date.now() / 1000;
  }

  data(chart) {
    const end = this.newest();
    // uPlot draws no axis without a sample: one without values, at the left end.
    const rows = [[end - WINDOW_S, null], ...this.samples];
    return [rows.map(([at]) => at), ...chart.series.map(([, , of]) => rows.map(([, d]) => (d ? of(d) : null)))];
  }

  add(event) {
    const at = Date.now() / 1000;
    if (this.samples.length && at - this.newest() > 3) this.samples.push([at - 0.5, null]); // a gap in the line
    this.samples.push([at, event]);
    while (this.samples[0][0] < at - WINDOW_S) this.samples.shift();
    this.plots.forEach((plot, i) => plot.setData(this.data(CHARTS[i])));
  }

  resize() {
    this.plots.forEach((plot, i) => plot.setSize(this.size($(CHARTS[i].id))));
  }
}

// ---- the stream ----------------------------------------------------------------------------------

const STATES = {
  connecting: ["waiting", "Connecting …"],
  live: ["live", "Live"],
  waiting: ["waiting", "Reconnecting …"],
  paused: ["idle", "Paused"],
};

export function monitor() {
  let charts = null;

  function condition(d) {
    if (d.redis !== "up") return "The order store is away";
    if (d.memory?.refusing_orders) return "The order store is full: new orders are refused";
    if (d.workers === 0) return "No worker is there";
    return d.status === "ok" ? "All is well" : "Not all is well";
  }

  function health(d) {
    const node = $("m-health");
    node.dataset.state = d.status === "ok" ? "live" : "waiting";
    say(node, condition(d));
    $("monitor").classList.toggle("stale", d.redis !== "up");
    if (d.redis !== "up") suspect();
  }

  const stream = new Stream({
    url: () => "/live-monitor",
    onMessage(d) {
      health(d);
      if (d.redis !== "up") {
        charts?.add(null); // unknown, not zero
        return;
      }
      for (const [id, of] of Object.entries(FIGURES)) say($(id), of(d));
      $("m-memory-row").hidden = !d.memory; // an older server does not send it
      if (d.memory) say($("m-memory"), memory(d.memory));
      charts?.add(d);
    },
    onState(state) {
      const [kind, words] = STATES[state] ?? STATES.waiting;
      $("m-connection").dataset.state = kind;
      say($("m-connection"), words);
    },
  });

  watchView($("monitor"), async (isSeen) => {
    if (!isSeen) {
      stream.stop();
      return;
    }
    stream.start();
    if (charts) return;
    try {
      const uPlot = await loadPlot();
      charts ??= new Charts(uPlot);
    } catch {
      $("charts").hidden = true;
      $("charts-missing").hidden = false;
    }
  });
}
