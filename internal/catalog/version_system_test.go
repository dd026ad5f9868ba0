//go:build system

package catalog_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

var versions = []int{14, 15, 16, 17, 18}

// What a Snapshot says is held against the server on every version that is supported.
func TestSystemEveryVersion(t *testing.T) {
	for _, version := range versions {
		t.Run(strconv.Itoa(version), func(t *testing.T) {
			db := everything(t, version)
			t.Run("identity", func(t *testing.T) { testIdentity(t, db) })
			t.Run("mentions", func(t *testing.T) { testMentions(t, db) })
			t.Run("quote", func(t *testing.T) { testKeywords(t, db, version) })
			t.Run("connect_only", func(t *testing.T) {
				nobody := db.Role(t, "nobody", "LOGIN")
				if diff := cmp.Diff(read(t, db.Super).Fingerprints(), read(t, db.Conn(t, nobody)).Fingerprints()); diff != "" {
					t.Errorf("read by two roles (-superuser +other):\n%s", diff)
				}
			})
			t.Run("definitions", func(t *testing.T) {
				pgtest.LoadSQL(t, db, plainAndNot)
				testDefinitions(t, db)
			})
		})
	}
}

// Keywords are those of 18: on it QuoteIdent is quote_ident for all of them, and an older server has none that 18 has not.
func testKeywords(t *testing.T, db *pgtest.Database, version int) {
	for _, row := range db.Query(t, "SELECT word, quote_ident(word) FROM pg_get_keywords()") {
		if got := catalog.QuoteIdent(row[0]); got != row[1] && (version == 18 || got == row[0]) {
			t.Errorf("%s is quoted as %s, by the server as %s", row[0], got, row[1])
		}
	}
}

func TestSystemMembershipOptions(t *testing.T) {
	for version, want := range map[int]catalog.Membership{
		15: {Role: "given", Member: "member", Grantor: "postgres", Inherit: false, Set: true},
		16: {Role: "given", Member: "member", Grantor: "postgres", Inherit: true, Set: false},
	} {
		t.Run(strconv.Itoa(version), func(t *testing.T) {
			db := pgtest.Server(t, version).DB(t)
			db.Exec(t, "CREATE ROLE given")
			db.Exec(t, "CREATE ROLE member NOINHERIT")
			grant := "GRANT given TO member"
			if version >= 16 {
				grant += " WITH INHERIT TRUE, SET FALSE"
			}
			db.Exec(t, grant)
			for _, m := range read(t, db.Super).Memberships {
				if m.Member == "member" {
					if diff := cmp.Diff(want, m); diff != "" {
						t.Errorf("membership (-want +got):\n%s", diff)
					}
					return
				}
			}
			t.Error("the membership was not read")
		})
	}
}

func TestSystemYoungColumns(t *testing.T) {
	db := pgtest.Server(t, 18).DB(t)
	pgtest.LoadSQL(t, db, `
		CREATE TABLE t (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) VIRTUAL, n int NOT NULL, CONSTRAINT later CHECK (n > 0) NOT ENFORCED);
		CREATE ROLE keeper; GRANT MAINTAIN ON t TO keeper`)
	r := read(t, db.Super).Relation("public.t")
	if got := r.ColumnByName("twice").Generated; got != "virtual" {
		t.Errorf("the generated column is %q", got)
	}
	kinds := map[string]bool{}
	for _, k := range r.Constraints {
		kinds[k.Kind] = true
		if k.Name == "later" && (!k.NotEnforced || k.Validated) {
			t.Errorf("the constraint that is not enforced reads as %+v", k)
		}
	}
	if !kinds["not_null"] {
		t.Error("no not-null constraint was read")
	}
	want := catalog.Grant{Grantee: "keeper", Grantor: "postgres", Privilege: "MAINTAIN"}
	for _, g := range r.Grants {
		if g == want {
			return
		}
	}
	t.Errorf("MAINTAIN is not among %v", r.Grants)
}
