/* SPDX-License-Identifier: MIT */
/* The page's style sheet: one column, in the reader's own letters; what is too wide scrolls in a box of its own. */
#include "look.h"

const char page_styles[] =
	":root{color-scheme:light dark;--ink:#17191b;--faint:#5c6166;--paper:#fff;--line:#d5d9dd;--box:#f3f5f7;"
	"--alarm:#8a3b00;--alarm-box:#fff1e2}\n"
	"@media (prefers-color-scheme:dark){:root{--ink:#e4e6e8;--faint:#a3a9af;--paper:#15181b;--line:#383e44;"
	"--box:#20252a;--alarm:#ffc48c;--alarm-box:#3a2716}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0 auto;max-width:60rem;padding:1rem 1.25rem 3rem;background:var(--paper);color:var(--ink);"
	"font:16px/1.5 system-ui,sans-serif;overflow-wrap:break-word}\n"
	"h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.25rem;margin:2.5rem 0 .5rem;padding-top:1rem;"
	"border-top:1px solid var(--line)}h4{font-size:1rem;margin:1.25rem 0 .25rem}\n"
	"pre{background:var(--box);padding:.6rem .8rem;border-radius:6px;white-space:pre-wrap;margin:.5rem 0}\n"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.75rem 0}"
	"dt{color:var(--faint)}dd{margin:0}\n"
	"@media (max-width:40rem){dl{grid-template-columns:1fr}dd{margin-bottom:.35rem}}\n"
	".warning{background:var(--alarm-box);color:var(--alarm);padding:.4rem .8rem;border-radius:6px;"
	"margin:.4rem 0}ul.warning{list-style:none}\n"
	"figure{margin:1.25rem 0}figcaption{font-weight:600}\n"
	"svg{display:block;width:100%;height:auto}svg.narrow{display:none}\n"
	"@media (max-width:40rem){svg.wide{display:none}svg.narrow{display:block}body{padding:.75rem .75rem 2rem}}\n"
	".scroll{overflow-x:auto;max-width:100%}\n"
	"table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem;white-space:nowrap}\n"
	"th,td{padding:.2rem .7rem;text-align:right;border-bottom:1px solid var(--line)}"
	"th{text-align:left;font-weight:600}thead th{color:var(--faint);font-weight:500;vertical-align:bottom}"
	"thead th:not(:first-child){text-align:right}tbody th+th{text-align:left}small{color:var(--faint)}\n"
	"summary{cursor:pointer;font-weight:600;margin-top:1rem}footer{color:var(--faint);margin-top:2.5rem}\n";
