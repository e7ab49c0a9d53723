// Figures that answer the hand. Each is an element around JSON that a cell of the chapter wrote; the table beside the
// JSON is what readers without scripts see, and is replaced here.

(() => {
  "use strict";

  const BLUE = "var(--course-blue)";
  const ORANGE = "var(--course-orange)";
  const GREY = "var(--course-grey)";

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function draw(tag, attributes = {}, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  // A named slider over a list of values. It tells the widget when its value changes.
  function slider(name, values, start, changed, say = String) {
    const input = make("input", {
      type: "range", min: 0, max: values.length - 1, value: values.indexOf(start), "aria-label": name,
    });
    const shown = make("span", { class: "value", "aria-hidden": true });
    const update = () => {
      shown.textContent = say(values[input.value]);
      input.setAttribute("aria-valuetext", shown.textContent);
    };
    input.addEventListener("input", () => { update(); changed(); });
    update();
    return {
      label: make("label", {}, name, shown, input),
      get value() { return values[input.value]; },
      set value(value) { input.value = values.indexOf(value); update(); },
    };
  }

  function button(name, pressed, action) {
    const element = make("button", { type: "button" }, name);
    if (pressed !== null) element.setAttribute("aria-pressed", pressed);
    element.addEventListener("click", action);
    return element;
  }

  class Widget extends HTMLElement {
    connectedCallback() {
      if (this.data) return;
      this.data = JSON.parse(this.querySelector("script").textContent);
      this.now = make("p", { class: "now", role: "status" });
      this.replaceChildren(this.querySelector("script"), ...this.build(), this.now);
      this.update();
    }
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Training replay: the loss of plain and residual nets by depth and epoch.

  const CHART = { width: 312, height: 230, left: 52, right: 8, top: 10, bottom: 40 };

  class TrainingReplay extends Widget {
    build() {
      const { depths, epochs, losses } = this.data;
      const all = Object.values(losses).flatMap((kind) => Object.values(kind)).flat(2);
      this.low = Math.floor(Math.log10(Math.min(...all)));
      this.high = Math.ceil(Math.log10(Math.max(...all)));
      const changed = () => this.update();
      this.depth = slider("Depth", depths, depths.at(-1), changed, (depth) => `${depth} layers`);
      const steps = Array.from({ length: epochs }, (_, epoch) => epoch + 1);
      this.epoch = slider("Epoch", steps, epochs, changed);
      this.play = button("Play", null, () => this.toggle());
      this.charts = make("div", { class: "charts" });
      return [make("div", { class: "controls" }, this.depth.label, this.epoch.label, this.play), this.charts];
    }

    toggle() {
      if (this.timer) return this.stop();
      if (this.epoch.value === this.data.epochs) this.epoch.value = 1;
      this.play.textContent = "Pause";
      this.now.setAttribute("role", "presentation"); // a screen reader need not hear every epoch
      this.timer = setInterval(() => {
        if (this.epoch.value === this.data.epochs) return this.stop();
        this.epoch.value += 1;
        this.update();
      }, 350);
      this.update();
    }

    stop() {
      clearInterval(this.timer);
      this.timer = null;
      this.play.textContent = "Play";
      this.now.setAttribute("role", "status");
      this.update();
    }

    disconnectedCallback() {
      clearInterval(this.timer);
    }

    mean(kind, depth, epoch) {
      const runs = this.data.losses[kind][depth];
      return runs.reduce((sum, run) => sum + run[epoch - 1], 0) / runs.length;
    }

    update() {
      const depth = this.depth.value;
      const epoch = this.epoch.value;
      const { depths, epochs, losses } = this.data;
      const steps = Array.from({ length: epoch }, (_, index) => index + 1);
      const byEpoch = Object.keys(losses).map((kind) => [
        kind,
        losses[kind][depth].map((run) => steps.map((step) => [step, run[step - 1]])),
      ]);
      const byDepth = Object.keys(losses).map((kind) => [
        kind,
        losses[kind][depth].map((_, run) => depths.map((d) => [d, losses[kind][d][run][epoch - 1]])),
      ]);
      this.charts.replaceChildren(
        this.chart(byEpoch, "epoch", [1, epochs], [1, 5, 10, 15], epoch, `Training loss of ${depth} layers by epoch`),
        this.chart(byDepth, "layers", [depths[0], depths.at(-1)], depths.filter((_, i) => i % 2 === 0), depth,
          `Training loss in epoch ${epoch} by depth`),
      );
      const numbers = Object.keys(losses).map((kind) => `${kind} ${this.mean(kind, depth, epoch).toPrecision(2)}`);
      this.now.textContent = `${depth} layers, epoch ${epoch}: training loss ${numbers.join(", ")}.`;
    }

    chart(groups, xlabel, [from, to], ticks, marked, title) {
      const { width, height, left, right, top, bottom } = CHART;
      const x = (value) => left + 6 + ((value - from) / (to - from)) * (width - left - right - 12);
      const y = (value) => top + ((this.high - Math.log10(value)) / (this.high - this.low)) * (height - top - bottom);
      const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, role: "img", "aria-label": title });
      const line = (x1, y1, x2, y2, more = {}) => picture.append(
        draw("line", { x1, y1, x2, y2, stroke: "currentColor", "stroke-width": 0.8, ...more }));
      const text = (value, px, py, more = {}) => picture.append(
        draw("text", { x: px, y: py, "font-size": 12, "text-anchor": "middle", ...more }, value));
      line(left, height - bottom, width - right, height - bottom);
      line(left, top, left, height - bottom);
      for (let power = this.low; power <= this.high; power += 1) {
        line(left, y(10 ** power), width - right, y(10 ** power), { stroke: GREY, "stroke-opacity": 0.3 });
        text(String(Number((10 ** power).toPrecision(1))), left - 5, y(10 ** power) + 4, { "text-anchor": "end" });
      }
      for (const tick of ticks) text(tick, x(tick), height - bottom + 16);
      text(xlabel, (left + width - right) / 2, height - 6);
      text("training loss", 0, 0, { transform: `translate(12 ${(top + height - bottom) / 2}) rotate(-90)` });
      line(x(marked), top, x(marked), height - bottom, { stroke: GREY, "stroke-dasharray": "3 3" });
      groups.forEach(([kind, runs], index) => {
        const colour = index ? BLUE : ORANGE;
        for (const run of runs) {
          const points = run.map(([px, py]) => `${x(px)},${y(py)}`).join(" ");
          picture.append(draw("polyline", { points, fill: "none", stroke: colour, "stroke-width": 1.8 }));
          for (const [px, py] of run) {
            const place = index
              ? draw("circle", { cx: x(px), cy: y(py), r: 2.4 })
              : draw("rect", { x: x(px) - 2.3, y: y(py) - 2.3, width: 4.6, height: 4.6 });
            place.setAttribute("fill", colour);
            picture.append(place);
          }
        }
      });
      const legend = groups.map(([kind], index) => [kind, index ? BLUE : ORANGE]);
      legend.forEach(([kind, colour], index) => {
        const place = height - bottom - 24 + 14 * index;
        line(left + 10, place - 4, left + 28, place - 4, { stroke: colour, "stroke-width": 1.8 });
        text(kind, left + 33, place, { "text-anchor": "start" });
      });
      return picture;
    }
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Lesion player: the measured error for every set of deleted blocks.

  class LesionPlayer extends Widget {
    build() {
      const { stages } = this.data;
      this.deleted = 0; // bit i: block i is deleted
      let block = 0;
      const sets = stages.map((blocks, stage) => {
        const buttons = Array.from({ length: blocks }, () => {
          const bit = 1 << block;
          block += 1;
          return button(`Block ${block}`, false, (event) => {
            this.deleted ^= bit;
            event.currentTarget.setAttribute("aria-pressed", Boolean(this.deleted & bit));
            this.update();
          });
        });
        return make("fieldset", {}, make("legend", {}, `Stage ${stage + 1}`), ...buttons);
      });
      const restore = button("Restore all", null, () => {
        this.deleted = 0;
        for (const pressed of this.querySelectorAll("[aria-pressed]")) pressed.setAttribute("aria-pressed", false);
        this.update();
      });
      this.picture = make("div");
      return [make("div", { class: "controls" }, ...sets, restore), this.picture];
    }

    error(name) {
      return (100 * this.data.wrong[name][this.deleted]) / this.data.images;
    }

    update() {
      const names = Object.keys(this.data.wrong);
      const width = 400;
      const [left, right, row] = [88, 48, 34];
      const x = (value) => left + (value / 100) * (width - left - right);
      const label = names.map((name) => `${name} ${this.error(name).toFixed(1)} %`).join(", ");
      const height = row * names.length + 34;
      const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, role: "img",
        "aria-label": `Bars of test error: ${label}` });
      const text = (value, px, py, anchor) =>
        picture.append(draw("text", { x: px, y: py, "font-size": 14, "text-anchor": anchor }, value));
      names.forEach((name, index) => {
        const top = row * index + 4;
        const error = this.error(name);
        text(name, left - 8, top + 18, "end");
        picture.append(draw("rect", { x: left, y: top, width: x(error) - left, height: row - 8, fill: index ? ORANGE : BLUE }));
        text(`${error.toFixed(1)} %`, x(error) + 6, top + 18, "start");
      });
      picture.append(draw("line", { x1: x(90), x2: x(90), y1: 0, y2: row * names.length, stroke: "currentColor",
        "stroke-dasharray": "2 3" }));
      text("guessing", x(90), row * names.length + 16, "middle");
      text("0", left, row * names.length + 16, "middle");
      text("test error in %", x(45), row * names.length + 16, "middle");
      this.picture.replaceChildren(picture);
      const count = this.deleted.toString(2).replaceAll("0", "").length;
      this.now.textContent = `${count} of ${this.data.stages.reduce((a, b) => a + b)} blocks deleted. Test error: ${label}.`;
    }
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Block designer: what a bottleneck with grouped convolution costs, for one image.

  // Mirrors labutils.measure on a block of three convolutions with BN and ReLU; tests hold the two equal.
  function cost({ input, output, width, cardinality, stride, size }) {
    const small = Math.ceil(size / stride);
    const projected = stride !== 1 || input !== output;
    const [wide, narrow] = [size * size, small * small];
    const weights = [input * width, (9 * width * width) / cardinality, width * output, projected ? input * output : 0];
    const normalised = [width, width, output, projected ? output : 0]; // the channels of each BN
    const sum = (values) => values.reduce((a, b) => a + b, 0);
    // autograd keeps the input of each convolution and BN and the output of each ReLU, and of each BN mean and deviation
    const maps = wide * (input + 2 * width) + narrow * (2 * width + 2 * output + (projected ? output : 0));
    return {
      parameters: sum(weights) + 2 * sum(normalised),
      macs: wide * weights[0] + narrow * (weights[1] + weights[2] + weights[3]),
      bytes: 4 * maps + 8 * sum(normalised),
    };
  }

  const ROWS = { parameters: "parameters", macs: "multiply-adds", bytes: "bytes kept for the backward pass" };

  class BlockDesigner extends Widget {
    build() {
      const { choices, presets } = this.data;
      const names = {
        input: "Channels in", output: "Channels out", width: "Width inside", cardinality: "Cardinality", stride: "Stride",
        size: "Map size",
      };
      this.sliders = {};
      for (const [key, name] of Object.entries(names)) {
        const say = key === "size" ? (size) => `${size}×${size}` : String;
        this.sliders[key] = slider(name, choices[key], presets[0][key], () => this.update(), say);
      }
      const examples = presets.map((preset) => button(preset.name, null, () => {
        for (const key of Object.keys(this.sliders)) this.sliders[key].value = preset[key];
        this.update();
      }));
      this.picture = make("div");
      this.cells = {};
      const body = Object.entries(ROWS).map(([key, name]) => {
        this.cells[key] = [make("td"), make("td")];
        return make("tr", {}, make("th", { scope: "row" }, name), ...this.cells[key]);
      });
      const head = ["cost for one image", "this block", `in units of ${presets[0].name}`];
      const table = make("table", {},
        make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, name)))),
        make("tbody", {}, ...body));
      return [
        make("fieldset", { class: "controls" }, make("legend", {}, "Start from"), ...examples),
        make("div", { class: "controls" }, ...Object.values(this.sliders).map((entry) => entry.label)),
        this.picture,
        table,
      ];
    }

    update() {
      const design = Object.fromEntries(Object.entries(this.sliders).map(([key, entry]) => [key, entry.value]));
      const costs = cost(design);
      for (const key of Object.keys(ROWS)) {
        this.cells[key][0].textContent = costs[key].toLocaleString("en");
        this.cells[key][1].textContent = (costs[key] / this.data.presets[0][key]).toFixed(2);
      }
      this.picture.replaceChildren(this.drawing(design));
      const groups = design.cardinality === 1 ? "one path" : `${design.cardinality} paths`;
      this.now.textContent = `${groups} of ${design.width / design.cardinality} channels: ` +
        `${costs.parameters.toLocaleString("en")} parameters, ${costs.macs.toLocaleString("en")} multiply-adds.`;
    }

    drawing({ input, output, width, cardinality, stride, size }) {
      const small = Math.ceil(size / stride);
      const [across, middle, side] = [420, 185, 300];
      const wide = (channels) => 24 * Math.log2(channels) - 60; // a map's width on paper, by its channels
      const projected = stride !== 1 || input !== output;
      const kind = projected ? `1×1, BN${stride > 1 ? ", stride 2" : ""}` : "identity";
      const path = cardinality === 1 ? "3×3" : `3×3 in ${cardinality} groups`;
      const label = `Bottleneck: ${input} channels, 1×1 to ${width}, ${path}, 1×1 to ${output}, shortcut ${kind}`;
      const picture = draw("svg", { viewBox: `0 0 ${across} 262`, width: across, role: "img", "aria-label": label });
      const text = (value, x, y, anchor = "middle") =>
        picture.append(draw("text", { x, y, "font-size": 13, "text-anchor": anchor }, value));
      const arrow = (y, name) => {
        picture.append(draw("path", { d: `M${middle} ${y}v26m-4 -6l4 6l4 -6`, fill: "none", stroke: "currentColor" }));
        text(name, middle + 10, y + 17, "start");
      };
      const map = (y, channels, rows, paths) => {
        const start = middle - wide(channels) / 2;
        picture.append(draw("rect", { x: start, y, width: wide(channels), height: 20, fill: "none", stroke: BLUE,
          "stroke-width": 1.5 }));
        for (let cut = 1; cut < paths; cut += 1) {
          const x = start + (cut * wide(channels)) / paths;
          picture.append(draw("path", { d: `M${x} ${y}v20`, stroke: BLUE }));
        }
        text(`${channels}`, 4, y + 15, "start");
        text(`${rows}×${rows}`, 42, y + 15, "start");
      };
      map(4, input, size, 1);
      arrow(26, "1×1");
      map(54, width, size, cardinality);
      arrow(76, cardinality === 1 ? "3×3" : `3×3, ${cardinality} groups`);
      map(104, width, small, cardinality);
      arrow(126, "1×1");
      map(154, output, small, 1);
      arrow(176, "");
      picture.append(draw("circle", { cx: middle, cy: 212, r: 9, fill: "none", stroke: ORANGE, "stroke-width": 1.8 }));
      text("+", middle, 216.5);
      picture.append(draw("path", { d: `M${middle} 222v22m-4 -6l4 6l4 -6`, fill: "none", stroke: "currentColor" }));
      text("ReLU", middle + 10, 238, "start");
      picture.append(draw("path", { d: `M${middle + wide(input) / 2} 14H${side}V212H${middle + 11}m6 -4l-6 4l6 4`, fill: "none",
        stroke: ORANGE, "stroke-width": 1.8 }));
      text(kind, side + 7, 116, "start");
      return picture;
    }
  }

  customElements.define("training-replay", TrainingReplay);
  customElements.define("lesion-player", LesionPlayer);
  customElements.define("block-designer", BlockDesigner);
})();
