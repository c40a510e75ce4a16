"use strict";

// Light or dark: the system's, until the button asks for the other one.
const root = document.documentElement;
const stored = {
  get: () => { try { return localStorage.getItem("wfo-theme"); } catch { return null; } },
  set: (value) => { try { localStorage.setItem("wfo-theme", value); } catch { /* not kept */ } },
};
if (stored.get()) root.dataset.theme = stored.get();
document.getElementById("theme").addEventListener("click", () => {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
  stored.set(root.dataset.theme);
});

const menu = document.getElementById("menu");
const pages = document.getElementById("pages");
menu.addEventListener("click", () => {
  menu.setAttribute("aria-expanded", String(pages.classList.toggle("open")));
});

for (const pre of document.querySelectorAll("pre")) {
  if (pre.querySelector(".language-text") || !navigator.clipboard) continue;
  const button = document.createElement("button");
  button.className = "copy";
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(pre.querySelector("code").innerText);
    button.textContent = "Copied";
  });
  pre.append(button);
}

// Search: the index is a script, since pages opened as files may not fetch.
const query = document.getElementById("query");
const hits = document.getElementById("hits");
let chosen = -1;

function loaded() {
  return new Promise((done) => {
    if (window.WFO_SEARCH) return done(window.WFO_SEARCH);
    const script = document.createElement("script");
    script.src = "search.js";
    script.addEventListener("load", () => done(window.WFO_SEARCH));
    document.head.append(script);
  });
}

function score(row, words) {
  const [, page, title, text] = row.map((each) => each.toLowerCase());
  let sum = 0;
  for (const word of words) {
    const found =
      title === word ? 60
      : title.endsWith("." + word) || title.endsWith(" " + word) ? 40
      : title.startsWith(word) ? 30
      : title.includes(word) ? 15
      : page.includes(word) ? 6
      : text.includes(word) ? 2 : 0;
    if (!found) return 0;
    sum += found;
  }
  return sum;
}

function excerpt(text, words) {
  const at = Math.max(0, ...words.map((word) => text.toLowerCase().indexOf(word)));
  return (at > 30 ? "… " : "") + text.slice(Math.max(0, at - 30), at + 90);
}

function marked(element, text, words) {
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  for (const part of text.split(new RegExp(`(${escaped.join("|")})`, "i"))) {
    const hit = words.includes(part.toLowerCase());
    const node = document.createElement(hit ? "mark" : "span");
    node.textContent = part;
    element.append(node);
  }
}

async function search() {
  const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  hits.replaceChildren();
  chosen = -1;
  hits.hidden = !words.length;
  if (!words.length) return;
  const rows = (await loaded())
    .map((row) => [score(row, words), row])
    .filter(([points]) => points)
    .sort((a, b) => b[0] - a[0])
    .slice(0, 12);
  hits.replaceChildren();
  for (const [, [link, page, title, text]] of rows) {
    const item = document.createElement("li");
    const anchor = document.createElement("a");
    anchor.href = link;
    marked(anchor, title === page ? title : `${title} · ${page}`, words);
    const small = document.createElement("small");
    marked(small, excerpt(text, words), words);
    anchor.append(small);
    item.append(anchor);
    hits.append(item);
  }
  if (!rows.length) {
    const none = document.createElement("p");
    none.textContent = "Nothing has all of these words.";
    hits.append(none);
  }
}

query.addEventListener("input", search);
query.addEventListener("keydown", (event) => {
  const links = [...hits.querySelectorAll("a")];
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    chosen = (chosen + (event.key === "ArrowDown" ? 1 : -1) + links.length) % links.length;
    links.forEach((each, i) => each.classList.toggle("chosen", i === chosen));
    links[chosen]?.scrollIntoView({ block: "nearest" });
  } else if (event.key === "Enter" && links.length) {
    links[Math.max(chosen, 0)].click();
  } else if (event.key === "Escape") {
    query.value = "";
    search();
    query.blur();
  }
});
document.addEventListener("click", (event) => {
  if (!event.target.closest(".search") || event.target.closest("#hits a")) hits.hidden = true;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
    event.preventDefault();
    query.focus();
  }
});
const asked = new URLSearchParams(location.search).get("q");
if (asked) {
  query.value = asked;
  search();
}
