"""How the gallery looks: one style sheet within each page, allowed by its hash alone."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root{color-scheme:light dark;--ink:#16202b;--soft:#5b6b7b;--line:#d9e0e7;--card:#fff;
--page:#f4f6f8;--mark:#0b6bcb;--code:#eef2f6}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#97a5b4;--line:#2c3743;
--card:#161e27;--page:#0e141a;--mark:#6db3ff;--code:#0b1117}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main,header>div,footer{max-width:68rem;margin:0 auto;padding:0 1.25rem}
header{background:var(--card);border-bottom:1px solid var(--line)}
header>div{display:flex;flex-wrap:wrap;gap:1rem;align-items:center;padding-block:.9rem}
header a{color:inherit;text-decoration:none;font-weight:650;font-size:1.15rem}
form{flex:1;display:flex;gap:.5rem;max-width:30rem;margin-left:auto}
input,button{font:inherit;color:inherit;border:1px solid var(--line);border-radius:.5rem;
padding:.45rem .8rem;background:var(--page)}
input{flex:1;min-width:8rem}
button{cursor:pointer;background:var(--mark);border-color:var(--mark);color:var(--card)}
a{color:var(--mark)}
h1{font-size:1.6rem;margin:1.6rem 0 .3rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:0 0 .6rem}
.soft{color:var(--soft)}
.cards{display:grid;gap:1rem;padding:0;margin:1.4rem 0;list-style:none;
grid-template-columns:repeat(auto-fill,minmax(18rem,1fr))}
.card,section{background:var(--card);border:1px solid var(--line);border-radius:.8rem;
padding:1.1rem 1.2rem}
.card{display:flex;gap:.9rem;color:inherit;text-decoration:none;height:100%}
.card:hover{border-color:var(--mark)}
.card b{overflow-wrap:anywhere}
.card p{margin:.25rem 0 .5rem}
.logo{flex:none;width:3rem;height:3rem;border-radius:.6rem;object-fit:contain;display:grid;
place-items:center;font-size:1.4rem;font-weight:700;background:var(--code);color:var(--mark)}
.top{display:flex;gap:1rem;align-items:center;margin-top:1.4rem}
.top h1{margin:0}
.badge{display:inline-block;font-size:.78rem;border:1px solid var(--line);border-radius:1rem;
padding:.05rem .6rem;margin:0 .3rem .2rem 0;color:var(--soft)}
section{margin:1rem 0;overflow-wrap:anywhere}
pre,.pull{background:var(--code);border-radius:.5rem;padding:.7rem .9rem;overflow-x:auto;margin:0}
.pull{display:block;user-select:all}
code{font:.92em ui-monospace,monospace}
p code,li code{background:var(--code);border-radius:.3rem;padding:.1em .35em}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.4rem .8rem .4rem 0;border-top:1px solid var(--line)}
th{color:var(--soft);font-weight:500;border:0}
.wide{overflow-x:auto}
footer{padding-block:1.5rem 2.5rem;font-size:.88rem;color:var(--soft)}
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
"""Of every answer: no script, nothing from elsewhere, nobody's frame."""
