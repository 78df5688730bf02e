"""How the pages look: colours for light, dark and print, and the style sheet."""

from __future__ import annotations

from collections.abc import Mapping

LIGHT = {
    "ground": "#ffffff",
    "panel": "#f4f6f8",
    "ink": "#15181c",
    "muted": "#4f5864",
    "grid": "#d5dae1",
    "warn": "#fff3d1",
    "edge": "#9a6a00",
    "wrong": "#ffd5c9",
    "series-1": "#0063a6",
    "series-2": "#c24e00",
    "series-3": "#00775a",
    "series-4": "#98407f",
    "series-5": "#7d6200",
    "series-6": "#5a6570",
}
"""CSS variables by name. The series are told apart with any kind of colour blindness (after Okabe and Ito, darkened
until they stand out from white by 4.5 to 1)."""
DARK = {
    "ground": "#13161a",
    "panel": "#1c2026",
    "ink": "#e9ebee",
    "muted": "#a9b2bd",
    "grid": "#363d47",
    "warn": "#352a0f",
    "edge": "#d9a53a",
    "wrong": "#71290f",
    "series-1": "#66b3f0",
    "series-2": "#f5935a",
    "series-3": "#43c9a0",
    "series-4": "#e59cd2",
    "series-5": "#d9c04f",
    "series-6": "#adb6c1",
}


def _variables(colours: Mapping[str, str]) -> str:
    return ":root{" + ";".join(f"--{name}:{value}" for name, value in colours.items()) + "}"


CSS = f"""
{_variables(LIGHT)}
@media (prefers-color-scheme:dark){{{_variables(DARK)}}}
""" + (
    """
:root{color-scheme:light dark}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
main{max-width:1180px;margin:0 auto;padding:1.5rem 1.25rem 4rem}
h1,h2,h3{line-height:1.25;text-wrap:balance}
h1{font-size:1.9rem;margin:.5rem 0 .25rem}
h2{font-size:1.4rem;margin:3rem 0 .75rem;padding-top:1rem;border-top:2px solid var(--grid)}
h3{font-size:1.05rem;margin:1.5rem 0 .5rem}
p{max-width:75ch;margin:.5rem 0}
a{color:var(--series-1)}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--series-1);outline-offset:2px}
.lead{font-size:1.1rem;color:var(--muted)}
.verdict{font-size:1.1rem}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;padding:0}
.notes{background:var(--warn);border-left:5px solid var(--edge);padding:.75rem 1rem;margin:1rem 0}
.notes h2{font-size:1.05rem;margin:0;padding:0;border:0}
.notes ul{margin:.4rem 0 0;padding-left:1.2rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,15rem),1fr));gap:1rem;margin:1.25rem 0}
.tile{background:var(--panel);border:1px solid var(--grid);border-radius:.4rem;padding:.9rem 1rem}
.tile strong{display:block;font-size:2rem;line-height:1.2;font-variant-numeric:tabular-nums}
.tile span{display:block;color:var(--muted);font-size:.92rem}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.25rem 1.25rem;margin:1rem 0}
dt{color:var(--muted)}
dd{margin:0}
code{font:.92em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
details{margin:1rem 0}
summary{cursor:pointer;color:var(--series-1)}
.parts{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));grid-auto-flow:dense;gap:1.75rem 2rem;
align-items:start}
.parts>*{min-width:0}
.wide{grid-column:1/-1}
figure{margin:0}
figure.wide{max-width:46rem}
figure>svg,.scroll>svg{display:block;width:100%;height:auto;stroke-linejoin:round;stroke-linecap:butt}
figcaption{font-size:.95rem;color:var(--muted);max-width:68ch;margin-top:.4rem}
figcaption strong{color:var(--ink);display:block}
.scroll{overflow-x:auto;margin:0 0 .5rem;max-width:100%}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.25rem 0}
caption span{position:sticky;left:0;display:inline-block;max-width:min(70ch,calc(100vw - 2.5rem))}
th,td{padding:.3rem .55rem;border-bottom:1px solid var(--grid);text-align:left;vertical-align:top;overflow-wrap:normal}
thead th,thead td{border-bottom:2px solid var(--muted);vertical-align:bottom}
tbody th{font-weight:400}
.word{white-space:nowrap}
tbody .long{min-width:11rem}
th:first-child,thead td:first-child{padding-left:0}
.number{text-align:right}
tbody .number{white-space:nowrap}
.below{font-size:.9rem;color:var(--muted)}
.sheet{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,16rem),1fr));gap:1.25rem}
.sheet>div{min-width:0}
.row{display:grid;margin-top:.25rem;grid-template-columns:3.2rem minmax(0,1fr);gap:.15rem .5rem;align-items:center;
font-size:.85rem}
.row img{width:100%;display:block;image-rendering:pixelated;border:1px solid var(--grid)}
.row>span:first-child{color:var(--muted)}
.row code{font-size:1.15rem;letter-spacing:.08em}
mark{background:var(--wrong);color:var(--ink);text-decoration:underline;text-decoration-thickness:2px}
footer{margin-top:3rem;color:var(--muted);font-size:.9rem}
@media screen and (max-width:1000px){
.parts{grid-template-columns:minmax(0,1fr)}
figure{max-width:38rem}
}
@media screen and (max-width:760px){
main{padding:1rem .9rem 3rem}
h1{font-size:1.5rem}
dl{grid-template-columns:minmax(0,1fr);gap:0}
dd{margin-bottom:.6rem}
.scroll>svg{min-width:34rem}
.sheet{grid-template-columns:repeat(2,minmax(0,1fr));gap:1rem .75rem}
.row{grid-template-columns:2.2rem minmax(0,1fr);font-size:.8rem}
.row code{font-size:1rem}
caption span{max-width:calc(100vw - 1.8rem)}
}
@media print{
"""
    + _variables(LIGHT)
    + """
:root{color-scheme:light}
@page{margin:14mm}
body{font-size:10.5pt;print-color-adjust:exact;-webkit-print-color-adjust:exact}
main{max-width:none;padding:0}
nav{display:none}
h2,h3,h4,caption{break-after:avoid}
figure,.part,.tile,.notes,.sheet>div,tr{break-inside:avoid}
.parts{gap:1rem 1.2rem}
.sheet{grid-template-columns:repeat(4,minmax(0,1fr));gap:.6rem}
.row{grid-template-columns:2.2rem minmax(0,1fr);font-size:8pt}
.tiles{grid-template-columns:repeat(4,minmax(0,1fr));gap:.5rem}
.tile strong{font-size:1.5rem}
details{font-size:8pt}
dl{gap:0 1rem}
details dl{grid-template-columns:max-content minmax(0,1fr) max-content minmax(0,1fr)}
figure.wide{max-width:12cm}
.scroll{overflow:visible}
table{font-size:8.5pt}
th,td{padding:.15rem .5rem}
thead{display:table-header-group}
thead th{white-space:normal}
summary{list-style:none;color:var(--muted)}
details::details-content{content-visibility:visible;block-size:auto}
}
"""
)
