package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A Want is a change that a finding asks for. Which fields count depends on the kind: Object is the identity of what is at
// fault (a policy, constraint, view, function or table), Role who reaches it, Command the privilege or attribute.
type Want struct {
	Kind    string
	Object  string
	Table   string
	Role    string
	Command string
	Rule    string          // the rule's id, for Why
	Grants  []catalog.Grant // the grants that are to go; none: what the kind takes by the object's class
}

// A Verdict says whether a policy keeps foreign rows out.
type Verdict string

// The verdicts on a single policy; the zero value is that nobody judged it.
const (
	Unjudged Verdict = ""
	Holds    Verdict = "proved"
	Leaks    Verdict = "leak"
)

// Options say what a plan may do. The zero value allows no danger and follows ringfence.yaml.
type Options struct {
	Allow           []string // dangers, by name; added to the configuration's
	Exclude         []string // what is left out: a kind, a table, or "kind object"
	Context         string   // the setting policies read; "": the model's, else app.tenant_id
	PolicyName      string   // "": the configuration's, else ringfence_isolation; {table} stands for the table's name
	ApplicationRole string   // "": the configuration's
}

// An Input is all that a plan is made from.
type Input struct {
	Model *tenancy.Model
	Wants []Want
	// Judge gives a verdict on one permissive policy alone; nil: none is judged. A policy that nobody can vouch for is
	// planned to go, by the danger drop_policy, since policies are joined by OR.
	Judge   func(*catalog.Relation, *catalog.Policy) Verdict
	Options Options
}

// Make plans what isolates every table of the model by its class, and what the wants ask for. What is in place already is left
// out, so that planning again after a plan was applied gives an empty one; what is left out on purpose stands in Withheld. The
// error is for a model that cannot be planned on at all; Make reads nothing but the model and is safe for concurrent use.
func Make(in Input) (*Plan, error) {
	if in.Model == nil || in.Model.Snapshot == nil {
		return nil, fmt.Errorf("planning: there is no model")
	}
	p := newPlanner(in)
	p.applicationRole()
	p.signedContext()
	p.trail()
	p.pin()
	p.revocations()
	for _, t := range in.Model.Tables {
		p.table(t)
	}
	p.functions()
	p.settings()
	p.defaultPrivileges()
	p.wants()
	plan := p.finish()
	if err := Check(plan, Allowed{Dangers: p.allowed()}); err != nil {
		return nil, fmt.Errorf("planning: %w", err)
	}
	return plan, nil
}

// A planner gathers the steps of one plan.
type planner struct {
	in       Input
	m        *tenancy.Model
	snap     *catalog.Snapshot
	config   tenancy.Config
	version  int
	setting  string
	path     []string // of the claim in it
	signed   bool     // the setting holds a token, which the verifier reads
	allow    map[string]bool
	exclude  map[string]bool
	drafts   []draft
	seen     map[string]bool
	withheld []Withheld
	names    map[string]bool     // relation names taken, as schema.name
	indexes  map[string]string   // partition → its index that serves, or will
	taken    map[[3]string]bool  // table, role and privilege that a step takes already
	keys     map[string]string   // table and columns → the unique index that is planned over them
	rules    map[string][]string // kind and table → the rules that ask for it

	usage     map[string]bool // who has USAGE on Ringfence's own schema, or will
	noContext error           // why no policy can be written; nil: it can
	bypassed  bool            // whether somebody sees all rows once row security is forced
	holders   map[string]bool // through whom applications hold privileges
	runs      []string        // of whom one runs the plan
}

// A draft is a step with what puts it in its place.
type draft struct {
	Step
	rank  int    // its kind's place among the kinds
	group string // drafts of one group share a transaction
	depth int    // partitions: deeper ones first
}

func newPlanner(in Input) *planner {
	p := &planner{
		in: in, m: in.Model, snap: in.Model.Snapshot, version: in.Model.Snapshot.Server.VersionNum,
		allow: map[string]bool{}, exclude: map[string]bool{}, seen: map[string]bool{}, names: map[string]bool{},
		indexes: map[string]string{}, keys: map[string]string{}, taken: map[[3]string]bool{}, rules: map[string][]string{},
	}
	if in.Model.Config != nil {
		p.config = *in.Model.Config
	}
	for _, a := range slices.Concat(in.Options.Allow, p.config.Plan.Allow) {
		p.allow[a] = true
	}
	if p.roleName() != "" {
		p.allow["application_role"] = true // asked for by its name
	}
	for _, e := range in.Options.Exclude {
		p.exclude[e] = true
	}
	for i := range p.snap.Relations {
		r := &p.snap.Relations[i]
		p.names[r.Identity()] = true
		for k := range r.Indexes {
			p.names[Name{r.Schema, r.Indexes[k].Name}.Identity()] = true
		}
	}
	p.findContext()
	if !settable(p.setting) {
		p.noContext = fmt.Errorf("no session can set a parameter of the name %q; --context names another one, such as app.tenant_id", p.setting)
	}
	p.indexWants()
	p.bypassed = p.somebodyBypasses()
	p.holders = p.grantees()
	p.runs = p.runners()
	return p
}

