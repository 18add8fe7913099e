"use strict";
const report = JSON.parse(document.getElementById("content").textContent);
const at = (id) => document.getElementById(id);

// Text is only ever set as text: names of files and models may hold anything.
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "own") node.style.setProperty("--own", value);
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const own = (index) => `var(--m${index % 6})`;
const named = (index) => make("span", { class: "dotted", own: own(index) }, report.models[index].name);

// ---- tables ----

function table(place, heads, rows) {
  const body = make("tbody", {}, ...rows.map((row) => row.node));
  const head = make("tr");
  heads.forEach((one, column) => {
    const button = make("button", { type: "button" }, one.title);
    if (one.meaning) button.title = one.meaning;
    const cell = make("th", { scope: "col" }, button);
    if (one.words) cell.className = "words";
    if (one.sorted) cell.setAttribute("aria-sort", one.sorted);
    button.addEventListener("click", () => {
      const first = one.words || one.better < 0 ? "ascending" : "descending";
      const other = first === "ascending" ? "descending" : "ascending";
      const order = cell.getAttribute("aria-sort") === first ? other : first;
      for (const each of head.children) each.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", order);
      const sorted = [...rows].sort((a, b) => compare(a.values[column], b.values[column], order));
      body.append(...sorted.map((row) => row.node));
    });
    head.append(cell);
  });
  at(place).append(make("table", {}, make("thead", {}, head), body));
}

// Unknown values come last in either order.
function compare(a, b, order) {
  if (a === null || b === null) return (a === null) - (b === null);
  const sign = order === "ascending" ? 1 : -1;
  return sign * (typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b);
}

function figureCell(cell, best) {
  const [value, deviation] = cell ? cell.text.split(" \u00b1 ") : ["\u2013"];
  return make("td", best ? { class: "best" } : {}, value, ...(deviation ? [make("small", {}, `\u00b1 ${deviation}`)] : []));
}

const valuesOf = (row, columns) => columns.map((column) => row.cells[column.key]?.value ?? null);

function published({ columns, rows }) {
  at("published-section").hidden = !rows.length;
  const heads = [{ title: "System", words: true }, ...columns, { title: "In", words: true }];
  table("published", heads, rows.map((row) => ({
    node: make("tr", {}, make("th", { scope: "row" }, row.name), ...columns.map((column) => figureCell(row.cells[column.key])),
      make("td", { class: "words" }, row.source)),
    values: [row.name, ...valuesOf(row, columns), row.source],
  })));
}

function leaderboard(place, columns, published) {
  const best = columns.map((column) => {
    const values = report.models.map((model) => model.cells[column.key]?.value).filter((one) => one !== undefined);
    const top = column.better > 0 ? Math.max(...values) : Math.min(...values);
    return column.better && values.some((one) => one !== top) ? top : undefined;
  });
  const rows = report.models.map((model, index) => {
    const seeds = make("small", { title: model.runs.join("\n") }, ["labels", "1 seed"][model.seeds.length] ?? `${model.seeds.length} seeds`);
    const node = make("tr", {}, make("th", { scope: "row" }, named(index), seeds));
    columns.forEach((column, at) => {
      const cell = model.cells[column.key];
      node.append(figureCell(cell, cell !== undefined && cell.value === best[at]));
    });
    const values = [model.name, ...valuesOf(model, columns)];
    if (published) {
      const lines = model.published.map((one) => make("small", {}, `${one.text} (${one.source})`));
      node.append(make("td", { class: "words" }, ...(lines.length ? lines : ["\u2013"])));
      values.push(model.published.length ? model.published[0].text : null);
    }
    return { node, values };
  });
  const ranked = (column) => (column.key === report.rank_by ? { ...column, sorted: "descending" } : column);
  const heads = [{ title: "Model", words: true }, ...columns.map(ranked)];
  if (published) heads.push({ title: "Published", words: true });
  table(place, heads, rows);
}

function meanings(place, columns) {
  for (const column of columns) at(place).append(make("dt", {}, column.title), make("dd", {}, column.meaning));
}

function tests() {
  if (!report.tests.length) {
    at("test-note").hidden = true;
    return;
  }
  const titles = ["Better", "Worse", `Difference in ${report.tested}`, "Higher on", "Lower on", "Images", "p", "p, corrected", "Supported"];
  const heads = titles.map((title, index) => ({ title, words: index < 2, better: index > 4 ? -1 : 1 }));
  const rows = report.tests.map((test) => {
    const [a, b] = test.models;
    const node = make("tr", {}, make("th", { scope: "row" }, a), make("td", { class: "words" }, b));
    node.append(...[...test.texts, test.supported ? "yes" : "no"].map((text) => make("td", {}, text)));
    return { node, values: [a, b, ...test.values, Number(!test.supported)] };
  });
  table("tests", heads, rows);
}

// ---- image by image ----

const quantile = (sorted, share) => {
  const place = (sorted.length - 1) * share, low = Math.floor(place), high = Math.ceil(place);
  return sorted[low] + (sorted[high] - sorted[low]) * (place - low);
};
const percent = (value) => `${100 * value}%`;

