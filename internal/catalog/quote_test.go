package catalog_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

var hostileNames = []string{
	"", "a", "A", "1a", "a1", "_", "a-b", "a b", `a"b`, `"`, `""`, "a.b", "naïve", "表", "a%sb", "a\nb", "a\\b", "a$b", "$a", "'", ";--",
	strings.Repeat("x", 63), strings.Repeat("é", 31), "select", "Select", "user", "name", "abort", "between", "left",
}

func TestQuoteIdent(t *testing.T) {
	db := pgtest.DB(t)
	names := append([]string{}, hostileNames...)
	for _, row := range db.Query(t, "SELECT word FROM pg_get_keywords()") {
		names = append(names, row[0])
	}
	want, got := map[string]string{}, map[string]string{}
	for _, name := range names {
		want[name] = pgtest.Value[string](t, db.Super, "SELECT quote_ident($1)", name)
		got[name] = catalog.QuoteIdent(name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("QuoteIdent and quote_ident differ (-server +ours):\n%s", diff)
	}
}
