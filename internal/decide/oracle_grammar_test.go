package decide

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A grammar writes random predicates over the oracle's tables. Each production notes that it was used, so that a test can
// see that all of them were.
type grammar struct {
	r    *rand.Rand
	key  string // the key's type
	used map[string]int
}

// keyTypes are the types of tenant key that the oracle has a table for.
var keyTypes = []string{"uuid", "text", "int", "citext", "varchar(4)", "char(6)", "foldtext", "maybe"}

func (g *grammar) pick(names ...string) string {
	n := names[g.r.IntN(len(names))]
	g.used[n]++
	return n
}

// predicate is a boolean expression of some depth.
func (g *grammar) predicate(depth int) string {
	if depth <= 0 {
		return g.atom()
	}
	switch g.pick("and", "or", "not", "istrue", "isnotfalse", "isunknown", "case", "coalesce", "atom", "atom2", "atom3", "andtenant", "ortenant", "casearg", "boolnullif") {
	case "and":
		return "(" + g.predicate(depth-1) + " AND " + g.predicate(depth-1) + ")"
	case "or":
		return "(" + g.predicate(depth-1) + " OR " + g.predicate(depth-1) + ")"
	case "not":
		return "(NOT " + g.predicate(depth-1) + ")"
	case "istrue":
		return "(" + g.predicate(depth-1) + " IS TRUE)"
	case "isnotfalse":
		return "(" + g.predicate(depth-1) + " IS NOT FALSE)"
	case "isunknown":
		return "(" + g.predicate(depth-1) + " IS UNKNOWN)"
	case "case":
		return "(CASE WHEN " + g.predicate(depth-1) + " THEN " + g.predicate(depth-1) + " ELSE " + g.predicate(depth-1) + " END)"
	case "casearg":
		return "(CASE " + g.other() + " WHEN 'on' THEN " + g.predicate(depth-1) + " WHEN 'off' THEN false ELSE " + g.predicate(depth-1) + " END)"
	case "coalesce":
		return "COALESCE(" + g.predicate(depth-1) + ", " + g.pick("true", "false") + ")"
	case "boolnullif":
		return "NULLIF(" + g.predicate(depth-1) + ", " + g.pick("true", "false") + ")"
	case "andtenant":
		return "(" + g.tenant() + " AND " + g.predicate(depth-1) + ")"
	case "ortenant":
		return "(" + g.tenant() + " OR " + g.predicate(depth-1) + ")"
	}
	return g.atom()
}

// keyCast is the key's type in a cast.
func (g *grammar) keyCast() string {
	switch g.key {
	case "foldtext":
		return "text"
	case "maybe":
		return "uuid"
	}
	return g.key
}

// setting reads a setting in one of the ways in which people do.
func (g *grammar) setting(name string) string {
	switch g.pick("missing", "nullif", "strict", "wrapped", "coalesced") {
	case "missing":
		return "current_setting('" + name + "', true)"
	case "nullif":
		return "NULLIF(current_setting('" + name + "', true), '')"
	case "strict":
		return "current_setting('" + name + "')"
	case "wrapped":
		return "(SELECT NULLIF(current_setting('" + name + "', true), ''))"
	}
	return "COALESCE(current_setting('" + name + "', true), '')"
}

// context is the tenant's setting, as text.
func (g *grammar) context() string { return g.setting("app.tid") }

// other is another setting.
func (g *grammar) other() string { return g.setting("app.flag") }

