"use strict";
(() => {
  const form = document.querySelector(".filters");
  const cards = [...document.querySelectorAll("details.question")];
  const count = document.getElementById("count");
  const none = document.getElementById("none");
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const texts = new Map();
  const textOf = (card) => {
    if (!texts.has(card)) texts.set(card, fold(`${card.id} ${card.dataset.tags} ${card.textContent}`));
    return texts.get(card);
  };
  const tests = {
    state: (card, wanted) => card.dataset.state === wanted,
    expected: (card, wanted) => card.dataset.expected === wanted,
    got: (card, wanted) => card.dataset.got === wanted,
    lang: (card, wanted) => card.dataset.lang === wanted,
    document: (card, wanted) => card.dataset.document.split(" ").includes(wanted),
    words: (card, wanted) => fold(wanted).split(/\s+/).every((word) => textOf(card).includes(word)),
  };

  function apply() {
    const wanted = Object.keys(tests).map((name) => [tests[name], form.elements[name].value.trim()]).filter(([, value]) => value);
    let shown = 0;
    for (const card of cards) {
      card.hidden = !wanted.every(([test, value]) => test(card, value));
      shown += card.hidden ? 0 : 1;
    }
    count.textContent = `${shown} of ${cards.length} questions`;
    none.hidden = shown > 0;
  }

  function toggle(open) {
    for (const card of cards) if (!card.hidden) card.open = open;
  }

  // A link into a closed card, or into one that a filter hides, must still lead there.
  function reveal() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const card = target && target.closest("details.question");
    if (!card) return;
    card.hidden = false;
    card.open = true;
    target.scrollIntoView();
  }

  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  document.getElementById("open").addEventListener("click", () => toggle(true));
  document.getElementById("close").addEventListener("click", () => toggle(false));
  for (const link of document.querySelectorAll(".matrix a")) {
    link.addEventListener("click", () => {
      form.reset();
      form.elements.expected.value = link.dataset.expected;
      form.elements.got.value = link.dataset.got;
      apply();
    });
  }
  addEventListener("hashchange", reveal);
  apply();
  reveal();
})();
