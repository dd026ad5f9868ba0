package pgtest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

func TestDatabasesAreSeparate(t *testing.T) {
	a, b := pgtest.DB(t), pgtest.DB(t)
	const mine = "SELECT count(*) FROM pg_catalog.pg_class WHERE relname = 'mine'"
	a.Exec(t, "CREATE TABLE public.mine (id int)")
	got := []int64{pgtest.Value[int64](t, a.Super, mine), pgtest.Value[int64](t, b.Super, mine)}
	if diff := cmp.Diff([]int64{1, 0}, got); diff != "" {
		t.Errorf("tables seen (-want +got):\n%s", diff)
	}
}