// tenant is a comparison that people mean to isolate.
func (g *grammar) tenant() string {
	switch g.pick("equal", "equal", "equal", "textual", "distinct", "anylist", "anyarray", "inlist", "between", "row", "claim", "nestedclaim", "member", "memberin", "memberscalar", "memberarray", "notnot", "subquery", "claimlist", "claimobjects", "claimholds",
		"claimcontains", "claimjson", "held", "range", "memberdistinct", "membercount", "memberouter", "unnested", "concatenated", "caught") {
	case "equal":
		return "tenant_id = " + g.context() + "::" + g.keyCast()
	case "textual":
		return "tenant_id::text = " + g.context()
	case "distinct":
		return "(tenant_id IS NOT DISTINCT FROM " + g.context() + "::" + g.keyCast() + ")"
	case "anylist":
		return "tenant_id = ANY (string_to_array(" + g.context() + ", ',')::" + g.keyCast() + "[])"
	case "anyarray":
		return "tenant_id = ANY (" + g.context() + "::" + g.keyCast() + "[])"
	case "inlist":
		return "tenant_id IN (" + g.context() + "::" + g.keyCast() + ", " + g.context() + "::" + g.keyCast() + ")"
	case "between":
		return "(tenant_id BETWEEN " + g.context() + "::" + g.keyCast() + " AND " + g.context() + "::" + g.keyCast() + ")"
	case "row":
		return "(tenant_id, n) " + g.pick("=", "=", ">") + " (" + g.context() + "::" + g.keyCast() + ", 7)"
	case "claim":
		return "tenant_id = (" + g.setting("app.claims") + "::json ->> 'tenant')::" + g.keyCast()
	case "nestedclaim":
		return "tenant_id = (" + g.setting("app.claims") + "::jsonb -> 'meta' ->> 'tenant')::" + g.keyCast()
	case "claimlist":
		return "tenant_id::text IN (SELECT jsonb_array_elements_text(" + g.setting("app.claims") + "::jsonb -> 'tenants'))"
	case "claimobjects":
		return "tenant_id::text IN (SELECT e ->> 'id' FROM jsonb_array_elements(" + g.setting("app.claims") + "::jsonb -> 'orgs') e" + g.pick("", "", " WHERE e ->> 'part' = 'owner'", " WHERE e ->> 'id' <> 'acme'") + ")"
	case "member":
		return "EXISTS (SELECT 1 FROM o.members m WHERE m.who = " + g.setting("app.uid") + " AND m.tenant_id = " + g.pick("t.tenant_id::text", "t.tenant_id::text", "m.tenant_id") + ")"
	case "memberin":
		return "tenant_id::text IN (SELECT m.tenant_id FROM o.members m" + g.pick(" WHERE m.who = "+g.setting("app.uid"), " WHERE m.who = "+g.setting("app.uid"), "") + ")"
	case "memberscalar":
		return "tenant_id::text = (SELECT m.tenant_id FROM o.members m WHERE m.who = " + g.setting("app.uid") + " LIMIT 1)"
	case "memberarray":
		return "tenant_id::text = ANY (ARRAY(SELECT m.tenant_id FROM o.members m WHERE m.who = " + g.setting("app.uid") + "))"
	case "claimholds":
		return g.setting("app.claims") + "::jsonb -> 'tenants' ? tenant_id::text"
	case "claimcontains":
		return g.setting("app.claims") + "::jsonb -> 'tenants' @> to_jsonb(tenant_id::text)"
	case "claimjson":
		return "to_jsonb(tenant_id::text) = " + g.setting("app.claims") + "::jsonb -> 'tenant'"
	case "held":
		return "ARRAY[tenant_id::text] " + g.pick("<@", "&&") + " string_to_array(" + g.context() + ", ',')"
	case "range":
		return "int4range(" + g.other() + "::int, " + g.pick("8", "NULL") + ", '" + g.pick("[]", "[)", "()") + "') @> n"
	case "memberdistinct":
		return "tenant_id::text IN (SELECT DISTINCT m.tenant_id FROM o.members m WHERE m.who = " + g.setting("app.uid") + ")"
	case "membercount":
		return "(SELECT count(" + g.pick("*", "m.who") + ") FROM o.members m WHERE m.who = " + g.setting("app.uid") + " AND m.tenant_id = t.tenant_id::text) > 0"
	case "memberouter":
		return "EXISTS (SELECT 1 FROM o.members m LEFT JOIN o.projects p ON p.tenant_id = m.tenant_id WHERE m.who = " + g.setting("app.uid") + " AND m.tenant_id = t.tenant_id::text AND " +
			g.pick("p.id IS NULL", "p.id = 7") + ")"
	case "unnested":
		return "tenant_id::text IN (SELECT upper(unnest(string_to_array(" + g.context() + ", ','))))"
	case "concatenated":
		return "tenant_id::text || '' = " + g.context()
	case "caught":
		return "tenant_id::text = o.number_or(" + g.context() + ", " + g.pick("NULL", "tenant_id::text") + ")"
	case "notnot":
		return "(NOT (tenant_id <> " + g.context() + "::" + g.keyCast() + "))"
	}
	return "tenant_id = (SELECT " + g.context() + "::" + g.keyCast() + ")"
}

