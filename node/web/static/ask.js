// Asks without leaving the page: sources first, then the answer as it is
// written. Without this script the form loads /ask, which says the same. What
// comes from documents is only ever set as text, never as HTML.
"use strict";
(function () {
  const form = document.getElementById("ask");
  if (!form || !window.fetch || !window.ReadableStream || !window.TextDecoder || !window.AbortController) return;
  const words = form.dataset;
  const input = document.getElementById("q");
  const button = form.querySelector("button");
  const result = document.getElementById("result");
  const ready = document.getElementById("ready");
  const examples = document.getElementById("examples");
  let current = null; // what ends the question being answered
  let shown = location.pathname + location.search;

  form.addEventListener("submit", function (event) {
    event.preventDefault();
    const question = input.value.trim();
    if (question) ask(question);
  });
  if (examples) examples.addEventListener("click", function (event) {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    input.value = link.textContent;
    ask(link.textContent);
  });
  window.addEventListener("popstate", function () { // also fired by links to a source
    if (location.pathname + location.search !== shown) location.reload();
  });

  function element(parent, name, text, className) {
    const e = document.createElement(name);
    if (text) e.textContent = text;
    if (className) e.className = className;
    parent.append(e);
    return e;
  }

  function section(title, className) {
    const s = element(result, "section", "", className);
    const h = element(s, "h2", title);
    h.id = className + "-title";
    s.setAttribute("aria-labelledby", h.id);
    return s;
  }

  // chosen tells whether a box of the form is ticked.
  function chosen(name) {
    const box = form.elements[name];
    return !!box && box.checked;
  }

  async function ask(question) {
    if (current) current.abort();
    const mine = current = new AbortController();
    const address = "/ask?q=" + encodeURIComponent(question) + (chosen("private") ? "&private=1" : "") + (chosen("mesh") ? "&mesh=1" : "");
    history.pushState(null, "", address);
    shown = location.pathname + location.search;
    document.title = question + " · " + words.title;
    ready.textContent = "";
    result.hidden = false;
    result.replaceChildren();
    if (examples) examples.hidden = true;
    element(result, "h1", question);
    const state = element(result, "p", words.searching, "note");
    button.disabled = true;
    const view = { state: state, text: null, answer: null, sources: 0, done: false };
    try {
      const response = await fetch("/api/savoirs/v1/ask", {
        method: "POST", signal: mine.signal,
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ text: question, private: chosen("private"), mesh: chosen("mesh") }),
      });
      if (!response.ok) { location.replace(address); return; } // that page has the words
      await lines(response.body, function (line) { step(view, line); });
      if (!view.done) throw new Error("cut");
    } catch (error) {
      if (mine.signal.aborted) return;
      if (!view.answer) { location.replace(address); return; }
      fail(view);
    } finally {
      if (current === mine) { current = null; button.disabled = false; }
    }
  }

  // lines calls take with each JSON value of a stream, one a line.
  async function lines(body, take) {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const chunk = await reader.read();
      rest += decoder.decode(chunk.value || new Uint8Array(), { stream: !chunk.done });
      const whole = rest.split("\n");
      rest = whole.pop();
      for (const text of whole) if (text.trim()) take(JSON.parse(text));
      if (chunk.done) return;
    }
  }

  function step(view, line) {
    if (line.error) throw new Error(line.error.code);
    if (line.result) { finish(view, line.result); return; }
    if (!line.event) return;
    if (line.event.event === "early") view.state.textContent = words.asking;
    if (line.event.event === "sources") showSources(view, line.event.sources || [], line.event.asked || []);
    if (line.event.event === "text") {
      answerText(view).append(line.event.text);
      view.state.hidden = true;
    }
  }

  function showSources(view, sources, asked) {
    view.sources = sources.length;
    const s = section(words.sources, "sources");
    const list = sources.length ? element(s, "ol") : element(s, "p", words.nothing);
    for (const source of sources) {
      const p = source.passage;
      const item = element(list, "li");
      item.id = "s" + source.n;
      const details = element(item, "details");
      details.open = words.open === "all" || source.n === 1;
      const summary = element(details, "summary");
      element(summary, "span", "[" + source.n + "]", "n");
      summary.append(" ");
      const where = element(summary, "span", (p.title || p.doc) + (p.heading ? " · " + p.heading : ""), "where");
      if (p.page) summary.append(" · " + words.page.replace("%", p.page));
      if (p.from) summary.append(" · " + words.from.replace("%", function () { return who(p.from); }) + (p.from.verified ? "" : " · " + words.unverified));
      if (p.title) element(summary, "span", p.doc, "doc");
      const text = element(details, "blockquote", p.text);
      if (p.lang) where.lang = text.lang = p.lang;
      if (source.orders) element(details, "p", words.orders, "note");
      if (p.set && !p.from) {
        const open = element(element(details, "p"), "a", words.read, "open");
        open.href = "/passages/" + encodeURIComponent(p.set) + "/" + p.n + "#passage";
      }
    }
    if (asked.length) element(s, "p", words.asked.replace("%", function () {
      return asked.map(function (a) { return who(a) + " (" + words[a.outcome === "private" ? "kept" : a.outcome] + ")"; }).join(", ");
    }), "note asked");
    view.answer = section(words.answer, "answer");
    view.state.textContent = words.writing;
    view.answer.append(view.state);
  }

  // who names another node as the page without this script does.
  function who(node) { return node.name || node.peer.slice(-6); }

  function answerText(view) {
    if (!view.text) {
      view.text = document.createElement("p");
      view.text.className = "text";
      view.answer.insertBefore(view.text, view.state);
    }
    return view.text;
  }

  function finish(view, answer) {
    view.done = true;
    view.state.remove();
    if (answer.text) cite(answerText(view), answer);
    if (answer.known && !answer.text) element(view.answer, "p", words.noModel, "note");
    if (!answer.known && view.sources) element(view.answer, "p", words.nearest, "note");
    for (const doubt of answer.doubts || [])
      if (!places.includes(doubt.kind)) element(view.answer, "p", doubt.kind === "quote" ? words.quote.replace("%", function () { return doubt.text; }) : doubt.kind === "language" ? words.otherLanguage : words.unchecked, "note");
    if ((answer.doubts || []).some(function (doubt) { return doubt.end > 0; })) element(view.answer, "p", words.doubtful, "note");
    if (answer.kept) element(view.answer, "p", words.before + (answer.kept.at ? " " + new Date(answer.kept.at).toLocaleString(document.documentElement.lang) : ""), "note");
    ready.textContent = words.ready;
  }

  // Kinds of doubt that are told by their mark in the text.
  const places = ["sentence", "figure"];

  // cite writes the answer with its doubts marked and its [n] leading to the sources. Places are in bytes.
  function cite(into, answer) {
    into.replaceChildren();
    if (answer.lang) into.lang = answer.lang;
    const bytes = new TextEncoder().encode(answer.text.trimEnd());
    const text = function (from, to) { return new TextDecoder().decode(bytes.subarray(from, to)); };
    let at = 0;
    for (const doubt of answer.doubts || []) {
      if (doubt.start < at || doubt.end <= doubt.start) continue;
      link(into, answer, text(at, doubt.start));
      const mark = element(into, "mark", "", "doubt");
      link(mark, answer, text(doubt.start, doubt.end));
      element(mark, "span", " (" + words.check + ")", "check");
      at = doubt.end;
    }
    link(into, answer, text(at));
  }

  function link(into, answer, text) {
    for (const piece of text.split(/(\[[0-9]{1,3}\])/)) {
      const n = /^\[[0-9]+\]$/.test(piece) ? Number(piece.slice(1, -1)) : 0;
      if (n < 1 || n > (answer.sources || []).length) { into.append(piece); continue; }
      element(into, "a", piece, "cite").href = "#s" + n;
    }
  }

  function fail(view) {
    view.state.hidden = false;
    view.state.textContent = words.failed;
    ready.textContent = words.failed;
  }

  // A link to a source opens its passage.
  function openTarget() {
    const target = /^#s[0-9]+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    const details = target && target.querySelector("details");
    if (details) details.open = true;
  }
  window.addEventListener("hashchange", openTarget);
})();
