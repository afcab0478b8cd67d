// Rows that are chosen to do something with them: how many, and all of them at once.
const list = document.getElementById("live");
const told = document.querySelector("[data-chosen]");
const button = document.querySelector("[data-acknowledges]");

if (told && button) {
  list.addEventListener("change", (event) => {
    if (event.target.matches("[data-choose-all]")) {
      for (const box of boxes()) box.checked = event.target.checked;
    }
    tell();
  });
  document.addEventListener("htmx:after:swap", tell); // rows come and go
  tell();
}

function boxes() {
  return [...list.querySelectorAll("input[name=alarm]")];
}

function tell() {
  const chosen = boxes().filter((box) => box.checked).length;
  const text = chosen ? told.dataset.told.replace("%(num)s", chosen) : "";
  if (told.textContent !== text) told.textContent = text;
  button.disabled = chosen === 0;
}