function strips() {
  report.models.forEach((model, index) => {
    const sorted = [...model.per_image].sort((a, b) => a - b);
    const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => quantile(sorted, share));
    const track = make("div", { class: "track", role: "group", own: own(index) });
    track.setAttribute("aria-label", `${model.name}: median ${middle.toFixed(3)}, middle half ${low.toFixed(3)} to ${high.toFixed(3)}`);
    const box = make("i"), line = make("b");
    box.style.left = percent(low);
    box.style.width = percent(high - low);
    line.style.left = percent(middle);
    track.append(box, line);
    model.per_image.forEach((value, image) => {
      const dot = make("a", { href: "#gallery-title", title: `${report.images[image]}: ${value.toFixed(3)}` });
      dot.setAttribute("aria-label", dot.title);
      if (image) dot.tabIndex = -1;
      dot.style.left = percent(value);
      dot.style.top = `${0.75 + 1.5 * ((image * 0.618) % 1)}rem`;
      dot.addEventListener("click", (event) => seek(event, report.images[image]));
      dot.addEventListener("keydown", (event) => step(event, track, dot));
      track.append(dot);
    });
    at("strips").append(make("div", { class: "strip" }, named(index), track));
  });
  const marks = ["0", "0.25", "0.5", "0.75", "1"].map((text) => make("span", {}, text));
  at("strips").append(make("div", { class: "strip", "aria-hidden": "true" }, make("span"), make("div", { class: "scale" }, ...marks)));
}

// Dots are one stop for the tab key; arrows go from dot to dot.
function step(event, track, dot) {
  const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!way) return;
  event.preventDefault();
  const dots = [...track.querySelectorAll("a")].sort((a, b) => parseFloat(a.style.left) - parseFloat(b.style.left));
  dots[(dots.indexOf(dot) + way + dots.length) % dots.length].focus();
}

function seek(event, name) {
  const card = cards.find((one) => one.name === name);
  if (!card) return; // the page shows only the worst; the link leads to the start of the gallery
  event.preventDefault();
  at("filter").value = "";
  arrange();
  for (const one of cards) one.node.classList.toggle("sought", one === card);
  card.node.scrollIntoView({ block: "start" });
}

// ---- gallery ----

let cards = [];

function figure(card, layers, alt, caption) {
  const images = layers.map((source, index) => make("img", { src: source, alt: index === layers.length - 1 ? alt : "" }));
  const button = make("button", { type: "button", class: "layers", "aria-label": `Enlarge: ${alt}` }, ...images);
  button.style.aspectRatio = card.ratio;
  button.addEventListener("click", () => enlarge(card, images, alt, caption));
  return make("figure", {}, button, make("figcaption", {}, caption));
}

function enlarge(card, images, alt, caption) {
  const layers = make("div", { class: "layers" }, ...images.map((image) => image.cloneNode()));
  const [x, y] = card.ratio.split(" / ").map(Number);
  layers.style.aspectRatio = card.ratio;
  layers.style.setProperty("--ratio", x / y);
  at("enlarged").replaceChildren(layers, make("p", {}, alt === caption ? alt : `${alt}. ${caption}`));
  at("large").showModal();
}

function gallery() {
  cards = report.gallery.map((card) => {
    const pictures = make("div", { class: "pictures" }, make("div", { class: "pair" },
      make("h4", {}, "Image and truth"),
      figure(card, [card.picture], `image ${card.name}`, "image"),
      figure(card, [card.picture, card.truth], `truth of ${card.name}`, card.true)));
    card.models.forEach((made, index) => {
      const model = report.models[index].name;
      pictures.append(make("div", { class: "pair made" },
        make("h4", {}, named(index), ` ${report.tested} ${made.score.toFixed(3)}`),
        figure(card, [card.picture, made.prediction], `prediction of ${model} for ${card.name}`, made.found),
        figure(card, [card.picture, made.errors], `errors of ${model} on ${card.name}`, made.counts)));
    });
    const title = make("header", {}, make("h3", {}, card.name), make("span", { class: "small" }, `${card.size}, mean ${report.tested} ${card.mean.toFixed(3)}`));
    return { ...card, node: make("article", {}, title, pictures) };
  });
  report.models.forEach((model, index) => {
    const box = make("input", { type: "checkbox", checked: true });
    box.addEventListener("change", arrange);
    at("shown").append(make("label", { class: "tick" }, box, named(index)));
  });
  at("filter").addEventListener("input", arrange);
  at("order").addEventListener("change", arrange);
  at("lines").addEventListener("change", () => at("gallery").classList.toggle("plain", !at("lines").checked));
  at("controls").addEventListener("submit", (event) => event.preventDefault());
  const swatch = (text, colour) => make("span", { own: colour }, text);
  at("legend").append(swatch("annotated, predicted", report.outline), ...Object.entries(report.colours).map(([kind, colour]) => swatch(kind, colour)));
  arrange();
}

