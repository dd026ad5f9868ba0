package decide

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/rights"
)

// A trusted is a function that a proof rests on, as it is called: by a policy, or by another such function.
type trusted struct {
	f      *catalog.Function
	pinned []string          // the search_path that a function around it sets; nil: none does
	by     *catalog.Function // the function with a string body that calls it by name; nil: a stored tree does, by its OID
}

// replaceable looks for a function that does not do for everybody what it was read to do: one that an application role may replace,
// one whose names it may have found elsewhere, one whose result is kept.
func (d *Decider) replaceable(functions map[*catalog.Function]bool, out *Decision) {
	for _, t := range d.calledBy(functions) {
		if t.f.System {
			continue
		}
		if why := d.shadowed(t.f); why != "" {
			out.Verdict, out.Reason, out.Why, out.Unusable = Leak, SelfAsserted, why, false
			return
		}
		if d.frozen(t.f) {
			out.Verdict, out.Reason, out.Unusable = Leak, UnsetContext, false
			out.Why = "function " + t.f.Identity() + " is IMMUTABLE and reads the session: a plan keeps the tenant that it was made for"
			return
		}
		if role, how := d.mayReplace(t); role != "" {
			out.Verdict, out.Reason, out.Unusable = Leak, SelfAsserted, false
			out.Why = "it trusts function " + t.f.Identity() + ", which role " + role + " may " + how
			return
		}
		if d.captured(t, out) {
			return
		}
		out.Premises = append(out.Premises, t.f.Identity()+" is replaced by no application role")
	}
}

// calledBy lists functions and what their bodies call, each once for every search_path that it is called under: what policies call
// first, since the rest may run inside these.
func (d *Decider) calledBy(functions map[*catalog.Function]bool) []trusted {
	roots := make([]*catalog.Function, 0, len(functions))
	for f := range functions {
		roots = append(roots, f)
	}
	first := map[string]bool{}
	if d.m.Reader != nil {
		first = d.policyFunctions()
	}
	slices.SortFunc(roots, func(a, b *catalog.Function) int {
		if x, y := first[a.Identity()], first[b.Identity()]; x != y {
			return map[bool]int{true: -1, false: 1}[x]
		}
		return cmp.Compare(a.Identity(), b.Identity())
	})
	var out []trusted
	seen := map[string]bool{}
	met := map[*catalog.Function]bool{}
	var enter func(t trusted)
	enter = func(t trusted) {
		key := t.f.Identity() + "\x00" + strings.Join(t.pinned, "\x00")
		if seen[key] || t.f.System || len(out) > maxTrusted {
			return
		}
		seen[key], met[t.f] = true, true
		out = append(out, t)
		for _, inner := range d.calls(t) {
			enter(inner)
		}
	}
	for _, f := range roots {
		if !met[f] {
			enter(trusted{f: f})
		}
	}
	return out
}

// maxTrusted bounds how many functions are followed for one proof.
const maxTrusted = 1000

// calls lists the functions that the statements of a trusted one call.
func (d *Decider) calls(t trusted) []trusted {
	if d.m.Reader == nil || t.f.Extension != "" {
		return nil
	}
	b, err := d.m.Reader.Body(t.f)
	if err != nil {
		return nil
	}
	inner := trusted{pinned: t.pinned}
	if own := b.Path(); own != nil {
		inner.pinned = own
	}
	if t.f.Body == nil {
		inner.by = t.f
	}
	var out []trusted
	for _, q := range b.Statements {
		expr.WalkQuery(q, func(e expr.Expr, _ int) bool {
			if c, ok := e.(*expr.Call); ok && c.Func != nil && !c.Func.System {
				next := inner
				next.f = c.Func
				out = append(out, next)
			}
			return true
		})
	}
	return out
}

// mayReplace returns an application role that can put another function in the place of one, and how; "" for none. Who owns the schema
// may drop what is in it: what a stored tree calls falls with the policy, what a body calls by name is made anew.
func (d *Decider) mayReplace(t trusted) (role, how string) {
	if d.m.Rights == nil || t.f.Owner == "" {
		return "", ""
	}
	for _, app := range d.m.Applications() {
		if d.m.Rights.Superuser(app) {
			continue
		}
		if d.m.Rights.MemberOf(app, t.f.Owner) {
			return app, "replace"
		}
		if ns := d.m.Snapshot.Namespace(t.f.Schema); t.by != nil && ns != nil && d.m.Rights.MemberOf(app, ns.Owner) {
			return app, "drop and make anew, as the owner of schema " + ns.Name
		}
	}
	return "", ""
}

// captured refuses a proof that rests on what a string body's names mean, where an application role may make what they find instead.
// Where the function's own search_path leads there, everybody's statements find it.
func (d *Decider) captured(t trusted, out *Decision) bool {
	if d.m.Reader == nil || t.f.Body != nil || t.f.Extension != "" {
		return false
	}
	b, err := d.m.Reader.Body(t.f)
	if err != nil || len(b.Names) == 0 {
		return false
	}
	for _, app := range d.m.Applications() {
		c, ok := b.Captured(d.makesIn(app), t.pinned)
		if !ok {
			continue
		}
		what := "function " + t.f.Identity() + " finds " + c.Name.Kind + " " + c.Name.Name
		if c.Chosen {
			out.Verdict, out.Reason = Undecided, Undecidable
			out.Why = what + " by the caller's search_path, and role " + app + " may make one of that name in schema " + c.Schema
			return true
		}
		out.Verdict, out.Reason, out.Unusable = Leak, SelfAsserted, false
		out.Why = what + " by a search_path that leads through schema " + c.Schema + ", where role " + app + " may make one of that name"
		return true
	}
	return false
}

// makesIn lists the schemas in which an application role may make objects, as itself or as a role that it can become.
func (d *Decider) makesIn(app string) []string {
	if v, ok := d.makes.Load(app); ok {
		return v.([]string)
	}
	var out []string
	if d.m.Rights != nil && !d.m.Rights.Superuser(app) {
		for i := range d.m.Snapshot.Schemas {
			name := d.m.Snapshot.Schemas[i].Name
			if slices.ContainsFunc(d.m.Rights.Identities(app), func(id rights.Identity) bool {
				return !d.m.Rights.Superuser(id.Role) && d.m.Rights.Schema(id.Role, name, "CREATE")
			}) {
				out = append(out, name)
			}
		}
	}
	if out == nil && d.m.Rights != nil && slices.ContainsFunc(d.m.Rights.Identities(app), func(id rights.Identity) bool {
		return !d.m.Rights.Superuser(id.Role) && d.m.Rights.Database(id.Role, "CREATE")
	}) {
		out = []string{"of its own"}
	}
	d.makes.Store(app, out)
	return out
}

// shadowed says why a caller decides what a function's body reads, or "".
func (d *Decider) shadowed(f *catalog.Function) string {
	if d.m.Reader == nil || f.System {
		return ""
	}
	b, err := d.m.Reader.Body(f)
	if err != nil || len(b.TempShadowed) == 0 {
		return ""
	}
	return "it trusts function " + f.Identity() + ", which reads " + b.TempShadowed[0] + " from the caller's temporary schema first: pg_temp is not last on its search_path"
}

// frozen reports whether a function's result is computed once and kept in plans though it depends on the session.
func (d *Decider) frozen(f *catalog.Function) bool {
	if f.Volatility != "immutable" || f.System || d.m.Reader == nil {
		return false
	}
	b, err := d.m.Reader.Body(f)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(b.Calls(), func(name string) bool {
		name, _, _ = strings.Cut(name, "(")
		return name == "pg_catalog.current_setting" || name == "current_setting"
	})
}
