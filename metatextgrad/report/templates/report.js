"use strict";
// Lists the examples of a candidate when it is opened. All text is set as text, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const MORE = 25;

function make(name, kind, text) {
  const node = document.createElement(name);
  if (kind) node.className = kind;
  if (text !== undefined) node.textContent = text;
  return node;
}

function verdictOf(score) {
  if (score === null) return "unscored";
  return score === 1 ? "right" : score === 0 ? "wrong" : "partly";
}

function field(list, name, text) {
  if (text === undefined || text === "") return;
  list.append(make("dt", "", name), make("dd", "", text));
}

function row([place, score, prediction, feedback, failure]) {
  const [name, question, target] = data.examples[place];
  const said = data.texts[prediction];
  const verdict = verdictOf(score);
  const node = make("details", `example ${verdict}`);
  const summary = make("summary");
  const last = said.trim().split("\n").pop();
  const mark = { right: "✓", wrong: "✗", partly: score?.toFixed(2), unscored: "?" }[verdict];
  summary.append(make("span", "mark", mark), make("span", "id", name), make("span", "line", last || failure || "empty"));
  if (target !== undefined) summary.append(make("span", "target", `target: ${target}`));
  node.append(summary);
  node.addEventListener("toggle", () => {
    if (node.children.length > 1) return;
    const list = make("dl");
    field(list, "example", name);
    field(list, "question", question);
    field(list, "target", target);
    field(list, "prediction", said);
    field(list, "feedback", data.texts[feedback]);
    field(list, "unscored because of", failure);
    node.append(list);
  });
  return node;
}

function fill(box) {
  const results = data.evaluations[box.dataset.evaluation];
  const groups = { all: results };
  for (const kind of ["wrong", "partly", "right", "unscored"]) {
    const found = results.filter((result) => verdictOf(result[1]) === kind);
    if (found.length) groups[kind] = found;
  }
  const bar = make("p", "filter");
  const list = make("div", "list");
  const show = (kind, most) => {
    const chosen = groups[kind];
    list.replaceChildren(...chosen.slice(0, most).map(row));
    if (chosen.length > most) {
      const more = make("button", "more", `show all ${chosen.length}`);
      more.addEventListener("click", () => show(kind, chosen.length));
      list.append(more);
    }
    for (const button of bar.children) button.setAttribute("aria-pressed", String(button.dataset.kind === kind));
  };
  for (const [kind, found] of Object.entries(groups)) {
    const button = make("button", "", `${kind} ${found.length}`);
    button.dataset.kind = kind;
    button.addEventListener("click", () => show(kind, MORE));
    bar.append(button);
  }
  box.replaceChildren(bar, list);
  show(groups.wrong ? "wrong" : "all", MORE);
}

for (const box of document.querySelectorAll(".examples")) {
  box.closest("details").addEventListener("toggle", (event) => {
    if (event.target === box.closest("details") && !box.querySelector(".filter")) fill(box);
  });
}