function arrange() {
  const ticked = [...at("shown").querySelectorAll("input")].map((box) => box.checked);
  const wanted = at("filter").value.trim().toLowerCase();
  const scores = (card) => card.models.filter((_, index) => ticked[index]).map((made) => made.score);
  const mean = (card) => scores(card).reduce((sum, one) => sum + one, 0) / Math.max(scores(card).length, 1);
  const apart = (card) => Math.max(...scores(card)) - Math.min(...scores(card));
  const orders = {
    worst: (a, b) => mean(a) - mean(b),
    best: (a, b) => mean(b) - mean(a),
    apart: (a, b) => apart(b) - apart(a),
    name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
  };
  cards.sort(orders[at("order").value]);
  for (const card of cards) {
    card.node.hidden = !card.name.toLowerCase().includes(wanted);
    card.node.querySelectorAll(".made").forEach((pair, index) => { pair.hidden = !ticked[index]; });
  }
  at("gallery").append(...cards.map((card) => card.node));
  const seen = cards.filter((card) => !card.node.hidden).length;
  const all = report.images.length;
  at("count").textContent = `${seen} of ${all} images` + (cards.length < all ? `; the page holds the ${cards.length} with the lowest scores` : "")
    + ". Each model is shown with its first seed; press a picture to enlarge it.";
}

// ---- course of training ----

const SVG = "http://www.w3.org/2000/svg";

function curve(title, lines, colours, range) {
  const values = lines.flat().map(([, value]) => value);
  const last = Math.max(...lines.flat().map(([iteration]) => iteration));
  const [low, high] = range ?? [Math.min(0, ...values), Math.max(...values)];
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 100 100");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${title}, from step 0 to ${last}, between ${short(low)} and ${short(high)}`);
  lines.forEach((line, index) => {
    const drawn = document.createElementNS(SVG, "polyline");
    drawn.setAttribute("points", line.map(([x, y]) => `${100 * x / (last || 1)},${100 - 100 * (y - low) / ((high - low) || 1)}`).join(" "));
    drawn.style.setProperty("--own", colours[index]);
    if (range) drawn.style.opacity = 1;
    svg.append(drawn);
  });
  const scale = (...texts) => make("div", { class: "scale" }, ...texts.map((text) => make("span", {}, text)));
  return make("div", { class: "curve" }, make("p", { class: "title" }, title), scale(short(high), ""), svg, scale(short(low), `${last} steps`));
}

const short = (value) => String(+value.toPrecision(3));

function curves() {
  const place = at("curves");
  const scored = [...new Set(report.models.flatMap((model) => Object.keys(model.truths)))];
  if (scored.length) {
    const charts = scored.map((name) => {
      const lines = [], colours = [];
      report.models.forEach((model, index) => (model.truths[name] ?? []).forEach((line) => { lines.push(line); colours.push(own(index)); }));
      return curve(name.replaceAll("_", " "), lines, colours, [0, 1]);
    });
    const key = make("p", { class: "small" }, "One colour per model: ");
    report.models.forEach((model, index) => key.append(named(index), " \u00a0 "));
    place.append(make("h3", {}, "Scores on labelled images (MONITOR.TRUTH)"), key, make("div", { class: "curves" }, ...charts));
  }
  report.models.forEach((model, index) => {
    if (!model.seeds.length) return; // labels that nothing is known of
    const charts = Object.entries(model.losses).map(([name, lines]) => curve(name.replaceAll("_", " "), lines, lines.map(() => own(index))));
    const all = charts.length ? make("div", { class: "curves" }, ...charts) : make("p", { class: "small" }, "no log");
    place.append(make("details", { open: report.models.length < 4 }, make("summary", {}, make("b", {}, named(index), ": losses")), all));
  });
}

// ---- the rest ----

function theme() {
  const dark = () => at("theme").textContent === "Light"; // the button names the theme that it switches to
  const name = (isDark) => { at("theme").textContent = isDark ? "Light" : "Dark"; };
  name(matchMedia("(prefers-color-scheme: dark)").matches);
  at("theme").addEventListener("click", () => {
    const now = !dark();
    document.documentElement.dataset.theme = now ? "dark" : "light";
    name(now);
  });
}

at("verdict").textContent = report.verdict;
at("caution").textContent = report.caution;
at("facts").textContent = report.facts;
at("failed").hidden = !report.failed.length;
at("failed").append(...report.failed.map((why) => make("li", {}, `left out: ${why}`)));
at("notes").textContent = report.notes.join(" ");
document.querySelectorAll(".tested").forEach((name) => { name.textContent = report.tested; });
at("machine").textContent = `${report.machine}. This file is self-contained, ${(document.documentElement.outerHTML.length / 1e6).toFixed(1)} MB.`;
leaderboard("scores", report.scores, report.models.some((model) => model.published.length));
at("label-free-section").hidden = !report.label_free.length;
leaderboard("label-free", report.label_free, false);
at("likeness").textContent = report.likeness;
leaderboard("costs", report.costs, false);
published(report.published);
meanings("score-meanings", report.scores);
meanings("label-free-meanings", report.label_free);
meanings("cost-meanings", report.costs);
tests();
strips();
gallery();
curves();
theme();