func (p *planner) allowed() []string {
	var out []string
	for a := range p.allow {
		out = append(out, a)
	}
	slices.Sort(out)
	return out
}

// findContext chooses what policies read: the setting or the claim that names the tenant. Where the database learns its tenant in
// another way, by the user or by a table, the plan writes no policy at all: one on another context would be open to nobody.
func (p *planner) findContext() {
	p.setting = "app.tenant_id"
	if p.in.Options.Context != "" {
		p.setting = p.in.Options.Context
		return
	}
	if len(p.m.Contexts) > 0 && p.m.Contexts[0].Signed {
		p.setting, p.signed = p.m.Contexts[0].Name, true
		return
	}
	for _, kind := range []string{"setting", "claim"} {
		for _, c := range p.m.Contexts {
			if c.Kind == kind && !c.Principal && !c.Signed {
				p.setting, p.path = c.Name, c.Path
				return
			}
		}
	}
	if len(p.m.Contexts) > 0 {
		c := p.m.Contexts[0]
		p.noContext = fmt.Errorf("the database learns its tenant by %s %s, whose policies a person has to write or mend; --context names a setting to write them on instead", c.Kind, c.Name)
	}
}

// settable reports whether a session can set a parameter of that name: words of letters, digits, _ and $, joined by dots, none of which
// begins with a digit or $ (valid_custom_variable_name of PostgreSQL's guc.c).
func settable(name string) bool {
	begins := true
	for _, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0x80
		switch {
		case letter:
			begins = false
		case begins:
			return false
		case r == '.':
			begins = true
		case r != '$' && (r < '0' || r > '9'):
			return false
		}
	}
	return !begins
}

// A how says where a step stands and why.
type how struct {
	wave  int // 0: the kind's own
	group string
	depth int
	why   []string
	note  string
	// undoDanger is what taking it back needs beyond the kind's own.
	undoDanger []string
}

// add renders a step, unless it is excluded, not allowed, in doubt or there already.
func (p *planner) add(k *Kind, t Target, h how) {
	if err := t.validate(); err != nil {
		p.withhold(k.Name, t.Identity(), err.Error(), "")
		return
	}
	if major := p.version / 10000; k.Needs > major || k.Until > 0 && k.Until < major {
		return
	}
	t.Version = p.version
	s := k.step(t)
	if p.exclude[k.Name] || p.exclude[s.Table] && s.Table != "" || p.exclude[s.Object] || p.exclude[k.Name+" "+s.Object] {
		p.withhold(k.Name, s.Object, "it was excluded by name", "")
		return
	}
	if why := p.outOfReach(t); why != "" {
		p.withhold(k.Name, s.Object, why, "")
		return
	}
	for _, d := range k.Danger {
		if !p.allow[d] {
			p.withhold(k.Name, s.Object, firstLine(k.Doc)+"; that is done only where it is allowed by name", d)
			return
		}
	}
	key := s.Kind + "\x00" + strings.Join(s.Do, "\x00")
	if p.seen[key] {
		return
	}
	p.seen[key] = true
	if h.wave > 0 {
		s.Wave = h.wave
	}
	s.Why = append(s.Why, h.why...)
	s.UndoDanger = append(s.UndoDanger, h.undoDanger...)
	if h.note != "" {
		s.Note = strings.TrimSpace(s.Note + " " + h.note)
	}
	p.drafts = append(p.drafts, draft{Step: s, rank: kindRank(k), group: h.group, depth: h.depth})
}

func (p *planner) withhold(kind, object, why, allow string) {
	w := Withheld{Kind: kind, Object: object, Why: why, Allow: allow}
	if !slices.Contains(p.withheld, w) {
		p.withheld = append(p.withheld, w)
	}
}

func firstLine(doc string) string {
	line, _, _ := strings.Cut(doc, "\n")
	return line
}

func kindRank(k *Kind) int {
	return slices.IndexFunc(Kinds(), func(other *Kind) bool { return other.Name == k.Name })
}

// indexWants sorts the rules by kind and table.
func (p *planner) indexWants() {
	for _, w := range p.in.Wants {
		for _, identity := range []string{w.Table, w.Object} {
			key := w.Kind + "\x00" + identity
			if w.Rule != "" && identity != "" && !slices.Contains(p.rules[key], w.Rule) {
				p.rules[key] = append(p.rules[key], w.Rule)
				slices.Sort(p.rules[key])
			}
		}
	}
}

// wantsFor lists the rules that ask for a kind on a table, or on another object.
func (p *planner) wantsFor(kind, identity string) []string { return p.rules[kind+"\x00"+identity] }

func nameOf(r *catalog.Relation) Name { return Name{r.Schema, r.Name} }
