package demo

import (
	"context"
	"testing"
)

// value returns the figure of that name.
func value(t *testing.T, s *Story, name string) float64 {
	t.Helper()
	for _, f := range s.Figures {
		if f.Name == name {
			if f.Query == "" {
				t.Errorf("the figure %s does not say where it comes from", name)
			}
			return f.Value
		}
	}
	t.Fatalf("the story has no figure %s", name)
	return 0
}

// Figures are measured: with other row counts they are others. Every check of the story holds in both.
func TestFiguresFollowTheRows(t *testing.T) {
	small, err := Run(t.Context(), Options{Organizations: 4, Events: 400})
	if err != nil {
		t.Fatal(err)
	}
	var shown *View
	large, err := Run(t.Context(), Options{Organizations: 9, Events: 1800, Serve: func(_ context.Context, v View) error {
		shown = &v
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if shown == nil || shown.DSN == "" || shown.State == nil || len(shown.Bench) != 2 || shown.Bench[0].Summary.Cases == 0 || shown.Bench[1].Summary.Cases == shown.Bench[1].Summary.Unknown {
		t.Errorf("shown: %+v", shown)
	}
	for _, s := range []*Story{small, large} {
		for _, c := range s.Checks {
			if !c.OK {
				t.Errorf("%s: %s", c.Name, c.Why)
			}
		}
	}
	for name, want := range map[string][2]float64{"rows": {400, 1800}, "foreign_rows_before": {3, 8}, "foreign_rows_after": {0, 0}, "own_rows_after": {1, 1}} {
		if got := [2]float64{value(t, small, name), value(t, large, name)}; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if value(t, large, "index_bytes") <= 0 || value(t, large, "leaks_before") <= value(t, large, "leaks_after") {
		t.Error("no index was built, or nothing was closed")
	}
}
