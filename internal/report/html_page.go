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
</style></head><body>{{end}}

{{define "server"}}<p class="dim">{{.Database}}, PostgreSQL {{.VersionNum}}{{if .Offline}}, read from a file{{end}}</p>{{end}}

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
<table><thead><tr><th>severity</th><th>id</th><th>object</th><th>finding</th><th>repair</th></tr></thead><tbody>
{{range .Findings}}<tr><td class="{{.Severity}}">{{.Severity}}</td><td>{{.ID}}</td><td><code>{{.Object}}</code></td><td>{{.Title}}. {{.Detail}}{{with .Accepted}}<br><span class="dim">accepted by {{.By}} until {{.Until}}: {{.Reason}}</span>{{end}}</td><td>{{with .Fix}}{{if .SQL}}<pre>{{.SQL}}</pre>{{end}}{{end}}</td></tr>
{{end}}</tbody></table>
{{if .Unchecked}}<h2>Unchecked</h2><table><tbody>{{range .Unchecked}}<tr><td>{{.Rule}}</td><td><code>{{.Object}}</code></td><td>{{.Why}}</td></tr>{{end}}</tbody></table>{{end}}
</body></html>
{{end}}`
