package report

// htmlPage holds the page's templates. Colour only underlines what the words say already.
const htmlPage = `{{define "head"}}<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Ringfence: {{.}}</title>
<style>
:root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--soft:#f3f5f7;--line:#d5dbe1;--good:#116329;--bad:#a40e26;--warn:#7d4e00;--dim:#57606a}
@media (prefers-color-scheme:dark){:root{--fg:#e6edf3;--bg:#0d1117;--soft:#161b22;--line:#30363d;--good:#56d364;--bad:#ff7b72;--warn:#e3b341;--dim:#8b949e}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);margin:2rem auto;max-width:72rem;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}code,pre{font:13px/1.45 ui-monospace,monospace}
pre{background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:.6rem;white-space:pre-wrap;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}th,td{border-bottom:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top}
td.v{text-align:center;font-weight:700}.proved,.probed{color:var(--good)}.leak,.critical,.high{color:var(--bad)}.unproven,.medium{color:var(--warn)}.dim{color:var(--dim)}
article{border:1px solid var(--line);border-left:4px solid var(--bad);border-radius:6px;padding:.6rem 1rem;margin:.8rem 0}
ol.path{display:flex;flex-wrap:wrap;align-items:center;list-style:none;padding:0;margin:.4rem 0;gap:.2rem}
ol.path li{display:flex;align-items:center;gap:.2rem}ol.path b{background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:.15rem .5rem;font-weight:600;overflow-wrap:anywhere}
ol.path small{color:var(--dim)}
.wide{overflow-x:auto}thead th{background:var(--soft);border-bottom:2px solid var(--line)}td{overflow-wrap:break-word}td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
details{border:1px solid var(--line);border-left:4px solid var(--line);border-radius:6px;margin:.6rem 0;padding:.3rem .8rem}summary{cursor:pointer;font-weight:600}
details.critical,details.high{border-left-color:var(--bad)}details.medium{border-left-color:var(--warn)}details td,details th,details p,details pre{color:var(--fg)}
summary b{display:inline-block;min-width:5rem;text-transform:uppercase;font-size:.8rem}
@media print{:root{color-scheme:light;--fg:#000;--bg:#fff;--soft:#f3f5f7;--line:#bbb;--good:#116329;--bad:#a40e26;--warn:#7d4e00;--dim:#444}body{max-width:none;margin:0;font-size:11px}
code,pre{font-size:9px}.wide{overflow:visible}tr,article{break-inside:avoid}thead{display:table-header-group}h2{break-after:avoid}details::details-content{content-visibility:visible;block-size:auto}}
</style></head><body>{{end}}

{{define "server"}}<p class="dim">{{.Database}}, PostgreSQL {{version .VersionNum}}{{if .Offline}}, read from a file{{end}}</p>{{end}}

{{define "prove"}}{{template "head" "proof"}}<h1>Ringfence: every way to a row</h1>
{{template "server" .Server}}
<p>Isolation: <span class="proved">{{.Summary.Isolation.Proved}} proved</span>, <span class="probed">{{.Summary.Isolation.Probed}} probed</span>,
<span class="leak">{{.Summary.Isolation.Leak}} leak</span>, <span class="unproven">{{.Summary.Isolation.Unproven}} unproven</span>.
Inference: {{.Summary.Inference.Proved}} proved, {{.Summary.Inference.Probed}} probed, {{.Summary.Inference.Leak}} leak, {{.Summary.Inference.Unproven}} unproven.
Accepted: {{.Summary.Accepted}}.</p>
<h2>Tables and commands</h2>
<p class="dim">The worst verdict of each: P proved, H held under attack, L leak, U unproven; lower case: accepted.</p>
<table><thead><tr><th scope="col">table</th>{{range .Columns}}<th scope="col">{{.}}</th>{{end}}</tr></thead><tbody>
{{range .Rows}}<tr><th scope="row"><code>{{.Table}}</code></th>{{range .Squares}}<td class="v {{.Verdict}}" title="{{.Verdict}}">{{.Letter}}</td>{{end}}</tr>
{{end}}</tbody></table>
{{if .Leaks}}<h2>Leaks</h2>
{{range .Leaks}}<article><ol class="path">{{range $i, $s := stations .}}<li><b title="{{$s.Kind}}">{{$s.Name}}</b>{{if $s.Via}}<small>{{$s.Via}} →</small>{{end}}</li>{{end}}</ol>
<p>{{.Why}}</p>{{with .Witness}}<p class="dim">Row {{values .Row}} in the context {{values .Context}}; executed: {{.Executed}}.</p>
{{if .Statement}}<pre>{{.Statement}}</pre>{{end}}{{if .Evaluated}}<pre>{{.Evaluated}}</pre>{{end}}{{end}}</article>
{{end}}{{end}}
{{if .Unproven}}<h2>Unproven</h2><table><thead><tr><th>role</th><th>table</th><th>command</th><th>why</th><th>what would make it provable</th></tr></thead><tbody>
{{range .Unproven}}<tr><td>{{.Role}}</td><td><code>{{.Relation}}</code></td><td>{{variant .}}</td><td>{{.Why}}</td><td>{{.Makes}}</td></tr>
{{end}}</tbody></table>{{end}}
{{if .Accepted}}<h2>Accepted</h2><table><thead><tr><th>role</th><th>table</th><th>command</th><th>verdict</th><th>reason</th><th>by</th><th>until</th></tr></thead><tbody>
{{range .Accepted}}<tr><td>{{.Role}}</td><td><code>{{.Relation}}</code></td><td>{{variant .}}</td><td>{{.Verdict}}</td><td>{{.Accepted.Reason}}</td><td>{{.Accepted.By}}</td><td>{{.Accepted.Until}}</td></tr>
{{end}}</tbody></table>{{end}}
{{if .Notes}}<h2>Notes</h2><ul>{{range .Notes}}<li>{{.}}</li>{{end}}</ul>{{end}}
</body></html>
{{end}}

{{define "audit"}}{{template "head" "audit"}}<h1>Ringfence: audit</h1>
{{template "server" .Server}}
<p><strong>{{.Totals}}</strong></p>
<p class="dim">Tenant key {{words .Model.TenantColumns}}; context {{words .Model.Contexts}}; tables: {{words .Classes}}.</p>
{{range .Groups}}{{$f := index . 0}}<details class="{{$f.Severity}}"{{if grave $f.Severity}} open{{end}}><summary class="{{$f.Severity}}"><b>{{$f.Severity}}</b> {{$f.ID}} {{$f.Title}}{{if gt (len .) 1}} ({{len .}}){{end}}</summary>
{{with example .}}{{if .SQL}}<p>To mend it, as for the first:</p><pre>{{.SQL}}</pre>{{else}}<p>To mend it: {{.Why}}.</p>{{end}}
{{end}}<table><thead><tr><th scope="col">object</th><th scope="col">what and who</th></tr></thead><tbody>
{{range sites .}}<tr><td>{{range $i, $o := .Objects}}{{if $i}}, {{end}}<code>{{soft $o}}</code>{{end}}</td><td>{{.Detail}}{{with .Way}}<br><span class="dim">{{.}}</span>{{end}}</td></tr>
{{end}}</tbody></table></details>
{{else}}<p class="proved">Nothing found.</p>
{{end}}
{{if .Accepted}}<h2>Accepted</h2><table><thead><tr><th>id</th><th>object</th><th>finding</th><th>by</th><th>until</th><th>reason</th></tr></thead><tbody>
{{range .Accepted}}<tr><td>{{.ID}}</td><td><code>{{.Object}}</code></td><td>{{.Title}}</td><td>{{.Accepted.By}}</td><td>{{.Accepted.Until}}</td><td>{{.Accepted.Reason}}</td></tr>
{{end}}</tbody></table>{{end}}
{{if .Unchecked}}<h2>Unchecked</h2><table><tbody>{{range .Unchecked}}<tr><td>{{.Rule}}</td><td><code>{{.Object}}</code></td><td>{{.Why}}</td></tr>{{end}}</tbody></table>{{end}}
</body></html>
{{end}}

{{define "sheet"}}{{template "head" .Title}}<h1>{{.Title}}</h1>
{{range .Parts}}{{with .Table}}{{if .Title}}<h2>{{.Title}}</h2>
{{end}}{{if .Rows}}<div class="wide"><table><thead><tr>{{range .Head}}<th scope="col">{{.}}</th>{{end}}</tr></thead><tbody>
{{range .Rows}}<tr>{{range .}}<td{{if number .}} class="n"{{end}}>{{range $i, $l := lines .}}{{if $i}}<br>{{end}}{{soft $l}}{{end}}</td>{{end}}</tr>
{{end}}</tbody></table></div>
{{end}}{{else}}<p>{{.Line}}</p>
{{end}}{{end}}</body></html>
{{end}}`
