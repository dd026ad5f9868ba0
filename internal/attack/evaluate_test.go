package attack

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// TestEvaluateWitness has PostgreSQL work out policies that read columns, settings, other tables and whole rows.
func TestEvaluateWitness(t *testing.T) {
	w := load(t, `-- tenant: shop
-- context: setting till.shop
CREATE SCHEMA "ti ll"; GRANT USAGE ON SCHEMA "ti ll" TO {app};
CREATE TABLE "ti ll"."sa""le" (id int PRIMARY KEY, shop int, tags text[], note text);
CREATE TABLE "ti ll".staff (person text, shop int);
GRANT SELECT ON "ti ll".staff TO {app};
CREATE FUNCTION "ti ll".fine("ti ll"."sa""le") RETURNS boolean LANGUAGE sql STABLE AS 'SELECT $1.note = ''fine''';
CREATE POLICY plain ON "ti ll"."sa""le" USING (shop = NULLIF(current_setting('till.shop', true), '')::int);
CREATE POLICY looked ON "ti ll"."sa""le" USING (EXISTS (SELECT FROM "ti ll".staff s WHERE s.shop = "sa""le".shop AND s.person = current_user::text));
CREATE POLICY whole ON "ti ll"."sa""le" USING ("ti ll".fine("sa""le") AND tags = '{a,"b c"}');
CREATE POLICY unset ON "ti ll"."sa""le" USING (current_setting('till.other', true) IS NULL);
`)
	rel := w.model.Tables[0].Relation
	text := map[string]string{}
	for _, p := range rel.Policies {
		text[p.Name] = p.Using.Text
	}
	p := func(s string) *string { return &s }
	staff := map[string]map[string]*string{`"ti ll".staff`: {"person": p(w.app), "shop": p("7")}}
	cases := []struct {
		name string
		e    Evaluation
		want Answer
		err  error
	}{
		{"own", Evaluation{Expr: text["plain"], Row: map[string]*string{"shop": p("7")}, Context: map[string]*string{"till.shop": p("7")}}, Answer{Truth: True}, nil},
		{"foreign", Evaluation{Expr: text["plain"], Row: map[string]*string{"shop": p("8")}, Context: map[string]*string{"till.shop": p("7")}}, Answer{Truth: False}, nil},
		{"null key", Evaluation{Expr: text["plain"], Row: map[string]*string{"shop": nil}, Context: map[string]*string{"till.shop": p("7")}}, Answer{Truth: Null}, nil},
		{"malformed", Evaluation{Expr: text["plain"], Row: map[string]*string{"shop": p("7")}, Context: map[string]*string{"till.shop": p("x")}}, Answer{Truth: Raised, SQLState: "22P02"}, nil},
		{"whole row", Evaluation{Expr: text["whole"], Row: map[string]*string{"note": p("fine"), "tags": p(`{a,"b c"}`)}}, Answer{Truth: True}, nil},
		{"unset", Evaluation{Expr: text["unset"], Context: map[string]*string{"till.other": nil}}, Answer{Truth: True}, nil},
		{"not unset any more", Evaluation{Expr: text["unset"], Context: map[string]*string{"till.shop": nil}}, Answer{}, ErrContextSet},
		{"rows elsewhere, read-only", Evaluation{Expr: text["looked"], Row: map[string]*string{"shop": p("7")}, Others: staff}, Answer{}, ErrNeedsRows},
		{"rows elsewhere", Evaluation{Expr: text["looked"], Row: map[string]*string{"shop": p("7")}, Others: staff, AllowWrites: true}, Answer{Truth: True}, nil},
		{"rows elsewhere, none", Evaluation{Expr: text["looked"], Row: map[string]*string{"shop": p("7")}}, Answer{Truth: False}, nil},
	}
	conn := w.db.Conn(t, "postgres")
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			mode := pgx.ReadOnly
			if c.e.AllowWrites {
				mode = pgx.ReadWrite
			}
			tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{AccessMode: mode})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(t.Context()) }()
			c.e.Role, c.e.Relation = w.app, rel
			got, err := EvaluateWitness(t.Context(), tx, w.model.Snapshot, c.e)
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			got.Statement = ""
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
