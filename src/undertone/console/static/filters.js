// Filters that apply as they are chosen, countries by their names, and the way back to the list as it was.

const names = new Intl.DisplayNames(undefined, { type: "region", fallback: "code" });

/** Put a country's name where its code stands. */
export function country(root) {
  for (const place of root.querySelectorAll("[data-country]")) {
    try {
      place.textContent = names.of(place.dataset.country);
    } catch {
      // no country has this code: it stays as it is
    }
  }
}

country(document);

const form = document.getElementById("filters");
if (form) {
  form.querySelector("[data-apply]").hidden = true;
  for (const field of form.elements) {
    if ((field.value && field.type !== "hidden") && field.name) field.classList.add("set");
    field.addEventListener("change", () => form.requestSubmit());
  }
  form.addEventListener("submit", () => {
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
  });
  // Coming back, the browser may show a disabled field as it left it.
  window.addEventListener("pageshow", () => {
    for (const field of form.elements) field.disabled = false;
  });
}

const back = document.querySelector("[data-back]");
if (back && document.referrer) {
  const from = new URL(document.referrer);
  if (from.origin === location.origin && from.pathname === "/console/sessions") back.href = from.href;
}
