"""`/docs`: the OpenAPI document as a page one can try, from files shipped in the `swagger-ui-bundle` package.

Nothing is fetched from elsewhere and no script stands in the page, so its policy allows neither. The document itself is
`/openapi.json`. Knows no route.
"""

from importlib.resources import files

import swagger_ui_bundle
from fastapi import APIRouter, Depends
from starlette.responses import FileResponse, HTMLResponse

from undertone.errors import NotFound
from undertone.server.auth import anyone

router = APIRouter(include_in_schema=False, dependencies=[Depends(anyone)])

OURS = files("undertone.server") / "static"
THEIRS = swagger_ui_bundle.swagger_ui_path
FILES = {
    "swagger-ui.css": THEIRS,
    "swagger-ui-bundle.js": THEIRS,
    "favicon-32x32.png": THEIRS,
    "docs.css": OURS,
    "docs.js": OURS,
}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Swagger UI sets styles on elements, hence 'unsafe-inline' for styles; for scripts there is no exception."""

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Undertone API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/docs/docs.css">
<main id="api"><p>This page needs JavaScript. The plain document is <a href="/openapi.json">openapi.json</a>.</p></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script type="module" src="/docs/docs.js"></script>
</html>
"""


@router.get("/docs")
async def page() -> HTMLResponse:
    """The page."""
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"})


@router.get("/docs/{name}")
async def file(name: str) -> FileResponse:
    """One of the page's files."""
    if name not in FILES:
        raise NotFound(f"The API page has no file {name!r}.")
    return FileResponse(str(FILES[name] / name), headers={"Cache-Control": "public, max-age=3600"})
