package console

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ringfencehq/ringfence/internal/fleet"
)

// fleetBase is the path under which each database of a fleet has its pages.
const fleetBase = "/db/"

// A reader reads the databases of a fleet, several at once, and again when it is asked to.
type reader struct {
	all        []*subject
	again      chan struct{}
	done, left atomic.Int32 // of the reading that is under way
}

func newReader(all []*subject) *reader {
	return &reader{all: all, again: make(chan struct{}, 1)}
}

// follow reads at once, and whenever it is asked to, until the context ends.
func (f *reader) follow(ctx context.Context, parallel int, limit time.Duration) {
	for {
		f.read(ctx, parallel, limit)
		select {
		case <-ctx.Done():
			return
		case <-f.again:
		}
	}
}

// ask has all be read again, once more after the reading that is under way.
func (f *reader) ask() {
	select {
	case f.again <- struct{}{}:
	default: // it is asked for already
	}
}

// read reads all. What breaks is kept with its database.
func (f *reader) read(ctx context.Context, parallel int, limit time.Duration) {
	by := map[string]*subject{}
	var targets []*fleet.Target
	for _, s := range f.all {
		by[s.Name] = s
		targets = append(targets, &fleet.Target{Database: fleet.Database{Name: s.Name}})
	}
	f.done.Store(0)
	f.left.Store(int32(len(targets)))
	look := fleet.Verb{Name: "look", Ask: func(ctx context.Context, t *fleet.Target) (fleet.Line, error) {
		by[t.Database.Name].state.refresh(ctx)
		return fleet.Line{}, nil
	}}
	_, _ = fleet.Ask(ctx, look, targets, fleet.Options{Parallel: parallel, Limit: limit, Progress: func(done, total int, _ string) {
		f.done.Store(int32(done))
		f.left.Store(int32(total - done))
	}}) // the answers stand in the postures; an error is the end of the context
}

// fleetRoutes are the list and, under a path of its own, the pages of each database.
func (c *Console) fleetRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.fleetPage)
	mux.HandleFunc("POST /look", func(w http.ResponseWriter, r *http.Request) {
		c.fleet.ask()
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc(fleetBase+"{name}/{rest...}", func(w http.ResponseWriter, r *http.Request) {
		at := slices.IndexFunc(c.all, func(s *subject) bool { return s.Name == r.PathValue("name") })
		if at < 0 {
			c.lost(w, r)
			return
		}
		inner := r.Clone(r.Context())
		inner.URL.Path, inner.URL.RawPath = "/"+r.PathValue("rest"), ""
		c.all[at].pages.ServeHTTP(w, inner)
	})
	mux.HandleFunc("/", c.lost)
	return mux
}

func (c *Console) lost(w http.ResponseWriter, r *http.Request) {
	c.render(w, r, http.StatusNotFound, nil, "error", http.StatusText(http.StatusNotFound), "There is no such page.")
}

// A standing is one database's line of the fleet's page.
type standing struct {
	fleet.Line
	Path   string
	Asked  []fleet.Line // the answers, by fleetQuestions; one without a verdict was not asked
	At     time.Time    // of what is shown; zero: it was never read
	Failed string       // why there is nothing newer
}

// fleetQuestions are the columns of the fleet's page.
func fleetQuestions() (names []string) {
	for _, v := range fleet.Verbs() {
		names = append(names, v.Name)
	}
	return names
}

// standing tells how the database stands: as bad as its worst answer. What cannot be read now is unknown, whatever was read before.
func (s *subject) standing() standing {
	p, failed, tried := s.state.seen()
	out := standing{Line: fleet.Line{Name: s.Name, Groups: s.Groups, Labels: s.Labels, Verdict: fleet.Clean}, Path: s.base + "/", Failed: failed}
	if p == nil {
		out.Verdict, out.Why = fleet.Unknown, cmp.Or(failed, "it is being read")
		if tried.IsZero() {
			out.Failed = ""
		}
		return out
	}
	out.At = p.At
	worst := fleet.Line{Verdict: fleet.Clean}
	for _, name := range fleetQuestions() {
		l := p.Lines[name]
		out.Asked = append(out.Asked, l)
		if l.Verdict == "" {
			continue
		}
		out.Weight += l.Weight
		if l.Weight, l.Name = 0, ""; fleet.Worse(l, worst) < 0 {
			worst = l
		}
	}
	if out.Verdict = worst.Verdict; failed != "" && out.Verdict == fleet.Clean {
		out.Verdict, out.Why = fleet.Unknown, failed
	}
	return out
}

// fleetPage lists the databases, the worst first.
func (c *Console) fleetPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	text, group, verdict := strings.ToLower(q.Get("q")), q.Get("group"), fleet.Verdict(q.Get("verdict"))
	own := struct {
		Lines      paging[standing]
		Questions  []string
		Counts     []count
		Groups     []string
		Verdicts   []fleet.Verdict
		Q, Group   string
		Chosen     fleet.Verdict
		Done, Left int
	}{Questions: fleetQuestions(), Verdicts: fleet.Verdicts(), Q: q.Get("q"), Group: group, Chosen: verdict, Done: int(c.fleet.done.Load()), Left: int(c.fleet.left.Load())}
	numbers := map[fleet.Verdict]int{}
	var shown []standing
	for _, s := range c.all {
		l := s.standing()
		numbers[l.Verdict]++
		own.Groups = append(own.Groups, l.Groups...)
		if strings.Contains(strings.ToLower(l.Name), text) && (group == "" || slices.Contains(l.Groups, group)) && (verdict == "" || l.Verdict == verdict) {
			shown = append(shown, l)
		}
	}
	slices.SortFunc(shown, func(a, b standing) int { return fleet.Worse(a.Line, b.Line) })
	slices.Sort(own.Groups)
	own.Groups = slices.Compact(own.Groups)
	for _, v := range own.Verdicts {
		own.Counts = append(own.Counts, count{string(v), numbers[v]})
	}
	own.Lines = paged(r, shown)
	c.render(w, r, http.StatusOK, nil, "fleet", "Fleet", own)
}

// Tags are the labels in words, sorted.
func (l standing) Tags() []string {
	var out []string
	for k, v := range l.Labels {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return out
}
