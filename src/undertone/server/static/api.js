// The engine's API from this page: JSON calls, and refusals as `Problem` with a sentence that can be shown.

export class Problem extends Error {
  constructor(document) {
    super(document.detail || document.title || "Something went wrong. Try again.");
    this.status = document.status ?? 0;
    this.code = document.code ?? "unknown";
    this.document = document;
  }
}

/** fetch with our headers. Throws Problem for refusals and TypeError when the server cannot be reached. */
export async function send(method, path, body, headers = {}, signal) {
  const response = await fetch(path, {
    method,
    signal,
    headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) throw new Problem(await problemOf(response));
  return response;
}

async function problemOf(response) {
  const text = await response.text();
  try {
    return { status: response.status, ...JSON.parse(text) };
  } catch {
    return { status: response.status, detail: `The server answered ${response.status}. Try again in a moment.` };
  }
}

async function call(method, path, body) {
  const response = await send(method, path, body);
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);
export const put = (path, body) => call("PUT", path, body);
export const patch = (path, body) => call("PATCH", path, body);
export const remove = (path) => call("DELETE", path);

/** A sentence for a person, whatever was thrown. */
export function sentence(error) {
  if (error instanceof Problem) return error.message;
  return "The server cannot be reached. Check that it runs, then try again.";
}
