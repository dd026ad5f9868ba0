package catalog

import "strings"

// QuoteIdent quotes an identifier exactly where PostgreSQL's quote_identifier does: when it is not made of lower-case ASCII
// letters, digits and underscores (not beginning with a digit), or is a keyword other than an unreserved one.
// The result is safe to stand as an identifier in SQL.
func QuoteIdent(name string) string {
	if safeIdent(name) && !keywords[name] {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func safeIdent(name string) bool {
	if name == "" {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// standardTypes are the names that format_type gives without a schema even where it is asked to qualify.
var standardTypes = map[string]bool{
	"bit": true, "bit varying": true, "boolean": true, "character": true, "character varying": true,
	"double precision": true, "integer": true, "bigint": true, "smallint": true, "real": true, "numeric": true, "interval": true,
	"time without time zone": true, "time with time zone": true,
	"timestamp without time zone": true, "timestamp with time zone": true,
}

// qualifyType turns a type's name as format_type gives it under search_path = pg_catalog into the fully qualified form of
// pg_identify_object: uuid becomes pg_catalog.uuid, while integer and public.t stay.
func qualifyType(format string) string {
	base := strings.TrimSuffix(format, "[]")
	if standardTypes[base] || strings.Contains(base, ".") {
		return format
	}
	return "pg_catalog." + format
}

func qualifyTypes(formats []string) string {
	out := make([]string, len(formats))
	for i, f := range formats {
		out[i] = qualifyType(f)
	}
	return strings.Join(out, ",")
}
