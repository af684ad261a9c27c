// The layers of a trained flow of the plane, evaluated as flowbook evaluates them.
(() => {
  "use strict";
  const F = window.Flowbook;
  const ENTRIES = 2049; // of a table over the copied number
  const LOG_TWO_PI = Math.log(2 * Math.PI);

  const between = (a, b, share) => a + share * (b - a);
  const normalLog = ([a, b]) => -LOG_TWO_PI - (a * a + b * b) / 2;

  // ---- a layer of two coordinates: one is copied, and bends the other ---------------
  //
  // A bend is a list of numbers, so that it can be tabulated over the copied number.
  // `from` takes x back to z and leaves dz/dx in `slope`; `to` takes z to x.

  let slope = 1;

  const affine = {
    bend: (out, { bound }) => {
      const scale = out.length === 1 ? 1 : Math.exp(bound * Math.tanh(out[0] / bound));
      return [1 / scale, out[out.length - 1]];
    },
    from(x, [shrink, shift]) {
      slope = shrink;
      return (x - shift) * shrink;
    },
    to: (z, [shrink, shift]) => z / shrink + shift,
  };

  // The rational-quadratic spline of flowbook.splines. Its bend: all knots' x, all
  // knots' y, all knots' slopes.
  const spline = {
    bend(out, { bound, smallest }) {
      const bins = (out.length + 1) / 3;
      const ends = (from) => {
        const raw = Array.from(out.subarray(from, from + bins));
        const top = Math.max(...raw);
        const shares = raw.map((v) => Math.exp(v - top));
        const total = shares.reduce((sum, v) => sum + v, 0);
        let end = -bound;
        const size = (v) => 2 * bound * (smallest + (1 - bins * smallest) * (v / total));
        return [end, ...shares.map((v) => (end += size(v)))];
      };
      const steep = (v) => (1 - smallest) * (v < 0 ? Math.expm1(v) : v) + 1;
      const inner = Array.from(out.subarray(2 * bins), steep);
      return [...ends(0), ...ends(bins), 1, ...inner, 1];
    },
    from(x, knots) {
      const n = knots.length / 3;
      slope = 1;
      if (x <= knots[0] || x >= knots[n - 1]) return x;
      let k = 0;
      while (knots[k + 1] <= x) k++;
      const [width, height] = [knots[k + 1] - knots[k], knots[n + k + 1] - knots[n + k]];
      const s = height / width;
      const [e0, e1] = [knots[2 * n + k] / s, knots[2 * n + k + 1] / s];
      const t = (x - knots[k]) / width;
      const v = 1 - t;
      const [a, b] = [t + e0 * v, v + e1 * t];
      const whole = t * a + v * b;
      slope = (s * (v * a + t * b)) / (whole * whole);
      return knots[n + k] + (height * t * a) / whole;
    },
    to(z, knots) {
      const n = knots.length / 3;
      if (z <= knots[n] || z >= knots[2 * n - 1]) return z;
      let k = 0;
      while (knots[n + k + 1] <= z) k++;
      const [width, height] = [knots[k + 1] - knots[k], knots[n + k + 1] - knots[n + k]];
      const s = height / width;
      const r = (z - knots[n + k]) / height;
      const e = (knots[2 * n + k] / s) * (1 - r) - (knots[2 * n + k + 1] / s) * r;
      const c = 4 * r * (1 - r);
      const total = Math.abs(e) + Math.sqrt(e * e + c);
      return knots[k] + (width * 2 * r) / (2 * r + (e > 0 ? total : c / total));
    },
  };

  // Part of the way through a layer, a `share` from 0 to 1, the map is the one whose
  // inverse lies on the straight line between the identity and the layer's inverse.
  class Coupling {
    constructor(spec) {
      this.family = spec.type === "spline" ? spline : affine;
      this.copied = spec.copied;
      this.moved = 1 - spec.copied;
      const net = F.perceptron(spec.net);
      this.bend = (value) => this.family.bend(net([value]), spec);
    }

    // The bend of a point: the same before and after the layer.
    bendOf(point) {
      return this.bend(point[this.copied]);
    }

    back(point, share = 1, bend = this.bendOf(point)) {
      const x = point[this.moved];
      const image = [...point];
      image[this.moved] = between(x, this.family.from(x, bend), share);
      return { point: image, det: between(1, slope, share) };
    }

    on(point, share = 1, bend = this.bendOf(point)) {
      const z = point[this.moved];
      const image = [...point];
      let [low, high] = [z, this.family.to(z, bend)].sort((a, b) => a - b);
      image[this.moved] = this.family.to(z, bend);
      if (share === 1) return image;
      for (let k = 0; k < 40; k++) {
        const x = (low + high) / 2;
        if (between(x, this.family.from(x, bend), share) < z) low = x;
        else high = x;
      }
      image[this.moved] = (low + high) / 2;
      return image;
    }

    // Bends between -reach and reach. A ReLU network of one number is made of straight
    // pieces, so that between two entries it is almost exactly on a line.
    tabulate(reach) {
      const rows = Array.from({ length: ENTRIES }, (_, i) =>
        this.bend(reach * ((2 * i) / (ENTRIES - 1) - 1)));
      this.size = rows[0].length;
      this.reach = reach;
      this.table = Float64Array.from(rows.flat());
      this.row = new Float64Array(this.size);
    }

    // Take many points back at once, by the table: x and y are overwritten, and dets
    // multiplied by the determinants.
    backAll(coordinates, dets, share) {
      const [copied, moved] = [coordinates[this.copied], coordinates[this.moved]];
      const { table, row, size, reach, family } = this;
      for (let i = 0; i < dets.length; i++) {
        const place = ((copied[i] / reach + 1) * (ENTRIES - 1)) / 2;
        const at = Math.min(ENTRIES - 2, Math.max(0, Math.floor(place)));
        const part = Math.min(1, Math.max(0, place - at));
        for (let j = 0, from = at * size; j < size; j++, from++) {
          row[j] = table[from] + part * (table[from + size] - table[from]);
        }
        const x = moved[i];
        moved[i] = x + share * (family.from(x, row) - x);
        dets[i] *= 1 + share * (slope - 1);
      }
    }
  }

  class Scaling {
    constructor({ scale, shift }) {
      Object.assign(this, { scale, shift });
    }

    bendOf() {
      return null;
    }

    // What an axis is shifted and then multiplied by, on the way back.
    factor(axis, share) {
      const shrink = 1 / this.scale[axis];
      return [between(1, shrink, share), share * shrink * this.shift[axis]];
    }

    back(point, share = 1) {
      const factors = point.map((_, axis) => this.factor(axis, share));
      const image = point.map((x, axis) => x * factors[axis][0] - factors[axis][1]);
      return { point: image, det: Math.abs(factors[0][0] * factors[1][0]) };
    }

    on(point, share = 1) {
      return point.map((z, axis) => {
        const [factor, shift] = this.factor(axis, share);
        return (z + shift) / factor;
      });
    }

    tabulate() {}

    backAll(coordinates, dets, share) {
      const factors = [0, 1].map((axis) => this.factor(axis, share));
      for (let i = 0; i < dets.length; i++) {
        coordinates.forEach((values, axis) => {
          values[i] = values[i] * factors[axis][0] - factors[axis][1];
        });
        dets[i] *= Math.abs(factors[0][0] * factors[1][0]);
      }
    }
  }

  // ---- the flow -------------------------------------------------------------------------

  // A square around clouds of points, with a margin.
  function boxAround(points) {
    const ends = [0, 1].map((axis) => {
      const values = points.map((point) => point[axis]);
      return [Math.min(...values), Math.max(...values)];
    });
    const half = 0.53 * Math.max(...ends.map(([low, high]) => high - low));
    return ends.flatMap(([low, high]) => [(low + high) / 2 - half, (low + high) / 2 + half]);
  }

  class TrainedFlow {
    // `z` and `x` are points (pairs) of the base and of the data.
    constructor(specs, z, x) {
      this.layers = specs.map((spec) => (spec.type === "scale" ? new Scaling(spec) : new Coupling(spec)));
      this.depth = specs.length;
      this.clouds = { z: this.pushed(z), x: this.pulled(x) };
      // The bends of the points, kept, because every frame asks for them.
      this.bends = {};
      for (const [name, stages] of Object.entries(this.clouds)) {
        this.bends[name] = this.layers.map((layer, k) => stages[k].map((p) => layer.bendOf(p)));
      }
      this.boxes = this.clouds.z.map((points, k) => boxAround([...points, ...this.clouds.x[k]]));
      this.tops = this.boxes.map((_, k) => this.top(k));
      const reach = 1.5 * Math.max(...this.boxes.flat().map(Math.abs));
      this.layers.forEach((layer) => layer.tabulate(reach));
    }

    pushed(points) {
      const stages = [points];
      for (const layer of this.layers) stages.push(stages.at(-1).map((p) => layer.on(p)));
      return stages;
    }

    pulled(points) {
      const stages = [points];
      for (const layer of [...this.layers].reverse()) {
        stages.unshift(stages[0].map((p) => layer.back(p).point));
      }
      return stages;
    }

    // The density that one sample in fifty exceeds at a stage: the top of the colours.
    top(k) {
      const logs = this.clouds.z[k].map((point) => this.logDensity(point, k));
      logs.sort((a, b) => a - b);
      return logs[Math.floor(0.98 * logs.length)];
    }

    // A place between layers, such as 2.5, is a whole number and a share of a layer.
    place(at) {
      const k = Math.min(Math.floor(at), this.depth - 1);
      return { k, share: at - k };
    }

    view(at) {
      const { k, share } = this.place(at);
      return {
        box: this.boxes[k].map((end, i) => between(end, this.boxes[k + 1][i], share)),
        top: Math.exp(between(this.tops[k], this.tops[k + 1], share)),
      };
    }

    // A cloud, "z" or "x", at a place between layers.
    cloud(name, at) {
      const { k, share } = this.place(at);
      if (share === 0 || share === 1) return this.clouds[name][k + share];
      return this.clouds[name][k].map((p, i) => this.layers[k].on(p, share, this.bends[name][k][i]));
    }

    // The point of the base that is now at `point`, and log|det| of the way back.
    back(point, at) {
      const { k, share } = this.place(at);
      let [here, logDet] = [point, 0];
      for (let i = k; i >= 0; i--) {
        const step = this.layers[i].back(here, i === k ? share : 1);
        here = step.point;
        logDet += Math.log(step.det);
      }
      return { point: here, logDet };
    }

    on(z, at) {
      let here = z;
      for (let i = 0; i < at; i++) here = this.layers[i].on(here, Math.min(1, at - i));
      return here;
    }

    logDensity(point, at) {
      const { point: z, logDet } = this.back(point, at);
      return normalLog(z) + logDet;
    }

    // The density on the centres of size × size cells of a box, the top row first.
    density(at, box, size) {
      const cells = size * size;
      const coordinates = [new Float64Array(cells), new Float64Array(cells)];
      const dets = new Float64Array(cells).fill(1);
      for (let i = 0; i < cells; i++) {
        coordinates[0][i] = between(box[0], box[1], ((i % size) + 0.5) / size);
        coordinates[1][i] = between(box[3], box[2], (Math.floor(i / size) + 0.5) / size);
      }
      const { k, share } = this.place(at);
      for (let i = k; i >= 0; i--) this.layers[i].backAll(coordinates, dets, i === k ? share : 1);
      const [a, b] = coordinates;
      return dets.map((det, i) => det * Math.exp(normalLog([a[i], b[i]])));
    }
  }

  Object.assign(F, { Coupling, TrainedFlow, normalLog });
})();
