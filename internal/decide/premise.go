package decide

import (
	"slices"
	"sort"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// premises checks what a proof takes at its word: that no application role can write itself into a relation that a
// sub-query believes, nor replace a function. Relations believed on the way are checked in turn, each once. The relation of which it
// does not hold is returned.
func (d *Decider) premises(way reach.Way, v *verdict, out *Decision) (broken *catalog.Relation) {
	if d.stale(way, v, out) {
		return nil
	}
	var todo []*catalog.Relation
	read, seen, functions := columnsRead{}, map[*catalog.Relation]bool{}, map[*catalog.Function]bool{}
	believe := func(v *verdict) {
		for _, rel := range relationsOf(v) {
			grown := !seen[rel]
			for name := range v.reads[rel] {
				grown = read.note(rel, name) || grown
			}
			if seen[rel] = true; grown {
				todo = append(todo, rel)
			}
		}
		for f := range v.functions {
			functions[f] = true
		}
	}
	for believe(v); len(todo) > 0 && out.Verdict == Proved; {
		rel := todo[0]
		todo = todo[1:]
		if f := v.sessions[rel]; f != "" {
			out.Premises = append(out.Premises, rel.Identity()+" is written by the session itself: it is as trustworthy as a setting")
			continue
		}
		if rel.Kind == catalog.View {
			if role := d.mayRedefine(rel); role != "" {
				out.Verdict, out.Reason, out.Unusable = Leak, SelfAsserted, false
				out.Why = subject(way) + ": it trusts view " + rel.Identity() + ", which role " + role + " may define anew"
				broken = rel
				break
			}
			out.Premises = append(out.Premises, rel.Identity()+" is defined anew by no application role")
			continue
		}
		for _, w := range d.writesTo(rel) {
			if !read.touches(w) {
				continue
			}
			p := d.pure(w)
			if p.verdict != Proved {
				if d.broken(way, w, p, out); out.Verdict != Proved {
					broken = rel
					break
				}
				continue
			}
			believe(p)
		}
		if rel != way.Relation {
			out.Premises = append(out.Premises, rel.Identity()+" is written by no application role except within its own tenant")
		}
	}
	if out.Verdict == Proved {
		d.replaceable(functions, out)
	}
	sort.Strings(out.Premises)
	out.Premises = slices.Compact(out.Premises)
	return broken
}

// mayRedefine returns an application role that can give a view another definition: it can be the owner, and make views in its schema.
func (d *Decider) mayRedefine(view *catalog.Relation) string {
	if d.m.Rights == nil {
		return ""
	}
	for _, app := range d.m.Applications() {
		if d.m.Rights.Superuser(app) || !d.m.Rights.MemberOf(app, view.Owner) {
			continue
		}
		if d.m.Rights.Schema(app, view.Schema, "CREATE") || d.m.Rights.Schema(view.Owner, view.Schema, "CREATE") {
			return app
		}
	}
	return ""
}

// stale refutes a context that is looked up by what a pooled connection keeps from one request to the next.
func (d *Decider) stale(way reach.Way, v *verdict, out *Decision) bool {
	for rel, f := range v.sessions {
		switch f {
		case "pg_backend_pid", "inet_client_port", "inet_client_addr":
			out.Verdict, out.Reason, out.Unusable = Leak, UnsetContext, false
			out.Why = subject(way) + ": the tenant is looked up in " + rel.Identity() + " by " + f + "(), which a pooled connection keeps: the next request acts as the one before"
			return true
		}
	}
	return false
}

func relationsOf(v *verdict) []*catalog.Relation {
	out := make([]*catalog.Relation, 0, len(v.trusted))
	for rel := range v.trusted {
		out = append(out, rel)
	}
	sort.Slice(out, func(i, k int) bool { return out[i].Identity() < out[k].Identity() })
	return out
}

// writesTo returns the ways in which application roles make or change rows of a relation.
func (d *Decider) writesTo(rel *catalog.Relation) []reach.Way {
	if v, ok := d.writes.Load(rel); ok {
		return v.([]reach.Way)
	}
	var out []reach.Way
	for _, w := range d.waysTo(d.m, rel) {
		switch w.Command {
		case reach.Insert, reach.Update, reach.Merge:
			if w.Privileged && w.Kind != reach.Inference {
				out = append(out, w)
			}
		}
	}
	d.writes.Store(rel, out)
	return out
}

// broken turns a proof whose premise fails into what it is.
func (d *Decider) broken(way, w reach.Way, p *verdict, out *Decision) {
	rel := w.Relation.Identity()
	switch {
	case p.verdict == Leak:
		out.Verdict, out.Reason, out.Unusable = Leak, SelfAsserted, false
		out.Why = subject(way) + ": it trusts " + rel + ", which role " + w.Role + " can write itself into (" + string(w.Command) + ")"
		if p.witness != nil {
			out.Witness = &Witness{Row: map[string]*string{}, Context: p.witness.Context, Others: map[string]map[string]*string{rel: p.witness.Row}}
		}
	case d.m.Table(rel) == nil || p.why == unclassified:
		v := d.satisfiable(w, nil, "")
		switch v.verdict {
		case Proved:
			return
		case Leak:
			d.broken(way, w, v, out)
			return
		}
		fallthrough
	default:
		out.Verdict, out.Reason = Undecided, Undecidable
		out.Why = subject(way) + ": it trusts " + rel + ", and of what role " + w.Role + " can write there it is not known whether it stays its own (" + p.why + ")"
	}
}

// unclassified is why nothing is claimed of a table that nobody classified.
const unclassified = "nobody said whether its rows belong to tenants"
