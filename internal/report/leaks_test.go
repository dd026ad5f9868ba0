package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// Leaks of one cause are one block: the leak that PostgreSQL executed shows it, whichever table it is of.
func TestLeaksOfOneCause(t *testing.T) {
	leak := func(role, relation, command, why, executed string, path ...reach.Hop) prove.Cell {
		return prove.Cell{Role: role, Relation: relation, Command: command, Kind: "isolation", Verdict: prove.Leak, Why: why, Path: path,
			Witness: &prove.Witness{Executed: executed, Statement: command + " ON " + relation}}
	}
	var cells []prove.Cell
	for i := range 15 {
		executed := "no"
		if i == 3 {
			executed = "rows"
		}
		name := fmt.Sprintf("public.t%02d", i)
		cells = append(cells, leak("app", name, "SELECT", "off", "no"), leak("app", name, "DELETE", "off", executed))
	}
	cells = append(cells, leak("other", "public.t01", "SELECT", "off", "no"), leak("app", "public.t01", "SELECT", "off", "no", reach.Hop{Via: "view", Name: "public.v"}))
	write := func(o Options) string {
		var b bytes.Buffer
		if err := textFormat.Write(&b, &Report{Prove: &Prove{Cells: cells}}, o); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		return text[strings.Index(text, "LEAK"):strings.Index(text, "\nisolation")]
	}
	want := `LEAK  app → SELECT, DELETE on 15 tables
    tables: public.t00, public.t01, public.t02, public.t03, public.t04, public.t05, public.t06,
    public.t07, public.t08, public.t09, public.t10, public.t11, public.t12, public.t13, public.t14
    off
    DELETE ON public.t03

LEAK  other → SELECT on public.t01
    off
    SELECT ON public.t01

LEAK  app → view public.v → SELECT on public.t01
    off
    SELECT ON public.t01

`
	if got := write(Options{Width: 100}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if n := strings.Count(write(Options{Details: true}), "LEAK"); n != len(cells) {
		t.Errorf("in detail there are %d blocks for %d leaks", n, len(cells))
	}
}
