package ringfencetest

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// reader follows one connection: what is prepared and bound on it, whether a transaction is open, and which tenant it set.
type reader struct {
	observer *Observer
	prepared map[string]string
	portals  map[string]bound
	inTx     bool
	tenant   string // set for the transaction
	session  string // set for the session, which it should not be
}

type bound struct {
	sql    string
	values [][]byte
}

// message looks at one message of the client. What cannot be decoded the server will refuse.
func (r *reader) message(kind byte, body []byte) {
	switch kind {
	case 'P':
		var m pgproto3.Parse
		if m.Decode(body) == nil {
			r.prepared[m.Name] = m.Query
		}
	case 'B':
		var m pgproto3.Bind
		if m.Decode(body) == nil {
			b := bound{sql: r.prepared[m.PreparedStatement]}
			for _, v := range m.Parameters {
				b.values = append(b.values, append([]byte(nil), v...))
			}
			r.portals[m.DestinationPortal] = b
		}
	case 'E':
		var m pgproto3.Execute
		if m.Decode(body) == nil {
			r.run(r.portals[m.Portal])
		}
	case 'Q':
		var m pgproto3.Query
		if m.Decode(body) == nil {
			for _, sql := range split(m.String) {
				r.run(bound{sql: sql})
			}
		}
		r.end()
	case 'S':
		r.end()
	}
}

// end is where an implicit transaction ends.
func (r *reader) end() {
	if !r.inTx {
		r.tenant = r.session
	}
}

var control = regexp.MustCompile(`(?i)^\s*(begin|start\s+transaction|commit|end|rollback|abort|savepoint|release|deallocate|discard)\b`)

// run follows one statement.
func (r *reader) run(b bound) {
	sql := strings.TrimSpace(b.sql)
	if m := control.FindStringSubmatch(sql); m != nil {
		switch word := strings.ToLower(strings.Fields(m[1])[0]); {
		case word == "begin" || word == "start":
			r.inTx = true
		case word == "commit" || word == "end" || word == "abort", word == "rollback" && !strings.Contains(strings.ToLower(sql), " to "):
			r.inTx, r.tenant = false, r.session
		}
		return
	}
	if value, local, ok := r.sets(sql, b.values); ok {
		if r.tenant = value; !local {
			r.session = value
		}
		return
	}
	if sql != "" && !catalogue(sql) {
		r.observer.add(Statement{SQL: sql, Tenant: r.tenant})
	}
}

// sets reports whether a statement sets the tenant context, to what, and whether for the transaction only. A SET without
// LOCAL counts: until the session ends it is what a statement runs with.
func (r *reader) sets(sql string, values [][]byte) (value string, local, ok bool) {
	call := regexp.MustCompile(`(?i)set_config\(\s*'` + regexp.QuoteMeta(r.observer.setting) + `'\s*,\s*(\$\d+|'(?:[^']|'')*')(?:::text)?\s*,\s*(true|false|'t'|'f')`)
	if m := call.FindStringSubmatch(sql); m != nil {
		return literal(m[1], values), strings.Contains("true't'", strings.ToLower(m[2])), true
	}
	set := regexp.MustCompile(`(?i)^set\s+(local\s+|session\s+)?"?` + regexp.QuoteMeta(r.observer.setting) + `"?\s*(?:=|\bto\b)\s*('(?:[^']|'')*'|\S+)`)
	if m := set.FindStringSubmatch(sql); m != nil {
		return literal(m[2], nil), strings.HasPrefix(strings.ToLower(m[1]), "local"), true
	}
	return "", false, false
}

// literal is the value of a parameter or of a quoted text.
func literal(s string, values [][]byte) string {
	if n, err := strconv.Atoi(strings.TrimPrefix(s, "$")); err == nil && strings.HasPrefix(s, "$") {
		if n < 1 || n > len(values) {
			return ""
		}
		return string(values[n-1])
	}
	return strings.ReplaceAll(strings.Trim(s, "'"), "''", "'")
}

var catalogueOnly = regexp.MustCompile(`(?i)\bpg_(catalog\.)?(roles|authid|auth_members|policy|policies|class|type|settings|proc|db_role_setting)\b`)

// catalogue reports whether a statement is one of those by which a pool looks after itself: they read PostgreSQL's own tables.
func catalogue(sql string) bool {
	return catalogueOnly.MatchString(sql) || strings.HasPrefix(sql, "--") || strings.EqualFold(sql, ";")
}

// split takes a simple query apart at the semicolons that stand outside quotes.
func split(sql string) []string {
	var all []string
	quoted, from := byte(0), 0
	for i := range len(sql) {
		switch c := sql[i]; {
		case quoted != 0:
			if c == quoted {
				quoted = 0
			}
		case c == '\'' || c == '"':
			quoted = c
		case c == ';':
			all, from = append(all, sql[from:i]), i+1
		}
	}
	return append(all, sql[from:])
}