// literal is a constant of the key's type.
func (g *grammar) literal() string {
	vals := oracleKeys[g.key]
	return "'" + vals[g.r.IntN(len(vals))] + "'::" + g.keyCast()
}

// atom is a small predicate.
func (g *grammar) atom() string {
	switch g.pick("tenant", "tenant1", "tenant2", "keynull", "keynotnull", "ctxnull", "ctxempty", "flag", "flagbool", "column", "columnbool", "number", "numberctx", "literal", "share", "const",
		"like", "prefix", "lower", "trunc", "pad", "order", "notin", "notexists", "parent", "ctxlen", "regex", "between", "path", "jsonflag", "position", "digest", "time", "values", "greatest", "domain", "unknownfn") {
	case "keynull":
		return "tenant_id IS NULL"
	case "keynotnull":
		return "tenant_id IS NOT NULL"
	case "ctxnull":
		return g.context() + " IS " + g.pick("NULL", "NOT NULL")
	case "ctxempty":
		return g.context() + " = ''"
	case "flag":
		return g.other() + " = 'on'"
	case "flagbool":
		return g.other() + "::boolean"
	case "column":
		return "body = " + g.pick("'on'", "'x'", "body")
	case "columnbool":
		return g.pick("b", "b IS TRUE", "b IS NOT TRUE", "(NOT b)")
	case "number":
		return "n " + g.pick("=", "<>", "<", "<=", ">", ">=") + " " + g.pick("7", "8", "100")
	case "numberctx":
		return "n = " + g.other() + "::int AND n " + g.pick("< 8", "IS NOT NULL")
	case "literal":
		return "tenant_id " + g.pick("=", "<>") + " " + g.literal()
	case "share":
		return "body = " + g.other()
	case "const":
		return g.pick("true", "false", "NULL::boolean", "(1 = 1)")
	case "like":
		return "tenant_id::text LIKE " + g.pick(g.context(), "'a%'", g.context()+" || '%'")
	case "prefix":
		return "starts_with(tenant_id::text, " + g.context() + ")"
	case "lower":
		return "lower(tenant_id::text) = lower(" + g.context() + ")"
	case "trunc":
		return "tenant_id::varchar(3) = " + g.context() + "::varchar(3)"
	case "pad":
		return "tenant_id::text::bpchar = " + g.context() + "::bpchar"
	case "order":
		return "tenant_id " + g.pick("<", "<=", ">", ">=") + " " + g.context() + "::" + g.keyCast()
	case "notin":
		return "tenant_id NOT IN (" + g.literal() + ", " + g.literal() + ")"
	case "notexists":
		return "NOT EXISTS (SELECT 1 FROM o.members m WHERE m.who = " + g.setting("app.uid") + ")"
	case "parent":
		return "EXISTS (SELECT 1 FROM o.projects p WHERE p.id = t.n AND p.tenant_id = " + g.context() + ")"
	case "ctxlen":
		return "length(" + g.context() + ") > 3"
	case "regex":
		return "tenant_id::text " + g.pick("~", "!~", "~*") + " " + g.pick(g.context(), "('^' || "+g.context()+")", "'^a'", "'x$'")
	case "between":
		return "n NOT BETWEEN 7 AND " + g.other() + "::int"
	case "path":
		return "(tenant_id::text)::ltree <@ " + g.context() + "::ltree"
	case "jsonflag":
		return g.setting("app.claims") + "::jsonb " + g.pick("@> '{\"tenants\": [\"acme\"]}'", "? 'tenants'", "-> 'meta' = '7'")
	case "position":
		return "position(" + g.context() + " IN tenant_id::text) > 0"
	case "digest":
		return "sha256(convert_to(tenant_id::text, 'UTF8')) = sha256(convert_to(" + g.context() + ", 'UTF8'))"
	case "time":
		return "now() - interval '1 day' IS NOT NULL"
	case "values":
		return "tenant_id IN (VALUES (" + g.literal() + "), (" + g.literal() + "))"
	case "greatest":
		return "n = GREATEST(7, n)"
	case "domain":
		return "(tenant_id::text)::o.word = " + g.context()
	case "unknownfn":
		return "hashtext(tenant_id::text) = hashtext(" + g.context() + ")"
	}
	return g.tenant()
}

