// Says when what is on the screen is no longer fresh, and takes it back when it is again.
export function isFresh(fresh) {
  document.body.classList.toggle("is-stopped", !fresh);
}

// Any answer's refusal while polling means the same: 401 has the sign-in page ask again.
export function heard(status) {
  if (status === 401) location.reload();
  isFresh(status < 400);
}

export function watchConnection() {
  // Nobody looks: do not ask. The next poll after coming back does.
  document.addEventListener("htmx:before:request", (event) => {
    if (document.hidden) event.preventDefault();
  });
  document.addEventListener("htmx:after:request", (event) => {
    const answer = event.detail?.ctx?.response;
    if (answer) heard(answer.status);
    if (answer?.status >= 400) tellFailed(event.target);
  });
  document.addEventListener("htmx:error", (event) => {
    isFresh(false);
    tellFailed(event.target);
  });
}

// A part that has shown nothing yet says that it could not be looked up, not that it still is.
function tellFailed(part) {
  for (const box of part?.querySelectorAll?.(".loading") ?? []) {
    box.classList.add("failed");
    box.firstElementChild.textContent = box.dataset.failed;
  }
}
