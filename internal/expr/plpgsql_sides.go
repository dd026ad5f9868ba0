package expr

import (
	"encoding/json"
	"slices"
	"strings"
)

// A telling follows what a PL/pgSQL body reads into its variables to where it comes out beside the function's result: into messages and
// settings, and into the row that a trigger makes.
type telling struct {
	from map[string][]*Query // variable → the statements that it was given by
	uses map[string][]string // variable → the variables that it was given
	out  map[string]bool     // variables that are told
	name map[int]string      // the datums that are fields of a record: record.field
	told map[*Query]Side     // statements that are told as they stand
}

// A Side says how what a statement reads comes out of a function beside its result.
type Side struct {
	// Message is true where it is a message's, or a setting's of no name that is known.
	Message bool
	// Setting is the setting that keeps it; "": none.
	Setting string
	// Columns are those of a trigger's NEW that are made of it; "" stands for all.
	Columns []string
	// Into are the columns that INSERT statements of the body give it to, by statement.
	Into map[*Query][]string
}

func newTelling() *telling {
	return &telling{from: map[string][]*Query{}, uses: map[string][]string{}, out: map[string]bool{},
		name: map[int]string{}, told: map[*Query]Side{}}
}

// field declares a datum that is a record's field.
func (t *telling) field(p *plReader, at int, d plNode) {
	if parent := d.number("recparentno"); d.kind == "recfield" && parent < len(p.names) {
		t.name[at] = p.names[parent] + "." + d.text("fieldname")
	}
}

// variables lists the variables that an expression looks at.
func variablesIn(e Expr) []string {
	var out []string
	WalkDeep(e, func(e Expr, _ int) bool {
		if p, ok := e.(*Param); ok && p.Kind == "variable" {
			out = append(out, p.Name)
		}
		return true
	})
	return out
}

// takes notes that a statement, or an expression with what is kept of it, gives the variables that n assigns their values.
func (t *telling) takes(p *plReader, n plNode, q *Query, e Expr) {
	var from []string
	if e != nil {
		from = variablesIn(e)
	}
	if q != nil {
		from = append(from, queryVariables(q)...)
	}
	for _, at := range p.targets(n) {
		name := t.name[at]
		if name == "" && at >= 0 && at < len(p.names) {
			name = p.names[at]
		}
		if name == "" {
			continue
		}
		if q != nil {
			t.from[name] = append(t.from[name], q)
		}
		t.uses[name] = append(t.uses[name], from...)
	}
}

// raised notes the variables and statements whose values a RAISE writes into its message.
func (t *telling) raised(p *plReader, n plNode) {
	texts := make([]string, 0, 2)
	for _, e := range n.list("params") {
		texts = append(texts, e.text("query"))
	}
	for _, o := range n.list("options") {
		texts = append(texts, o.query("expr"))
	}
	for _, text := range texts {
		if text == "" {
			continue
		}
		e := p.expression(text)
		for _, name := range variablesIn(e) {
			t.out[name] = true
		}
		if q := p.keepExpr(text); q != nil {
			t.told[q] = Side{Message: true}
		}
	}
}

// finish says of the body's statements how what they read comes out beside its result.
func (t *telling) finish(b *Body) {
	side := map[*Query]Side{}
	for q, s := range t.told {
		side[q] = s
	}
	seen := map[string]bool{}
	var follow func(name string, note func(*Query))
	follow = func(name string, note func(*Query)) {
		if seen[name] {
			return
		}
		seen[name] = true
		record, _, _ := strings.Cut(name, ".")
		for _, n := range []string{name, record} {
			for _, q := range t.from[n] {
				note(q)
			}
			for _, v := range t.uses[n] {
				follow(v, note)
			}
		}
	}
	for name := range t.out {
		follow(name, func(q *Query) { s := side[q]; s.Message = true; side[q] = s })
	}
	for _, s := range b.Statements {
		if c := keeps(s); c != "" {
			clear(seen)
			set := func(q *Query) { v := side[q]; v.Setting = c; side[q] = v }
			set(s)
			for _, name := range queryVariables(s) {
				follow(name, set)
			}
		}
	}
	for _, s := range b.Statements {
		t.inserts(s, side, seen, follow)
	}
	for name := range t.from {
		t.fills(name, side, seen, follow)
	}
	for name := range t.uses {
		t.fills(name, side, seen, follow)
	}
	if len(side) > 0 {
		b.Sides = side
	}
}

// inserts notes which statements the columns of an INSERT were given by.
func (t *telling) inserts(s *Query, side map[*Query]Side, seen map[string]bool, follow func(string, func(*Query))) {
	if s.Command != "insert" {
		return
	}
	for _, target := range s.Targets {
		clear(seen)
		for _, name := range variablesIn(target.Expr) {
			follow(name, func(q *Query) {
				v := side[q]
				if v.Into == nil {
					v.Into = map[*Query][]string{}
				}
				v.Into[s] = append(v.Into[s], target.Column)
				side[q] = v
			})
		}
	}
}

// fills notes which statements a column of NEW was given by.
func (t *telling) fills(name string, side map[*Query]Side, seen map[string]bool, follow func(string, func(*Query))) {
	record, column, _ := strings.Cut(name, ".")
	if record != "new" {
		return
	}
	clear(seen)
	follow(name, func(q *Query) {
		s := side[q]
		if !slices.Contains(s.Columns, column) {
			s.Columns = append(s.Columns, column)
			slices.Sort(s.Columns)
		}
		side[q] = s
	})
}

func queryVariables(q *Query) []string {
	var out []string
	WalkQuery(q, func(e Expr, _ int) bool {
		if p, ok := e.(*Param); ok && p.Kind == "variable" {
			out = append(out, p.Name)
		}
		return true
	})
	return out
}

// carriers are PostgreSQL's own functions that keep a value where the caller finds it, or send it there, with the argument that it is.
var carriers = map[string]int{"set_config": 1, "pg_notify": 1, "setval": 1, "lo_from_bytea": 1, "lo_put": 2}

// keeps names the setting that a statement keeps a value in that it reads or that a variable holds, "?" for what else carries values; ""
// where nothing does.
func keeps(q *Query) string {
	name := ""
	WalkQuery(q, func(e Expr, _ int) bool {
		c, ok := e.(*Call)
		if !ok || c.Func == nil || !c.Func.System {
			return true
		}
		value, ok := carriers[c.Func.Name]
		if !ok || value >= len(c.Args) || !reads(c.Args[value]) {
			return true
		}
		name = "?"
		if k, ok := c.Args[0].(*Const); ok && k.Known && c.Func.Name == "set_config" {
			name = strings.ToLower(k.Text)
		}
		return false
	})
	return name
}

// reads reports whether a value is one of a row's or a variable's.
func reads(e Expr) bool {
	found := false
	WalkDeep(e, func(e Expr, _ int) bool {
		switch e := e.(type) {
		case *Var, *SubLink:
			found = true
		case *Param:
			found = found || e.Kind == "variable"
		}
		return !found
	})
	return found
}

// targets lists the variables that a statement itself assigns, those in it aside.
func (p *plReader) targets(n plNode) []int {
	alone := plNode{kind: n.kind, fields: map[string]json.RawMessage{}}
	for _, name := range []string{"varno", "target", "var", "diag_items"} {
		if raw, ok := n.fields[name]; ok {
			alone.fields[name] = raw
		}
	}
	return p.assigned(alone)
}