// oracleKeys are the keys of the oracle's rows, by type of key.
var oracleKeys = map[string][]string{
	"uuid":       {uuidA, uuidB},
	"maybe":      {uuidA, uuidB},
	"text":       {"acme", "ACME", "globex", "", " ", "acme ", "acmex", "7", "07", uuidA, strings.ToUpper(uuidA), "%", "cafe\u0301", "caf\u00e9"},
	"int":        {"7", "8", "0"},
	"citext":     {"acme", "ACME", "globex", "", "7"},
	"varchar(4)": {"acme", "acm", "ACME", "glob", "", "7"},
	"char(6)":    {"acme", "acmex", "globex", "", "7"},
	"foldtext":   {"acme", "ACME", "globex", "", "cafe\u0301", "caf\u00e9"},
}

const (
	uuidA = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	uuidB = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
)

// An oracleContext is what a session has set.
type oracleContext map[string]string

// oracleContexts are the sessions that the oracle tries.
func oracleContexts(key string) []oracleContext {
	tids := append([]string{"\x00", "", " ", "x", "%", strings.ToUpper(uuidA), "acme%", "7.4", "ac"}, oracleKeys[key]...)
	keys := oracleKeys[key]
	tids = append(tids, keys[0]+","+keys[1], "{"+keys[0]+"}", "{NULL}")
	var out []oracleContext
	for _, t := range tids {
		out = append(out, oracleContext{"app.tid": t})
	}
	a := keys[0]
	return append(out, []oracleContext{
		{"app.tid": a, "app.flag": "on"}, {"app.tid": a, "app.flag": ""}, {"app.flag": "true"}, {"app.flag": "7"}, {"app.tid": "", "app.flag": "on"},
		{"app.tid": a, "app.flag": "x"}, {"app.uid": "u1"}, {"app.uid": "u2"}, {"app.uid": "u3"}, {"app.uid": ""}, {"app.tid": a, "app.uid": "u2"},
		{"app.claims": ""}, {"app.claims": "{}"}, {"app.claims": "x"},
		{"app.claims": fmt.Sprintf(`{"tenant":%q}`, a)}, {"app.claims": fmt.Sprintf(`{"meta":{"tenant":%q}}`, a)},
		{"app.claims": fmt.Sprintf(`{"tenants":[%q,%q]}`, a, keys[1])}, {"app.claims": `{"tenant":null,"meta":7}`},
		{"app.claims": fmt.Sprintf(`{"orgs":[{"id":%q,"part":"owner"},{"id":%q},7,{"id":null}]}`, a, keys[1])}, {"app.claims": `{"orgs":[]}`},
	}...)
}
