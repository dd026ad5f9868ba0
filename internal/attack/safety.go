package attack

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// outward are extensions whose functions reach beyond the database's transactions: what they do is not rolled back.
var outward = []string{"dblink", "http", "pg_net", "pg_background", "pg_cron", "aws_lambda", "aws_s3", "aws_commons", "plproxy", "pgsql_http",
	"pg_curl", "pg_amqp", "pgmq", "adminpack", "orafce"}

// outwardWords are texts of a function's body that do what a rollback does not undo: other servers, files, other sessions,
// sequences set back, session locks, replication slots, statistics.
var outwardWords = []string{"dblink", "http_post", "http_get", "lo_export", "pg_file_write", "pg_terminate_backend", "pg_cancel_backend",
	"pg_advisory_lock", "pg_try_advisory_lock", "replication_slot", "pg_logical_emit_message", "pg_stat_reset",
	"pg_stat_statements_reset", "pg_reload_conf", "pg_switch_wal", "pg_promote", "pg_rotate_logfile"}

// serverFile finds a COPY that writes a file on the server or runs a program there.
var serverFile = regexp.MustCompile(`copy\s[^;]*\s(to\s+'|(to|from)\s+program)`)

// unsafeTables returns the tables that must not be written to, with what their triggers, rules and cascades reach: anything
// that a rollback does not undo. It follows names, and rather says too much than too little.
func unsafeTables(snap *catalog.Snapshot) map[string]string {
	w := newWalker(snap)
	out := map[string]string{}
	for i := range snap.Relations {
		r := &snap.Relations[i]
		if why := w.table(r); why != "" {
			out[r.Identity()] = why
		}
	}
	return out
}

// unsafeEvents returns which event trigger reaches out of the transaction, or "".
func unsafeEvents(snap *catalog.Snapshot) string {
	w := newWalker(snap)
	for _, e := range snap.EventTriggers {
		if e.Enabled == "disabled" || e.Enabled == "replica" {
			continue
		}
		if why := w.function(snap.Function(e.Function)); why != "" {
			return "event trigger " + e.Name + ": " + why
		}
	}
	return ""
}

// newWalker indexes the functions and relations by name.
func newWalker(snap *catalog.Snapshot) *walker {
	w := &walker{snap: snap, functions: map[string][]*catalog.Function{}, relations: map[string][]*catalog.Relation{},
		functionWhy: map[string]string{}, tableWhy: map[string]string{}, busy: map[string]bool{}}
	for i := range snap.Functions {
		if f := &snap.Functions[i]; !f.System {
			w.functions[strings.ToLower(f.Name)] = append(w.functions[strings.ToLower(f.Name)], f)
		}
	}
	for i := range snap.Relations {
		if r := &snap.Relations[i]; !r.System {
			w.relations[strings.ToLower(r.Name)] = append(w.relations[strings.ToLower(r.Name)], r)
		}
	}
	return w
}

// A walker follows triggers, rules, cascades and the names in function bodies.
type walker struct {
	snap        *catalog.Snapshot
	functions   map[string][]*catalog.Function // by lower-case name
	relations   map[string][]*catalog.Relation
	functionWhy map[string]string
	tableWhy    map[string]string
	busy        map[string]bool
}

// table returns why writing to a relation reaches out, or "".
func (w *walker) table(r *catalog.Relation) string {
	return w.once(w.tableWhy, r.Identity(), func() string { return w.tableReach(r) })
}

// once finds out a reason that is not known yet; what is being found out further up gives none of its own.
func (w *walker) once(known map[string]string, id string, find func() string) string {
	if why, ok := known[id]; ok || w.busy[id] {
		return why
	}
	w.busy[id] = true
	why := find()
	delete(w.busy, id)
	known[id] = why
	return why
}

func (w *walker) tableReach(r *catalog.Relation) string {
	if r.Kind == catalog.Foreign {
		return "the foreign table " + r.Identity() + " lies on another server"
	}
	for _, t := range r.Triggers {
		if t.Enabled == "disabled" || t.Enabled == "replica" {
			continue
		}
		if why := w.function(w.snap.Function(t.Function)); why != "" {
			return "trigger " + t.Name + ": " + why
		}
	}
	for _, rule := range r.Rules {
		if rule.Event != "SELECT" {
			if why := w.text(rule.Action.Text); why != "" {
				return "rule " + rule.Name + ": " + why
			}
		}
	}
	for i := range w.snap.Relations {
		child := &w.snap.Relations[i]
		for _, k := range child.Constraints {
			if k.Kind == "foreign" && k.RefTable == r.Identity() && k.OnDelete != "no action" && k.OnDelete != "restrict" {
				if why := w.table(child); why != "" {
					return "cascade to " + child.Identity() + ": " + why
				}
			}
		}
		if child.Partition != nil && child.Partition.Parent == r.Identity() {
			if why := w.table(child); why != "" {
				return "partition " + child.Identity() + ": " + why
			}
		}
	}
	return ""
}

// function returns why calling a function reaches out, or "".
func (w *walker) function(f *catalog.Function) string {
	if f == nil {
		return ""
	}
	return w.once(w.functionWhy, f.Identity(), func() string { return w.functionReach(f) })
}

func (w *walker) functionReach(f *catalog.Function) string {
	switch {
	case f.System:
		return ""
	case slices.Contains(outward, f.Extension):
		return fmt.Sprintf("%s of the extension %s", f.Identity(), f.Extension)
	case f.Extension != "":
		return ""
	case f.Language == "sql" || f.Language == "plpgsql":
		if why := w.text(f.Source); why != "" {
			return f.Identity() + ": " + why
		}
		if f.Body != nil {
			return w.text(f.Definition)
		}
		return ""
	case f.Language == "internal":
		return ""
	}
	for _, l := range w.snap.Languages {
		if l.Name == f.Language && l.Trusted {
			return ""
		}
	}
	return f.Identity() + " is written in the untrusted language " + f.Language
}

// text returns why a body reaches out: by a word, by a function that it names, or by a table that it names.
func (w *walker) text(body string) string {
	lower := strings.ToLower(body)
	for _, word := range outwardWords {
		if strings.Contains(lower, word) {
			return "it uses " + word
		}
	}
	if slices.Contains(identifiers(lower), "setval") {
		return "it uses setval"
	}
	if serverFile.MatchString(lower) {
		return "it uses COPY with a file or a program"
	}
	for _, name := range identifiers(lower) {
		for _, f := range w.functions[name] {
			if why := w.function(f); why != "" {
				return why
			}
		}
		for _, r := range w.relations[name] {
			if why := w.table(r); why != "" {
				return why
			}
		}
	}
	return ""
}

// identifiers splits a body into its words, each once.
func identifiers(body string) []string {
	words := strings.FieldsFunc(body, func(r rune) bool {
		return !(r == '_' || r == '$' || r > 127 || ('a' <= r && r <= 'z') || ('0' <= r && r <= '9'))
	})
	slices.Sort(words)
	return slices.Compact(words)
}
