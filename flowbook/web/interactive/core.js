// What the interactive figures share: their data, the page's colours, controls, axes.
(() => {
  "use strict";
  if (window.Flowbook) return; // a notebook's outputs each bring the scripts along

  const makers = {};
  const redraws = new Set();
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  function element(name, className, parent, text) {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  }

  // ---- data ------------------------------------------------------------------------

  // The float32 numbers that flowbook.interactive.packed wrote.
  function unpack(packed) {
    const bytes = Uint8Array.from(atob(packed.float32), (c) => c.charCodeAt(0));
    return new Float32Array(bytes.buffer);
  }

  // A perceptron with ReLU between its layers: a function from an array to an array,
  // which the next call overwrites.
  function perceptron({ widths, weights }) {
    const numbers = unpack(weights);
    let read = 0;
    const take = (count) => numbers.subarray(read, (read += count));
    const layers = widths.slice(1).map((rows, i) => {
      const columns = widths[i];
      const [weight, bias] = [take(rows * columns), take(rows)];
      return { weight, bias, rows, columns, out: new Float64Array(rows) };
    });
    return (input) => {
      let x = input;
      layers.forEach(({ weight, bias, rows, columns, out }, index) => {
        const hidden = index < layers.length - 1;
        for (let row = 0, at = 0; row < rows; row++) {
          let sum = bias[row];
          for (let column = 0; column < columns; column++) sum += weight[at++] * x[column];
          out[row] = hidden && sum < 0 ? 0 : sum;
        }
        x = out;
      });
      return x;
    };
  }

  // ---- numbers and colours ---------------------------------------------------------

  // A number as the text writes it: a true minus sign, and no "-0.00".
  function number(value, digits = 2) {
    const text = value.toFixed(digits);
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "\u2212");
  }

  // 10 with a raised exponent.
  function powerOfTen(exponent) {
    const raised = (c) => (c === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[c]);
    return `10${[...String(exponent)].map(raised).join("")}`;
  }

  // Two digits of any number, with a power of ten where it is very small or large.
  function scientific(value) {
    const size = Math.abs(value);
    if (size === 0 || (size >= 0.01 && size < 1000)) return number(value, size < 10 ? 3 : 1);
    const [head, power] = value.toExponential(1).split("e");
    return `${head.replace("-", "\u2212")} · ${powerOfTen(Number(power))}`;
  }

  // Ten colours of like brightness, those of flowbook.plots.latent.
  const TEN = [
    "#2680ef", "#e0770e", "#13a55e", "#cc1f29", "#be169e", "#7a7a7a", "#8a6a1f", "#1a8f9c",
    "#8a63d2", "#c9577d",
  ];

  let cache = {};

  // A colour of the page, by the name of its variable in interactive.css.
  function colour(name) {
    if (!cache[name]) {
      const probe = document.querySelector(".interactive");
      cache[name] = getComputedStyle(probe).getPropertyValue(`--figure-${name}`).trim();
    }
    return cache[name];
  }

  function withAlpha(name, alpha) {
    const hex = colour(name).slice(1);
    const [r, g, b] = [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
    return `rgba(${r}, ${g}, ${b}, ${alpha})`;
  }

  // ---- controls --------------------------------------------------------------------

  function slider(parent, { label, say, min, max, step, value, show, change }) {
    const row = element("label", "control", parent);
    element("span", "name", row).innerHTML = label;
    const input = element("input", "", row);
    Object.assign(input, { type: "range", min, max, step, value });
    input.setAttribute("aria-label", say);
    const text = element("span", "value", row);
    text.setAttribute("aria-hidden", "true");
    const tell = (now) => {
      text.textContent = show(now);
      input.setAttribute("aria-valuetext", text.textContent);
    };
    input.addEventListener("input", () => {
      tell(Number(input.value));
      change(Number(input.value));
    });
    tell(value);
    return {
      input,
      // The text says the number itself, the thumb stands at the nearest step.
      set(next) {
        input.value = next;
        tell(next);
      },
    };
  }

  function choice(parent, { legend, options, value, change }) {
    const group = element("fieldset", "choice", parent);
    element("legend", "", group, legend);
    const name = `choice-${Math.random().toString(36).slice(2)}`;
    for (const [key, text] of Object.entries(options)) {
      const label = element("label", "", group);
      const input = element("input", "", label);
      Object.assign(input, { type: "radio", name, value: key, checked: key === value });
      input.addEventListener("change", () => change(key));
      element("span", "", label, text);
    }
    return group;
  }

  function tick(parent, { label, change }) {
    const row = element("label", "tick", parent);
    const input = element("input", "", row);
    input.type = "checkbox";
    input.addEventListener("change", () => change(input.checked));
    element("span", "", row, label);
    return input;
  }

  function button(parent, text, press) {
    const node = element("button", "press", parent, text);
    node.type = "button";
    node.addEventListener("click", press);
    return node;
  }

  // The numbers of the figure in words; changes are read out unless it is running.
  function reading(parent, lines) {
    const node = element("output", "reading", parent);
    const rows = Array.from({ length: lines }, () => element("span", "", node));
    return {
      node,
      running(on) {
        node.setAttribute("aria-live", on ? "off" : "polite");
      },
      set(...texts) {
        rows.forEach((row, i) => (row.textContent = texts[i] ?? ""));
      },
    };
  }

  // ---- frames ----------------------------------------------------------------------

  // Call draw at most once a frame, however often it is asked for.
  function once(draw) {
    let asked = false;
    return () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        draw();
      });
    };
  }

  // Let a number walk from one value to another; readers who want no motion see its end.
  function walker(each, running) {
    let current = 0;
    const stop = () => {
      current++;
      running(false);
    };
    const walk = (from, to, seconds) => {
      const mine = ++current;
      if (calm.matches) {
        each(to);
        return running(false);
      }
      running(true);
      let start = null;
      const frame = (now) => {
        if (mine !== current) return;
        start ??= now;
        const share = Math.min(1, (now - start) / (1000 * seconds));
        each(from + (to - from) * share);
        if (share < 1) requestAnimationFrame(frame);
        else running(false);
      };
      requestAnimationFrame(frame);
    };
    return { walk, stop };
  }

  // ---- canvas ----------------------------------------------------------------------

  // A canvas that fills its frame, sharp on every screen; draw(context, width, height).
  function plane(parent, label, draw) {
    const frame = element("div", "plane", parent);
    const canvas = element("canvas", "", frame);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    const context = canvas.getContext("2d");
    const paint = () => {
      const { clientWidth: width, clientHeight: height } = frame;
      if (!width || !height) return;
      const density = window.devicePixelRatio || 1;
      if (canvas.width !== Math.round(width * density) ||
          canvas.height !== Math.round(height * density)) {
        canvas.width = Math.round(width * density);
        canvas.height = Math.round(height * density);
      }
      context.setTransform(density, 0, 0, density, 0, 0);
      context.clearRect(0, 0, width, height);
      const family = getComputedStyle(frame).fontFamily;
      context.font = `12px ${family}`;
      draw(context, width, height);
    };
    new ResizeObserver(paint).observe(frame);
    redraws.add(paint);
    return { frame, canvas, paint };
  }

  // A point that is dragged, or moved by the arrow keys; Shift makes the steps larger.
  function handle(frame, { label, drag, step }) {
    const node = element("button", "handle", frame);
    node.type = "button";
    node.setAttribute("aria-label", label);
    const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    node.addEventListener("keydown", (event) => {
      const arrow = ARROWS[event.key];
      if (!arrow) return;
      event.preventDefault();
      const size = event.shiftKey ? 5 : 1;
      step(arrow[0] * size, arrow[1] * size);
    });
    node.addEventListener("pointerdown", (event) => {
      node.setPointerCapture(event.pointerId);
    });
    node.addEventListener("pointermove", (event) => {
      if (!node.hasPointerCapture(event.pointerId)) return;
      event.stopPropagation(); // the panel below answers to a mouse that passes over it
      const box = frame.getBoundingClientRect();
      drag(event.clientX - box.left, event.clientY - box.top);
    });
    return {
      node,
      place(x, y) {
        node.style.transform = `translate(${x}px, ${y}px)`;
      },
    };
  }

  function niceStep(length, count) {
    const rough = length / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    return power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  }

  // A pair of axes within a canvas: from numbers to pixels and back, and their ticks.
  class Axes {
    constructor(context, { left, top, width, height }, x, y) {
      Object.assign(this, { context, left, top, width, height, x, y });
    }

    px(x) {
      return this.left + ((x - this.x[0]) / (this.x[1] - this.x[0])) * this.width;
    }

    py(y) {
      return this.top + ((this.y[1] - y) / (this.y[1] - this.y[0])) * this.height;
    }

    toX(px) {
      return this.x[0] + ((px - this.left) / this.width) * (this.x[1] - this.x[0]);
    }

    toY(py) {
      return this.y[1] - ((py - this.top) / this.height) * (this.y[1] - this.y[0]);
    }

    // Draw within the axes only.
    clipped(draw) {
      this.context.save();
      this.context.beginPath();
      this.context.rect(this.left, this.top, this.width, this.height);
      this.context.clip();
      draw(this.context);
      this.context.restore();
    }

    path(points) {
      this.context.beginPath();
      points.forEach(([x, y], i) => {
        if (i) this.context.lineTo(this.px(x), this.py(y));
        else this.context.moveTo(this.px(x), this.py(y));
      });
    }

    line(points, { stroke, width = 2, dash = [] }) {
      this.path(points);
      this.context.strokeStyle = stroke;
      this.context.lineWidth = width;
      this.context.setLineDash(dash);
      this.context.stroke();
      this.context.setLineDash([]);
    }

    fill(points, fill) {
      this.path(points);
      this.context.fillStyle = fill;
      this.context.fill();
    }

    dot(x, y, radius, fill) {
      this.context.beginPath();
      this.context.arc(this.px(x), this.py(y), radius, 0, 2 * Math.PI);
      this.context.fillStyle = fill;
      this.context.fill();
    }

    // The two lines, the ticks, and the names of the axes. A tick may have its own text.
    frame({ xlabel = "", ylabel = "", xticks, yticks, below = true } = {}) {
      const { context, left, top, width, height } = this;
      context.strokeStyle = colour("line");
      context.fillStyle = colour("text");
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(left, top);
      context.lineTo(left, top + height);
      context.lineTo(left + width, top + height);
      context.stroke();
      context.textAlign = "center";
      context.textBaseline = "top";
      for (const [value, text] of xticks ?? this.ticks(this.x, width / 60)) {
        const at = this.px(value);
        context.fillRect(Math.round(at), top + height, 1, 4);
        if (below) context.fillText(text, at, top + height + 6);
      }
      if (xlabel) context.fillText(xlabel, left + width / 2, top + height + 21);
      context.textAlign = "right";
      context.textBaseline = "middle";
      for (const [value, text] of yticks ?? this.ticks(this.y, height / 45)) {
        const at = this.py(value);
        context.fillRect(left - 4, Math.round(at), 4, 1);
        context.fillText(text, left - 6, at);
      }
      if (!ylabel) return;
      context.save();
      context.translate(11, top + height / 2);
      context.rotate(-Math.PI / 2);
      context.textAlign = "center";
      context.fillText(ylabel, 0, 0);
      context.restore();
    }

    ticks([low, high], count) {
      const step = niceStep(high - low, Math.max(4, Math.min(count, 6)));
      const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
      const found = [];
      for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) {
        found.push([k * step, number(k * step, digits)]);
      }
      return found;
    }
  }

  // ---- life ------------------------------------------------------------------------

  function bringToLife(root) {
    const data = JSON.parse(root.querySelector("script").textContent);
    try {
      makers[root.dataset.figure](root.querySelector(".live"), data);
      root.classList.add("alive");
    } catch (error) {
      root.classList.add("failed"); // the still picture comes back
      throw error;
    }
  }

  // A reader who never gets there should not wait for it.
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting || !makers[target.dataset.figure]) continue;
      near.unobserve(target);
      bringToLife(target);
    }
  }, { rootMargin: "600px" });

  function find() {
    const waiting = ".interactive:not(.alive):not(.failed)";
    document.querySelectorAll(waiting).forEach((root) => near.observe(root));
  }

  // The book, JupyterLab, VS Code and Colab each say their theme in another attribute.
  const THEMES = ["data-theme", "data-jp-theme-light", "class", "theme"];

  function boot() {
    find();
    const themes = new MutationObserver(() => {
      cache = {};
      redraws.forEach((paint) => paint());
    });
    themes.observe(document.documentElement, { attributeFilter: THEMES });
    themes.observe(document.body, { attributeFilter: THEMES });
  }

  // A notebook puts a figure into the document after its script has run, or anew.
  let watching = false;
  function watch() {
    find();
    if (watching) return;
    watching = true;
    new MutationObserver(find).observe(document.body, { childList: true, subtree: true });
  }

  window.Flowbook = {
    figure: (kind, make) => (makers[kind] = make),
    element, unpack, perceptron, number, powerOfTen, scientific, colour, withAlpha, slider,
    choice, tick, button, reading, once, walker, plane, handle, watch, Axes, TEN,
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", boot);
  else boot();
})();
