"use strict";
// Draws what /control-room/state tells, every few seconds. Whatever comes from there is put in as text, never as markup.

const EVERY_MS = 2000, WIDTH = 360, HEIGHT = 120, LEFT = 62, BOTTOM = 16, COLOURS = 6;
const SVG = "http://www.w3.org/2000/svg";
const one = id => document.getElementById(id);
let asked = "";

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== undefined) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function drawn(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// Numbers as people read them.
const plain = (value, digits = 3) => value.toLocaleString("en", {maximumSignificantDigits: digits});
const SHOWN = {
  "a second": value => `${plain(value)}/s`,
  "seconds": value => value >= 86400 ? `${plain(value / 86400)} d` : value >= 1 ? `${plain(value)} s` : `${plain(value * 1000)} ms`,
  "share": value => `${plain(value * 100)} %`,
  "EUR": value => `${value.toLocaleString("en", {notation: "compact", maximumSignificantDigits: 3})} EUR`,
  "bytes": value => value >= 2 ** 30 ? `${plain(value / 2 ** 30)} GiB` : `${plain(value / 2 ** 20)} MiB`,
  "cores": value => plain(value),
  "number": value => plain(value),
};
const clock = seconds => new Date(seconds * 1000).toLocaleTimeString("en-GB");
const utc = seconds => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC";

function curves(panel, times) {
  const known = panel.curves.flatMap(curve => curve.values.filter(value => value !== null));
  const levels = panel.limit === null ? known : [...known, panel.limit];
  const low = Math.min(0, ...levels), top = Math.max(...levels), high = top > low ? top : low + 1;
  const first = times[0], span = Math.max(times[times.length - 1] - first, 1);
  const x = time => LEFT + (time - first) / span * (WIDTH - LEFT - 4);
  const y = value => 6 + (high - value) / (high - low) * (HEIGHT - BOTTOM - 6);
  const picture = drawn("svg", {class: "curves", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img",
    "aria-label": `${panel.title}: ${panel.curves.map(curve => `${curve.name} ${latest(curve, panel)}`).join(", ")}`});
  for (const value of [low, high]) {
    picture.append(drawn("line", {class: "axis", x1: LEFT, x2: WIDTH, y1: y(value), y2: y(value)}));
    picture.append(drawn("text", {x: LEFT - 4, y: y(value) + 4, "text-anchor": "end"}, SHOWN[panel.unit](value)));
  }
  picture.append(drawn("text", {x: LEFT, y: HEIGHT - 3}, clock(first)));
  picture.append(drawn("text", {x: WIDTH, y: HEIGHT - 3, "text-anchor": "end"}, clock(times[times.length - 1])));
  if (panel.limit !== null) picture.append(drawn("line", {class: "limit", x1: LEFT, x2: WIDTH, y1: y(panel.limit), y2: y(panel.limit)}));
  panel.curves.forEach((curve, number) => {
    let path = "", pen = "M";
    curve.values.forEach((value, place) => {
      if (value === null) { pen = "M"; return; }
      // A single point is drawn, too.
      path += `${pen}${x(times[place]).toFixed(1)} ${y(value).toFixed(1)}${pen === "M" ? "h.1" : ""}`;
      pen = "L";
    });
    picture.append(drawn("path", {class: `curve c${number % COLOURS}`, d: path}));
  });
  return picture;
}

function latest(curve, panel) {
  const value = curve.values[curve.values.length - 1];
  return value === null ? "nothing now" : SHOWN[panel.unit](value);
}

function legend(panel) {
  return element("ul", {class: "legend"}, ...panel.curves.map((curve, number) => {
    const mark = drawn("svg", {viewBox: "0 0 20 8", "aria-hidden": "true"});
    mark.append(drawn("line", {class: `curve c${number % COLOURS}`, x1: 0, x2: 20, y1: 4, y2: 4}));
    return element("li", {}, mark, `${curve.name}: ${latest(curve, panel)}`);
  }));
}

function panelOf(panel, times) {
  const content = panel.curves.length
    ? [curves(panel, times), legend(panel)]
    : [element("p", {class: "hint"}, "Nothing yet.")];
  return element("figure", {class: "panel"}, element("h3", {}, panel.title),
    element("p", {class: "about"}, panel.about), ...content);
}

function drawBoards(state) {
  one("boards").replaceChildren(...state.boards.map(board => {
    const id = board.name === "model" ? "model-board" : board.name;
    return element("section", {class: "board", id, "aria-labelledby": `${id}-title`},
      element("h2", {id: `${id}-title`}, board.title),
      element("div", {class: "panels"}, ...board.panels.map(panel => panelOf(panel, state.times))));
  }));
}

function drawModel(model) {
  one("model").textContent = model.name === null
    ? `No model answers. ${model.refused}`
    : `${model.name}, version ${model.version}${model.stage ? ` · ${model.stage}` : ""}`;
  const mode = one("mode");
  mode.hidden = model.manual === null && !(model.name !== null && model.refused);
  mode.textContent = model.manual !== null
    ? `Manual mode since ${model.manual.since.slice(0, 16).replace("T", " ")} UTC by ${model.manual.by}: ${model.manual.reason}. ` +
      (model.manual.policy === "answer" ? "A rule answers in place of the model." : "Every request is refused.")
    : `Another version was refused: ${model.refused}`;
}

function drawAlerts(alerts) {
  const list = alerts.map(alert => {
    const muted = alert.muted_by.length ? ` (silent: ${alert.muted_by.join(", ")} is the cause)` : "";
    return element("li", {}, element("strong", {class: alert.state}, `${alert.rule} is ${alert.state}`),
      ` · ${alert.severity} · since ${utc(alert.since)}${muted}: ${alert.summary} `,
      element("a", {href: `/runbooks/${alert.rule}`}, `Runbook of ${alert.rule}`));
  });
  replaceKept(one("alert-list"), list.length ? list : [element("li", {class: "none"}, "Nothing is pending or firing.")]);
}

function drawActions(actions) {
  const list = actions.map(action => element("li", {value: action.number},
    element("strong", {}, `${action.action}: ${action.outcome}`),
    ` · ${utc(action.at)} by ${action.by}. ${action.said} (${action.reason})`));
  one("action-list").replaceChildren(...(list.length ? list : [element("li", {class: "none"}, "None yet.")]));
}

// The link that had the keyboard's focus gets it back.
function replaceKept(parent, children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  parent.replaceChildren(...children);
  if (focused !== null) parent.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

function field(input) {
  const id = `input-${input.name}`, hint = `${id}-hint`, shared = {id, name: input.name, "aria-describedby": hint};
  const choice = input.type === "boolean" ? [["true", "yes"], ["false", "no"]]
    : input.categories.length ? input.categories.map(word => [word, word]) : null;
  const control = choice
    ? element("select", shared, ...choice.map(([value, word]) => element("option", {value}, word)))
    : element("input", {...shared, type: input.type === "string" ? "text" : "number", min: input.low, max: input.high,
      step: ["integer", "long"].includes(input.type) ? 1 : "any"});
  control.value = String(input.example);
  control.dataset.type = input.type;
  const words = [input.type === "boolean" ? "" : input.allowed, input.note].filter(word => word).join(" · ");
  return element("div", {}, element("label", {for: id}, input.name.replaceAll("_", " ")), control,
    element("span", {class: "hint", id: hint}, words));
}

function drawForm(inputs) {
  const wanted = JSON.stringify(inputs);
  if (wanted === asked) return;  // what was typed stays
  asked = wanted;
  one("fields").replaceChildren(...inputs.map(field));
}

function valueOf(control) {
  if (control.dataset.type === "boolean") return control.value === "true";
  if (control.dataset.type === "string") return control.value;
  return control.value === "" ? null : Number(control.value);
}

async function ask(event) {
  event.preventDefault();
  const controls = [...one("fields").querySelectorAll("input, select")];
  controls.forEach(control => { control.removeAttribute("aria-invalid"); control.parentElement.querySelector(".fault")?.remove(); });
  const answer = one("answer");
  answer.className = "";
  try {
    const row = Object.fromEntries(controls.map(control => [control.name, valueOf(control)]));
    const response = await fetch("/predict", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(row)});
    const body = await response.json();
    if (response.ok) {
      answer.textContent = `${plain(body.predictions[0], 6)} by ${body.model_version === 0 ? "the rule of manual mode" : `version ${body.model_version}`}`;
      return;
    }
    answer.className = "fault";
    const wrong = controls.filter(control => body.details.some(fault => fault.field === control.name));
    for (const control of wrong) {
      control.setAttribute("aria-invalid", "true");
      const reason = body.details.find(fault => fault.field === control.name).reason;
      control.parentElement.append(element("span", {class: "fault"}, reason));
    }
    answer.textContent = wrong.length ? "Not like this: see the fields in red." : body.error;
    wrong[0]?.focus();
  } catch (error) {
    answer.className = "fault";
    answer.textContent = `No answer: ${error.message}`;
  }
}

async function refresh() {
  try {
    const response = await fetch("/control-room/state");
    if (!response.ok) throw new Error(`status ${response.status}`);
    const state = await response.json();
    if (state !== null) {
      drawModel(state.model);
      drawForm(state.model.inputs);
      drawAlerts(state.alerts);
      drawActions(state.actions);
      drawBoards(state);
      one("age").textContent = `As of ${clock(state.at)}.`;
    }
  } catch (error) {
    one("age").textContent = `The server does not answer (${error.message}); below is what it said last.`;
  }
  setTimeout(refresh, EVERY_MS);
}

one("form").addEventListener("submit", ask);
refresh();
