package prove

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

func entry(command string, o attack.Outcome) attack.Entry {
	return attack.Entry{Role: "app", Table: "public.t", Command: command, Kind: "isolation", Probe: "p", Outcome: o, Path: attack.Path{}}
}

// TestMerge lets each outcome of a probe meet each verdict of logic.
func TestMerge(t *testing.T) {
	informational := entry("SELECT", attack.Leaked)
	informational.Informational = true
	unprivileged := entry("SELECT", attack.Inconclusive)
	unprivileged.Code = attack.NoPrivilege
	elsewhere := entry("SELECT", attack.Leaked)
	elsewhere.Path = attack.Path{{Via: "view", Name: "public.v"}}
	cases := []struct {
		name    string
		logic   Verdict
		entries []attack.Entry
		want    []Verdict
		wrong   int
	}{
		{"proved and held", Proved, []attack.Entry{entry("SELECT", attack.Held)}, []Verdict{Proved}, 0},
		{"proved and inconclusive", Proved, []attack.Entry{entry("SELECT", attack.Inconclusive)}, []Verdict{Proved}, 0},
		{"proved and broken", Proved, []attack.Entry{entry("SELECT", attack.Leaked)}, []Verdict{Leak}, 1},
		{"proved and broken as any plain setting is", Proved, []attack.Entry{informational}, []Verdict{Proved}, 0},
		{"unproven and held", Unproven, []attack.Entry{entry("SELECT", attack.Held), entry("SELECT", attack.Held)}, []Verdict{Probed}, 0},
		{"unproven and not tried", Unproven, nil, []Verdict{Unproven}, 0},
		{"unproven and one inconclusive", Unproven, []attack.Entry{entry("SELECT", attack.Held), entry("SELECT", attack.Inconclusive)}, []Verdict{Unproven}, 0},
		{"unproven and leaked", Unproven, []attack.Entry{entry("SELECT", attack.Held), entry("SELECT", attack.Leaked)}, []Verdict{Leak}, 0},
		{"unproven without privilege", Unproven, []attack.Entry{unprivileged}, []Verdict{Unproven}, 0},
		{"a leak that held stays", Leak, []attack.Entry{entry("SELECT", attack.Held)}, []Verdict{Leak}, 0},
		{"another command held", Unproven, []attack.Entry{entry("UPDATE", attack.Held)}, []Verdict{Unproven}, 0},
		{"a way that logic does not list", Proved, []attack.Entry{elsewhere}, []Verdict{Proved, Leak}, 0},
	}
	snap := &catalog.Snapshot{}
	snap.Reindex()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cells := []Cell{{Role: "app", Relation: "public.t", Command: "SELECT", Kind: "isolation", Path: []reach.Hop{}, Verdict: c.logic}}
			cells, wrong := Merge(&tenancy.Model{Snapshot: snap}, cells, c.entries, time.Now())
			var got []Verdict
			for _, cell := range cells {
				got = append(got, cell.Verdict)
			}
			if diff := cmp.Diff(c.want, got); diff != "" || len(wrong) != c.wrong {
				t.Errorf("%d contradictions, want %d\n%s", len(wrong), c.wrong, diff)
			}
		})
	}
}

// TestUncloned drops what was tried of objects that the copy lacks, or by ways through them, and names these.
func TestUncloned(t *testing.T) {
	through := entry("SELECT", attack.Held)
	through.Table, through.Path = "public.u", attack.Path{{Via: "rule", Name: "r on public.t"}}
	kept := entry("SELECT", attack.Held)
	kept.Table = "public.u"
	tried := &attack.Result{Entries: []attack.Entry{entry("SELECT", attack.Held), through, kept}}
	Uncloned(tried, []string{"public.t"})
	if diff := cmp.Diff([]attack.Entry{kept}, tried.Entries); diff != "" {
		t.Error(diff)
	}
	if want := []string{"unproven by attack: public.t could not be copied as it is; what it needs is not on this machine"}; !cmp.Equal(want, tried.Notes) {
		t.Errorf("notes %q, want %q", tried.Notes, want)
	}
}
