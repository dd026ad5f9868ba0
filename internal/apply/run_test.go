package apply

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRunAppliesEveryWayOfRunningAStep(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	res, err := Run(t.Context(), s.options(shopPlan()))
	if err != nil {
		t.Fatalf("applying: %v", err)
	}
	if diff := cmp.Diff([]Outcome{Did, Did, Did, Did, Did, Did, Did}, outcomes(res)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if got := res.Steps[2].Rows; got != 500 {
		t.Errorf("the back-fill counted %d rows, not 500", got)
	}
	want := [][]string{
		{`Line "Item"`, "f", "f", "id bigint true, invoice bigint false, org uuid false, seen timestamp with time zone false",
			`CREATE UNIQUE INDEX "Line ""Item""_pkey" ON shop."Line ""Item""" USING btree (id) true true`, "NULL"},
		{"invoice", "t", "t", "amount integer false, id bigint true, org uuid true",
			"CREATE INDEX invoice_org_idx ON shop.invoice USING btree (org) true true, CREATE UNIQUE INDEX invoice_pkey ON shop.invoice USING btree (id) true true",
			"own (org = ( SELECT (NULLIF(current_setting('app.org'::text, true), ''::text))::uuid AS \"nullif\"))"},
		{"{search_path=pg_catalog}", "0"},
	}
	if diff := cmp.Diff(want, s.state(t)); diff != "" {
		t.Errorf("the database (-want +got):\n%s", diff)
	}
	logged := s.Query(t, `SELECT ordinal, direction, attempt, state, xid IS NOT NULL, row_count FROM ringfence.apply_step ORDER BY ordinal`)
	wantLog := [][]string{{"1", "do", "1", "effected", "f", "0"}, {"2", "do", "1", "effected", "t", "0"}, {"3", "do", "1", "effected", "t", "500"},
		{"4", "do", "1", "effected", "t", "0"}, {"5", "do", "1", "effected", "t", "0"}, {"6", "do", "1", "effected", "t", "0"}, {"7", "do", "1", "effected", "t", "0"}}
	if diff := cmp.Diff(wantLog, logged); diff != "" {
		t.Errorf("the run log (-want +got):\n%s", diff)
	}

	again, err := Run(t.Context(), s.options(shopPlan()))
	if err != nil {
		t.Fatalf("applying again: %v", err)
	}
	if diff := cmp.Diff([]Outcome{Before, Before, Before, Before, Before, Before, Before}, outcomes(again)); diff != "" {
		t.Errorf("outcomes of the second run (-want +got):\n%s", diff)
	}
}
