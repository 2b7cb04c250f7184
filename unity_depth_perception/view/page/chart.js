// Distance of each object over the last minute, drawn on a canvas.

const SPAN_S = 60;
const GAP_S = 2;      // a longer pause interrupts a line
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];  // lines of one colour differ in their dashes
const MARGIN = {left: 56, right: 10, top: 10, bottom: 24};

export class Chart {
  constructor(canvas, legend) {
    this.canvas = canvas;
    this.legend = legend;
    this.series = new Map();  // name -> {colour, points: [[time in s, metres]]}
  }

  // Objects of one category are told apart from left to right in the picture.
  add(objects, nowS) {
    const counts = {};
    const ordered = [...objects].sort((a, b) => a.bbox[0] - b.bbox[0]);
    for (const item of ordered) {
      counts[item.category] = (counts[item.category] ?? 0) + 1;
      if (item.distance.median === null) continue;
      const count = counts[item.category];
      const name = count > 1 ? `${item.category} ${count}` : item.category;
      if (!this.series.has(name)) this.series.set(name, {colour: item.colour, points: []});
      this.series.get(name).points.push([nowS, item.distance.median]);
    }
    for (const [name, line] of this.series) {
      while (line.points.length && line.points[0][0] < nowS - SPAN_S) line.points.shift();
      if (!line.points.length) this.series.delete(name);
    }
  }

  draw(nowS) {
    const ratio = window.devicePixelRatio || 1;
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    if (this.canvas.width !== Math.round(width * ratio)) this.canvas.width = Math.round(width * ratio);
    if (this.canvas.height !== Math.round(height * ratio)) this.canvas.height = Math.round(height * ratio);
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const values = [...this.series.values()].flatMap(line => line.points.map(point => point[1]));
    if (values.length) this.drawLines(pen, width, height, nowS, this.range(values));
    this.drawLegend(nowS);
  }

  range(values) {
    const least = Math.min(...values), most = Math.max(...values);
    const spare = Math.max((most - least) * 0.1, 0.02 * most, 0.005);
    return [Math.max(least - spare, 0), most + spare];
  }

  drawLines(pen, width, height, nowS, [low, high]) {
    const x = at => MARGIN.left + (1 - (nowS - at) / SPAN_S) * (width - MARGIN.left - MARGIN.right);
    const y = value => MARGIN.top + (1 - (value - low) / (high - low)) * (height - MARGIN.top - MARGIN.bottom);
    const style = getComputedStyle(document.documentElement);
    pen.font = "12px system-ui, sans-serif";
    pen.fillStyle = style.getPropertyValue("--quiet");
    pen.strokeStyle = style.getPropertyValue("--grid");
    pen.lineWidth = 1;
    pen.setLineDash([]);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const tick of ticks(low, high)) {
      pen.beginPath(); pen.moveTo(MARGIN.left, y(tick)); pen.lineTo(width - MARGIN.right, y(tick)); pen.stroke();
      pen.fillText(`${tick.toFixed(high - low < 0.2 ? 3 : 2)} m`, MARGIN.left - 4, y(tick));
    }
    pen.textBaseline = "alphabetic";
    for (const ago of [60, 45, 30, 15, 0]) {
      pen.textAlign = ago === 60 ? "left" : ago === 0 ? "right" : "center";
      pen.fillText(ago ? `-${ago} s` : "now", x(nowS - ago), height - 6);
    }
    const used = {};
    for (const line of this.series.values()) {
      line.dash = DASHES[(used[line.colour] = (used[line.colour] ?? -1) + 1) % DASHES.length];
      pen.setLineDash(line.dash);
      pen.beginPath();
      let last = -Infinity;
      for (const [at, value] of line.points) {
        if (at - last > GAP_S) pen.moveTo(x(at), y(value)); else pen.lineTo(x(at), y(value));
        last = at;
      }
      // A rim in the colour of text keeps yellow visible on white.
      for (const [colour, wide] of [[style.getPropertyValue("--quiet"), 4], [line.colour, 2.5]]) {
        pen.strokeStyle = colour;
        pen.lineWidth = wide;
        pen.stroke();
      }
      const [at, value] = line.points[line.points.length - 1];
      pen.setLineDash([]);
      pen.strokeStyle = style.getPropertyValue("--quiet");
      pen.lineWidth = 1;
      pen.fillStyle = line.colour;
      pen.beginPath(); pen.arc(x(at), y(value), 4, 0, 7); pen.fill(); pen.stroke();
    }
  }

  // Names of the objects that are in the picture now.
  drawLegend(nowS) {
    const present = [...this.series].filter(([, line]) => line.points[line.points.length - 1][0] > nowS - GAP_S);
    const entries = present.map(([name, line]) => {
      const entry = document.createElement("li");
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = line.colour;
      entry.append(swatch, `${name}  ${line.points[line.points.length - 1][1].toFixed(3)} m`);
      return entry;
    });
    this.legend.replaceChildren(...entries);
  }
}

function ticks(low, high) {
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= rough);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(at);
  return found;
}
