// Puts what the server says into the page. Without this script the page is whole, and stands still.
import { Charts } from "./charts.js";

const SENT = { Accept: "application/json" };
const charts = new Charts(document.querySelectorAll(".chart"));
const connection = document.getElementById("connection");

// The server's templates have escaped all that comes from a record; the page's policy runs no
// script that a text could hold.
function show(id, html) {
  const part = document.getElementById(id);
  if (!part) return;
  const scrolled = [...part.querySelectorAll(".scrolls, .sent")].map((each) => each.scrollTop);
  const focused = part.contains(document.activeElement) ? focusOf(part) : -1;
  const template = document.createElement("template");
  template.innerHTML = html;
  part.replaceChildren(template.content);
  part.querySelectorAll(".scrolls, .sent").forEach((each, n) => { each.scrollTop = scrolled[n] ?? 0; });
  if (focused >= 0) focusable(part)[focused]?.focus({ preventScroll: true });
}

const focusable = (part) => [...part.querySelectorAll("a, button, [tabindex]")];
const focusOf = (part) => focusable(part).indexOf(document.activeElement);

function listen() {
  const events = new EventSource("/events");
  events.addEventListener("part", (event) => {
    const { name, html } = JSON.parse(event.data);
    show(name, html);
  });
  events.addEventListener("points", (event) => charts.add(JSON.parse(event.data)));
  events.addEventListener("open", () => {
    connection.textContent = "";
    document.body.dataset.live = "yes";
  });
  events.addEventListener("error", () => {
    connection.textContent = "· not connected: the figures stand still";
    document.body.dataset.live = "no";
  });
}

async function submit(form, button, told) {
  const body = new URLSearchParams(new FormData(form, button));
  button?.setAttribute("aria-busy", "true");
  told.textContent = "";
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: SENT });
    if (answer.ok) return await answer.json();
    told.textContent = (await answer.text()).trim();
  } catch {
    told.textContent = "no answer: does `payments live` still run?";
  } finally {
    button?.removeAttribute("aria-busy");
  }
  return null;
}

function onSubmit(id, done) {
  const form = document.getElementById(`${id}-form`);
  const told = document.getElementById(`${id}-told`);
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    form.closest("dialog")?.close();
    done(await submit(form, event.submitter, told));
  });
}

const id = document.getElementById("send-id");
onSubmit("send", (found) => { if (found) id.value = found.id ?? ""; });
onSubmit("kill", () => {});
onSubmit("prove", () => {});

document.getElementById("look-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const asked = new URLSearchParams(new FormData(event.target));
  const place = document.getElementById("answer");
  try {
    const answer = await fetch(`/look-up?${asked}`);
    if (answer.ok) show("answer", await answer.text());
    else place.textContent = (await answer.text()).trim();
  } catch {
    place.textContent = "no answer: does `payments live` still run?";
  }
});

for (const button of document.querySelectorAll("[data-opens]")) {
  button.addEventListener("click", () => document.getElementById(button.dataset.opens).showModal());
}
for (const button of document.querySelectorAll("[data-closes]")) {
  button.addEventListener("click", () => document.getElementById(button.dataset.closes).close());
}
listen();
