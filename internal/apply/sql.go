package apply

import (
	"strings"
	"unicode"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// quote writes a string literal.
func quote(s string) string { return pg.Literal(s) }

// SQLSTATEs that decisions are taken on.
const (
	stateLockTimeout     = "55P03"
	stateDeadlock        = "40P01"
	stateSerialization   = "40001"
	stateCanceled        = "57014"
	stateDiskFull        = "53100"
	stateInternal        = "XX000"
	stateUndefinedTable  = "42P01"
	stateUndefinedObject = "42704"
)

// fatal tells whether err ended the connection, so that the server's answer to the statement is not known.
func fatal(err error) bool {
	e := pg.ServerError(err)
	return e == nil || e.SeverityUnlocalized == "FATAL" || e.SeverityUnlocalized == "PANIC"
}

// concurrentTuple tells whether err is the catalogue's "tuple concurrently updated", known by the routine that raises it
// since it has no code of its own and texts are translated.
func concurrentTuple(err error) bool {
	e := pg.ServerError(err)
	return e != nil && e.Code == stateInternal && (e.Routine == "simple_heap_update" || e.Routine == "simple_heap_delete")
}

// undefined tells whether err says that an object named in a query does not exist.
func undefined(err error) bool {
	switch pg.SQLState(err) {
	case stateUndefinedTable, stateUndefinedObject, "42703", "42883", "3F000":
		return true
	}
	return false
}

// A token is a word in lower case, an identifier without its quotes, or a single character.
type token struct {
	text   string
	quoted bool
}

// tokens splits a statement. Strings and comments are left out. It is for reading what the planner wrote and PostgreSQL's
// identities, not SQL at large.
func tokens(sql string) []token {
	var out []token
	rs := []rune(sql)
	for i := 0; i < len(rs); {
		switch r := rs[i]; {
		case unicode.IsSpace(r):
			i++
		case r == '-' && i+1 < len(rs) && rs[i+1] == '-':
			for i < len(rs) && rs[i] != '\n' {
				i++
			}
		case r == '\'':
			_, i = quoted(rs, i, '\'')
		case r == '"':
			var name string
			name, i = quoted(rs, i, '"')
			out = append(out, token{name, true})
		case unicode.IsLetter(r) || r == '_':
			j := i
			for j < len(rs) && (unicode.IsLetter(rs[j]) || unicode.IsDigit(rs[j]) || rs[j] == '_' || rs[j] == '$') {
				j++
			}
			out = append(out, token{text: strings.ToLower(string(rs[i:j]))})
			i = j
		default:
			out = append(out, token{text: string(r)})
			i++
		}
	}
	return out
}

// quoted reads from an opening quote at i to the closing one, doubled quotes standing for one.
func quoted(rs []rune, i int, q rune) (text string, next int) {
	var b strings.Builder
	for i++; i < len(rs); i++ {
		if rs[i] != q {
			b.WriteRune(rs[i])
			continue
		}
		if i+1 < len(rs) && rs[i+1] == q {
			b.WriteRune(q)
			i++
			continue
		}
		return b.String(), i + 1
	}
	return b.String(), i
}

// hasWords tells whether the keywords stand next to each other in a statement.
func hasWords(sql string, keywords ...string) bool {
	for t := tokens(sql); len(t) >= len(keywords); t = t[1:] {
		p := &words{t}
		match := true
		for _, w := range keywords {
			match = match && p.skip(w)
		}
		if match {
			return true
		}
	}
	return false
}

// A relName is a relation's schema and name.
type relName struct{ schema, name string }

func (n relName) quoted() string { return pg.Ident(n.schema, n.name) }

// parseRel reads "schema.name", each quoted where needed, as PostgreSQL's identities write relations. ok is false for
// anything else: functions, policies, roles.
func parseRel(identity string) (n relName, ok bool) {
	p := &words{tokens(identity)}
	n, ok = p.qualified()
	return n, ok && len(p.rest) == 0
}

// indexStatement is what a statement does to one index outside of a transaction.
type indexStatement struct {
	create  bool
	reindex bool
	index   relName
	table   relName // of a create
}

// parseIndexStatement reads CREATE [UNIQUE], DROP and REINDEX INDEX CONCURRENTLY; ok is false for others.
func parseIndexStatement(sql string) (st indexStatement, ok bool) {
	t := tokens(sql)
	p := &words{t}
	switch {
	case p.skip("create"):
		p.skip("unique")
		if !p.skip("index") || !p.skip("concurrently") {
			return st, false
		}
		_ = p.skip("if") && p.skip("not") && p.skip("exists")
		st.create = true
		st.index.name = p.next()
		if !p.skip("on") {
			return st, false
		}
		p.skip("only")
		st.table, ok = p.qualified()
		st.index.schema = st.table.schema
		return st, ok
	case p.skip("reindex"):
		if !p.skip("index") || !p.skip("concurrently") {
			return st, false
		}
		st.reindex = true
		st.index, ok = p.qualified()
		return st, ok
	case p.skip("drop"):
		if !p.skip("index") || !p.skip("concurrently") {
			return st, false
		}
		_ = p.skip("if") && p.skip("exists")
		st.index, ok = p.qualified()
		return st, ok
	}
	return st, false
}

// words is a cursor over tokens.
type words struct{ rest []token }

func (w *words) skip(word string) bool {
	if len(w.rest) > 0 && w.rest[0] == (token{text: word}) {
		w.rest = w.rest[1:]
		return true
	}
	return false
}

func (w *words) next() string {
	if len(w.rest) == 0 {
		return ""
	}
	first := w.rest[0]
	w.rest = w.rest[1:]
	return first.text
}

func (w *words) qualified() (relName, bool) {
	n := relName{schema: w.next()}
	if !w.skip(".") {
		return n, false
	}
	n.name = w.next()
	return n, n.name != ""
}
